//! What came out of the rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::rows::{MAX_IMBALANCE, Row};
use super::servers::Kind;

/// One row on one server, once.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// In the row's unit.
    pub(super) value: f64,
    /// Difference of load between two arbiters, where there are two.
    pub(super) imbalance: Option<f64>,
    /// The generator's reports, one per setup.
    pub(super) reports: Vec<Value>,
}

/// All samples.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    samples: BTreeMap<(Row, Kind), Vec<Sample>>,
    failed: BTreeSet<(Row, Kind)>,
}

impl Outcomes {
    pub(super) fn add(&mut self, row: Row, kind: Kind, sample: Sample) {
        self.samples.entry((row, kind)).or_default().push(sample);
    }

    pub(super) fn fail(&mut self, row: Row, kind: Kind) {
        self.failed.insert((row, kind));
    }

    pub(super) fn has_failures(&self) -> bool {
        !self.failed.is_empty()
    }

    pub(super) fn has_failed(&self, row: Row, kind: Kind) -> bool {
        self.failed.contains(&(row, kind))
    }

    /// The rows of which there is anything to say, in order.
    pub(super) fn rows(&self) -> BTreeSet<Row> {
        self.samples
            .keys()
            .chain(&self.failed)
            .map(|(row, _)| *row)
            .collect()
    }

    /// The median value.
    pub(super) fn value(&self, row: Row, kind: Kind) -> Option<f64> {
        self.median(row, kind, |sample| Some(sample.value))
    }

    /// The median of a field of the last report.
    pub(super) fn field(&self, row: Row, kind: Kind, field: &str) -> Option<f64> {
        self.median(row, kind, |sample| {
            sample.reports.last()?.get(field)?.as_f64()
        })
    }

    /// The median difference of load between arbiters.
    pub(super) fn imbalance(&self, row: Row) -> Option<f64> {
        self.median(row, Kind::Ours, |sample| sample.imbalance)
    }

    fn median(&self, row: Row, kind: Kind, pick: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let samples = self.samples.get(&(row, kind))?;
        median(samples.iter().filter_map(pick).collect())
    }

    /// What other processes did meanwhile, in cores: the median of all reports and the highest.
    pub(super) fn other_load(&self) -> Option<(f64, f64)> {
        let reports = self
            .samples
            .values()
            .flatten()
            .flat_map(|sample| &sample.reports);
        let loads: Vec<f64> = reports
            .filter_map(|report| report.get("other_load")?.as_f64())
            .collect();
        let highest = loads.iter().copied().fold(0.0, f64::max);
        Some((median(loads)?, highest))
    }

    /// Whether our node reached the row's goal; `None` if that can not be said.
    pub(super) fn is_met(&self, row: Row) -> Option<bool> {
        let balanced = self
            .imbalance(row)
            .is_none_or(|share| share < MAX_IMBALANCE);
        Some(self.value(row, Kind::Ours)? <= row.bound(self)? && balanced)
    }

    /// Everything, for machines.
    pub(super) fn json(&self, machine: &[String]) -> Value {
        let rows: Vec<Value> = self
            .rows()
            .into_iter()
            .map(|row| self.row_json(row))
            .collect();
        json!({ "machine": machine, "rows": rows })
    }

    fn row_json(&self, row: Row) -> Value {
        let samples = self.samples.iter().filter(|((of, _), _)| *of == row);
        let servers: BTreeMap<&str, Value> = samples
            .map(|((_, kind), samples)| {
                let runs: Vec<Value> = samples
                    .iter()
                    .map(|sample| json!({ "value": sample.value, "reports": sample.reports }))
                    .collect();
                (
                    kind.title(),
                    json!({ "median": self.value(row, *kind), "runs": runs }),
                )
            })
            .collect();
        json!({
            "row": row.name(), "work": row.title(), "unit": row.unit(), "goal": row.goal(), "bound": row.bound(self),
            "met": self.is_met(row), "imbalance": self.imbalance(row), "servers": servers,
        })
    }
}

/// The lower one of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: f64) -> Sample {
        Sample {
            value,
            imbalance: None,
            reports: Vec::new(),
        }
    }

    #[test]
    fn medians_decide_about_goals() {
        let mut outcomes = Outcomes::default();
        for value in [9.0, 5.0, 6.0] {
            outcomes.add(Row::Chat, Kind::Relay, sample(value));
        }
        outcomes.add(Row::Chat, Kind::Ours, sample(10.0));
        assert_eq!(outcomes.value(Row::Chat, Kind::Relay), Some(6.0));
        assert_eq!(outcomes.is_met(Row::Chat), Some(true));
        outcomes.add(Row::Chat16, Kind::Ours, sample(1.0));
        assert_eq!(outcomes.is_met(Row::Chat16), None);
    }
}

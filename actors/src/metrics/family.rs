//! Families of series, bounded, and their text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

/// Series that one family shows; the rest are counted.
pub const MAX_SERIES: usize = 1000;

/// Begins every name.
const PREFIX: &str = "portcullis";

/// Labels of one series.
type Labels = Vec<(&'static str, String)>;

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Grows only, but for resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A counter of seconds.
    CounterSeconds,
    /// A gauge of seconds.
    GaugeSeconds,
    /// Text in labels.
    Info,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Whole(u64),
    Fraction(f64),
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    series: Vec<(Labels, Value)>,
    left_out: u64,
}

/// All of them, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Families(Vec<Family>);

/// A family that series are added to.
pub(super) struct Series<'f>(&'f mut Family);

impl Families {
    /// Begins a family. The name gets its prefix and suffixes when it is written.
    pub(super) fn family(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
    ) -> Series<'_> {
        let at = self.0.iter().position(|family| family.name == name);
        let at = at.unwrap_or_else(|| {
            self.0.push(Family {
                name,
                help,
                kind,
                series: Vec::new(),
                left_out: 0,
            });
            self.0.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed a moment ago")]
        Series(&mut self.0[at])
    }

    /// The text.
    pub(super) fn render(mut self) -> String {
        let left_out: Vec<_> = self
            .0
            .iter()
            .map(|family| (family.name, family.left_out))
            .collect();
        let help = "Series that are not shown since their family has too many";
        let mut series = self.family("metrics_left_out", Kind::Gauge, help);
        for (family, count) in left_out.into_iter().filter(|(_, count)| *count > 0) {
            series.add(&[("family", family)], count);
        }
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &registry) {
            tracing::error!(%error, "metrics can not be written");
        }
        text
    }
}

impl Series<'_> {
    /// Adds a series of whole numbers.
    pub(super) fn add(&mut self, labels: &[(&'static str, &str)], value: u64) {
        self.push(labels, Value::Whole(value));
    }

    /// Adds a series of how many there are.
    pub(super) fn size(&mut self, labels: &[(&'static str, &str)], value: usize) {
        self.add(labels, u64::try_from(value).unwrap_or(u64::MAX));
    }

    /// Adds a series of seconds.
    pub(super) fn seconds(&mut self, labels: &[(&'static str, &str)], value: f64) {
        self.push(labels, Value::Fraction(value));
    }

    fn push(&mut self, labels: &[(&'static str, &str)], value: Value) {
        if self.0.series.len() >= MAX_SERIES {
            self.0.left_out += 1;
            return;
        }
        let owned = |(name, text): &(&'static str, &str)| (*name, (*text).to_owned());
        self.0
            .series
            .push((labels.iter().map(owned).collect(), value));
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in self.0.iter().filter(|family| !family.series.is_empty()) {
            let (metric, unit) = match family.kind {
                Kind::Counter => (MetricType::Counter, None),
                Kind::CounterSeconds => (MetricType::Counter, Some(&Unit::Seconds)),
                Kind::Gauge => (MetricType::Gauge, None),
                Kind::GaugeSeconds => (MetricType::Gauge, Some(&Unit::Seconds)),
                Kind::Info => (MetricType::Info, None),
            };
            let mut encoder = encoder.encode_descriptor(family.name, family.help, unit, metric)?;
            for (labels, value) in &family.series {
                write(&mut encoder, family.kind, labels, *value)?;
            }
        }
        Ok(())
    }
}

fn write(
    encoder: &mut MetricEncoder<'_>,
    kind: Kind,
    labels: &Labels,
    value: Value,
) -> fmt::Result {
    if kind == Kind::Info {
        return encoder.encode_info(labels);
    }
    // An empty set of labels leaves a comma or empty braces behind.
    if labels.is_empty() {
        return number(encoder, kind, value);
    }
    number(&mut encoder.encode_family(labels)?, kind, value)
}

fn number(encoder: &mut MetricEncoder<'_>, kind: Kind, value: Value) -> fmt::Result {
    let is_counter = matches!(kind, Kind::Counter | Kind::CounterSeconds);
    match (is_counter, value) {
        (true, Value::Whole(value)) => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
        (true, Value::Fraction(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (false, Value::Whole(value)) => encoder.encode_gauge(&value),
        (false, Value::Fraction(value)) => encoder.encode_gauge(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_the_end_are_those_of_openmetrics() {
        let mut families = Families::default();
        families
            .family("build", Kind::Info, "The build")
            .add(&[("version", "1")], 1);
        families
            .family("stanzas", Kind::Counter, "Stanzas")
            .add(&[("host", "a\"b\\c\n")], 7);
        families
            .family("time", Kind::CounterSeconds, "Time")
            .seconds(&[], 0.5);
        families
            .family("sessions", Kind::Gauge, "Sessions")
            .size(&[], 3);
        families.family("nothing", Kind::Gauge, "Nothing");
        let expected = "# HELP portcullis_build The build\n# TYPE portcullis_build info\nportcullis_build_info{version=\"1\"} 1\n\
             # HELP portcullis_stanzas Stanzas\n# TYPE portcullis_stanzas counter\n\
             portcullis_stanzas_total{host=\"a\\\"b\\\\c\\n\"} 7\n\
             # HELP portcullis_time_seconds Time\n# TYPE portcullis_time_seconds counter\n# UNIT portcullis_time_seconds seconds\n\
             portcullis_time_seconds_total 0.5\n\
             # HELP portcullis_sessions Sessions\n# TYPE portcullis_sessions gauge\nportcullis_sessions 3\n# EOF\n";
        assert_eq!(families.render(), expected);
    }

    #[test]
    fn a_family_is_bounded_and_says_what_is_left_out() {
        let mut families = Families::default();
        let mut rules = families.family("rules", Kind::Counter, "Rules");
        for line in 0..MAX_SERIES + 5 {
            rules.add(&[("line", &line.to_string())], 1);
        }
        let text = families.render();
        assert_eq!(text.matches("portcullis_rules_total{").count(), MAX_SERIES);
        assert!(
            text.contains("portcullis_metrics_left_out{family=\"rules\"} 5\n"),
            "{text}"
        );
    }
}

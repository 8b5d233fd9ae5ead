//! Rules, chains, lists, limiters, shadows.

use rules::Ruleset;
use rules::definitions::Object;

use super::family::{Families, Kind};
use crate::core::Core;
use crate::firewall::{Firewall, ListStage, ShadowState};

pub(super) fn collect(core: &Core, families: &mut Families) {
    let firewall = &core.firewall;
    for (host, ruleset) in firewall.rulesets() {
        chains(&host, &ruleset, families);
        rules(&host, &ruleset, families);
        objects(&host, &ruleset, families);
    }
    families
        .family(
            "firewall_faults",
            Kind::Counter,
            "Runs that were cut off, circles that were ended, and marks or cancellations that failed",
        )
        .add(&[], firewall.faults());
    for host in firewall.armed() {
        families
            .family(
                "firewall_armed",
                Kind::Gauge,
                "Hosts whose rules were armed, and are not those of the configuration",
            )
            .add(&[("host", &host)], 1);
    }
    fetched(firewall, families);
    shadows(firewall, families);
}

fn chains(host: &str, ruleset: &Ruleset, families: &mut Families) {
    for count in ruleset.chain_counts() {
        for (outcome, stanzas) in count.totals.named() {
            let labels = [("host", host), ("chain", count.chain), ("outcome", outcome)];
            families
                .family(
                    "firewall_stanzas",
                    Kind::Counter,
                    "Stanzas that a chain was run for, by what became of them",
                )
                .add(&labels, stanzas);
        }
    }
}

fn rules(host: &str, ruleset: &Ruleset, families: &mut Families) {
    for count in ruleset.rule_counts() {
        let (line, totals) = (count.line.to_string(), count.totals);
        let labels = [
            ("host", host),
            ("script", count.script),
            ("chain", count.chain),
            ("line", &line),
        ];
        families
            .family(
                "firewall_rule_evaluated",
                Kind::Counter,
                "Stanzas for which the conditions of a rule were asked",
            )
            .add(&labels, totals.evaluated);
        families
            .family(
                "firewall_rule_matched",
                Kind::Counter,
                "Stanzas for which the conditions of a rule held",
            )
            .add(&labels, totals.matched);
        if let Some(last) = totals.last_match {
            families
                .family(
                    "firewall_rule_last_match_timestamp",
                    Kind::GaugeSeconds,
                    "When a rule matched last",
                )
                .seconds(&labels, millis(last.nanoseconds()));
        }
        families
            .family(
                "firewall_rule_timed",
                Kind::Counter,
                "Evaluations of a rule that were timed, one run of 61",
            )
            .add(&labels, totals.timed);
        families
            .family(
                "firewall_rule_timed_duration",
                Kind::CounterSeconds,
                "What the timed evaluations of a rule took",
            )
            .seconds(&labels, seconds(totals.nanoseconds));
    }
}

fn objects(host: &str, ruleset: &Ruleset, families: &mut Families) {
    for entry in ruleset.objects().iter() {
        let name = entry.name.as_str();
        let labels = |kind| [("host", host), ("script", &*entry.script), (kind, name)];
        match &entry.object {
            Object::List(list) => {
                let (loaded, changed) = list.size();
                let labels = labels("list");
                families
                    .family(
                        "firewall_list_entries",
                        Kind::Gauge,
                        "Entries of a list that were loaded",
                    )
                    .size(&labels, loaded);
                families
                    .family(
                        "firewall_list_changes",
                        Kind::Gauge,
                        "Entries of a list that rules added or removed since",
                    )
                    .size(&labels, changed);
            }
            Object::Rate(limiter) => {
                let (status, labels) = (limiter.status(), labels("limiter"));
                families
                    .family(
                        "firewall_limiter_granted",
                        Kind::Counter,
                        "Events within the limit",
                    )
                    .add(&labels, status.granted);
                families
                    .family(
                        "firewall_limiter_refused",
                        Kind::Counter,
                        "Events over the limit",
                    )
                    .add(&labels, status.refused);
                families
                    .family(
                        "firewall_limiter_refused_full",
                        Kind::Counter,
                        "Events over the limit since the table was full",
                    )
                    .add(&labels, status.refused_full);
                families
                    .family(
                        "firewall_limiter_keys",
                        Kind::Gauge,
                        "Keys that a limiter tracks",
                    )
                    .size(&labels, status.entries);
            }
            Object::Zone(_) | Object::Search(_) | Object::Pattern(_) => {}
        }
    }
}

fn fetched(firewall: &Firewall, families: &mut Families) {
    for list in firewall.fetched_lists() {
        let stage = match list.stage {
            ListStage::Loading => "loading",
            ListStage::Fresh => "fresh",
            ListStage::Stale => "stale",
            ListStage::Failed => "failed",
        };
        let (state, labels) = (
            [("list", list.name.as_str()), ("state", stage)],
            [("list", list.name.as_str())],
        );
        families
            .family(
                "firewall_fetched_list",
                Kind::Gauge,
                "Lists that are fetched, with their state",
            )
            .add(&state, 1);
        families
            .family(
                "firewall_fetched_list_entries",
                Kind::Gauge,
                "Entries of a fetched list",
            )
            .size(&labels, list.entries);
        families
            .family(
                "firewall_fetched_list_fetches",
                Kind::Counter,
                "Fetches of a list",
            )
            .add(&labels, list.fetches);
        families
            .family(
                "firewall_fetched_list_failures",
                Kind::Gauge,
                "Failed fetches since the last that worked",
            )
            .size(&labels, list.failures);
    }
}

fn shadows(firewall: &Firewall, families: &mut Families) {
    for host in firewall.shadowed() {
        let Some(report) = firewall.shadow_report(&host, 0, 0) else {
            continue;
        };
        let counts = report.counts;
        let results = [
            ("same", counts.same),
            ("other_verdict", counts.other_verdict),
            ("other_actions", counts.other_actions),
        ];
        for (result, runs) in results {
            families
                .family(
                    "firewall_shadow_runs",
                    Kind::Counter,
                    "Chain runs that a shadow was compared with",
                )
                .add(&[("host", &host), ("result", result)], runs);
        }
        let labels = [("host", host.as_str())];
        families
            .family(
                "firewall_shadow_faults",
                Kind::Counter,
                "Runs of a shadow that were cut off",
            )
            .add(&labels, counts.faults);
        families
            .family(
                "firewall_shadow_duration",
                Kind::CounterSeconds,
                "Time that stanzas spent in a shadow",
            )
            .seconds(&labels, seconds(counts.nanoseconds));
        families
            .family(
                "firewall_shadow_failed",
                Kind::Gauge,
                "1 if a panic ended the shadow",
            )
            .add(&labels, u64::from(counts.state != ShadowState::Watching));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds are kept for centuries"
)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Seconds since 1970, to the millisecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds are kept for centuries"
)]
fn millis(nanoseconds: i64) -> f64 {
    (nanoseconds / 1_000_000) as f64 / 1e3
}

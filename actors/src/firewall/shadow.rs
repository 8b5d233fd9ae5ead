//! Rules on trial: they see what the rules in force see, decide nothing, and are compared with them.
//!
//! A shadow runs where the stanza is, right behind the rules in force and before these have any effect: same chain, same
//! stanza, same facts. It has limiters and lists in memory of its own, filled from when it was loaded; marks that it
//! would set are kept beside the real ones. What else it would do is compared and forgotten. Each chain is compared by
//! itself, on the traffic that the rules in force let through to it.
//!
//! A run is bounded by the same steps as a live one, and a panic ends the shadow and nothing else.

mod actor;
mod differences;
mod marks;
mod orders;
mod report;

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use rules::{Effect, Facts, Outcome, Ruleset, Source};
use tokio::time::Instant;
use xmpp::Stanza;

use crate::supervise::guarded;

use differences::{Differences, Judgement};
use marks::{Beside, Marks};

pub(super) use actor::ShadowActor;
pub use orders::{Armed, ShadowOrder};
pub use report::{Difference, Sample, ShadowCounts, ShadowReport, ShadowState};

/// The shadow of one host.
#[derive(Debug)]
pub(super) struct Shadow {
    /// The scripts as they were read.
    pub(super) sources: Vec<Source>,
    pub(super) ruleset: Ruleset,
    loaded_at: Timestamp,
    keeps_contents: bool,
    marks: Marks,
    same: AtomicU64,
    faults: AtomicU64,
    /// All runs together, and the slowest of them.
    nanoseconds: AtomicU64,
    slowest: AtomicU64,
    differences: Mutex<Differences>,
    /// The panic that ended it.
    failure: Mutex<Option<String>>,
    has_failed: std::sync::atomic::AtomicBool,
}

impl Shadow {
    /// A shadow that has seen nothing. `keeps_contents`: samples hold the stanza, and not only what addresses it.
    pub(super) fn new(sources: Vec<Source>, ruleset: Ruleset, keeps_contents: bool) -> Self {
        Self {
            sources,
            ruleset,
            loaded_at: Timestamp::now(),
            keeps_contents,
            marks: Marks::default(),
            same: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            slowest: AtomicU64::new(0),
            differences: Mutex::default(),
            failure: Mutex::default(),
            has_failed: false.into(),
        }
    }

    /// Judges a stanza for which the rules in force gave `active`.
    pub(super) fn watch(&self, chain: &str, stanza: &Stanza, facts: &dyn Facts, active: &Outcome) {
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        let begun = Instant::now();
        if let Err(failure) = guarded(|| self.judge(chain, stanza, facts, active)) {
            self.has_failed.store(true, Ordering::Relaxed);
            let host = self.ruleset.host();
            tracing::error!(target: "firewall", host, failure = failure.message, "shadow ended by a panic");
            self.failure.lock().get_or_insert(failure.message);
        }
        let taken = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(taken, Ordering::Relaxed);
        self.slowest.fetch_max(taken, Ordering::Relaxed);
    }

    fn judge(&self, chain: &str, stanza: &Stanza, facts: &dyn Facts, active: &Outcome) {
        let beside = Beside::new(facts, &self.marks);
        let outcome = self.ruleset.run(chain, stanza, &beside);
        beside.take_over(&outcome);
        if outcome.fault.is_some() {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        let is_verdict = Judgement::verdict_of(active) != Judgement::verdict_of(&outcome);
        if !is_verdict && acts_alike(active, &outcome) {
            self.same.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let sides = (Judgement::of(active), Judgement::of(&outcome));
        let sample = || Sample::of(stanza, self.keeps_contents);
        self.differences
            .lock()
            .add(chain, sides, is_verdict, sample);
    }

    /// What it has found so far, in numbers.
    pub(super) fn counts(&self) -> ShadowCounts {
        let (same, differences) = (self.same.load(Ordering::Relaxed), self.differences.lock());
        let (verdicts, actions) = differences.totals();
        ShadowCounts {
            host: self.ruleset.host().to_owned(),
            scripts: self
                .sources
                .iter()
                .map(|source| source.name.clone())
                .collect(),
            loaded_at: self.loaded_at.to_string(),
            state: match &*self.failure.lock() {
                None => ShadowState::Watching,
                Some(failure) => ShadowState::Failed(failure.clone()),
            },
            seen: same + verdicts + actions,
            same,
            other_verdict: verdicts,
            other_actions: actions,
            faults: self.faults.load(Ordering::Relaxed),
            marks: self.marks.len(),
            nanoseconds: self.nanoseconds.load(Ordering::Relaxed),
            slowest_nanoseconds: self.slowest.load(Ordering::Relaxed),
        }
    }

    /// What it has found so far, with differences from number `after` on, those met most often first.
    pub(super) fn report(&self, after: usize, most: usize) -> ShadowReport {
        let counts = self.counts();
        let differences = self.differences.lock();
        let (shown, next) = differences.page(after, most);
        ShadowReport {
            counts,
            unlisted: differences.unlisted(),
            differences: shown,
            next,
        }
    }
}

/// True if two runs with one verdict do the same besides. What is written to the log does not count.
fn acts_alike(one: &Outcome, other: &Outcome) -> bool {
    let quiet = |outcome: &Outcome| {
        let is_said =
            |effect: &Effect| matches!(effect, Effect::Log { .. } | Effect::Warning { .. });
        outcome.effects.iter().all(is_said) && outcome.stanza.is_none()
    };
    (quiet(one) && quiet(other)) || (one.stanza == other.stanza && deeds(one).eq(deeds(other)))
}

fn deeds(outcome: &Outcome) -> impl Iterator<Item = Effect> {
    outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Log { .. } | Effect::Warning { .. } => None,
        // The id of a report is made anew for each.
        Effect::Route(stanza) => {
            let mut stanza = stanza.clone();
            stanza.set_id(None);
            Some(Effect::Route(stanza))
        }
        other => Some(other.clone()),
    })
}

#[cfg(test)]
mod tests;

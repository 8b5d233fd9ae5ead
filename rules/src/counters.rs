//! What rules and chains have done: counted where the stanza is, added up when somebody asks.
//!
//! A thread that runs rules has cells of its own (a *lane*) and is the only one that writes them, so counting is a load
//! and a store: no locked instruction, and no cache line that two threads write. Beyond [`LANES`] threads the others
//! share the last lane, with atomic additions. Nothing is lost either way. A lane takes [`BYTES_PER_RULE`] bytes a rule
//! once its thread has run a rule of the host.
//!
//! *Evaluated* counts a rule whose conditions were asked one by one. A rule that the index leaves out, because one of
//! its conditions is certain to fail, costs nothing and is not counted; how often its chain ran is counted beside it.
//! *Time* is measured in one run of [`SAMPLE`] and scaled by how often the rule was evaluated. It includes the actions,
//! the chains that the rule jumps to, and the shared conditions that it was the first to ask.
//!
//! Resets and what a reload carries over are kept as an offset to the sums, so that only a lane's thread writes it.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::facts::Timestamp;
use crate::outcome::{Outcome, Verdict};

/// Threads that count without sharing.
const LANES: usize = 64;
/// One run of so many is timed: a prime, so that chains that take turns get theirs alike.
pub(crate) const SAMPLE: u64 = 61;
/// Which of them: not the first, whose caches are cold.
const SAMPLED: u64 = 5;
/// Bytes that a rule takes in each lane.
pub const BYTES_PER_RULE: usize = size_of::<AtomicU64>() + size_of::<Details>();

/// The next thread's lane.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// What one rule has done since it was loaded or reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleTotals {
    /// Stanzas for which its conditions were asked.
    pub evaluated: u64,
    /// Stanzas for which all of them held.
    pub matched: u64,
    /// When that was the case last.
    pub last_match: Option<Timestamp>,
    /// How many of the evaluations were timed.
    pub timed: u64,
    /// Nanoseconds that the timed ones took.
    pub nanoseconds: u64,
}

impl RuleTotals {
    /// An estimate of the time that all evaluations took; `None` if none of them was timed.
    #[must_use]
    pub fn time_spent(&self) -> Option<Duration> {
        let sum = u128::from(self.nanoseconds) * u128::from(self.evaluated);
        let scaled = sum.checked_div(u128::from(self.timed))?;
        Some(Duration::from_nanos(
            u64::try_from(scaled).unwrap_or(u64::MAX),
        ))
    }

    fn add(self, other: Self) -> Self {
        Self {
            evaluated: self.evaluated.wrapping_add(other.evaluated),
            matched: self.matched.wrapping_add(other.matched),
            last_match: self.last_match.max(other.last_match),
            timed: self.timed.wrapping_add(other.timed),
            nanoseconds: self.nanoseconds.wrapping_add(other.nanoseconds),
        }
    }

    /// What takes these totals away from a sum.
    fn negated(self) -> Self {
        Self {
            evaluated: self.evaluated.wrapping_neg(),
            matched: self.matched.wrapping_neg(),
            last_match: None,
            timed: self.timed.wrapping_neg(),
            nanoseconds: self.nanoseconds.wrapping_neg(),
        }
    }
}

/// What became of the stanzas that a chain was run for by the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainTotals {
    /// They went on.
    pub passed: u64,
    /// They were dropped.
    pub dropped: u64,
    /// They were answered with an error.
    pub bounced: u64,
    /// They were sent elsewhere.
    pub redirected: u64,
    /// `DEFAULT` had them handled as if nobody were there.
    pub defaulted: u64,
    /// The run was cut off and the stanza dropped; these are in none of the others.
    pub faults: u64,
}

const OUTCOMES: usize = 6;

impl ChainTotals {
    /// The totals with their names, for metrics and tables.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); OUTCOMES] {
        [
            ("pass", self.passed),
            ("drop", self.dropped),
            ("bounce", self.bounced),
            ("redirect", self.redirected),
            ("default", self.defaulted),
            ("fault", self.faults),
        ]
    }

    fn from_cells(
        [passed, dropped, bounced, redirected, defaulted, faults]: [u64; OUTCOMES],
    ) -> Self {
        Self {
            passed,
            dropped,
            bounced,
            redirected,
            defaulted,
            faults,
        }
    }
}

/// What seldom changes, beside the count of evaluations that nearly every stanza changes.
#[derive(Debug, Default)]
struct Details {
    matched: AtomicU64,
    /// Nanoseconds since 1970; 0 for never.
    last_match: AtomicI64,
    timed: AtomicU64,
    nanoseconds: AtomicU64,
}

/// The cells of one thread.
#[derive(Debug)]
pub(crate) struct Lane {
    is_shared: bool,
    runs: AtomicU64,
    evaluated: Box<[AtomicU64]>,
    details: Box<[Details]>,
    parts: Box<[AtomicU64]>,
    chains: Box<[[AtomicU64; OUTCOMES]]>,
}

impl Lane {
    fn new(size: Size, is_shared: bool) -> Self {
        Self {
            is_shared,
            runs: AtomicU64::new(0),
            evaluated: (0..size.rules).map(|_| AtomicU64::default()).collect(),
            details: (0..size.rules).map(|_| Details::default()).collect(),
            parts: (0..size.parts).map(|_| AtomicU64::default()).collect(),
            chains: (0..size.chains)
                .map(|_| <[AtomicU64; OUTCOMES]>::default())
                .collect(),
        }
    }

    #[inline]
    fn add(&self, cell: &AtomicU64, count: u64) {
        if self.is_shared {
            cell.fetch_add(count, Ordering::Relaxed);
        } else {
            cell.store(
                cell.load(Ordering::Relaxed).wrapping_add(count),
                Ordering::Relaxed,
            );
        }
    }

    /// Counts a run; true if it is to be timed.
    #[inline]
    pub(crate) fn begin(&self) -> bool {
        let is_sampled = self.runs.load(Ordering::Relaxed) % SAMPLE == SAMPLED;
        self.add(&self.runs, 1);
        is_sampled
    }

    #[inline]
    pub(crate) fn part(&self, part: usize) {
        if let Some(cell) = self.parts.get(part) {
            self.add(cell, 1);
        }
    }

    #[inline]
    pub(crate) fn evaluated(&self, rule: usize) {
        if let Some(cell) = self.evaluated.get(rule) {
            self.add(cell, 1);
        }
    }

    pub(crate) fn matched(&self, rule: usize, now: Timestamp) {
        if let Some(details) = self.details.get(rule) {
            self.add(&details.matched, 1);
            details
                .last_match
                .store(now.nanoseconds(), Ordering::Relaxed);
        }
    }

    pub(crate) fn timed(&self, rule: usize, nanoseconds: u64) {
        if let Some(details) = self.details.get(rule) {
            self.add(&details.timed, 1);
            self.add(&details.nanoseconds, nanoseconds);
        }
    }

    pub(crate) fn outcome(&self, chain: usize, outcome: &Outcome) {
        let at = match outcome.verdict {
            _ if outcome.fault.is_some() => 5,
            Verdict::Pass | Verdict::Return => 0,
            Verdict::Drop => 1,
            Verdict::Bounce => 2,
            Verdict::Redirect => 3,
            Verdict::Default => 4,
        };
        if let Some(cell) = self.chains.get(chain).and_then(|cells| cells.get(at)) {
            self.add(cell, 1);
        }
    }

    fn rule(&self, rule: usize) -> RuleTotals {
        let (Some(evaluated), Some(details)) = (self.evaluated.get(rule), self.details.get(rule))
        else {
            return RuleTotals::default();
        };
        let last_match = details.last_match.load(Ordering::Relaxed);
        RuleTotals {
            evaluated: evaluated.load(Ordering::Relaxed),
            matched: details.matched.load(Ordering::Relaxed),
            last_match: (last_match != 0).then(|| Timestamp::from_nanoseconds(last_match)),
            timed: details.timed.load(Ordering::Relaxed),
            nanoseconds: details.nanoseconds.load(Ordering::Relaxed),
        }
    }
}

/// How much there is to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rules: usize,
    pub(crate) parts: usize,
    pub(crate) chains: usize,
}

/// What is added to the sums of the lanes.
#[derive(Debug, Default)]
struct Offset {
    rules: Vec<RuleTotals>,
    parts: Vec<u64>,
    chains: Vec<[u64; OUTCOMES]>,
}

/// The counters of one ruleset.
#[derive(Debug)]
pub(crate) struct Counters {
    size: Size,
    lanes: Box<[OnceLock<Lane>]>,
    offset: Mutex<Offset>,
}

impl Counters {
    pub(crate) fn new(size: Size) -> Self {
        Self {
            size,
            lanes: (0..=LANES).map(|_| OnceLock::new()).collect(),
            offset: Mutex::default(),
        }
    }

    /// The cells of the calling thread.
    #[inline]
    pub(crate) fn lane(&self) -> Option<&Lane> {
        let mut own = LANE.get();
        if own == usize::MAX {
            own = NEXT.fetch_add(1, Ordering::Relaxed).min(LANES);
            LANE.set(own);
        }
        let lane = self.lanes.get(own)?;
        Some(lane.get_or_init(|| Lane::new(self.size, own == LANES)))
    }

    fn filled(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter_map(OnceLock::get)
    }

    fn of_lanes(&self, rule: usize) -> RuleTotals {
        self.filled()
            .map(|lane| lane.rule(rule))
            .fold(RuleTotals::default(), RuleTotals::add)
    }

    /// The totals of all rules, in the order of their numbers.
    pub(crate) fn rules(&self) -> Vec<RuleTotals> {
        let offset = self.offset.lock();
        let total = |rule| {
            let carried = offset.rules.get(rule).copied().unwrap_or_default();
            let total = self.of_lanes(rule).add(carried);
            // What was reset keeps no time of a match before.
            RuleTotals {
                last_match: total.last_match.filter(|_| total.matched > 0),
                ..total
            }
        };
        (0..self.size.rules).map(total).collect()
    }

    /// How often each part of a chain was run, in the order of their numbers.
    pub(crate) fn parts(&self) -> Vec<u64> {
        let offset = self.offset.lock();
        let total = |part| {
            let carried = offset.parts.get(part).copied().unwrap_or_default();
            self.part_of_lanes(part).wrapping_add(carried)
        };
        (0..self.size.parts).map(total).collect()
    }

    fn part_of_lanes(&self, part: usize) -> u64 {
        let of_lane = |lane: &Lane| {
            lane.parts
                .get(part)
                .map_or(0, |cell| cell.load(Ordering::Relaxed))
        };
        self.filled().map(of_lane).fold(0, u64::wrapping_add)
    }

    /// What became of the stanzas of a chain.
    pub(crate) fn chain(&self, chain: usize) -> ChainTotals {
        let mut totals = self
            .offset
            .lock()
            .chains
            .get(chain)
            .copied()
            .unwrap_or_default();
        for lane in self.filled() {
            for (total, cell) in totals
                .iter_mut()
                .zip(lane.chains.get(chain).into_iter().flatten())
            {
                *total = total.wrapping_add(cell.load(Ordering::Relaxed));
            }
        }
        ChainTotals::from_cells(totals)
    }

    /// Begins anew for some rules and parts, named by their numbers.
    pub(crate) fn reset(
        &self,
        rules: impl Iterator<Item = usize>,
        parts: impl Iterator<Item = usize>,
    ) {
        let mut offset = self.offset.lock();
        offset.rules.resize(self.size.rules, RuleTotals::default());
        offset.parts.resize(self.size.parts, 0);
        for rule in rules {
            if let Some(carried) = offset.rules.get_mut(rule) {
                *carried = self.of_lanes(rule).negated();
            }
        }
        for part in parts {
            if let Some(carried) = offset.parts.get_mut(part) {
                *carried = self.part_of_lanes(part).wrapping_neg();
            }
        }
    }

    /// Adds what others have counted before: rules, parts and chains by their numbers here.
    pub(crate) fn carry(
        &self,
        rules: impl Iterator<Item = (usize, RuleTotals)>,
        parts: impl Iterator<Item = (usize, u64)>,
        chains: impl Iterator<Item = (usize, ChainTotals)>,
    ) {
        let mut offset = self.offset.lock();
        offset.rules.resize(self.size.rules, RuleTotals::default());
        offset.parts.resize(self.size.parts, 0);
        offset.chains.resize(self.size.chains, [0; OUTCOMES]);
        for (rule, totals) in rules {
            if let Some(carried) = offset.rules.get_mut(rule) {
                *carried = carried.add(totals);
            }
        }
        for (part, runs) in parts {
            if let Some(carried) = offset.parts.get_mut(part) {
                *carried = carried.wrapping_add(runs);
            }
        }
        for (chain, totals) in chains {
            for (carried, (_, count)) in offset
                .chains
                .get_mut(chain)
                .into_iter()
                .flatten()
                .zip(totals.named())
            {
                *carried = carried.wrapping_add(count);
            }
        }
    }
}

/// The stopwatch of a run that is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    last: u64,
    /// What a look at the clock costs.
    overhead: u64,
}

impl Watch {
    /// Starts one; `None` without a clock.
    pub(crate) fn start(mut clock: impl FnMut() -> Option<u64>) -> Option<Self> {
        let (first, last) = (clock()?, clock()?);
        Some(Self {
            last,
            overhead: last.saturating_sub(first),
        })
    }

    /// Nanoseconds since the last lap.
    pub(crate) fn lap(&mut self, now: u64) -> u64 {
        let taken = now.saturating_sub(self.last).saturating_sub(self.overhead);
        self.last = now;
        taken
    }
}

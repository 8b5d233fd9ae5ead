//! Live traces: what chains do with stanzas, told to operators who ask and to the log where a script says so.
//!
//! While nobody asks and no script says `@@ trace = on`, a run costs one look at a counter more. Everything is bounded:
//! subscribers, what waits for each of them, traces a second; what is left out is counted and told.

mod wish;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rules::explain::{ChainReport, Recorder, render_line, shortened};
use rules::{Facts, Outcome, Ruleset};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;
use xmpp::Stanza;

use super::per_second::PerSecond;
use super::{Firewall, HostRules, xml};

pub use wish::{Shown, TraceWish};

/// Operators who watch at the same time.
const MAX_SUBSCRIBERS: usize = 8;
/// Traces that wait for one of them.
const WAITING: usize = 128;
/// Bytes of a stanza that a trace shows.
const SHOWN: usize = 32 * 1024;
/// Traces a second that go to the log.
const LOGGED: u32 = 100;
/// Traces a second that one subscriber may ask for.
const MAX_RATE: u32 = 10_000;

/// One run of one chain of one script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The host whose rules ran.
    pub host: String,
    /// What `TAG TRACE` said of the stanza by then.
    pub tag: Option<String>,
    /// The verdict of all scripts together.
    pub verdict: String,
    /// The sender.
    pub from: Option<String>,
    /// The recipient.
    pub to: Option<String>,
    /// The stanza, its start tag, or nothing, as it was asked for; at most 32 KiB.
    pub stanza: Option<String>,
    /// The rules that were looked at.
    pub report: ChainReport,
}

/// All who watch.
#[derive(Debug, Default)]
pub(super) struct Traces {
    count: AtomicUsize,
    subscribers: ArcSwap<Vec<Arc<Subscriber>>>,
    changes: Mutex<()>,
    log: Mutex<PerSecond>,
}

#[derive(Debug)]
struct Subscriber {
    wish: TraceWish,
    sender: mpsc::Sender<Trace>,
    rate: Mutex<PerSecond>,
    dropped: AtomicU64,
}

/// Traces for one operator; they end with the value.
#[derive(Debug)]
pub struct TraceStream {
    traces: Arc<Traces>,
    subscriber: Arc<Subscriber>,
    receiver: mpsc::Receiver<Trace>,
}

impl TraceStream {
    /// Waits for the next trace.
    pub async fn next(&mut self) -> Option<Trace> {
        self.receiver.recv().await
    }

    /// Traces that were left out since the last call, since there were too many.
    pub fn take_dropped(&self) -> u64 {
        self.subscriber.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Drop for TraceStream {
    fn drop(&mut self) {
        self.traces
            .change(|all| all.retain(|one| !Arc::ptr_eq(one, &self.subscriber)));
    }
}

impl Traces {
    /// The first look: may anybody want a trace of a run?
    #[inline]
    fn is_watched(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn change(&self, how: impl FnOnce(&mut Vec<Arc<Subscriber>>)) {
        let _one_at_a_time = self.changes.lock();
        let mut all = self.subscribers.load().to_vec();
        how(&mut all);
        self.count.store(all.len(), Ordering::Relaxed);
        self.subscribers.store(Arc::new(all));
    }

    /// `None` when as many watch as may.
    pub(super) fn subscribe(self: &Arc<Self>, wish: TraceWish) -> Option<TraceStream> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let subscriber = Arc::new(Subscriber {
            wish,
            sender,
            rate: Mutex::default(),
            dropped: AtomicU64::new(0),
        });
        let mut is_taken = false;
        self.change(|all| {
            is_taken = all.len() < MAX_SUBSCRIBERS;
            if is_taken {
                all.push(Arc::clone(&subscriber));
            }
        });
        let traces = Arc::clone(self);
        is_taken.then_some(TraceStream {
            traces,
            subscriber,
            receiver,
        })
    }
}

impl Firewall {
    /// Runs a chain of the rules in force, for those who watch too.
    #[inline]
    pub fn run(
        &self,
        rules: &HostRules,
        chain: &str,
        stanza: &Stanza,
        facts: &dyn Facts,
    ) -> Outcome {
        if !self.traces.is_watched() && !rules.ruleset().is_any_traced() {
            return rules.run(chain, stanza, facts);
        }
        let outcome = self.run_watched(rules.ruleset(), chain, stanza, facts);
        rules.watch(chain, stanza, facts, &outcome);
        outcome
    }

    /// Traces of what stanzas meet from now on.
    ///
    /// # Errors
    /// What is wrong with the wish.
    pub fn trace(&self, wish: TraceWish) -> Result<TraceStream, String> {
        if let Some(host) = &wish.host
            && self.ruleset(host).is_none()
        {
            return Err(format!("no host {host} has rules here"));
        }
        wish.check()?;
        self.traces.subscribe(wish).ok_or_else(|| {
            format!("{MAX_SUBSCRIBERS} traces are shown already: end one of them first")
        })
    }

    #[cold]
    fn run_watched(
        &self,
        rules: &Ruleset,
        chain: &str,
        stanza: &Stanza,
        facts: &dyn Facts,
    ) -> Outcome {
        let origin = facts.origin();
        let all = self.traces.subscribers.load();
        let wanted: Vec<&Arc<Subscriber>> = all
            .iter()
            .filter(|one| one.wish.may_want(rules.host(), stanza, origin.full_jid))
            .collect();
        let is_logged = rules.is_any_traced()
            && tracing::enabled!(target: "firewall::trace", tracing::Level::INFO);
        if wanted.is_empty() && !is_logged {
            return rules.run(chain, stanza, facts);
        }
        let mut recorder = Recorder::flat();
        let outcome = rules.run_observed(chain, stanza, facts, Some(&mut recorder));
        let at = facts.now().nanoseconds() / 1_000_000;
        for (report, tag) in recorder.into_traces() {
            if is_logged && rules.is_traced(&report.script) {
                self.traces
                    .log(rules.host(), stanza, &report, tag.as_deref());
            }
            for subscriber in &wanted {
                let made = |shown| Trace {
                    at,
                    host: rules.host().to_owned(),
                    tag: tag.clone(),
                    verdict: outcome.verdict.name().to_owned(),
                    from: stanza.from().map(ToString::to_string),
                    to: stanza.to().map(ToString::to_string),
                    stanza: text_of(stanza, shown),
                    report: report.clone(),
                };
                subscriber.tell(&report, tag.as_deref(), made);
            }
        }
        outcome
    }
}

impl Subscriber {
    fn tell(&self, report: &ChainReport, tag: Option<&str>, made: impl FnOnce(Shown) -> Trace) {
        if !self.wish.wants(report, tag) {
            return;
        }
        let is_admitted = self.rate.lock().admit(self.wish.rate, Instant::now());
        let is_sent =
            is_admitted.is_some() && self.sender.try_send(made(self.wish.stanzas)).is_ok();
        if !is_sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Traces {
    fn log(&self, host: &str, stanza: &Stanza, report: &ChainReport, tag: Option<&str>) {
        let Some(left_out) = self.log.lock().admit(LOGGED, Instant::now()) else {
            return;
        };
        let (script, chain) = (report.script.as_str(), report.chain.as_str());
        let kind = stanza.kind().name();
        let from = stanza.from().map(tracing::field::display);
        let to = stanza.to().map(tracing::field::display);
        let left_out = (left_out > 0).then_some(left_out);
        let line = render_line(report);
        tracing::info!(
            target: "firewall::trace", host, script, chain, tag, kind, from, to, left_out, "{line}"
        );
    }
}

fn text_of(stanza: &Stanza, shown: Shown) -> Option<String> {
    let text = match shown {
        Shown::None => return None,
        Shown::Full => xml(stanza),
        Shown::Header => {
            let mut out = Vec::new();
            stanza.write_start_tag(&mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
    };
    Some(shortened(&text, SHOWN))
}

#[cfg(test)]
mod tests;

//! Ends the sessions of a listener that accepts nobody any more, spread over a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context};
use serde::Serialize;
use xmpp::stream_error::{StreamCondition, StreamError};

use super::ListenerPolicy;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// How often some sessions are ended.
const STEP: Duration = Duration::from_millis(100);

/// The actor. It stops when no session is left.
pub struct Drain {
    policy: Arc<ListenerPolicy>,
    since: Instant,
    within: Duration,
    told: HashSet<u64>,
}

/// What the console shows of it.
#[derive(Clone, Debug, Serialize)]
pub struct DrainReport {
    /// Sessions that have not been told to end yet.
    pub remaining: usize,
    /// Seconds until the last of them is told.
    pub seconds: u64,
}

impl Drain {
    /// Its name below its listener.
    pub const NAME: &'static str = "drain";

    /// A drain that has told every session `within` some time after `since`.
    pub fn new(policy: Arc<ListenerPolicy>, since: Instant, within: Duration) -> Self {
        Self {
            policy,
            since,
            within,
            told: HashSet::new(),
        }
    }

    /// Ends as many sessions as it takes to be through in time.
    fn step(&mut self, context: &mut Context<Self>) {
        let members = self.policy.members.all();
        if members.is_empty() {
            return context.stop();
        }
        let left: Vec<_> = members
            .into_iter()
            .filter(|(id, _)| !self.told.contains(id))
            .collect();
        let due = self.due(self.told.len() + left.len());
        let share = due.saturating_sub(self.told.len());
        for (id, guest) in left.into_iter().take(share) {
            let text = "the node serves no one at this address for a while";
            let error = StreamError::with_text(StreamCondition::SystemShutdown, text);
            // A full mailbox is asked again with the next step.
            if guest.end(error) {
                self.told.insert(id);
            }
        }
        context.run_later(STEP, Self::step);
    }

    /// How many of `all` sessions are to be told by now.
    fn due(&self, all: usize) -> usize {
        let elapsed = self.since.elapsed();
        if elapsed >= self.within {
            return all;
        }
        let share = all as u128 * elapsed.as_millis() / self.within.as_millis().max(1);
        usize::try_from(share).unwrap_or(all)
    }
}

impl Supervise for Drain {
    const KIND: &'static str = "drain";
    const MAILBOX: usize = 1;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(50),
            max: Duration::from_secs(5),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for Drain {
    type Report = DrainReport;

    fn report(&self) -> DrainReport {
        let members = self.policy.members.all();
        DrainReport {
            remaining: members
                .iter()
                .filter(|(id, _)| !self.told.contains(id))
                .count(),
            seconds: self.within.saturating_sub(self.since.elapsed()).as_secs(),
        }
    }
}

impl Actor for Drain {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.step(context);
    }
}

//! Shows and resets one `%RATE` of one script.
//!
//! The admin socket tells it to reset; the firewall starts it. Rules poll the published buckets in place, so that a
//! failure here forgets no limit.

use actix::{Actor, Context, Handler, Message};
use rules::definitions::Object;
use serde::Serialize;

use super::branch::POLICY;
use super::published::Place;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// Fill all buckets and forget all keys. Sent by an operator.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ResetLimiter;

/// The actor.
pub(super) struct RateLimiter {
    place: Place,
}

/// What the console shows of a limiter.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RateLimiterReport {
    /// Events per second.
    pub rate: f64,
    /// Events that a rested bucket grants at once.
    pub capacity: f64,
    /// Keys that are tracked now.
    pub entries: usize,
    /// Keys that are tracked at most.
    pub most_entries: usize,
    /// Events within the limit.
    pub granted: u64,
    /// Events over the limit.
    pub refused: u64,
    /// Of these, those of new keys that found the table full.
    pub refused_full: u64,
}

impl RateLimiter {
    pub(super) fn new(place: Place) -> Self {
        Self { place }
    }

    fn limiter(&self) -> Option<std::sync::Arc<rules::Limiter>> {
        match self.place.object("RATE") {
            Some(Object::Rate(limiter)) => Some(limiter),
            _ => None,
        }
    }
}

impl Supervise for RateLimiter {
    const KIND: &'static str = "rate-limiter";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        POLICY
    }
}

impl Actor for RateLimiter {
    type Context = Context<Self>;
}

impl Handler<ResetLimiter> for RateLimiter {
    type Result = ();

    fn handle(&mut self, _: ResetLimiter, _: &mut Context<Self>) {
        if let Some(limiter) = self.limiter() {
            limiter.reset();
        }
    }
}

impl Observe for RateLimiter {
    type Report = RateLimiterReport;

    fn report(&self) -> RateLimiterReport {
        let Some(limiter) = self.limiter() else {
            return RateLimiterReport::default();
        };
        let (definition, status) = (limiter.definition(), limiter.status());
        RateLimiterReport {
            rate: definition.rate,
            capacity: definition.capacity,
            entries: status.entries,
            most_entries: definition.entries,
            granted: status.granted,
            refused: status.refused,
            refused_full: status.refused_full,
        }
    }
}

//! Shows the shadow of one host.
//!
//! Nobody sends to it; the firewall starts it. What it shows is counted where the stanza is, so that a failure here
//! loses nothing.

use actix::{Actor, Context};

use super::ShadowCounts;
use crate::firewall::branch::POLICY;
use crate::firewall::published::Place;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// The actor.
pub(crate) struct ShadowActor {
    place: Place,
}

impl ShadowActor {
    pub(crate) fn new(place: Place) -> Self {
        Self { place }
    }
}

impl Supervise for ShadowActor {
    const KIND: &'static str = "shadow";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        POLICY
    }
}

impl Actor for ShadowActor {
    type Context = Context<Self>;
}

impl Observe for ShadowActor {
    /// `None` while it is being taken away.
    type Report = Option<ShadowCounts>;

    fn report(&self) -> Self::Report {
        let shadow = self.place.published.shadow(&self.place.host)?;
        Some(shadow.counts())
    }
}

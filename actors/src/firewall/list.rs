//! Shows one list of one script: what was loaded, and what rules have changed since.
//!
//! Nobody sends to it; the firewall starts it. Rules look entries up in the published list, which outlives this actor.

use actix::{Actor, Context};
use rules::definitions::Object;
use rules::definitions::list::definition::Backend;
use serde::Serialize;

use super::branch::POLICY;
use super::published::Place;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// The actor.
pub(super) struct List {
    place: Place,
}

/// What the console shows of a list.
#[derive(Clone, Debug, Serialize)]
pub struct ListReport {
    /// `memory`, a path or a URL.
    pub source: String,
    /// Entries that were loaded.
    pub loaded: usize,
    /// Entries that rules added or removed since.
    pub changed: usize,
    /// False while a list over http has never been loaded: then `when_unknown` decides.
    pub is_known: bool,
}

impl List {
    pub(super) fn new(place: Place) -> Self {
        Self { place }
    }
}

impl Supervise for List {
    const KIND: &'static str = "list";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        POLICY
    }
}

impl Actor for List {
    type Context = Context<Self>;
}

impl Observe for List {
    type Report = ListReport;

    fn report(&self) -> ListReport {
        let Some(Object::List(list)) = self.place.object("LIST") else {
            return ListReport {
                source: "gone".to_owned(),
                loaded: 0,
                changed: 0,
                is_known: false,
            };
        };
        let source = match &list.definition().backend {
            Backend::Memory => "memory".to_owned(),
            Backend::File { path, .. } => path.clone(),
            Backend::Http { url, .. } => url.clone(),
        };
        let (loaded, changed) = list.size();
        ListReport {
            source,
            loaded,
            changed,
            is_known: list.is_known(),
        }
    }
}

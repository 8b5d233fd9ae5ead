//! A node at a glance.

use serde_json::Value;

use super::actors::{DEADLINE, value};
use super::console::Console;
use super::protocol::{NodeStatus, PAGE};
use crate::observe::State;
use crate::session::Session;
use crate::supervise::{ActorPath, Supervise};

impl Console {
    pub(super) async fn status(&self) -> NodeStatus {
        let core = &self.core;
        let mut hosts: Vec<_> = core
            .tables
            .hosts()
            .keys()
            .map(ToString::to_string)
            .collect();
        hosts.sort_unstable();
        let sessions = core
            .tree
            .tallies()
            .get(Session::KIND)
            .map_or(0, |tally| tally.present);
        NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hosts,
            sessions,
            accounts: core.tables.account_count(),
            listeners: self.reports_of("listeners").await,
            workers: core.workers.loads().iter().map(value).collect(),
            passwords: value(&core.passwords.report()),
            firewall: self.reports_of("firewall").await,
            failed: self.failed(),
        }
    }

    async fn reports_of(&self, branch: &str) -> Vec<Value> {
        let mut reports = Vec::new();
        for actor in self
            .core
            .tree
            .list(Some(&ActorPath::root(branch)))
            .iter()
            .take(PAGE)
        {
            let observed = self.core.tree.observe(&actor.path, DEADLINE).await;
            reports.extend(observed.as_ref().map(value));
        }
        reports
    }

    fn failed(&self) -> Vec<String> {
        let actors = self.core.tree.list(None).into_iter();
        let failed = actors.filter(|actor| actor.state == State::Failed);
        failed
            .take(PAGE)
            .map(|actor| actor.path.to_string())
            .collect()
    }
}

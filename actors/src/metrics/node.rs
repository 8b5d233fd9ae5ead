//! Actors, connections, threads, reloads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::family::{Families, Kind};
use crate::core::Core;
use crate::session::Session;
use crate::supervise::{ActorPath, Supervise};

/// How long an actor may take to report.
const DEADLINE: Duration = Duration::from_secs(1);

/// How often configuration, certificates and scripts were read again.
#[derive(Debug, Default)]
pub struct Reloads {
    succeeded: AtomicU64,
    refused: AtomicU64,
}

impl Reloads {
    /// Counts one: whether it was taken over, or refused and everything left as it was.
    pub fn count(&self, is_taken: bool) {
        let counter = match is_taken {
            true => &self.succeeded,
            false => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) async fn collect(core: &Core, families: &mut Families) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    families
        .family("build", Kind::Info, "The program")
        .add(&version, 1);
    actors(core, families);
    listeners(core, families).await;
    threads(core, families);
    let help = "Times that configuration and scripts were read again, by what came of it";
    let mut reloads = families.family("reloads", Kind::Counter, help);
    let Reloads { succeeded, refused } = &core.reloads;
    reloads.add(&[("outcome", "ok")], succeeded.load(Ordering::Relaxed));
    reloads.add(&[("outcome", "refused")], refused.load(Ordering::Relaxed));
}

fn actors(core: &Core, families: &mut Families) {
    let tallies = core.tree.tallies();
    let sessions = tallies.get(Session::KIND).map_or(0, |tally| tally.present);
    families
        .family("sessions", Kind::Gauge, "Connections, before log-in too")
        .add(&[], sessions);
    families
        .family("accounts", Kind::Gauge, "Active accounts")
        .size(&[], core.tables.account_count());
    for (kind, tally) in tallies {
        let kind = [("kind", kind)];
        families
            .family("actors", Kind::Gauge, "Actors in the tree, by kind")
            .add(&kind, tally.present);
        families
            .family(
                "actor_panics",
                Kind::Counter,
                "Panics of actors that were caught",
            )
            .add(&kind, tally.panics);
        families
            .family(
                "actor_restarts",
                Kind::Counter,
                "Actors that were built anew",
            )
            .add(&kind, tally.restarts);
        families
            .family(
                "actors_given_up",
                Kind::Counter,
                "Actors that failed too often",
            )
            .add(&kind, tally.gave_up);
    }
}

async fn listeners(core: &Core, families: &mut Families) {
    let branch = ActorPath::root("listeners");
    let mut seen = BTreeSet::new();
    for socket in core.tree.observe_within(&branch, DEADLINE).await {
        let Some(report) = socket.report else {
            continue;
        };
        let count = |field: &str| report.get(field).and_then(Value::as_u64).unwrap_or(0);
        let path = socket.status.path.to_string();
        let listener = path.split('/').nth(1).unwrap_or_default().to_owned();
        // The actor that drains a listener has no socket.
        let Some(address) = report.get("address").and_then(Value::as_str) else {
            continue;
        };
        let labels = [("listener", listener.as_str()), ("address", address)];
        families
            .family("listener_accepted", Kind::Counter, "Connections accepted")
            .add(&labels, count("accepted"));
        families
            .family(
                "listener_refused",
                Kind::Counter,
                "Connections refused at a bound",
            )
            .add(&labels, count("refused"));
        families
            .family("listener_errors", Kind::Counter, "Failed accepts")
            .add(&labels, count("errors"));
        // All sockets of a listener share these.
        if seen.insert(listener.clone()) {
            let labels = [("listener", listener.as_str())];
            families
                .family("listener_connections", Kind::Gauge, "Connections now")
                .add(&labels, count("connections"));
            families
                .family(
                    "listener_unauthenticated",
                    Kind::Gauge,
                    "Connections that have not logged in",
                )
                .add(&labels, count("unauthenticated"));
            families
                .family(
                    "listener_throttled",
                    Kind::Counter,
                    "Times that a client sent too fast and was not read",
                )
                .add(&labels, count("throttled"));
        }
    }
}

fn threads(core: &Core, families: &mut Families) {
    for (worker, load) in core.workers.loads().iter().enumerate() {
        let worker = worker.to_string();
        let labels = [("worker", worker.as_str())];
        families
            .family(
                "worker_sessions",
                Kind::Gauge,
                "Sessions on a worker thread",
            )
            .size(&labels, load.sessions);
        families
            .family(
                "worker_latency",
                Kind::GaugeSeconds,
                "How long the last probe of a worker waited",
            )
            .seconds(&labels, load.latency.as_secs_f64());
    }
    let passwords = core.passwords.report();
    families
        .family(
            "password_jobs",
            Kind::Gauge,
            "Log-ins that wait for a key or derive it",
        )
        .size(&[], passwords.queued);
    families
        .family(
            "password_derivations",
            Kind::Counter,
            "Keys derived from passwords",
        )
        .add(&[], passwords.derivations);
    families
        .family(
            "password_refused",
            Kind::Counter,
            "Log-ins turned away since the queue was full",
        )
        .add(&[], passwords.refused);
}

//! Every certificate of a plan, and the one rule by which a client is shown one of them.
//!
//! A client that names a host which has a certificate of its own is shown that. All others are shown the
//! first there is of: that of our own address, of our port, of the listener, `tls.default`, what is found
//! (for the host, if one was named), the self-signed one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::Index;
use super::files::Pair;
use super::gathered::Gathered;
use super::plan::{ListenerPlan, Plan};
use super::report::CertificateProblem;
use super::self_signed;

mod reader;
mod rows;

use reader::Reader;

/// Every certificate of a plan.
pub(super) struct Loaded {
    /// By the name that certificates have for a host.
    hosts: BTreeMap<String, Host>,
    listeners: BTreeMap<String, Listener>,
    /// For a client that names no host: the best that was found or that hosts have.
    automatic: Option<Arc<Pair>>,
    self_signed: Option<Arc<Pair>>,
    /// What looks like a pair in a directory and is none.
    pub(super) broken: Vec<CertificateProblem>,
    /// What to watch: the directories of all files.
    pub(super) directories: Vec<PathBuf>,
    /// The same for the same files with the same contents.
    pub(super) digest: [u8; 32],
    /// When a pair becomes valid or invalid the next time, in seconds since 1970.
    pub(super) next_change: Option<i64>,
}

/// A host, and what there is for it.
struct Host {
    /// As the configuration names it.
    domain: String,
    own: Option<Arc<Pair>>,
    /// Where it has none: what other hosts have and holds for it too.
    automatic: Option<Arc<Pair>>,
}

/// What a listener has for clients that name no host with a certificate of its own.
struct Listener {
    by_interface: BTreeMap<IpAddr, Arc<Pair>>,
    by_port: BTreeMap<u16, Arc<Pair>>,
    /// Its own, or `tls.default`.
    default: Option<Arc<Pair>>,
}

impl Loaded {
    /// Makes pairs of what was gathered.
    ///
    /// # Errors
    /// Every problem with every file that the configuration names.
    pub(super) fn of(plan: &Plan, gathered: Gathered) -> Result<Self, Vec<CertificateProblem>> {
        let directories = gathered.directories();
        let digest = gathered.digest;
        let mut reader = Reader::new(gathered.contents, gathered.problems);
        let index = Index::of(gathered.walk, &mut reader.contents);
        let default = reader.named("tls.default".to_owned(), plan.default.as_ref());
        let hosts = reader.hosts(plan, &index);
        let listeners = plan.listeners.iter();
        let listeners = listeners
            .map(|listener| (listener.name.clone(), reader.listener(listener, &default)))
            .collect();
        let mut loaded = Self {
            automatic: automatic(&hosts, &index),
            next_change: next_change(&hosts, &index),
            hosts,
            listeners,
            self_signed: None,
            broken: index.broken,
            directories,
            digest,
        };
        reader.problems.extend(loaded.without_any(plan));
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        if plan.may_make_self_signed && loaded.needs_self_signed() {
            let made = self_signed::load_or_make(plan).map_err(|problem| vec![problem])?;
            loaded.self_signed = Some(Arc::new(made));
        }
        match loaded.without_suite(plan) {
            problems if problems.is_empty() => Ok(loaded),
            problems => Err(problems),
        }
    }

    /// The pair that a client is shown who asked for `host` on our address `local`.
    pub(super) fn shown(
        &self,
        listener: &str,
        host: Option<&str>,
        local: Option<SocketAddr>,
    ) -> Option<&Arc<Pair>> {
        let host = host.and_then(|host| self.hosts.get(host));
        let own = host.and_then(|host| host.own.as_ref());
        own.or_else(|| self.other(self.listeners.get(listener)?, host, local))
    }

    fn other<'a>(
        &'a self,
        listener: &'a Listener,
        host: Option<&'a Host>,
        local: Option<SocketAddr>,
    ) -> Option<&'a Arc<Pair>> {
        let by_interface = || listener.by_interface.get(&local?.ip().to_canonical());
        let by_port = || listener.by_port.get(&local?.port());
        let automatic = || match host {
            Some(host) => host.automatic.as_ref(),
            None => self.automatic.as_ref(),
        };
        by_interface()
            .or_else(by_port)
            .or(listener.default.as_ref())
            .or_else(automatic)
            .or(self.self_signed.as_ref())
    }

    /// Whether this is a configured host, by the name that certificates have for it.
    pub(super) fn knows(&self, host: &str) -> bool {
        self.hosts.contains_key(host)
    }

    /// Whether somebody would be shown nothing.
    fn needs_self_signed(&self) -> bool {
        let is_bare = |host: &Host| host.own.is_none() && host.automatic.is_none();
        let someone = self.automatic.is_none() || self.hosts.values().any(is_bare);
        let mut listeners = self.listeners.values();
        someone && listeners.any(|listener| listener.default.is_none())
    }

    /// Listeners on which the handshake comes first and that have no certificate at all.
    fn without_any(&self, plan: &Plan) -> Vec<CertificateProblem> {
        let has_any = |listener: &Listener| {
            let mut hosts = self.hosts.values();
            listener.default.is_some()
                || self.automatic.is_some()
                || !listener.by_interface.is_empty()
                || !listener.by_port.is_empty()
                || hosts.any(|host| host.own.is_some())
        };
        let is_refused = |listener: &&ListenerPlan| listener.is_direct && !plan.is_ordering;
        let direct = plan.listeners.iter().filter(is_refused);
        let bare = direct.filter(|plan| {
            let listener = self.listeners.get(&plan.name);
            listener.is_some_and(|listener| !has_any(listener))
        });
        let problem = |listener: &ListenerPlan| {
            CertificateProblem {
            section: format!("listener.{}.tls", listener.name),
            file: plan.directories.first().map(|(path, _)| path.clone()).unwrap_or_default(),
            reason: "holds no certificate of a host, and none is configured: write [tls.default] or tls.certificate \
                     and tls.key (the self-signed certificate is for STARTTLS alone)"
                .to_owned(),
        }
        };
        bare.map(problem).collect()
    }

    /// Certificates with whose key a listener that shows them can do nothing.
    fn without_suite(&self, plan: &Plan) -> Vec<CertificateProblem> {
        let mut problems = Vec::new();
        for listener in &plan.listeners {
            let shown = self.shown_on(&listener.name);
            for pair in shown.iter().filter(|pair| !pair.has_suite(&listener.offer)) {
                problems.push(pair.problem(format!(
                    "none of the suites that listener.{}.tls.disable_cipher_suites leaves is for such a key",
                    listener.name
                )));
            }
        }
        problems
    }

    /// Hosts without a certificate of their own.
    fn bare(&self) -> Vec<String> {
        let bare = self.hosts.values().filter(|host| host.own.is_none());
        bare.map(|host| host.domain.clone()).collect()
    }

    /// Listeners with neither a certificate of their own nor `tls.default`.
    pub(super) fn without_default(&self) -> Vec<String> {
        let listeners = self.listeners.iter();
        let bare = listeners.filter(|(_, listener)| listener.default.is_none());
        bare.map(|(name, _)| name.clone()).collect()
    }

    /// Hosts for which some listener has nothing but the self-signed certificate.
    pub(super) fn unproven(&self) -> Vec<&str> {
        let mut listeners = self.listeners.values();
        if listeners.all(|listener| listener.default.is_some()) {
            return Vec::new();
        }
        let hosts = self.hosts.values();
        let unproven = hosts.filter(|host| host.own.is_none() && host.automatic.is_none());
        unproven.map(|host| host.domain.as_str()).collect()
    }

    /// Whether a pair of this section has this file, be it the certificate or the key, and is in use.
    pub(super) fn has(&self, section: &str, file: &Path) -> bool {
        let pairs = self.pairs().into_iter();
        pairs.into_iter().any(|(pair, _)| pair.is_of(section, file))
    }
}

/// When one of the pairs among which is chosen becomes valid or invalid.
fn next_change(hosts: &BTreeMap<String, Host>, index: &Index) -> Option<i64> {
    let own = hosts.values().filter_map(|host| host.own.as_ref());
    own.chain(index.pairs())
        .filter_map(|pair| pair.next_change())
        .min()
}

/// What is shown to a client that names no host: of all pairs that hold for a host of ours, the best; where none
/// does, the best that a host has.
fn automatic(hosts: &BTreeMap<String, Host>, index: &Index) -> Option<Arc<Pair>> {
    let own = || hosts.values().filter_map(|host| host.own.as_ref());
    let holds = |pair: &&Arc<Pair>| hosts.values().any(|host| pair.covers(&host.domain));
    best(own().chain(index.pairs()).filter(holds)).or_else(|| best(own()))
}

/// The pair that is valid longest; one that is not valid now only where there is no other.
fn best<'a>(pairs: impl Iterator<Item = &'a Arc<Pair>>) -> Option<Arc<Pair>> {
    let best = pairs.min_by(|one, other| {
        let one = (!one.is_valid_now(), one.rank());
        one.cmp(&(!other.is_valid_now(), other.rank()))
    });
    best.cloned()
}

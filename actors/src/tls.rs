//! Certificates and the TLS settings that listeners serve with.
//!
//! [`Certificates`] is a handle: what it serves is an immutable snapshot that [`Certificates::reload`] replaces as a whole, so
//! that every way of choosing a certificate changes in the same moment. Handshakes under way and established
//! sessions keep what they began with. A reload that meets one bad file changes nothing.
//!
//! Which certificate a client sees: on a direct TLS listener that of the host in its SNI, after STARTTLS that of the host in the
//! stream's `to`; if that host has none of its own, the listener's (which is `tls.default` unless it names
//! another); else the self-signed one from the data directory, made on first need for all hosts together.

mod any_certificate;
mod chain;
mod examine;
mod files;
pub(crate) mod handshake;
mod plan;
pub(crate) mod roots;
mod self_signed;
mod server;
mod trial;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use portcullis_config::Config;
use rustls::{ServerConfig, ServerConnection};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use xmpp::stream::TlsFacts;

pub(crate) use any_certificate::AnyCertificate;
pub use chain::{Chain, Trust};
pub use examine::{Examination, Examined};
pub use files::CertificateState;
use files::Pair;
use plan::{ListenerPlan, Plan, certificate_name};
use server::Templates;
pub use trial::try_handshake;

/// A certificate or key that can not be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{section}: {}: {reason}", file.display())]
pub struct CertificateProblem {
    /// Where the configuration names the file.
    pub section: String,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// One certificate in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Where the configuration names it, or `self-signed`.
    pub section: String,
    /// The certificate's file.
    pub file: PathBuf,
    /// The domains it holds for.
    pub names: Vec<String>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// End of its validity, in seconds since 1970 (UTC).
    pub not_after: i64,
    /// Whether it is valid now, and for how long.
    pub state: CertificateState,
    /// Configured hosts that clients reach with it and that it does not hold for.
    pub missing_hosts: Vec<String>,
}

impl CertificateReport {
    /// A warning for the operator, if there is reason for one.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let place = format!("{}: {}", self.section, self.file.display());
        match &self.state {
            CertificateState::Valid if self.missing_hosts.is_empty() => None,
            CertificateState::Valid => Some(format!(
                "{place}: does not hold for {}",
                self.missing_hosts.join(", ")
            )),
            CertificateState::Expiring { days } => Some(format!("{place}: expires in {days} days")),
            CertificateState::Expired => {
                Some(format!("{place}: has expired, and is used nevertheless"))
            }
            CertificateState::NotYetValid => Some(format!(
                "{place}: is not valid yet, and is used nevertheless"
            )),
        }
    }
}

/// The certificates of a node and the TLS settings made of them. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Certificates {
    shared: Arc<Shared>,
}

struct Shared {
    templates: Templates,
    current: ArcSwap<Snapshot>,
}

/// What is served from one load to the next.
struct Snapshot {
    listeners: HashMap<String, Served>,
    pairs: Vec<(Arc<Pair>, Vec<String>)>,
}

struct Served {
    /// Shown to clients that name no host which has a certificate of its own.
    fallback: Arc<Pair>,
    direct: Arc<ServerConfig>,
    /// By host; the certificate is chosen before the handshake.
    starttls: HashMap<String, Arc<ServerConfig>>,
}

impl Certificates {
    /// Loads every certificate that `config` names, and makes the self-signed one in the data directory if a listener
    /// needs it.
    ///
    /// # Errors
    /// Every problem with every file.
    pub fn load(config: &Config) -> Result<Self, Vec<CertificateProblem>> {
        Self::from_plan(&Plan::of(config))
    }

    /// Loads every certificate that `config` names and says what there is to warn of; makes and keeps nothing.
    ///
    /// # Errors
    /// Every problem with every file.
    pub fn check(config: &Config) -> Result<Vec<String>, Vec<CertificateProblem>> {
        let mut plan = Plan::of(config);
        plan.may_make_self_signed = false;
        let loaded = Loaded::read(&plan)?;
        Ok(loaded
            .pairs
            .iter()
            .filter_map(|(pair, hosts)| pair.report(hosts).warning())
            .collect())
    }

    /// Loads everything anew, for handshakes from now on.
    ///
    /// # Errors
    /// Every problem with every file; then everything stays as it was.
    pub fn reload(&self, config: &Config) -> Result<(), Vec<CertificateProblem>> {
        self.apply(&Plan::of(config))
    }

    fn apply(&self, plan: &Plan) -> Result<(), Vec<CertificateProblem>> {
        let snapshot = Snapshot::make(plan, &self.shared.templates)?;
        snapshot.log();
        self.shared.current.store(Arc::new(snapshot));
        Ok(())
    }

    fn from_plan(plan: &Plan) -> Result<Self, Vec<CertificateProblem>> {
        let templates = Templates::new();
        let snapshot = Snapshot::make(plan, &templates)?;
        snapshot.log();
        Ok(Self {
            shared: Arc::new(Shared {
                templates,
                current: ArcSwap::from_pointee(snapshot),
            }),
        })
    }

    /// Settings for a handshake at the start of a connection; the certificate follows the client's SNI. `None` if the
    /// listener has no TLS or is not known.
    #[must_use]
    pub fn direct(&self, listener: &str) -> Option<Arc<ServerConfig>> {
        self.shared
            .current
            .load()
            .listeners
            .get(listener)
            .map(|served| Arc::clone(&served.direct))
    }

    /// Settings for a handshake after STARTTLS on a stream to `host`. `None` if the listener has no TLS or is not
    /// known, or the host is not.
    #[must_use]
    pub fn starttls(&self, listener: &str, host: &str) -> Option<Arc<ServerConfig>> {
        self.shared
            .current
            .load()
            .listeners
            .get(listener)?
            .starttls
            .get(host)
            .map(Arc::clone)
    }

    /// The certificates that a listener shows: those of hosts, and what is shown for all other names.
    /// None for a listener without TLS.
    #[must_use]
    pub fn shown_by(&self, listener: &str) -> Vec<CertificateReport> {
        let current = self.shared.current.load();
        let Some(served) = current.listeners.get(listener) else {
            return Vec::new();
        };
        let is_other_fallback = |pair: &Arc<Pair>| {
            let mut others = current.listeners.values();
            !Arc::ptr_eq(pair, &served.fallback)
                && others.any(|other| Arc::ptr_eq(pair, &other.fallback))
        };
        let shown = current
            .pairs
            .iter()
            .filter(|(pair, _)| !is_other_fallback(pair));
        shown.map(|(pair, hosts)| pair.report(hosts)).collect()
    }

    /// Every certificate in use, with its state now.
    #[must_use]
    pub fn report(&self) -> Vec<CertificateReport> {
        self.shared
            .current
            .load()
            .pairs
            .iter()
            .map(|(pair, hosts)| pair.report(hosts))
            .collect()
    }
}

/// Every certificate of a plan.
struct Loaded {
    /// By host: those that have their own.
    hosts: HashMap<String, Arc<Pair>>,
    /// By listener: what is shown for all other names.
    listeners: BTreeMap<String, Arc<Pair>>,
    /// Each pair once, with the hosts for which it is shown.
    pairs: Vec<(Arc<Pair>, Vec<String>)>,
}

impl Loaded {
    fn read(plan: &Plan) -> Result<Self, Vec<CertificateProblem>> {
        let mut problems = Vec::new();
        let mut hosts = HashMap::new();
        for (host, files) in &plan.hosts {
            if let Some(files) = files {
                match Pair::load(format!("host.\"{host}\".tls"), files) {
                    Ok(pair) => drop(hosts.insert(host.clone(), Arc::new(pair))),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        let mut listeners = BTreeMap::new();
        let mut self_signed = None;
        for listener in &plan.listeners {
            match Self::read_listener(plan, listener, &mut self_signed) {
                Ok(Some(pair)) => drop(listeners.insert(listener.name.clone(), pair)),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut loaded = Self {
            hosts,
            listeners,
            pairs: Vec::new(),
        };
        loaded.list_pairs(plan);
        Ok(loaded)
    }

    fn read_listener(
        plan: &Plan,
        listener: &ListenerPlan,
        self_signed: &mut Option<Arc<Pair>>,
    ) -> Result<Option<Arc<Pair>>, CertificateProblem> {
        if let Some(files) = &listener.files {
            return Pair::load(format!("listener.{}.tls", listener.name), files)
                .map(|pair| Some(Arc::new(pair)));
        }
        if self_signed.is_none() && plan.may_make_self_signed {
            *self_signed = Some(Arc::new(self_signed::load_or_make(plan)?));
        }
        Ok(self_signed.clone())
    }

    fn list_pairs(&mut self, plan: &Plan) {
        let mut add = |pair: &Arc<Pair>, shown: Vec<String>| {
            if !self.pairs.iter().any(|(known, _)| Arc::ptr_eq(known, pair)) {
                self.pairs.push((Arc::clone(pair), shown));
            }
        };
        for (host, pair) in &self.hosts {
            add(pair, vec![host.clone()]);
        }
        let others: Vec<_> = plan
            .hosts
            .iter()
            .map(|(host, _)| host)
            .filter(|host| !self.hosts.contains_key(*host))
            .cloned()
            .collect();
        for pair in self.listeners.values() {
            add(pair, others.clone());
        }
        self.pairs
            .sort_by(|(one, _), (other, _)| one.section.cmp(&other.section));
    }
}

impl Snapshot {
    fn make(plan: &Plan, templates: &Templates) -> Result<Self, Vec<CertificateProblem>> {
        let loaded = Loaded::read(plan)?;
        let mut listeners = HashMap::new();
        for listener in &plan.listeners {
            let Some(fallback) = loaded.listeners.get(&listener.name) else {
                continue;
            };
            let chosen = |host: &str| loaded.hosts.get(host).unwrap_or(fallback);
            let starttls = plan
                .hosts
                .iter()
                .map(|(host, _)| (host.clone(), templates.fixed(listener, &chosen(host).key)))
                .collect();
            let by_name = loaded
                .hosts
                .iter()
                .map(|(host, pair)| (certificate_name(host), Arc::clone(&pair.key)))
                .collect();
            let direct = templates.by_name(listener, by_name, &fallback.key);
            let served = Served {
                fallback: Arc::clone(fallback),
                direct,
                starttls,
            };
            listeners.insert(listener.name.clone(), served);
        }
        Ok(Self {
            listeners,
            pairs: loaded.pairs,
        })
    }

    fn log(&self) {
        for (pair, hosts) in &self.pairs {
            let report = pair.report(hosts);
            tracing::info!(
                section = report.section,
                fingerprint = report.fingerprint,
                not_after = day(report.not_after),
                "certificate loaded"
            );
            if let Some(warning) = report.warning() {
                tracing::warn!("{warning}");
            }
        }
    }
}

/// A time in seconds since 1970 as a date (UTC).
pub(crate) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| seconds.to_string(),
        |time| time.strftime("%F").to_string(),
    )
}

/// What the stream above a finished handshake may use: keying material for channel binding (RFC 9266).
///
/// TLS 1.3 only: in TLS 1.2 it would need the extended master secret, and rustls does not say whether that was used.
#[must_use]
pub fn tls_facts(connection: &ServerConnection) -> TlsFacts {
    if connection.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
        return TlsFacts::default();
    }
    TlsFacts {
        exporter: connection
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]))
            .ok(),
    }
}

#[cfg(test)]
mod tests;

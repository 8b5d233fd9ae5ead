//! Certificates and the TLS settings that listeners serve with.
//!
//! [`Certificates`] is a handle: what it serves is an immutable snapshot that is replaced as a whole, so that every way
//! of choosing a certificate changes in the same moment. Handshakes under way and established sessions keep what they
//! began with. A change that meets one bad file changes nothing. Who changes it: [`Certificates::prepare`], with the
//! rest of the configuration, and the actor `certificates`, when files are no longer what they were.
//!
//! - `plan`: what of the configuration concerns certificates;
//! - `gathered`, `contents`, `directory`: the files of it, read once, and which of those of a directory are pairs;
//! - `files`: a pair; `loaded`: all of them, and the one rule by which a client is shown one;
//! - `examine`, `chain`, `trial`: what `portcullis check` looks at;
//! - `server`: the settings of rustls to which a handshake adds the pair; `handshake`: the handshake;
//! - `watch`: the actor that looks after the files.

mod any_certificate;
mod chain;
mod contents;
mod directory;
mod examine;
mod files;
mod gathered;
pub(crate) mod handshake;
mod loaded;
pub(crate) mod ordered;
mod plan;
mod report;
pub(crate) mod roots;
mod self_signed;
mod server;
mod trial;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use portcullis_config::Config;
use rustls::server::ClientHello;
use rustls::{ServerConfig, ServerConnection};
use xmpp::stream::TlsFacts;

pub(crate) use any_certificate::AnyCertificate;
pub use chain::{Chain, Trust};
pub use examine::{Examination, Examined};
pub use report::{CertificateProblem, CertificateReport, CertificateRow, CertificateState};
pub use trial::try_handshake;
pub use watch::{CertificateWatch, CertificateWatchReport};

use files::now;
use gathered::Gathered;
use loaded::Loaded;
use plan::{Plan, certificate_name};
use server::{Settings, Templates};

/// The certificates of a node and the TLS settings made of them. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Certificates {
    shared: Arc<Shared>,
}

struct Shared {
    templates: Templates,
    current: ArcSwap<Snapshot>,
    /// Held by whoever makes the next snapshot of the current one.
    changing: Mutex<()>,
    looks: Looks,
}

/// What came of looking at the files.
#[derive(Default)]
struct Looks {
    changed: AtomicU64,
    refused: AtomicU64,
    /// Why the files on disk are not those in use; empty when they are.
    problems: Mutex<Vec<String>>,
}

/// How often changed files were found, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookCounts {
    /// They were taken over.
    pub changed: u64,
    /// One was bad, and all stayed as it was.
    pub refused: u64,
}

/// Certificates that were loaded and are not in use yet.
pub struct Prepared(Snapshot);

/// A place of the configuration whose certificate is to be another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The place.
    pub section: String,
    /// SHA-256 of the certificate in use, in hexadecimal.
    pub old: Option<String>,
    /// SHA-256 of the one to come.
    pub new: Option<String>,
}

/// What is served from one load to the next.
struct Snapshot {
    plan: Plan,
    loaded: Loaded,
    settings: HashMap<String, Settings>,
}

impl Certificates {
    /// Loads every certificate of `config`, and makes the self-signed one in the data directory if a listener
    /// needs it.
    ///
    /// # Errors
    /// Every problem with every file that the configuration names.
    pub fn load(config: &Config) -> Result<Self, Vec<CertificateProblem>> {
        Self::from_plan(Plan::of(config))
    }

    /// Loads every certificate that `config` names and says what there is to warn of; makes and keeps nothing.
    ///
    /// # Errors
    /// Every problem with every file that the configuration names.
    pub fn check(config: &Config) -> Result<Vec<String>, Vec<CertificateProblem>> {
        Loaded::without_making(config).map(|loaded| loaded.warnings())
    }

    /// Loads every certificate of a configuration that is to follow the one in force, and says what there is to warn of;
    /// makes and keeps nothing. A file that was good must not have become bad.
    ///
    /// # Errors
    /// Every problem with every file that the configuration names or that is in use.
    pub fn check_next(&self, config: &Config) -> Result<Vec<String>, Vec<CertificateProblem>> {
        let next = Loaded::without_making(config)?;
        next.follows(&self.shared.current.load().loaded)?;
        Ok(next.warnings())
    }

    /// Loads everything anew, for [`Certificates::put_in_force`].
    ///
    /// # Errors
    /// Every problem with every file.
    pub fn prepare(&self, config: &Config) -> Result<Prepared, Vec<CertificateProblem>> {
        self.prepare_plan(Plan::of(config))
    }

    fn prepare_plan(&self, plan: Plan) -> Result<Prepared, Vec<CertificateProblem>> {
        let gathered = Gathered::read(&plan);
        self.follow(plan, gathered).map(Prepared)
    }

    /// Shows what was prepared in handshakes from now on.
    pub fn put_in_force(&self, Prepared(snapshot): Prepared) {
        let _changing = self.shared.changing.lock();
        self.replace(snapshot);
    }

    /// What is to follow what is in force; a file that was good must not have become bad.
    fn follow(&self, plan: Plan, gathered: Gathered) -> Result<Snapshot, Vec<CertificateProblem>> {
        let loaded = Loaded::of(&plan, gathered)?;
        loaded.follows(&self.shared.current.load().loaded)?;
        Ok(Snapshot::new(plan, loaded, &self.shared.templates))
    }

    fn replace(&self, snapshot: Snapshot) {
        snapshot.log(Some(&self.shared.current.load().loaded));
        self.shared.current.store(Arc::new(snapshot));
        self.shared.looks.problems.lock().clear();
    }

    /// Certificates that are others than those in use, or are new or gone; the fingerprints of both. What the
    /// node makes itself is left out. Makes and keeps nothing.
    ///
    /// # Errors
    /// Every problem with every file.
    pub fn changes(&self, config: &Config) -> Result<Vec<Changed>, Vec<CertificateProblem>> {
        let next = Loaded::without_making(config)?;
        let old = fingerprints(&self.shared.current.load().loaded);
        let new = fingerprints(&next);
        let places: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
        let changes = places.into_iter().map(|section| Changed {
            old: old.get(&section).cloned(),
            new: new.get(&section).cloned(),
            section,
        });
        let changes = changes.filter(|changed| changed.old != changed.new);
        Ok(changes.collect())
    }

    fn from_plan(plan: Plan) -> Result<Self, Vec<CertificateProblem>> {
        let templates = Templates::new();
        let loaded = Loaded::of(&plan, Gathered::read(&plan))?;
        let snapshot = Snapshot::new(plan, loaded, &templates);
        snapshot.log(None);
        Ok(Self {
            shared: Arc::new(Shared {
                templates,
                current: ArcSwap::from_pointee(snapshot),
                changing: Mutex::new(()),
                looks: Looks::default(),
            }),
        })
    }

    /// Reads the files again and takes them over if one is not what it was, or if one has become valid or has
    /// expired that another may stand in for. It blocks. True if something changed.
    ///
    /// # Errors
    /// Every problem with every file; then everything stays as it was. A problem that was there at the last look is
    /// not counted again.
    pub(crate) fn look(&self) -> Result<bool, Vec<CertificateProblem>> {
        let _changing = self.shared.changing.lock();
        let current = self.shared.current.load_full();
        let gathered = Gathered::read(&current.plan);
        let is_due = current.loaded.next_change.is_some_and(|at| at <= now());
        if gathered.digest == current.loaded.digest && !is_due {
            self.shared.looks.problems.lock().clear();
            return Ok(false);
        }
        let looks = &self.shared.looks;
        match self.follow(current.plan.clone(), gathered) {
            Ok(snapshot) => {
                self.replace(snapshot);
                looks.changed.fetch_add(1, Ordering::Relaxed);
                Ok(true)
            }
            Err(problems) => {
                let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
                if std::mem::replace(&mut *looks.problems.lock(), told.clone()) != told {
                    looks.refused.fetch_add(1, Ordering::Relaxed);
                }
                Err(problems)
            }
        }
    }

    /// Settings for the handshake of a client that says `hello` on our address `local`. After STARTTLS `host` is
    /// the one of the stream, else the client's SNI names it. `None` if the listener has no TLS, or is not known, or
    /// the host is not.
    pub(crate) fn settings(
        &self,
        listener: &str,
        host: Option<&str>,
        local: Option<SocketAddr>,
        hello: &ClientHello<'_>,
    ) -> Option<Arc<ServerConfig>> {
        let current = self.shared.current.load();
        let (settings, loaded) = (current.settings.get(listener)?, &current.loaded);
        if let Some(host) = host {
            let name = certificate_name(host);
            if !loaded.knows(&name) {
                return None;
            }
            let pair = loaded.shown(listener, Some(&name), local)?;
            return Some(settings.starttls(&pair.key));
        }
        // rustls has lower-cased the name.
        let named = hello.server_name();
        let is_unknown = named.is_some_and(|name| !loaded.knows(name));
        if is_unknown && settings.rejects_unknown_sni {
            return Some(settings.refusing());
        }
        let pair = loaded.shown(listener, named, local);
        Some(pair.map_or_else(
            || settings.refusing(),
            |pair| settings.direct(hello, &pair.key),
        ))
    }

    /// The certificates that a listener shows, each once. None for a listener without TLS.
    #[must_use]
    pub fn shown_by(&self, listener: &str) -> Vec<CertificateReport> {
        let current = self.shared.current.load();
        let rows = current.plan.listener(listener);
        let rows = rows
            .map(|plan| current.loaded.rows_of(plan))
            .unwrap_or_default();
        let mut shown: Vec<CertificateReport> = Vec::new();
        for CertificateRow { certificate, .. } in rows {
            let same = |one: &CertificateReport| {
                (&one.section, &one.file) == (&certificate.section, &certificate.file)
            };
            if !shown.iter().any(same) {
                shown.push(certificate);
            }
        }
        shown
    }

    /// Which certificate each listener shows to whom, in the order of their names.
    #[must_use]
    pub fn rows(&self) -> Vec<CertificateRow> {
        let current = self.shared.current.load();
        current.loaded.rows(&current.plan)
    }

    /// Every certificate in use, with its state now.
    #[must_use]
    pub fn report(&self) -> Vec<CertificateReport> {
        self.shared.current.load().loaded.reports()
    }

    /// Why the files on disk are not those in use, each one line; empty when they are.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.shared.looks.problems.lock().clone()
    }

    /// What came of looking at the files.
    #[must_use]
    pub fn look_counts(&self) -> LookCounts {
        let looks = &self.shared.looks;
        LookCounts {
            changed: looks.changed.load(Ordering::Relaxed),
            refused: looks.refused.load(Ordering::Relaxed),
        }
    }

    /// The directories in which a change concerns what is served.
    fn directories(&self) -> Vec<PathBuf> {
        self.shared.current.load().loaded.directories.clone()
    }
}

impl Loaded {
    /// Every certificate of `config`, but for one that would have to be made.
    fn without_making(config: &Config) -> Result<Self, Vec<CertificateProblem>> {
        let mut plan = Plan::of(config);
        plan.may_make_self_signed = false;
        Self::of(&plan, Gathered::read(&plan))
    }

    /// What there is to warn of.
    fn warnings(&self) -> Vec<String> {
        let broken = self
            .broken
            .iter()
            .map(|problem| format!("{problem} (passed over)"));
        let reports = self.reports();
        let unproven = self.unproven();
        let unproven = (!unproven.is_empty() && unproven != ["localhost"]).then(|| {
            format!(
                "tls: no certificate is found for {}: clients are shown a self-signed one",
                unproven.join(", ")
            )
        });
        let warnings = reports.iter().filter_map(CertificateReport::warning);
        broken.chain(warnings).chain(unproven).collect()
    }

    fn reports(&self) -> Vec<CertificateReport> {
        let pairs = self.pairs().into_iter();
        pairs.map(|(pair, hosts)| pair.report(&hosts)).collect()
    }

    /// Refuses to follow if a file of a directory that is in use has become bad; one that is gone is gone.
    fn follows(&self, old: &Loaded) -> Result<(), Vec<CertificateProblem>> {
        let broken = self
            .broken
            .iter()
            .filter(|problem| old.has(&problem.section, &problem.file));
        let broken: Vec<_> = broken.cloned().collect();
        match broken.is_empty() {
            true => Ok(()),
            false => Err(broken),
        }
    }
}

impl Snapshot {
    fn new(plan: Plan, loaded: Loaded, templates: &Templates) -> Self {
        let settings = plan.listeners.iter();
        let settings = settings
            .map(|listener| (listener.name.clone(), templates.settings(&listener.offer)))
            .collect();
        Self {
            plan,
            loaded,
            settings,
        }
    }

    /// Says what is served that was not before.
    fn log(&self, old: Option<&Loaded>) {
        let known: Vec<_> = old.map(Loaded::reports).unwrap_or_default();
        for report in self.loaded.reports() {
            if known.contains(&report) {
                continue;
            }
            tracing::info!(
                section = report.section,
                file = %report.file.display(),
                fingerprint = report.fingerprint,
                not_after = day(report.not_after),
                "certificate loaded"
            );
        }
        for row in self.loaded.rows(&self.plan) {
            tracing::debug!(
                listener = row.listener,
                hosts = ?row.hosts,
                interface = ?row.interface,
                port = row.port,
                fingerprint = row.certificate.fingerprint,
                "certificate chosen"
            );
        }
        for warning in self.loaded.warnings() {
            tracing::warn!("{warning}");
        }
    }
}

/// By place in the configuration and file, but for those that the node has made.
fn fingerprints(loaded: &Loaded) -> BTreeMap<String, String> {
    let reports = loaded.reports().into_iter();
    let named = reports.filter(|report| report.section != self_signed::SECTION);
    let place =
        |report: &CertificateReport| format!("{}: {}", report.section, report.file.display());
    named
        .map(|report| (place(&report), report.fingerprint))
        .collect()
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

//! Keeps what TLS shows in step with the files of certificates and keys.
//!
//! Nobody sends to it; the node starts it. The system tells it of changes, and it looks at the contents of all files every
//! half a minute besides. What it finds is served to handshakes from then on; a bad file leaves all as it was, which is said
//! here, in the log and in the metrics. Once a day it warns of certificates that end soon.

use std::path::PathBuf;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Context, SpawnHandle};
use serde::Serialize;

use super::{CertificateReport, Certificates};
use crate::file_watch::FileWatch;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// From a change to the look at it: certificate and key are written one after the other.
const SETTLE: Duration = Duration::from_millis(500);
/// How often certificates that end soon are warned of.
const WARN_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Directories that the system watches; in others changes are found by looking.
const MAX_WATCHED: usize = 128;

/// The actor.
pub struct CertificateWatch {
    certificates: Certificates,
    /// Set while a look is under way.
    is_looking: bool,
    /// Set from a change to the look at it.
    is_told: bool,
    watched: Vec<PathBuf>,
    watch: Option<SpawnHandle>,
    told_problems: Vec<String>,
}

/// What the console shows of the certificates.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateWatchReport {
    /// Certificates in use.
    pub certificates: usize,
    /// Those of them that are not valid now, or not for long.
    pub ending: usize,
    /// Times that changed files were taken over.
    pub changed: u64,
    /// Times that a changed file was bad.
    pub refused: u64,
    /// Why the files on disk are not those in use.
    pub problems: Vec<String>,
    /// Directories in which the system tells of changes; in others they are looked for.
    pub watched: usize,
}

impl CertificateWatch {
    /// Looks after what `certificates` serves.
    #[must_use]
    pub fn new(certificates: Certificates) -> Self {
        Self {
            certificates,
            is_looking: false,
            is_told: false,
            watched: Vec::new(),
            watch: None,
            told_problems: Vec::new(),
        }
    }

    /// Has the system tell of changes, as far as it can.
    fn watch(&mut self, context: &mut Context<Self>) {
        let mut directories = self.certificates.directories();
        directories.truncate(MAX_WATCHED);
        if self.watch.is_some() && self.watched == directories {
            return;
        }
        if let Some(watch) = self.watch.take() {
            context.cancel_future(watch);
        }
        match FileWatch::within(directories.iter().map(PathBuf::as_path)) {
            Ok(watch) => {
                self.watched = directories;
                self.wait(watch, context);
            }
            Err(error) => {
                self.watched.clear();
                tracing::debug!(%error, "certificates are not watched, only looked at");
            }
        }
    }

    /// Waits for one change after the other.
    fn wait(&mut self, mut watch: FileWatch, context: &mut Context<Self>) {
        let waiting = async move { watch.changed().await.map(|()| watch) };
        let waiting = wrap_future::<_, Self>(waiting).map(|told, actor, context| {
            actor.look_soon(context);
            match told {
                Ok(watch) => actor.wait(watch, context),
                // A directory is gone: the next look finds which are there.
                Err(_) => actor.watch = None,
            }
        });
        self.watch = Some(context.spawn(waiting));
    }

    fn look_soon(&mut self, context: &mut Context<Self>) {
        if !std::mem::replace(&mut self.is_told, true) {
            context.run_later(SETTLE, |actor, context| {
                actor.is_told = false;
                actor.look(context);
            });
        }
    }

    fn look(&mut self, context: &mut Context<Self>) {
        if self.is_looking {
            return self.look_soon(context);
        }
        self.is_looking = true;
        let certificates = self.certificates.clone();
        let looking = actix_rt::task::spawn_blocking(move || certificates.look());
        context.spawn(
            wrap_future::<_, Self>(looking).map(|outcome, actor, context| {
                actor.is_looking = false;
                match outcome {
                    Ok(Ok(_)) => actor.note(Vec::new()),
                    Ok(Err(problems)) => {
                        actor.note(problems.iter().map(ToString::to_string).collect());
                    }
                    Err(error) => tracing::error!(%error, "certificates were not looked at"),
                }
                actor.watch(context);
            }),
        );
    }

    /// Says new problems once, not at every look.
    fn note(&mut self, problems: Vec<String>) {
        if self.told_problems == problems {
            return;
        }
        for problem in &problems {
            tracing::error!("certificates stay as they were: {problem}");
        }
        if problems.is_empty() {
            tracing::info!("the certificates on disk are those in use again");
        }
        self.told_problems = problems;
    }

    fn warn(&self) {
        let reports = self.certificates.report();
        for warning in reports.iter().filter_map(CertificateReport::warning) {
            tracing::warn!("{warning}");
        }
    }
}

impl Supervise for CertificateWatch {
    const KIND: &'static str = "certificates";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(100),
            max: Duration::from_secs(30),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Actor for CertificateWatch {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.watch(context);
        // What changed since they were loaded.
        self.look(context);
        context.run_interval(LOOK_EVERY, Self::look);
        context.run_interval(WARN_EVERY, |actor, _| actor.warn());
    }
}

impl Observe for CertificateWatch {
    type Report = CertificateWatchReport;

    fn report(&self) -> CertificateWatchReport {
        let reports = self.certificates.report();
        let counts = self.certificates.look_counts();
        CertificateWatchReport {
            certificates: reports.len(),
            ending: reports
                .iter()
                .filter(|report| !report.is_valid_for_long())
                .count(),
            changed: counts.changed,
            refused: counts.refused,
            problems: self.certificates.problems(),
            watched: self.watched.len(),
        }
    }
}

//! Keeps one list file in step with the disk.
//!
//! Nobody sends to it; the firewall starts it. It looks at the file every few seconds and, when that has changed,
//! reads it on a blocking thread and publishes the new contents to all lists that share it. A file that can not be
//! read leaves the last good contents in force and says so.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Context};
use serde::Serialize;

use super::branch::POLICY;
use super::files::FileList;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// How often the file is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The actor.
pub(super) struct ListFile {
    list: Arc<FileList>,
    /// Set while a look is under way.
    is_looking: bool,
    problem: Option<String>,
}

/// What the console shows of a list file.
#[derive(Clone, Debug, Serialize)]
pub struct ListFileReport {
    /// Entries in force.
    pub entries: usize,
    /// When they were read.
    pub read_at: Option<String>,
    /// Why the file could not be read the last time.
    pub problem: Option<String>,
}

impl ListFile {
    pub(super) fn new(list: Arc<FileList>) -> Self {
        Self {
            list,
            is_looking: false,
            problem: None,
        }
    }

    fn look(&mut self, context: &mut Context<Self>) {
        if self.is_looking {
            return;
        }
        self.is_looking = true;
        let list = Arc::clone(&self.list);
        let looking = actix_rt::task::spawn_blocking(move || list.refresh());
        context.spawn(wrap_future::<_, Self>(looking).map(|outcome, actor, _| {
            actor.is_looking = false;
            let problem = match outcome {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            actor.note(problem);
        }));
    }

    /// Says a new problem once, not every few seconds.
    fn note(&mut self, problem: Option<String>) {
        if self.problem == problem {
            return;
        }
        let path = self.list.path().display();
        match &problem {
            Some(problem) => {
                tracing::warn!(target: "firewall", %path, "list not read, the last good entries stay: {problem}");
            }
            None => tracing::info!(target: "firewall", %path, "list is read again"),
        }
        self.problem = problem;
    }
}

impl Supervise for ListFile {
    const KIND: &'static str = "list-file";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        POLICY
    }
}

impl Actor for ListFile {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(LOOK_EVERY, Self::look);
    }
}

impl Observe for ListFile {
    type Report = ListFileReport;

    fn report(&self) -> ListFileReport {
        let state = self.list.state();
        ListFileReport {
            entries: self.list.entries(),
            read_at: state.read_at.map(|at| at.to_string()),
            problem: state.problem,
        }
    }
}

//! Keeps one list file in step with the disk.
//!
//! Nobody sends to it; the firewall starts it. It is told by the system when the file was written, looks at it every few
//! seconds besides, reads a changed one on a blocking thread and publishes the new contents to all lists that share it. A file
//! that can not be read leaves the last good contents in force and says so.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Context};
use serde::Serialize;

use super::branch::POLICY;
use super::files::{FileList, Occasion};
use crate::file_watch::FileWatch;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// How often the file is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);
/// From a change to the look at it, so that many changes are one.
const SETTLE: Duration = Duration::from_millis(100);

/// The actor.
pub(super) struct ListFile {
    list: Arc<FileList>,
    /// Set while a look is under way.
    is_looking: bool,
    /// Set from a change to the look at it.
    is_told: bool,
    /// Set while the system tells of changes; without, only looking does.
    is_watched: bool,
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
    /// Whether the system tells of changes; without, the file is looked at every few seconds.
    pub is_watched: bool,
}

impl ListFile {
    pub(super) fn new(list: Arc<FileList>) -> Self {
        Self {
            list,
            is_looking: false,
            is_told: false,
            is_watched: false,
            problem: None,
        }
    }

    /// Has the system tell of changes, as far as it can.
    fn watch(&mut self, context: &mut Context<Self>) {
        match FileWatch::new(self.list.path()) {
            Ok(watch) => {
                self.is_watched = true;
                wait(watch, context);
            }
            Err(error) => {
                let path = self.list.path().display();
                tracing::debug!(target: "firewall", %path, %error, "list is not watched, only looked at");
            }
        }
    }

    fn look_by_the_way(&mut self, context: &mut Context<Self>) {
        if !self.is_watched {
            self.watch(context);
        }
        self.look(Occasion::ByTheWay, context);
    }

    fn look(&mut self, occasion: Occasion, context: &mut Context<Self>) {
        if self.is_looking {
            if occasion == Occasion::Told {
                self.look_soon(context);
            }
            return;
        }
        self.is_looking = true;
        let list = Arc::clone(&self.list);
        let looking = actix_rt::task::spawn_blocking(move || list.refresh(occasion));
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

    fn look_soon(&mut self, context: &mut Context<Self>) {
        if !std::mem::replace(&mut self.is_told, true) {
            context.run_later(SETTLE, |actor, context| {
                actor.is_told = false;
                actor.look(Occasion::Told, context);
            });
        }
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

/// Waits for one change after the other.
fn wait(mut watch: FileWatch, context: &mut Context<ListFile>) {
    let waiting = async move { watch.changed().await.map(|()| watch) };
    context.spawn(
        wrap_future::<_, ListFile>(waiting).map(|told, actor, context| {
            actor.look_soon(context);
            match told {
                Ok(watch) => wait(watch, context),
                Err(_) => actor.is_watched = false,
            }
        }),
    );
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
        self.watch(context);
        context.run_interval(LOOK_EVERY, Self::look_by_the_way);
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
            is_watched: self.is_watched,
        }
    }
}

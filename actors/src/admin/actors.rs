//! Commands about actors, which are named by their path in the tree.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::Value;

use super::console::Console;
use super::protocol::{Answer, PAGE};
use crate::observe::Status;
use crate::supervise::{ActorPath, Tree};

/// How long an actor may take to report.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);

/// Some actors, and the path behind which the next ones are.
struct Page {
    actors: Vec<Status>,
    next: Option<String>,
}

impl Console {
    pub(super) fn list(&self, within: Option<String>, after: Option<String>) -> Answer {
        match self.page(within, after) {
            Ok(Page { actors, next }) => Answer::Actors {
                actors: actors.iter().map(value).collect(),
                next,
            },
            Err(problem) => Answer::refused(problem),
        }
    }

    pub(super) async fn observe(&self, path: String, after: Option<String>) -> Answer {
        match self.page(Some(path), after) {
            Ok(Page { actors, next }) => {
                let tree = &self.core.tree;
                let asked = actors
                    .iter()
                    .map(|actor| tree.observe(&actor.path, DEADLINE));
                // One that ended meanwhile is not there any more.
                let observed = join_all(asked).await;
                Answer::Actors {
                    actors: observed.iter().flatten().map(value).collect(),
                    next,
                }
            }
            Err(problem) => Answer::refused(problem),
        }
    }

    /// Has the tree tell an actor, or a subtree, something.
    pub(super) fn tell(&self, path: &str, tell: impl FnOnce(&Tree, &ActorPath) -> usize) -> Answer {
        let parsed = match ActorPath::parse(path) {
            Ok(parsed) => parsed,
            Err(error) => return Answer::refused(error.to_string()),
        };
        match tell(&self.core.tree, &parsed) {
            0 => Answer::refused(nobody(path)),
            actors => {
                tracing::info!(path, actors, "actors told by an operator");
                Answer::Told { actors }
            }
        }
    }

    fn page(&self, within: Option<String>, after: Option<String>) -> Result<Page, String> {
        let parse = |path: String| ActorPath::parse(&path).map_err(|error| error.to_string());
        let (within, after) = (
            within.map(parse).transpose()?,
            after.map(parse).transpose()?,
        );
        let mut actors = self.core.tree.list(within.as_ref());
        if let Some(within) = within.filter(|_| actors.is_empty()) {
            return Err(nobody(within.as_str()));
        }
        if let Some(after) = after {
            actors.retain(|actor| actor.path > after);
        }
        let is_last = actors.len() <= PAGE;
        actors.truncate(PAGE);
        let last = actors.last().filter(|_| !is_last);
        let next = last.map(|actor| actor.path.to_string());
        Ok(Page { actors, next })
    }
}

fn nobody(path: &str) -> String {
    format!("no actor is at or below {path:?}: list all of them to see their paths")
}

/// As it is shown.
pub(super) fn value(shown: &impl Serialize) -> Value {
    let unreadable = |error: serde_json::Error| Value::String(error.to_string());
    serde_json::to_value(shown).unwrap_or_else(unreadable)
}

//! Finding out why a text is in a list or not, beside the stanza path.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::List;
use super::definition::Backend;

/// What a list knows of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is among the loaded entries.
    Loaded,
    /// A rule has added it.
    Added,
    /// A rule has removed it from the loaded entries.
    Removed,
    /// It is no entry.
    Absent,
}

impl Standing {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Loaded => "listed",
            Self::Added => "listed, added by a rule",
            Self::Removed => "not listed, removed by a rule",
            Self::Absent => "not listed",
        }
    }
}

impl List {
    /// The text as an entry would have it, after filters and hash; `None` if a filter leaves nothing.
    pub(crate) fn key<'t>(&self, text: &'t [u8]) -> Option<Cow<'t, [u8]>> {
        let text = self.definition.filtered(text)?;
        Some(match self.definition.hash {
            Some(hash) => Cow::Owned(hash.hex(&text).into()),
            None => text,
        })
    }

    /// A list of its own that stands as this one does.
    pub(crate) fn fork(&self) -> Self {
        let changes = self.changes.read().clone();
        Self {
            definition: self.definition.clone(),
            contents: Arc::clone(&self.contents),
            changed: AtomicUsize::new(changes.len()),
            changes: RwLock::new(changes),
            limit: self.limit,
        }
    }

    /// How a text that [`Self::key`] gave stands.
    pub(crate) fn standing(&self, key: &[u8]) -> Standing {
        if self.changed.load(Ordering::Acquire) > 0
            && let Some(&is_added) = self.changes.read().get(key)
        {
            return if is_added {
                Standing::Added
            } else {
                Standing::Removed
            };
        }
        let is_loaded = self.definition.backend != Backend::Memory;
        if is_loaded && self.contents.load().contains(key) {
            Standing::Loaded
        } else {
            Standing::Absent
        }
    }

    /// Where it comes from, and how large it is.
    pub(crate) fn describe(&self) -> String {
        let (loaded, changed) = self.size();
        match &self.definition.backend {
            Backend::Memory => format!("memory, {changed} entries"),
            Backend::File { path, .. } => {
                format!("{path}, {loaded} entries, {changed} changes by rules")
            }
            Backend::Http { url, .. } => format!("{url}, {loaded} entries"),
        }
    }
}

//! What a run that leaves the world as it is would have changed in lists, so that its own conditions see it.

use crate::definitions::list::List;

/// Changes that one dry run remembers; rules make fewer effects than that of one stanza.
const MAX_CHANGES: usize = 1024;

/// Lists as a dry run would have left them.
#[derive(Clone, Debug, Default)]
pub(crate) struct DryRun {
    /// List, text as it is kept there, and whether it was added; the last change counts.
    changes: Vec<(usize, Box<[u8]>, bool)>,
}

impl DryRun {
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Notes that a rule added the text or removed it.
    pub(crate) fn change(&mut self, list: &List, text: &[u8], is_added: bool) {
        if self.changes.len() < MAX_CHANGES
            && list.takes_changes()
            && let Some(key) = list.key(text)
        {
            self.changes.push((id(list), key.into(), is_added));
        }
    }

    /// Whether this run added or removed the text; `None` if it did neither.
    pub(crate) fn list(&self, list: &List, text: &[u8]) -> Option<bool> {
        if self.changes.is_empty() {
            return None;
        }
        let key = list.key(text)?;
        let of_text = |(of, kept, _): &&(usize, Box<[u8]>, bool)| *of == id(list) && **kept == *key;
        let last = self.changes.iter().rev().find(of_text);
        last.map(|(_, _, is_added)| *is_added)
    }
}

fn id(list: &List) -> usize {
    std::ptr::from_ref(list).addr()
}

//! `%LIST name: source (option: value, ...)`: sets of strings that rules test, and that some may change.
//!
//! A list is its loaded contents, which may be shared by many hosts and are replaced as a whole, and what
//! rules have added or removed since, which belongs to this list alone.

pub mod contents;
pub mod definition;
pub mod http;
mod look_up;
pub(crate) mod strays;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::RwLock;

use crate::table::OrderedTable;
use contents::ListContents;
use definition::{Backend, ListDefinition};

/// Entries that rules may add to a list without a limit of its own.
pub const MAX_ADDED: usize = 1_000_000;

/// Bytes of the entries that rules may have added to or removed from one list; beyond, the oldest make room.
pub const MAX_ADDED_BYTES: usize = 64 << 20;

/// The contents of a file or http list: replaced by whoever loads it, read by all lists that share it.
pub type SharedContents = Arc<ArcSwap<ListContents>>;

/// A set of strings.
#[derive(Debug)]
pub struct List {
    definition: ListDefinition,
    contents: SharedContents,
    /// What rules have added (true) or removed (false).
    changes: RwLock<OrderedTable<bool>>,
    changed: AtomicUsize,
    /// Entries that rules may have added at one time; the oldest makes room.
    limit: usize,
}

impl List {
    /// A list over contents; memory lists start with none.
    #[must_use]
    pub fn new(definition: ListDefinition, contents: SharedContents) -> Self {
        let limit = definition.limit.unwrap_or(MAX_ADDED);
        Self {
            definition,
            contents,
            changes: RwLock::default(),
            changed: AtomicUsize::new(0),
            limit,
        }
    }

    /// The definition that made it.
    #[must_use]
    pub fn definition(&self) -> &ListDefinition {
        &self.definition
    }

    /// Entries that are loaded, and changes by rules since.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (
            self.contents.load().len(),
            self.changed.load(Ordering::Relaxed),
        )
    }

    /// The loaded contents, for whoever replaces them.
    #[must_use]
    pub fn contents(&self) -> &SharedContents {
        &self.contents
    }

    /// Entries added by rules, oldest first; at most `count` of the newest.
    #[must_use]
    pub fn added(&self, count: usize) -> Vec<Vec<u8>> {
        let changes = self.changes.read();
        let skipped = changes.len().saturating_sub(count);
        changes
            .iter()
            .skip(skipped)
            .filter(|(_, added)| **added)
            .map(|(key, _)| key.to_vec())
            .collect()
    }

    /// True if the text is in the list, after filters and hash.
    #[must_use]
    pub fn contains(&self, text: &[u8]) -> bool {
        if self.definition.is_plain() {
            return self.has(text);
        }
        let Some(text) = self.definition.filtered(text) else {
            return false;
        };
        match self.definition.hash {
            Some(hash) => self.has(hash.hex(&text).as_bytes()),
            None => self.has(&text),
        }
    }

    /// Steps that looking up a text costs, beyond those of an ordinary one.
    pub(crate) fn cost(&self, text: &[u8]) -> u64 {
        let bytes = text.len() as u64;
        if self.definition.is_plain() {
            bytes / 64
        } else {
            8 + bytes / 4
        }
    }

    fn has(&self, text: &[u8]) -> bool {
        if self.changed.load(Ordering::Acquire) > 0
            && let Some(&is_added) = self.changes.read().get(text)
        {
            return is_added;
        }
        self.definition.backend != Backend::Memory && self.contents.load().contains(text)
    }

    /// What decides quickly that a token is in none of this list; `None` if filters or changes forbid it.
    pub(crate) fn quick(&self) -> Option<arc_swap::Guard<Arc<ListContents>>> {
        let is_quick = self.definition.is_plain()
            && self.definition.backend != Backend::Memory
            && self.changed.load(Ordering::Acquire) == 0;
        is_quick.then(|| self.contents.load())
    }

    /// Adds a text; http lists can not be added to.
    pub fn add(&self, text: &[u8]) {
        self.change(text, true);
    }

    /// Removes a text.
    pub fn remove(&self, text: &[u8]) {
        self.change(text, false);
    }

    fn change(&self, text: &[u8], is_added: bool) {
        if matches!(self.definition.backend, Backend::Http { .. }) {
            return;
        }
        if let Some(text) = self.definition.filtered(text) {
            self.put(&text, is_added);
        }
    }

    /// Makes an http list too contain the text, for tries without live traffic.
    pub(crate) fn hold(&self, text: &[u8]) {
        if !self.contents.load().is_known() {
            self.contents.store(Arc::default());
        }
        let Some(text) = self.definition.filtered(text) else {
            return;
        };
        match self.definition.hash {
            Some(hash) => self.put(hash.hex(&text).as_bytes(), true),
            None => self.put(&text, true),
        }
    }

    /// Undoes what rules have changed.
    pub(crate) fn forget(&self) {
        *self.changes.write() = OrderedTable::default();
        self.changed.store(0, Ordering::Release);
    }

    fn put(&self, text: &[u8], is_added: bool) {
        let mut changes = self.changes.write();
        if is_added || self.definition.backend != Backend::Memory {
            changes.insert(text, is_added);
        } else {
            changes.remove(text);
        }
        while changes.len() > self.limit || changes.key_bytes() > MAX_ADDED_BYTES {
            changes.remove_oldest();
        }
        self.changed.store(changes.len(), Ordering::Release);
    }
}

impl ListDefinition {
    /// True if texts are looked up as they are.
    fn is_plain(&self) -> bool {
        self.filters.is_empty() && self.hash.is_none()
    }

    fn filtered<'t>(&self, text: &'t [u8]) -> Option<Cow<'t, [u8]>> {
        let mut text = Some(Cow::Borrowed(text));
        for filter in &self.filters {
            // What a filter makes nothing of is empty for the next one.
            let input = text.unwrap_or_default();
            text = filter.apply(&input).map(Cow::Owned);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(definition: &str, lines: &str) -> List {
        let definition = definition::parse(definition).expect("a definition");
        let contents = ListContents::from_lines(lines.as_bytes());
        List::new(definition, Arc::new(ArcSwap::from_pointee(contents)))
    }

    #[test]
    fn changes_lie_over_the_contents() {
        let list = list("file:/x", "a\nb\n");
        assert!(list.contains(b"a"));
        list.remove(b"a");
        list.add(b"c");
        assert!(!list.contains(b"a"));
        assert!(list.contains(b"b") && list.contains(b"c"));
        list.add(b"a");
        assert!(list.contains(b"a"));
    }

    #[test]
    fn full_memory_list_forgets_the_oldest_insertion() {
        let list = list("memory (limit: 2)", "");
        for text in ["a", "b", "a", "c"] {
            list.add(text.as_bytes());
        }
        assert!(list.contains(b"a") && list.contains(b"c") && !list.contains(b"b"));
    }

    #[test]
    fn filters_apply_to_what_is_looked_up() {
        let list = list("memory (filter: bare+lower)", "");
        list.add(b"A@b/c");
        assert!(list.contains(b"a@B/x"));
    }
}

//! What `%ZONE`, `%LIST`, `%SEARCH`, `%PATTERN` and `%RATE` define, and where names are looked up.
//!
//! The key of every object is script, kind and name; a name that a script does not define is looked for in
//! the other scripts of the host, in the order of the configuration. An object whose definition did not change
//! survives a reload with its state.

pub mod list;
pub(crate) mod pattern;
pub(crate) mod rate;
pub(crate) mod spec;
pub(crate) mod zone;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ahash::{AHashMap, AHashSet};

use crate::limiter::Limiter;
use crate::run::PathId;
use crate::syntax::span::Span;
use list::List;
use zone::Zone;

/// The words behind `%`.
pub(crate) const KEYWORDS: [&str; 5] = ["ZONE", "LIST", "RATE", "SEARCH", "PATTERN"];

/// What a definition made.
#[derive(Clone, Debug)]
pub enum Object {
    /// `%ZONE`
    Zone(Arc<Zone>),
    /// `%LIST`
    List(Arc<List>),
    /// `%RATE`
    Rate(Arc<Limiter>),
    /// `%SEARCH`, as a number of [`crate::program::Ruleset`].
    Search(SearchId),
    /// `%PATTERN`, as its text: each use reads it in its own mode.
    Pattern(Arc<str>),
}

/// Number of the path that a `%SEARCH` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchId(pub(crate) PathId);

impl Object {
    /// The keyword that defines such objects.
    #[must_use]
    pub const fn keyword(&self) -> &'static str {
        match self {
            Self::Zone(_) => "ZONE",
            Self::List(_) => "LIST",
            Self::Rate(_) => "RATE",
            Self::Search(_) => "SEARCH",
            Self::Pattern(_) => "PATTERN",
        }
    }
}

/// One defined object with its place.
#[derive(Debug)]
pub struct Entry {
    /// Name of the script.
    pub script: Arc<str>,
    /// Name of the object.
    pub name: String,
    /// The definition's value: an object survives a reload if it is the same.
    pub value: String,
    /// What was made of it.
    pub object: Object,
    pub(crate) script_index: u32,
    pub(crate) span: Span,
    pub(crate) is_used: AtomicBool,
}

/// All objects of one host.
#[derive(Debug, Default)]
pub struct Objects {
    entries: Vec<Entry>,
    index: AHashMap<&'static str, AHashMap<Box<str>, Vec<usize>>>,
    /// Script, keyword and name of definitions with mistakes.
    failed: AHashSet<(u32, String, String)>,
}

/// Where a name was found.
pub(crate) struct Resolved<'o> {
    pub(crate) entry: &'o Entry,
    /// Scripts that define the name, if it was found in another script than asked.
    pub(crate) others: usize,
}

impl Objects {
    /// All objects, in the order of their definitions.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The lists of that name, of all scripts.
    pub(crate) fn lists<'o>(&'o self, name: &str) -> impl Iterator<Item = &'o Arc<List>> {
        self.named("LIST", name)
            .filter_map(|entry| match &entry.object {
                Object::List(list) => Some(list),
                _ => None,
            })
    }

    /// Adds an object; true if the script had defined that name before, which is then forgotten.
    pub(crate) fn add(&mut self, entry: Entry) -> bool {
        let names = self.index.entry(entry.object.keyword()).or_default();
        let places = names.entry(entry.name.as_str().into()).or_default();
        for &place in places.iter() {
            if let Some(old) = self.entries.get_mut(place)
                && old.script_index == entry.script_index
            {
                *old = entry;
                return true;
            }
        }
        places.push(self.entries.len());
        self.entries.push(entry);
        false
    }

    fn named<'o>(&'o self, keyword: &str, name: &str) -> impl Iterator<Item = &'o Entry> {
        let places = self.index.get(keyword).and_then(|names| names.get(name));
        places
            .into_iter()
            .flatten()
            .filter_map(|&place| self.entries.get(place))
    }

    /// The object of an earlier load with exactly this definition.
    pub(crate) fn same(
        &self,
        script: &str,
        keyword: &str,
        name: &str,
        value: &str,
    ) -> Option<&Object> {
        self.named(keyword, name)
            .find(|entry| &*entry.script == script && entry.value == value)
            .map(|entry| &entry.object)
    }

    /// Remembers a definition with a mistake, so that its uses are not told of too.
    pub(crate) fn failed(&mut self, script: u32, keyword: &str, name: &str) {
        let key = (script, keyword.to_owned(), name.to_owned());
        self.failed.insert(key);
    }

    /// True if the script defines the name, with a mistake.
    pub(crate) fn has_failed(&self, script: u32, keyword: &str, name: &str) -> bool {
        let key = (script, keyword.to_owned(), name.to_owned());
        self.failed.contains(&key)
    }

    /// Looks a name up for a script.
    pub(crate) fn find(&self, script: u32, keyword: &str, name: &str) -> Option<Resolved<'_>> {
        let own = self
            .named(keyword, name)
            .find(|entry| entry.script_index == script);
        let (entry, others) = match own {
            Some(entry) => (entry, 0),
            None => {
                let others = self.named(keyword, name).count();
                (
                    self.named(keyword, name)
                        .min_by_key(|entry| entry.script_index)?,
                    others,
                )
            }
        };
        entry.is_used.store(true, Ordering::Relaxed);
        Some(Resolved { entry, others })
    }

    /// Names of that kind, for suggestions.
    pub(crate) fn names(&self, keyword: &str) -> impl Iterator<Item = &str> {
        self.index
            .get(keyword)
            .into_iter()
            .flat_map(|names| names.keys())
            .map(|name| &**name)
    }

    /// Definitions of a script that nothing refers to.
    pub(crate) fn unused(&self, script: u32) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| {
            entry.script_index == script && !entry.is_used.load(Ordering::Relaxed)
        })
    }
}

/// Resolves the escapes of a definition's value: `\n`, `\\` and the like; other `\x` stay two characters.
pub(crate) fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(letter) = characters.next() else {
            out.push('\\');
            break;
        };
        match letter {
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            '\\' | '"' | '\'' => out.push(letter),
            other => out.extend(['\\', other]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_escapes_are_resolved_and_others_kept() {
        assert_eq!(unescape(r#"a\n\\\"\d\"#), "a\n\\\"\\d\\");
    }
}

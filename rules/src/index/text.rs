//! Literals that many rules look for in one text: found by one look-up and one automaton for all of them.

use std::sync::Arc;

use ahash::AHashMap;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::conditions::TextGuard;
use crate::run::{PathId, Run};

/// Rules with literals in one text that make an automaton worth its search.
pub(super) const MIN_RULES: usize = 16;
/// Bytes of the literals of one automaton; rules beyond them are looked at one by one.
const MAX_LITERAL_BYTES: usize = 1 << 20;
/// Hits after which all rules are candidates: looking at them is then not dearer than sorting the hits.
const MAX_HITS: usize = 256;

/// The rules of a chain that look for literals at the end of one path.
#[derive(Debug)]
pub(super) struct TextIndex {
    path: PathId,
    whole: AHashMap<Box<[u8]>, Vec<u32>>,
    parts: Option<AhoCorasick>,
    /// The rules that look for each literal of the automaton.
    parted: Vec<Vec<u32>>,
    /// All of them, in order.
    rules: Arc<[u32]>,
}

/// The rules of one path while they are gathered.
#[derive(Debug)]
pub(super) struct TextDraft {
    path: PathId,
    whole: AHashMap<Box<[u8]>, Vec<u32>>,
    parts: AHashMap<Box<[u8]>, Vec<u32>>,
    bytes: usize,
    rules: Vec<u32>,
}

impl TextDraft {
    pub(super) fn new(path: PathId) -> Self {
        Self {
            path,
            whole: AHashMap::new(),
            parts: AHashMap::new(),
            bytes: 0,
            rules: Vec::new(),
        }
    }

    pub(super) fn path(&self) -> PathId {
        self.path
    }

    /// Adds a rule; false if there is no room for its literal.
    pub(super) fn add(&mut self, number: u32, guard: &TextGuard) -> bool {
        let literals = match guard.is_whole {
            true => &mut self.whole,
            false => &mut self.parts,
        };
        if !guard.is_whole && !literals.contains_key(&*guard.literal) {
            if self.bytes + guard.literal.len() > MAX_LITERAL_BYTES {
                return false;
            }
            self.bytes += guard.literal.len();
        }
        let rules = literals.entry(guard.literal.as_slice().into()).or_default();
        rules.push(number);
        self.rules.push(number);
        true
    }

    /// The index; the numbers of the rules if none can be made.
    pub(super) fn finish(self) -> Result<TextIndex, Vec<u32>> {
        let (literals, parted): (Vec<_>, Vec<_>) = self.parts.into_iter().unzip();
        let parts = match literals.is_empty() {
            true => None,
            false => match automaton(&literals) {
                Some(automaton) => Some(automaton),
                None => return Err(self.rules),
            },
        };
        Ok(TextIndex {
            path: self.path,
            whole: self.whole,
            parts,
            parted,
            rules: self.rules.into(),
        })
    }
}

fn automaton(literals: &[Box<[u8]>]) -> Option<AhoCorasick> {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(literals)
        .ok()
}

impl TextIndex {
    /// The rules that can hold, in order.
    pub(super) fn rules(&self) -> &[u32] {
        &self.rules
    }

    /// The rules whose literal is in the text, from the last to the first; `None`: too many to tell.
    pub(super) fn hits(&self, run: &mut Run<'_>) -> Option<Vec<u32>> {
        let (text, budget) = run.search(self.path);
        let mut hits = Vec::new();
        if let Some(rules) = self.whole.get(text) {
            if rules.len() > MAX_HITS {
                return None;
            }
            hits.extend_from_slice(rules);
        }
        if let Some(parts) = &self.parts {
            if !budget.take(text.len() as u64 / 8) {
                return None;
            }
            for found in parts.find_overlapping_iter(text) {
                let rules = self.parted.get(found.pattern().as_usize())?;
                if hits.len() + rules.len() > MAX_HITS {
                    return None;
                }
                hits.extend_from_slice(rules);
            }
        }
        hits.sort_unstable_by(|a, b| b.cmp(a));
        hits.dedup();
        Some(hits)
    }
}

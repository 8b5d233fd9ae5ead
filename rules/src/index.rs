//! Which rules of a chain can matter for a stanza: by kind, by exact addresses, by payload.
//!
//! A rule is left out only if one of its conditions is certain to fail and none before it has a side effect.

use ahash::AHashMap;
use smallvec::SmallVec;
use xmpp::stanza::StanzaKind;

use crate::conditions::{Guard, Key, Kinds};
use crate::program::Check;
use crate::run::Run;

/// Lists of candidates that a stanza can have at once; one with more payloads looks at every rule.
const MAX_LISTS: usize = 16;

type Lists = AHashMap<Box<str>, Vec<u32>>;

#[derive(Debug, Default)]
struct KindIndex {
    always: Vec<u32>,
    from_bare: Lists,
    from_host: Lists,
    to_bare: Lists,
    to_host: Lists,
    payload: Lists,
}

/// The index of one part of a chain.
#[derive(Debug, Default)]
pub(crate) struct ChainIndex {
    message: KindIndex,
    presence: KindIndex,
    iq: KindIndex,
    rules: usize,
}

impl ChainIndex {
    pub(crate) fn new<'r>(rules: impl Iterator<Item = &'r [Check]>) -> Self {
        let mut index = Self::default();
        for checks in rules {
            let Ok(number) = u32::try_from(index.rules) else { break };
            let (kinds, keys) = guard_of(checks);
            for (kind, side) in [
                (Kinds::MESSAGE, &mut index.message),
                (Kinds::PRESENCE, &mut index.presence),
                (Kinds::IQ, &mut index.iq),
            ] {
                if kinds.contains(kind) {
                    side.add(number, keys.as_deref());
                }
            }
            index.rules += 1;
        }
        index
    }

    fn of(&self, kind: StanzaKind) -> &KindIndex {
        match kind {
            StanzaKind::Message => &self.message,
            StanzaKind::Presence => &self.presence,
            StanzaKind::Iq => &self.iq,
        }
    }
}

impl KindIndex {
    fn add(&mut self, number: u32, keys: Option<&[Key]>) {
        let Some(keys) = keys else {
            self.always.push(number);
            return;
        };
        for key in keys {
            let (lists, text) = match key {
                Key::FromBare(text) => (&mut self.from_bare, text),
                Key::FromHost(text) => (&mut self.from_host, text),
                Key::ToBare(text) => (&mut self.to_bare, text),
                Key::ToHost(text) => (&mut self.to_host, text),
                Key::Payload(text) => (&mut self.payload, text),
            };
            let list = lists.entry(text.as_str().into()).or_default();
            if list.last() != Some(&number) {
                list.push(number);
            }
        }
    }
}

/// The kinds for which the rule can hold, and the keys of which the stanza must have one.
fn guard_of(checks: &[Check]) -> (Kinds, Option<Vec<Key>>) {
    let mut kinds = Kinds::ALL;
    let mut best: Option<Vec<Key>> = None;
    for check in checks {
        if check.condition.has_side_effect() {
            break;
        }
        match (check.condition.guard(), check.is_negated) {
            (Guard::Kinds(some), false) => kinds = kinds.intersection(some),
            (Guard::Kinds(some), true) => kinds = kinds.without(some),
            (Guard::Keys(keys), false)
                if best.as_ref().is_none_or(|best| keys.len() < best.len()) =>
            {
                best = Some(keys);
            }
            _ => {}
        }
    }
    (kinds, best)
}

/// Walks the candidates of one chain part in the order of the rules.
pub(crate) struct Cursor<'i> {
    lists: SmallVec<[&'i [u32]; MAX_LISTS]>,
    /// The next rule if every one is looked at.
    scan: Option<usize>,
    next: usize,
    rules: usize,
}

impl<'i> Cursor<'i> {
    pub(crate) fn new(index: &'i ChainIndex, run: &Run<'_>) -> Self {
        let mut cursor = Self { lists: SmallVec::new(), scan: None, next: 0, rules: index.rules };
        if run.is_edited() {
            cursor.scan = Some(0);
            return cursor;
        }
        let side = index.of(run.kind());
        cursor.lists.push(&side.always);
        cursor.look_up(&side.from_bare, run.from.bare());
        cursor.look_up(&side.from_host, run.from.host());
        cursor.look_up(&side.to_bare, run.to.bare());
        cursor.look_up(&side.to_host, run.to.host());
        if !side.payload.is_empty() {
            for child in run.stanza.children() {
                if cursor.lists.len() >= MAX_LISTS {
                    cursor.scan = Some(0);
                    break;
                }
                cursor.look_up(&side.payload, Some(&child.ns()));
            }
        }
        cursor
    }

    fn look_up(&mut self, lists: &'i Lists, key: Option<&str>) {
        if !lists.is_empty()
            && let Some(list) = key.and_then(|key| lists.get(key))
        {
            self.lists.push(list);
        }
    }

    /// The number of the next rule to look at.
    #[inline]
    pub(crate) fn next(&mut self, run: &Run<'_>) -> Option<usize> {
        if self.scan.is_none() && run.is_edited() {
            // Payloads are not what they were when the lists were chosen.
            self.scan = Some(self.next);
        }
        if let Some(at) = self.scan {
            self.scan = Some(at + 1);
            return (at < self.rules).then_some(at);
        }
        let number = if let [only] = &mut self.lists[..] {
            let (&first, rest) = only.split_first()?;
            *only = rest;
            first
        } else {
            let first = self.lists.iter().filter_map(|list| list.first()).min().copied()?;
            for list in &mut self.lists {
                if let Some((&head, rest)) = list.split_first()
                    && head == first
                {
                    *list = rest;
                }
            }
            first
        };
        self.next = number as usize + 1;
        Some(number as usize)
    }
}

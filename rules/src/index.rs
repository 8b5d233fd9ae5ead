//! Which rules of a chain can matter for a stanza: by kind, by exact addresses, by payload, by literals in a text,
//! and by conditions that many rules share.
//!
//! A rule is left out only if one of its conditions is certain to fail and none before it has a side effect.

mod text;

use std::sync::Arc;

use ahash::AHashMap;
use smallvec::SmallVec;
use xmpp::stanza::StanzaKind;

use crate::conditions::{Condition, Guard, Key, Kinds, TextGuard};
use crate::program::Check;
use crate::run::{PathId, Run};
use text::{TextDraft, TextIndex};

/// Lists of candidates that a stanza can have at once; one with more payloads looks at every rule.
const MAX_LISTS: usize = 24;
/// Shared conditions that stand before a list of rules of their own: those of most rules.
const MAX_GATES: usize = 8;
/// Rules that make it worth to ask a shared condition for all of them at once.
const MIN_GATED: usize = 6;
/// Texts that are searched for literals of several rules at once.
const MAX_TEXTS: usize = 8;
/// Keys of all rules of a chain, repetitions of a large zone included; rules beyond them are looked at one by one.
const MAX_KEYS: usize = 2_000_000;

type Lists = AHashMap<Box<str>, Vec<u32>>;

/// Rules that can hold only if one condition does.
#[derive(Debug)]
struct Gate {
    condition: Arc<dyn Condition>,
    slot: u32,
    rules: Vec<u32>,
}

#[derive(Debug, Default)]
struct KindIndex {
    always: Vec<u32>,
    gates: Vec<Gate>,
    from_bare: Lists,
    from_host: Lists,
    to_bare: Lists,
    to_host: Lists,
    payload: Lists,
    texts: Vec<TextIndex>,
    drafts: Vec<TextDraft>,
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
        let mut room = MAX_KEYS;
        let guards: Vec<Guards<'_>> = rules.map(|checks| guards_of(checks, &mut room)).collect();
        let texts = common_texts(&guards);
        for (number, guards) in (0..).zip(&guards) {
            for (kind, side) in [
                (Kinds::MESSAGE, &mut index.message),
                (Kinds::PRESENCE, &mut index.presence),
                (Kinds::IQ, &mut index.iq),
            ] {
                if guards.kinds.contains(kind) {
                    side.add(number, guards, &texts);
                }
            }
        }
        index.rules = guards.len();
        for side in [&mut index.message, &mut index.presence, &mut index.iq] {
            side.finish();
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
    fn add(&mut self, number: u32, guards: &Guards<'_>, texts: &[PathId]) {
        let is_address = guards.keys.as_ref().is_some_and(|keys| {
            let is_payload = |key: &Key| matches!(key, Key::Payload(_));
            !keys.iter().any(is_payload)
        });
        if !is_address
            && let Some(text) = &guards.text
            && texts.contains(&text.path)
            && self.add_text(number, text)
        {
            return;
        }
        if let Some(keys) = &guards.keys {
            keys.iter().for_each(|key| self.add_key(number, key));
            return;
        }
        let Some((condition, slot)) = guards.gate else {
            self.always.push(number);
            return;
        };
        match self.gates.iter_mut().find(|gate| gate.slot == slot) {
            Some(gate) => gate.rules.push(number),
            None => self.gates.push(Gate {
                condition: condition.clone(),
                slot,
                rules: vec![number],
            }),
        }
    }

    fn add_text(&mut self, number: u32, guard: &TextGuard) -> bool {
        let known = self.drafts.iter().position(|one| one.path() == guard.path);
        let at = known.unwrap_or_else(|| {
            self.drafts.push(TextDraft::new(guard.path));
            self.drafts.len() - 1
        });
        self.drafts
            .get_mut(at)
            .is_some_and(|draft| draft.add(number, guard))
    }

    fn add_key(&mut self, number: u32, key: &Key) {
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

    /// Keeps the gates of most rules; the rules of the others are looked at one by one.
    fn finish(&mut self) {
        for draft in self.drafts.drain(..) {
            match draft.finish() {
                Ok(text) => self.texts.push(text),
                Err(rules) => self.always.extend(rules),
            }
        }
        self.gates
            .sort_by_key(|gate| std::cmp::Reverse(gate.rules.len()));
        let kept = self
            .gates
            .iter()
            .take(MAX_GATES)
            .take_while(|gate| gate.rules.len() >= MIN_GATED)
            .count();
        for gate in self.gates.drain(kept..) {
            self.always.extend(gate.rules);
        }
        self.always.sort_unstable();
    }
}

/// What a stanza must have for a rule to hold.
struct Guards<'c> {
    kinds: Kinds,
    keys: Option<Vec<Key>>,
    gate: Option<(&'c Arc<dyn Condition>, u32)>,
    text: Option<TextGuard>,
}

/// The paths whose text enough rules look into, those of most rules first.
fn common_texts(guards: &[Guards<'_>]) -> Vec<PathId> {
    let mut counts: AHashMap<PathId, usize> = AHashMap::new();
    for text in guards.iter().filter_map(|guards| guards.text.as_ref()) {
        *counts.entry(text.path).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.retain(|(_, count)| *count >= text::MIN_RULES);
    counts.sort_by_key(|(path, count)| (std::cmp::Reverse(*count), *path));
    counts
        .into_iter()
        .take(MAX_TEXTS)
        .map(|(path, _)| path)
        .collect()
}

fn guards_of<'c>(checks: &'c [Check], room: &mut usize) -> Guards<'c> {
    let mut guards = Guards {
        kinds: Kinds::ALL,
        keys: None,
        gate: None,
        text: None,
    };
    for check in checks {
        if check.condition.has_side_effect() {
            break;
        }
        match (check.condition.guard(), check.is_negated) {
            (Guard::Kinds(some), false) => guards.kinds = guards.kinds.intersection(some),
            (Guard::Kinds(some), true) => guards.kinds = guards.kinds.without(some),
            (Guard::Keys(keys), false)
                if guards
                    .keys
                    .as_ref()
                    .is_none_or(|best| keys.len() < best.len()) =>
            {
                guards.keys = Some(keys);
            }
            (Guard::Text(text), false) if guards.text.is_none() => guards.text = Some(text),
            _ => {}
        }
        if let Some(slot) = check.slot
            && !check.is_negated
            && guards.gate.is_none()
        {
            guards.gate = Some((&check.condition, slot));
        }
    }
    // Rules beyond the room are found by another guard, or looked at one by one.
    let taken = guards.keys.as_ref().map_or(0, Vec::len);
    match room.checked_sub(taken) {
        Some(left) => *room = left,
        None => guards.keys = None,
    }
    guards
}

/// One list of candidates.
struct Candidates<'i> {
    rest: &'i [u32],
    gate: Option<&'i Gate>,
    text: Option<&'i TextIndex>,
    /// The rules that `text` has found, the first at the end.
    found: Vec<u32>,
    /// The condition of the gate was found to hold, or the text was searched.
    is_open: bool,
}

impl<'i> Candidates<'i> {
    fn of(rest: &'i [u32]) -> Self {
        Self {
            rest,
            gate: None,
            text: None,
            found: Vec::new(),
            is_open: true,
        }
    }

    #[inline]
    fn head(&self) -> Option<u32> {
        self.rest.first().or_else(|| self.found.last()).copied()
    }

    /// Goes behind the head; true if it is a candidate.
    fn take(&mut self, run: &mut Run<'_>, head: u32) -> bool {
        if !self.is_open {
            if let Some(text) = self.text {
                self.search(text, run, head);
                if self.head() != Some(head) {
                    return false;
                }
            } else if !self.gate.is_none_or(|gate| gate.holds(run)) {
                self.rest = &[];
                return false;
            }
            self.is_open = true;
        }
        match self.rest.split_first() {
            Some((_, behind)) => self.rest = behind,
            None => {
                self.found.pop();
            }
        }
        true
    }

    /// Leaves the rules that can hold, from `head` on.
    fn search(&mut self, text: &TextIndex, run: &mut Run<'_>, head: u32) {
        self.is_open = true;
        if let Some(mut found) = text.hits(run) {
            found.retain(|&number| number >= head);
            self.found = found;
            self.rest = &[];
        }
    }
}

/// Walks the candidates of one chain part in the order of the rules.
pub(crate) struct Cursor<'i> {
    lists: SmallVec<[Candidates<'i>; 8]>,
    /// The next rule if every one is looked at.
    scan: Option<usize>,
    next: u32,
    rules: usize,
    epoch: u32,
}

impl<'i> Cursor<'i> {
    pub(crate) fn new(index: &'i ChainIndex, run: &Run<'_>) -> Self {
        let mut cursor = Self {
            lists: SmallVec::new(),
            scan: None,
            next: 0,
            rules: index.rules,
            epoch: run.epoch,
        };
        if run.is_edited() {
            cursor.scan = Some(0);
            return cursor;
        }
        let side = index.of(run.kind());
        cursor.push(&side.always);
        for gate in &side.gates {
            cursor.lists.push(Candidates {
                gate: Some(gate),
                is_open: false,
                ..Candidates::of(&gate.rules)
            });
        }
        for text in &side.texts {
            cursor.lists.push(Candidates {
                text: Some(text),
                is_open: false,
                ..Candidates::of(text.rules())
            });
        }
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
                if let Some(list) = side.payload.get(&*child.ns())
                    && !cursor.holds(list)
                {
                    cursor.push(list);
                }
            }
        }
        cursor
    }

    fn push(&mut self, rest: &'i [u32]) {
        if !rest.is_empty() {
            self.lists.push(Candidates::of(rest));
        }
    }

    /// True if that list is among the candidates: several children may have the same namespace.
    fn holds(&self, rest: &[u32]) -> bool {
        self.lists.iter().any(|list| std::ptr::eq(list.rest, rest))
    }

    fn look_up(&mut self, lists: &'i Lists, key: Option<&str>) {
        if !lists.is_empty()
            && let Some(list) = key.and_then(|key| lists.get(key))
        {
            self.push(list);
        }
    }

    /// The number of the next rule to look at.
    #[inline]
    pub(crate) fn next(&mut self, run: &mut Run<'_>) -> Option<usize> {
        if self.scan.is_none() && run.is_edited() {
            // Payloads are not what they were when the lists were chosen.
            self.scan = Some(self.next as usize);
        }
        if let Some(at) = self.scan {
            self.scan = Some(at + 1);
            return (at < self.rules).then_some(at);
        }
        if self.epoch != run.epoch {
            self.reopen(run.epoch);
        }
        let number = self.advance(run)?;
        self.next = number + 1;
        Some(number as usize)
    }

    fn advance(&mut self, run: &mut Run<'_>) -> Option<u32> {
        if let [only] = &mut self.lists[..]
            && only.is_open
        {
            let head = only.head()?;
            only.take(run, head);
            return Some(head);
        }
        loop {
            let first = self.lists.iter().filter_map(Candidates::head).min()?;
            let mut is_candidate = false;
            for list in &mut self.lists {
                if list.head() == Some(first) {
                    is_candidate |= list.take(run, first);
                }
            }
            if is_candidate {
                return Some(first);
            }
        }
    }

    /// Something has changed that the conditions of gates may depend on: they are asked again for the rules to come.
    fn reopen(&mut self, epoch: u32) {
        self.epoch = epoch;
        for list in &mut self.lists {
            if let Some(gate) = list.gate {
                let next = gate.rules.partition_point(|&number| number < self.next);
                list.rest = gate.rules.get(next..).unwrap_or_default();
                list.is_open = false;
            }
        }
    }
}

impl Gate {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let holds = match run.recall(self.slot) {
            Some(held) => held,
            None => {
                let holds = self.condition.holds(run);
                run.remember(self.slot, holds);
                holds
            }
        };
        // What could not be decided for want of steps is for the rule to report.
        holds || run.budget.is_spent()
    }
}

#[cfg(test)]
mod tests {
    use crate::{NoFiles, Options, Source, Verdict, compile, world::World};
    use xmpp::stanza::Stanza;
    use xmpp::xml::Limits;

    fn verdict(script: &str, xml: &str) -> Verdict {
        let source = Source {
            name: "a.pfw".into(),
            text: script.as_bytes().to_vec(),
        };
        let compiled = compile(
            "example.com",
            &[source],
            &Options::default(),
            &NoFiles,
            None,
        );
        assert!(
            !compiled.reports[0].has_errors(),
            "{}",
            compiled.reports[0].render(false)
        );
        let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).expect("a stanza");
        compiled
            .ruleset
            .run("deliver", &stanza, &World::default())
            .verdict
    }

    #[test]
    fn closed_gates_open_again_when_their_condition_changes() {
        let gated = "CHECK LIST: l contains x\nLOG=in\n\n".repeat(8);
        let script = format!(
            "%LIST l: memory\n\n{gated}KIND: message\nADD TO=l x\n\n{gated}CHECK LIST: l contains x\nDROP.\n"
        );
        assert_eq!(verdict(&script, "<message/>"), Verdict::Drop);
        assert_eq!(verdict(&script, "<presence/>"), Verdict::Pass);
    }

    #[test]
    fn injected_payloads_are_seen_behind_the_injection() {
        let script = "PAYLOAD: urn:x\nDROP.\n\nKIND: message\nINJECT=<x xmlns='urn:y'/>\n\nPAYLOAD: urn:y\nBOUNCE.\n";
        assert_eq!(verdict(script, "<message from='a@b'/>"), Verdict::Bounce);
        assert_eq!(
            verdict(script, "<message><a xmlns='urn:x'/></message>"),
            Verdict::Drop
        );
    }

    #[test]
    fn rules_run_in_the_order_of_the_script_whatever_list_they_are_in() {
        let script = "FROM: a@b\nPASS.\n\nFROM: <*>@b\nDROP.\n\nBOUNCE.\n";
        assert_eq!(verdict(script, "<message from='a@b'/>"), Verdict::Pass);
        assert_eq!(verdict(script, "<message from='c@b'/>"), Verdict::Drop);
        assert_eq!(verdict(script, "<message from='c@d'/>"), Verdict::Bounce);
    }
}

//! Which rules of a chain can matter for a stanza: by kind, by exact addresses, by payload, and by conditions that
//! many rules share.
//!
//! A rule is left out only if one of its conditions is certain to fail and none before it has a side effect.

use std::sync::Arc;

use ahash::AHashMap;
use smallvec::SmallVec;
use xmpp::stanza::StanzaKind;

use crate::conditions::{Condition, Guard, Key, Kinds};
use crate::program::Check;
use crate::run::Run;

/// Lists of candidates that a stanza can have at once; one with more payloads looks at every rule.
const MAX_LISTS: usize = 24;
/// Shared conditions that stand before a list of rules of their own: those of most rules.
const MAX_GATES: usize = 8;
/// Rules that make it worth to ask a shared condition for all of them at once.
const MIN_GATED: usize = 6;

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
            let Ok(number) = u32::try_from(index.rules) else {
                break;
            };
            let guards = guards_of(checks);
            for (kind, side) in [
                (Kinds::MESSAGE, &mut index.message),
                (Kinds::PRESENCE, &mut index.presence),
                (Kinds::IQ, &mut index.iq),
            ] {
                if guards.kinds.contains(kind) {
                    side.add(number, &guards);
                }
            }
            index.rules += 1;
        }
        for side in [&mut index.message, &mut index.presence, &mut index.iq] {
            side.drop_small_gates();
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
    fn add(&mut self, number: u32, guards: &Guards<'_>) {
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
    fn drop_small_gates(&mut self) {
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
}

fn guards_of(checks: &[Check]) -> Guards<'_> {
    let mut guards = Guards {
        kinds: Kinds::ALL,
        keys: None,
        gate: None,
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
            _ => {}
        }
        if let Some(slot) = check.slot
            && !check.is_negated
            && guards.gate.is_none()
        {
            guards.gate = Some((&check.condition, slot));
        }
    }
    guards
}

/// One list of candidates.
struct Candidates<'i> {
    rest: &'i [u32],
    gate: Option<&'i Gate>,
    /// The condition of the gate was found to hold.
    is_open: bool,
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
                rest: &gate.rules,
                gate: Some(gate),
                is_open: false,
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
                cursor.look_up(&side.payload, Some(&child.ns()));
            }
        }
        cursor
    }

    fn push(&mut self, rest: &'i [u32]) {
        if !rest.is_empty() {
            self.lists.push(Candidates {
                rest,
                gate: None,
                is_open: true,
            });
        }
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
        if let [
            Candidates {
                rest,
                is_open: true,
                ..
            },
        ] = &mut self.lists[..]
        {
            let (&first, behind) = rest.split_first()?;
            *rest = behind;
            return Some(first);
        }
        loop {
            let first = self
                .lists
                .iter()
                .filter_map(|list| list.rest.first())
                .min()
                .copied()?;
            let mut is_candidate = false;
            for list in &mut self.lists {
                let Some((&head, behind)) = list.rest.split_first() else {
                    continue;
                };
                if head != first {
                    continue;
                }
                if list.is_open || list.gate.is_none_or(|gate| gate.holds(run)) {
                    list.is_open = true;
                    list.rest = behind;
                    is_candidate = true;
                } else {
                    list.rest = &[];
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

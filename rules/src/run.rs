//! One evaluation: the stanza, what was found out about it, and what is to be done.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;
use xmpp::stanza::{ElementRef, Stanza, StanzaKind};

use crate::address::Party;
use crate::counters::{Lane, Watch};
use crate::definitions::list::List;
use crate::dry_run::DryRun;
use crate::explain::sight::Sight;
use crate::facts::{Facts, Origin, Timestamp};
use crate::limiter::Limiter;
use crate::lua_pattern::Budget;
use crate::observer::Observer;
use crate::outcome::{Effect, Fault, FaultKind, Outcome, Verdict};
use crate::path::{self, Value};
use crate::program::{ChainId, Ruleset};

/// Paths whose value is kept during a run; the most used ones.
const CACHED_PATHS: usize = 12;
/// Words of the memory for shared conditions.
pub(crate) const MEMO_WORDS: usize = 8;
/// Shared conditions whose outcome is remembered; the most used ones.
pub(crate) const MEMO_SLOTS: usize = MEMO_WORDS * 64;
/// Effects that one stanza may have.
const MAX_EFFECTS: usize = 256;
/// Bytes of the stanzas and texts that one stanza may lead to.
const MAX_EFFECT_BYTES: usize = 16 << 20;
/// Bytes to which rules may make a stanza grow.
const MAX_EDITED: usize = 4 << 20;

/// Number of a stanza path of a [`Ruleset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PathId(pub(crate) u32);

#[derive(Debug)]
enum Slot<'a> {
    Unknown,
    Absent,
    Text(Cow<'a, str>),
    Element(ElementRef<'a>),
    Xml(String),
}

struct Poll {
    limiter: usize,
    key: u64,
    frame: u32,
    is_over: bool,
}

/// The state of one evaluation.
pub(crate) struct Run<'a> {
    pub(crate) ruleset: &'a Ruleset,
    pub(crate) facts: &'a dyn Facts,
    pub(crate) origin: Origin<'a>,
    /// The stanza as it came; what rules made of it is [`Self::current`].
    pub(crate) stanza: &'a Stanza,
    edited: Option<Box<Stanza>>,
    pub(crate) type_attr: Option<&'a str>,
    pub(crate) from: Party<'a>,
    pub(crate) to: Party<'a>,
    pub(crate) budget: Budget,
    pub(crate) effects: Vec<Effect>,
    effect_bytes: usize,
    pub(crate) verdict: Verdict,
    pub(crate) fault: Option<Fault>,
    /// Script, line and chain of the rule that gave the verdict.
    pub(crate) decided_by: Option<(u32, u32, ChainId)>,
    pub(crate) depth: u32,
    /// The chain run that is going on; `LIMIT` counts once in each.
    pub(crate) frame: u32,
    pub(crate) frames: u32,
    /// Script and line of the rule that is being looked at.
    pub(crate) place: (u32, u32),
    now: Option<Timestamp>,
    /// Counts the changes that outcomes of conditions may depend on.
    pub(crate) epoch: u32,
    known: [u64; MEMO_WORDS],
    held: [u64; MEMO_WORDS],
    polled: SmallVec<[Poll; 4]>,
    slots: [Slot<'a>; CACHED_PATHS],
    uncached: (Option<PathId>, Slot<'a>),
    pub(crate) observer: Option<&'a mut (dyn Observer + 'a)>,
    /// Set if this run leaves lists, limiters and counters as they are.
    dry: Option<Box<DryRun>>,
    /// Steps that finding out reasons may still take, for an observer that wants them.
    pub(crate) reasons_left: u64,
    /// Where this thread counts; `None` in a dry run.
    pub(crate) lane: Option<&'a Lane>,
    /// Set in the few runs that are timed.
    watch: Option<Watch>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        ruleset: &'a Ruleset,
        stanza: &'a Stanza,
        facts: &'a dyn Facts,
        observer: Option<&'a mut (dyn Observer + 'a)>,
    ) -> Self {
        let origin = facts.origin();
        let lane = ruleset.counters.lane();
        let is_timed = lane.is_some_and(Lane::begin);
        Self {
            lane,
            watch: is_timed
                .then(|| Watch::start(|| facts.stopwatch()))
                .flatten(),
            ruleset,
            facts,
            origin,
            stanza,
            edited: None,
            type_attr: stanza.type_attr(),
            from: Party::from_of(stanza),
            to: Party::to_of(stanza, &origin),
            budget: Budget::new(ruleset.step_budget()),
            effects: Vec::new(),
            effect_bytes: 0,
            verdict: Verdict::Pass,
            fault: None,
            decided_by: None,
            depth: 0,
            frame: 0,
            frames: 0,
            place: (0, 0),
            now: None,
            epoch: 0,
            known: [0; MEMO_WORDS],
            held: [0; MEMO_WORDS],
            polled: SmallVec::new(),
            slots: [const { Slot::Unknown }; CACHED_PATHS],
            uncached: (None, Slot::Unknown),
            observer,
            dry: None,
            reasons_left: ruleset.step_budget(),
        }
    }

    /// Has the run leave lists, limiters and counters as they are.
    pub(crate) fn make_dry(&mut self) {
        self.dry = Some(Box::default());
        self.lane = None;
    }

    #[inline]
    pub(crate) fn is_dry(&self) -> bool {
        self.dry.is_some()
    }

    /// A dry run of its own that stands where this one stands, asks `facts` and has `steps` left.
    pub(crate) fn aside<'b>(&self, facts: &'b dyn Facts, steps: u64) -> Run<'b>
    where
        'a: 'b,
    {
        let mut run = Run::new(self.ruleset, self.stanza, self.facts, None);
        run.facts = facts;
        run.edited.clone_from(&self.edited);
        run.effects.clone_from(&self.effects);
        run.budget = Budget::new(steps);
        run.now = self.now;
        run.frame = self.frame;
        run.place = self.place;
        run.dry = Some(self.dry.clone().unwrap_or_default());
        run.lane = None;
        run
    }

    /// The list as this run would have left it, if this is a dry run that would have changed it.
    #[inline]
    pub(crate) fn fork(&self, list: &List) -> Option<Arc<List>> {
        self.dry.as_deref()?.fork(list).map(Arc::clone)
    }

    /// Says how a text stands in a list.
    pub(crate) fn describe_entry(&self, list: &List, text: &[u8], sight: &mut Sight) {
        let Some(key) = list.key(text) else {
            return sight.add("entry", Some("a filter leaves nothing to look up"));
        };
        if *key != *text {
            sight.bytes("as an entry", &key);
        }
        let fork = self.fork(list);
        let standing = fork.as_deref().unwrap_or(list).standing(&key);
        let by = match fork {
            Some(_) if standing != list.standing(&key) => ", by this stanza",
            _ => "",
        };
        sight.add("result", Some(format!("{}{by}", standing.describe())));
    }

    /// Adds a text to a list, or removes it.
    pub(crate) fn change_list(&mut self, list: &List, text: &[u8], is_added: bool) {
        let fork = self.dry.as_deref_mut().map(|dry| dry.fork_mut(list));
        let list = fork.as_deref().unwrap_or(list);
        if is_added {
            list.add(text);
        } else {
            list.remove(text);
        }
        self.forget();
    }

    /// Takes out what came of the run.
    pub(crate) fn finish(&mut self, verdict: Verdict) -> Outcome {
        let decided_by = self.decided_by.map(|place| self.ruleset.decision(place));
        Outcome {
            verdict,
            effects: std::mem::take(&mut self.effects),
            stanza: self.edited.take().map(|stanza| *stanza),
            fault: self.fault.take(),
            decided_by,
            steps: self.ruleset.step_budget() - self.budget.left(),
        }
    }

    /// The stanza with what `STRIP` and `INJECT` have done so far.
    pub(crate) fn current(&self) -> &Stanza {
        self.edited.as_deref().unwrap_or(self.stanza)
    }

    pub(crate) fn is_edited(&self) -> bool {
        self.edited.is_some()
    }

    /// Changes the content; everything that was learnt from it is forgotten.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Stanza)) {
        let mut stanza = self
            .edited
            .take()
            .unwrap_or_else(|| Box::new(self.stanza.clone()));
        // The content is written anew, and its children are looked for.
        self.budget.take(stanza.content().len() as u64 / 4);
        change(&mut stanza);
        if stanza.content().len() > MAX_EDITED {
            self.fail(FaultKind::Effects);
        }
        self.edited = Some(stanza);
        self.slots = [const { Slot::Unknown }; CACHED_PATHS];
        self.uncached = (None, Slot::Unknown);
        self.forget();
    }

    /// Forgets the outcome of shared conditions, because something that they may read has changed.
    pub(crate) fn forget(&mut self) {
        self.known = [0; MEMO_WORDS];
        self.epoch += 1;
    }

    pub(crate) fn kind(&self) -> StanzaKind {
        self.stanza.kind()
    }

    /// The type, with the default of messages and presence; `None` for an iq without type.
    pub(crate) fn effective_type(&self) -> Option<&'a str> {
        self.type_attr.or(match self.kind() {
            StanzaKind::Message => Some("normal"),
            StanzaKind::Presence => Some("available"),
            StanzaKind::Iq => None,
        })
    }

    pub(crate) fn now(&mut self) -> Timestamp {
        *self.now.get_or_insert_with(|| self.facts.now())
    }

    /// Charges the time since the last rule to the rule of this number, if the run is timed.
    #[inline]
    pub(crate) fn lap(&mut self, rule: usize) {
        if let (Some(watch), Some(lane)) = (&mut self.watch, self.lane)
            && let Some(now) = self.facts.stopwatch()
        {
            lane.timed(rule, watch.lap(now));
        }
    }

    #[inline]
    pub(crate) fn recall(&self, slot: u32) -> Option<bool> {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        let is_known = self.known.get(word).is_some_and(|known| known & bit != 0);
        is_known.then(|| self.held.get(word).is_some_and(|held| held & bit != 0))
    }

    pub(crate) fn remember(&mut self, slot: u32, holds: bool) {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        if let (Some(known), Some(held)) = (self.known.get_mut(word), self.held.get_mut(word)) {
            *known |= bit;
            *held = if holds { *held | bit } else { *held & !bit };
        }
    }

    /// Counts an event against a limiter, once for each key and chain run; true if it is over the limit.
    pub(crate) fn poll(&mut self, limiter: &Limiter, key: Option<&[u8]>) -> bool {
        let id = std::ptr::from_ref(limiter).addr();
        // Those that were polled before are compared, and a long key is hashed.
        let long = key.map_or(0, <[u8]>::len) / 64;
        self.budget.take((self.polled.len() / 16 + long) as u64);
        let hash = key.map_or(0, |key| self.ruleset.hash(key));
        let frame = self.frame;
        let earlier = self
            .polled
            .iter()
            .find(|poll| poll.limiter == id && poll.key == hash && poll.frame == frame);
        if let Some(poll) = earlier {
            return poll.is_over;
        }
        let was_granted = self
            .polled
            .iter()
            .any(|poll| poll.limiter == id && poll.key == hash && !poll.is_over);
        let now = self.now();
        let is_granted = match key {
            _ if self.is_dry() => limiter.peek(key, now).is_within(),
            Some(key) => limiter.poll_on(key, now),
            None => limiter.poll(now),
        };
        // Another chain run counts once more, but its own first count does not push a stanza over the limit.
        let is_over = !is_granted && !was_granted;
        self.polled.push(Poll {
            limiter: id,
            key: hash,
            frame,
            is_over,
        });
        is_over
    }

    /// Adds an effect; too many of them are a fault.
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effect_bytes = self.effect_bytes.saturating_add(effect.size());
        if self.effects.len() >= MAX_EFFECTS || self.effect_bytes > MAX_EFFECT_BYTES {
            self.fail(FaultKind::Effects);
            return;
        }
        self.effects.push(effect);
    }

    /// Records a fault at the rule that is being looked at; the first one counts.
    pub(crate) fn fail(&mut self, kind: FaultKind) {
        let (script, line) = self.place;
        let script = self.ruleset.script_name(script).to_owned();
        self.fault.get_or_insert(Fault { kind, script, line });
    }

    fn load(&mut self, id: PathId) -> &Slot<'a> {
        let at = id.0 as usize;
        let is_cached = at < CACHED_PATHS;
        if !is_cached && self.uncached.0 != Some(id) {
            self.uncached = (Some(id), Slot::Unknown);
        }
        let is_unknown = match self.slots.get(at) {
            Some(slot) => matches!(slot, Slot::Unknown),
            None => matches!(self.uncached.1, Slot::Unknown),
        };
        if is_unknown {
            // Walking the stanza costs by its size; what can not be paid is noticed behind the condition.
            self.budget.take(self.current().content().len() as u64 / 32);
            let slot = self.resolve(id);
            match self.slots.get_mut(at) {
                Some(cell) => *cell = slot,
                None => self.uncached.1 = slot,
            }
        }
        self.slots.get(at).unwrap_or(&self.uncached.1)
    }

    fn resolve(&self, id: PathId) -> Slot<'a> {
        let Some(path) = self.ruleset.path(id) else {
            return Slot::Absent;
        };
        if let Some(edited) = &self.edited {
            return match path.resolve(edited) {
                None => Slot::Absent,
                Some(Value::Text(text)) => Slot::Text(Cow::Owned(text.into_owned())),
                Some(Value::Element(element)) => Slot::Xml(path::serialize(element)),
            };
        }
        match path.resolve(self.stanza) {
            None => Slot::Absent,
            Some(Value::Text(text)) => Slot::Text(text),
            Some(Value::Element(element)) => Slot::Element(element),
        }
    }

    /// True if the path leads somewhere.
    pub(crate) fn exists(&mut self, id: PathId) -> bool {
        !matches!(self.load(id), Slot::Absent)
    }

    /// The text at the end of a path; `None` if there is nothing, or an element.
    pub(crate) fn text(&mut self, id: PathId) -> Option<&str> {
        match self.load(id) {
            Slot::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text at the end of a path and the budget to search it with; absent text is empty.
    pub(crate) fn search(&mut self, id: PathId) -> (&[u8], &Budget) {
        self.load(id);
        let slot = self.slots.get(id.0 as usize).unwrap_or(&self.uncached.1);
        let text = match slot {
            Slot::Text(text) => text.as_bytes(),
            Slot::Xml(xml) => xml.as_bytes(),
            _ => b"",
        };
        (text, &self.budget)
    }

    /// Makes an element at the end of a path searchable as its XML.
    pub(crate) fn load_xml(&mut self, id: PathId) {
        if let Slot::Element(element) = *self.load(id) {
            let slot = Slot::Xml(path::serialize(element));
            match self.slots.get_mut(id.0 as usize) {
                Some(cell) => *cell = slot,
                None => self.uncached.1 = slot,
            }
        }
    }

    /// The text at the end of a path, on its own.
    pub(crate) fn plain_text(&mut self, id: PathId) -> Option<Cow<'a, str>> {
        match self.load(id) {
            Slot::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// What stands at the end of a path, elements as XML, on its own.
    pub(crate) fn string(&mut self, id: PathId) -> Option<Cow<'a, str>> {
        match self.load(id) {
            Slot::Text(text) => Some(text.clone()),
            Slot::Element(element) => Some(Cow::Owned(path::serialize(*element))),
            Slot::Xml(xml) => Some(Cow::Owned(xml.clone())),
            _ => None,
        }
    }
}

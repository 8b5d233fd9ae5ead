//! The matcher: backtracking, bounded by remembering failed states or by the budget.

use smallvec::SmallVec;

use super::parser::{Node, Program, Repeat};
use super::scan::Scanner;
use super::set::ByteSet;
use super::{Budget, Capture, Found};

/// Steps without memory for each byte of text, and for any text, before states are remembered. Unit tests compare
/// the engine with memory from the first step on, the vectors as it is.
const CHEAP_STEPS_PER_BYTE: u64 = if cfg!(test) { 0 } else { 2 };
const CHEAP_STEPS: u64 = if cfg!(test) { 0 } else { 1024 };
/// Literals up to this length are compared for nothing; longer ones cost a step for each so many bytes.
const FREE_LITERAL: usize = 64;
/// Bits of the table of failed states; larger products of pattern and text rely on the budget.
const MAX_STATES: usize = 64 << 20;

#[derive(Clone, Copy)]
enum Slot {
    Unset,
    Open(usize),
    Text(usize, usize),
    Position(usize),
}

pub(super) struct Matcher<'p, 't> {
    program: &'p Program,
    text: &'t [u8],
    budget: &'p Budget,
    slots: SmallVec<[Slot; 2]>,
    steps: u64,
    /// One bit per node and position that is known to fail; empty while matching is cheap.
    failed: Vec<u64>,
    is_over: bool,
}

impl<'p, 't> Matcher<'p, 't> {
    pub(super) fn new(program: &'p Program, text: &'t [u8], budget: &'p Budget) -> Self {
        Self {
            program,
            text,
            budget,
            slots: SmallVec::from_elem(Slot::Unset, program.captures),
            steps: 0,
            failed: Vec::new(),
            is_over: false,
        }
    }

    /// The leftmost match at or behind `from`.
    pub(super) fn search(
        &mut self,
        scanner: &Scanner,
        is_anchored: bool,
        from: usize,
    ) -> Option<Found> {
        if is_anchored {
            if from > 0 {
                return None;
            }
            let end = self.run(0, 0)?;
            return Some(self.found(0, end));
        }
        let mut start = from;
        while let Some(candidate) = scanner.next(self.text, start) {
            if !self.budget.take(1) {
                return None;
            }
            if let Some(end) = self.run(0, candidate) {
                return Some(self.found(candidate, end));
            }
            if self.is_over {
                return None;
            }
            start = candidate + 1;
        }
        None
    }

    fn found(&self, start: usize, end: usize) -> Found {
        let capture = match self.slots.first() {
            Some(Slot::Text(from, to)) => Some(Capture::Text(*from, *to)),
            Some(Slot::Position(at)) => Some(Capture::Position(*at)),
            _ => None,
        };
        let capture = if self.program.captures > 0 {
            capture
        } else {
            None
        };
        Found {
            start,
            end,
            capture,
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Counts work; false ends the whole search.
    fn spend(&mut self, steps: usize) -> bool {
        let steps = steps as u64 + 1;
        self.steps += steps;
        if self.is_over || !self.budget.take(steps) {
            self.is_over = true;
        }
        !self.is_over
    }

    /// Tries the nodes from `node` on at `at`; answers where the match ends.
    fn run(&mut self, mut node: usize, mut at: usize) -> Option<usize> {
        let program = self.program;
        while let Some(current) = program.nodes.get(node) {
            match current {
                Node::Literal(bytes) => {
                    if bytes.len() > FREE_LITERAL && !self.spend(bytes.len() / FREE_LITERAL) {
                        return None;
                    }
                    if !self.text.get(at..)?.starts_with(bytes) {
                        return None;
                    }
                    at += bytes.len();
                }
                Node::Single {
                    set,
                    repeat: Repeat::Once,
                    ..
                } => {
                    if !set.contains(self.byte(at)?) {
                        return None;
                    }
                    at += 1;
                }
                Node::Single {
                    set,
                    repeat,
                    is_any,
                } => {
                    return self.repeated(node, at, set, *repeat, *is_any);
                }
                Node::End => {
                    if at != self.text.len() {
                        return None;
                    }
                }
                Node::Frontier(set) => {
                    let before = at.checked_sub(1).and_then(|at| self.byte(at)).unwrap_or(0);
                    let behind = self.byte(at).unwrap_or(0);
                    if set.contains(before) || !set.contains(behind) {
                        return None;
                    }
                }
                Node::Balance(open, close) => at = self.balance(at, *open, *close)?,
                Node::BackReference(index) => at = self.back_reference(at, *index)?,
                Node::Open(index) => {
                    return self.with_slot(*index, Slot::Open(at), node + 1, at);
                }
                Node::Position(index) => {
                    return self.with_slot(*index, Slot::Position(at + 1), node + 1, at);
                }
                Node::Close(index) => {
                    let Some(Slot::Open(start)) = self.slots.get(*index).copied() else {
                        return None;
                    };
                    return self.with_slot(*index, Slot::Text(start, at), node + 1, at);
                }
            }
            node += 1;
        }
        Some(at)
    }

    fn with_slot(&mut self, index: usize, slot: Slot, node: usize, at: usize) -> Option<usize> {
        let old = self.slots.get(index).copied()?;
        *self.slots.get_mut(index)? = slot;
        let end = self.run(node, at);
        if end.is_none() {
            *self.slots.get_mut(index)? = old;
        }
        end
    }

    fn repeated(
        &mut self,
        node: usize,
        at: usize,
        set: &ByteSet,
        repeat: Repeat,
        is_any: bool,
    ) -> Option<usize> {
        if self.is_known_to_fail(node, at) {
            return None;
        }
        let is_loop = matches!(repeat, Repeat::Star | Repeat::Plus | Repeat::Lazy);
        // One byte before, the same item has failed with every length: that holds all that can be tried here.
        if is_loop
            && at > 0
            && self.is_known_to_fail(node, at - 1)
            && self.byte(at - 1).is_some_and(|byte| set.contains(byte))
        {
            self.remember_failure(node, at);
            return None;
        }
        let end = match repeat {
            // One byte further on the same item has failed with every length: only the shortest is left to try.
            _ if is_loop
                && self.is_known_to_fail(node, at + 1)
                && self.byte(at).is_some_and(|byte| set.contains(byte)) =>
            {
                if !self.spend(0) {
                    return None;
                }
                self.run(node + 1, at + usize::from(repeat == Repeat::Plus))
            }
            Repeat::Lazy => self.lazy(node + 1, at, set),
            Repeat::Optional => self.greedy(node + 1, at, set, 0, 1, is_any),
            Repeat::Star => self.greedy(node + 1, at, set, 0, usize::MAX, is_any),
            Repeat::Plus | Repeat::Once => self.greedy(node + 1, at, set, 1, usize::MAX, is_any),
        };
        if end.is_none() {
            self.remember_failure(node, at);
        }
        end
    }

    fn greedy(
        &mut self,
        next: usize,
        at: usize,
        set: &ByteSet,
        minimum: usize,
        maximum: usize,
        is_any: bool,
    ) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let rest = rest.get(..maximum).unwrap_or(rest);
        let longest = if is_any { rest.len() } else { set.run(rest) };
        if !self.spend(if is_any { 0 } else { longest }) || longest < minimum {
            return None;
        }
        let required = match self.program.nodes.get(next) {
            None => return Some(at + longest),
            Some(Node::Literal(bytes)) => bytes.first().copied(),
            Some(_) => None,
        };
        let mut count = longest;
        loop {
            let is_possible = required.is_none() || self.byte(at + count) == required;
            if is_possible && let Some(end) = self.run(next, at + count) {
                return Some(end);
            }
            if count == minimum || !self.spend(0) {
                return None;
            }
            count -= 1;
        }
    }

    fn lazy(&mut self, next: usize, mut at: usize, set: &ByteSet) -> Option<usize> {
        loop {
            if let Some(end) = self.run(next, at) {
                return Some(end);
            }
            if !self.spend(0) || !set.contains(self.byte(at)?) {
                return None;
            }
            at += 1;
        }
    }

    fn balance(&mut self, at: usize, open: u8, close: u8) -> Option<usize> {
        if self.byte(at)? != open {
            return None;
        }
        let mut depth = 1_usize;
        for (offset, &byte) in self.text.get(at + 1..)?.iter().enumerate() {
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    self.spend(offset);
                    return Some(at + offset + 2);
                }
            } else if byte == open {
                depth += 1;
            }
        }
        self.spend(self.text.len() - at);
        None
    }

    fn back_reference(&mut self, at: usize, index: usize) -> Option<usize> {
        let Some(Slot::Text(from, to)) = self.slots.get(index).copied() else {
            return None;
        };
        let captured = self.text.get(from..to)?;
        if !self.spend(captured.len()) || !self.text.get(at..)?.starts_with(captured) {
            return None;
        }
        Some(at + captured.len())
    }

    fn state(&self, node: usize, at: usize) -> (usize, u64) {
        let state = node * (self.text.len() + 1) + at;
        (state / 64, 1 << (state % 64))
    }

    fn is_known_to_fail(&self, node: usize, at: usize) -> bool {
        let (word, bit) = self.state(node, at);
        self.failed.get(word).is_some_and(|known| known & bit != 0)
    }

    fn remember_failure(&mut self, node: usize, at: usize) {
        if self.failed.is_empty() {
            let limit = CHEAP_STEPS_PER_BYTE * self.text.len() as u64 + CHEAP_STEPS;
            let states = self.program.nodes.len().saturating_mul(self.text.len() + 1);
            if self.steps < limit || !self.program.is_memoizable || states > MAX_STATES {
                return;
            }
            self.failed = vec![0; states / 64 + 1];
        }
        // A search that was cut off has proved nothing.
        if self.is_over {
            return;
        }
        let (word, bit) = self.state(node, at);
        if let Some(known) = self.failed.get_mut(word) {
            *known |= bit;
        }
    }
}

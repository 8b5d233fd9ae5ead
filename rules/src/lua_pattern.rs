//! Lua patterns: a complete engine of our own, validated when a script is loaded and bounded when it runs.
//!
//! Bytes, not characters; the classes know ASCII only (firewall language, section 15). A pattern without
//! back-references and `%b` never visits a state twice once it has become expensive, so its cost is at
//! most pattern length times text length; the others stop at the [`Budget`].

mod matcher;
mod parser;
mod probe;
mod scan;
mod set;

use std::cell::Cell;

pub use parser::PatternError;
pub(crate) use probe::fails_on_empty_text;

use matcher::Matcher;
use parser::Program;
use scan::Scanner;

/// Steps that one evaluation may still take, shared by all that it does.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
}

impl Budget {
    /// A budget of `steps`; one step is about one byte looked at by a pattern.
    #[must_use]
    pub const fn new(steps: u64) -> Self {
        Self {
            left: Cell::new(steps),
        }
    }

    /// Takes `steps`; false once the budget is used up, and from then on.
    #[inline]
    pub(crate) fn take(&self, steps: u64) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(steps));
        left >= steps && left > 0
    }

    /// Steps that are left.
    #[must_use]
    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    /// True if more was asked for than there was.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }
}

/// How a pattern is applied; it decides what `^` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Found anywhere; a leading `^` anchors.
    Search,
    /// Covers all of the text; the pattern's own leading `^` is a literal.
    Whole,
    /// All matches one after the other; `^` is a literal.
    Iterate,
}

/// A part of the text, as byte offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// First byte of the whole match.
    pub start: usize,
    /// First byte behind it.
    pub end: usize,
    /// The first capture, if the pattern has one.
    pub capture: Option<Capture>,
}

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// `(...)`: from, to.
    Text(usize, usize),
    /// `()`: a position, counted from 1.
    Position(usize),
}

/// A validated pattern.
#[derive(Debug)]
pub struct Pattern {
    program: Program,
    scanner: Scanner,
    anchored: bool,
}

impl Pattern {
    /// Reads and validates a pattern completely.
    ///
    /// # Errors
    /// In the words of Lua: missing `]`, unfinished captures, `%` at the end, and so on.
    pub fn new(pattern: &[u8], mode: Mode) -> Result<Self, PatternError> {
        let (body, anchored, end) = match (mode, pattern.strip_prefix(b"^")) {
            (Mode::Search, Some(rest)) => (rest, true, false),
            (Mode::Whole, _) => (pattern, true, true),
            _ => (pattern, false, false),
        };
        let program = parser::parse(body, end)?;
        let scanner = Scanner::new(&program);
        Ok(Self {
            program,
            scanner,
            anchored,
        })
    }

    /// True if the pattern matches somewhere. A spent budget is "no match".
    #[must_use]
    pub fn is_match(&self, text: &[u8], budget: &Budget) -> bool {
        if !self.scanner.may_match(text) {
            return false;
        }
        Matcher::new(&self.program, text, budget)
            .search(&self.scanner, self.anchored, 0)
            .is_some()
    }

    /// All matches in the order of the text, each starting where the one before it ended.
    pub fn matches<'p, 't>(&'p self, text: &'t [u8], budget: &'p Budget) -> Matches<'p, 't> {
        Matches {
            pattern: self,
            text,
            budget,
            position: 0,
            last_end: None,
        }
    }

    /// Bytes that any match has at least.
    #[must_use]
    pub fn minimum_length(&self) -> usize {
        self.program.minimum_length
    }

    /// A literal that any match holds; empty if there is none.
    pub(crate) fn required(&self) -> &[u8] {
        self.scanner.required()
    }

    /// The one set of which the pattern matches runs (`[A-Za-z]+`), if that is all it does.
    #[must_use]
    pub(crate) fn run_of(&self) -> Option<&set::ByteSet> {
        self.program.run_of()
    }
}

/// Iterator over the matches of a pattern.
#[derive(Debug)]
pub struct Matches<'p, 't> {
    pattern: &'p Pattern,
    text: &'t [u8],
    budget: &'p Budget,
    position: usize,
    last_end: Option<usize>,
}

impl Iterator for Matches<'_, '_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.position == 0 && !self.pattern.scanner.may_match(self.text) {
            return None;
        }
        while self.position <= self.text.len() {
            let mut matcher = Matcher::new(&self.pattern.program, self.text, self.budget);
            let found =
                matcher.search(&self.pattern.scanner, self.pattern.anchored, self.position)?;
            if self.last_end == Some(found.end) && found.start == found.end {
                self.position = found.start + 1;
                continue;
            }
            self.position = found.end;
            self.last_end = Some(found.end);
            return Some(found);
        }
        None
    }
}

#[cfg(test)]
mod tests;

//! Finding the end of an element that comes in pieces.
//!
//! The scanner looks at every byte once and knows only tags, quotes and CDATA. On well-formed input it finds the end
//! exactly; on anything else it may stop early or late, which is harmless, since the pass that follows judges.

use memchr::{memchr, memchr3};

use super::limits::Limits;

/// What is to be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A single tag: the XML declaration, the stream header, the end of the stream.
    Tag,
    /// An element with all that is in it.
    Element,
}

/// What the scanner found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet: all of the input belongs to the element.
    More,
    /// After so many bytes the element ends.
    End(usize),
    /// After so many bytes a look at what is there pays: the first start tag is complete, or something is wrong.
    Look(usize),
}

/// Where in the XML the scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After `<`.
    Open,
    /// After `<` and so many bytes of `![CDATA[`.
    Bang(u8),
    /// In a CDATA section, after so many `]`.
    CData(u8),
    StartTag,
    EndTag,
    /// In an attribute value with this quote.
    Quote(u8),
}

/// The state of the scan; a few bytes, kept across reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    state: State,
    /// The last byte in the tag was `/`.
    slash: bool,
    /// A tag was completed in this scan.
    news: bool,
    unit: Unit,
    depth: u32,
    elements: u32,
}

impl Frame {
    /// Starts before the first `<`.
    pub(super) fn new(unit: Unit) -> Self {
        Self {
            state: State::Text,
            slash: false,
            news: false,
            unit,
            depth: 0,
            elements: 0,
        }
    }

    /// Looks at more bytes of the same element.
    pub(super) fn scan(&mut self, input: &[u8], limits: &Limits) -> Found {
        self.news = false;
        let mut at = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            let (taken, found) = self.step(rest, limits);
            at += taken;
            match found {
                Step::Go => {}
                Step::End => return Found::End(at),
                Step::Look => return Found::Look(at),
            }
        }
        Found::More
    }

    /// Whether a tag was completed in the last scan.
    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// Takes at least one byte.
    fn step(&mut self, rest: &[u8], limits: &Limits) -> (usize, Step) {
        let first = rest.first().copied().unwrap_or_default();
        match self.state {
            State::Text => match memchr(b'<', rest) {
                None => (rest.len(), Step::Go),
                Some(at) => self.go(at + 1, State::Open),
            },
            State::Open => match first {
                b'/' => self.go(1, State::EndTag),
                b'!' => self.bang(0, first),
                b'?' if self.unit == Unit::Element => (1, Step::Look),
                b'?' => self.go(1, State::EndTag),
                _ => {
                    self.slash = false;
                    self.go(1, State::StartTag)
                }
            },
            State::Bang(seen) => self.bang(seen, first),
            State::CData(brackets) => self.cdata(brackets, rest),
            State::Quote(quote) => match memchr(quote, rest) {
                None => (rest.len(), Step::Go),
                Some(at) => self.go(at + 1, State::StartTag),
            },
            State::StartTag => self.start_tag(rest, limits),
            State::EndTag => match memchr(b'>', rest) {
                None => (rest.len(), Step::Go),
                Some(at) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.after_tag(at + 1)
                }
            },
        }
    }

    fn go(&mut self, taken: usize, state: State) -> (usize, Step) {
        self.state = state;
        (taken, Step::Go)
    }

    fn bang(&mut self, seen: u8, byte: u8) -> (usize, Step) {
        const OPEN: &[u8] = b"![CDATA[";
        if OPEN.get(usize::from(seen)) != Some(&byte) {
            return (1, Step::Look);
        }
        if self.depth == 0 {
            self.state = State::Bang(seen + 1);
            return (1, Step::Look);
        }
        match usize::from(seen) + 1 == OPEN.len() {
            true => self.go(1, State::CData(0)),
            false => self.go(1, State::Bang(seen + 1)),
        }
    }

    fn cdata(&mut self, brackets: u8, rest: &[u8]) -> (usize, Step) {
        match (brackets, rest) {
            (0, _) => match memchr(b']', rest) {
                None => (rest.len(), Step::Go),
                Some(at) => self.go(at + 1, State::CData(1)),
            },
            (_, [b']', ..]) => self.go(1, State::CData(2)),
            (2, [b'>', ..]) => self.go(1, State::Text),
            _ => self.go(1, State::CData(0)),
        }
    }

    fn start_tag(&mut self, rest: &[u8], limits: &Limits) -> (usize, Step) {
        let Some(at) = memchr3(b'>', b'\'', b'"', rest) else {
            self.slash = rest.ends_with(b"/");
            return (rest.len(), Step::Go);
        };
        let slash = match at.checked_sub(1) {
            None => self.slash,
            Some(before) => rest.get(before) == Some(&b'/'),
        };
        self.slash = false;
        match rest.get(at).copied() {
            Some(b'>') => self.end_of_start_tag(at + 1, slash, limits),
            Some(quote) => self.go(at + 1, State::Quote(quote)),
            None => (rest.len(), Step::Go),
        }
    }

    fn end_of_start_tag(&mut self, taken: usize, is_empty: bool, limits: &Limits) -> (usize, Step) {
        self.elements = self.elements.saturating_add(1);
        self.depth += u32::from(!is_empty);
        let over = self.depth as usize > limits.depth || self.elements as usize > limits.elements;
        let (taken, step) = self.after_tag(taken);
        match step {
            Step::Go if over || self.elements == 1 => (taken, Step::Look),
            _ => (taken, step),
        }
    }

    fn after_tag(&mut self, taken: usize) -> (usize, Step) {
        self.state = State::Text;
        self.news = true;
        match self.depth == 0 || self.unit == Unit::Tag {
            true => (taken, Step::End),
            false => (taken, Step::Go),
        }
    }
}

/// What one step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Go,
    End,
    Look,
}

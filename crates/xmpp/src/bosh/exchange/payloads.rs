//! What goes into the session and comes out of it.

use std::time::Duration;

use super::{Exchange, Farewell};
use crate::{
    bosh::response::TerminalCondition,
    xml::{Piece, parse_header},
};

/// Bytes on their way to the session.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// How many of them were taken.
    start: usize,
    /// All that were taken ever.
    taken: u64,
}

impl Input {
    /// Adds bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// All bytes that were added ever.
    pub(super) fn fed(&self) -> u64 {
        self.taken + self.rest().len() as u64
    }

    pub(super) fn has_taken(&self, count: u64) -> bool {
        self.taken >= count
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
        let count = count.min(self.rest().len());
        self.start += count;
        self.taken += count as u64;
        if self.rest().is_empty() {
            self.bytes = Vec::new();
            self.start = 0;
        }
    }
}

impl<T> Exchange<T> {
    /// Bytes that the session is to read next.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        match self.is_over || self.farewell.is_some() {
            true => &[],
            false => self.input.rest(),
        }
    }

    /// The session has taken so many of [`input`](Self::input).
    pub fn taken(&mut self, count: usize, now: Duration) {
        self.input.take(count);
        self.settle(now);
    }

    /// Bytes that wait for a request to carry them.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.output.len()
    }

    /// Takes a piece of what the session wrote. Pieces that come together are taken before [`tick`](Self::tick), so
    /// that one response carries them all.
    pub fn written(&mut self, piece: Piece<'_>, now: Duration) {
        match piece {
            Piece::Header(tag) if self.header.is_none() => self.header = parse_header(tag),
            // That of a stream that began anew says nothing new.
            Piece::Header(_) => {}
            Piece::Element(element) => match error_content(element) {
                Some(content) => self.error = Some(content.to_vec()),
                None => self.output.push(element),
            },
            Piece::Closed => self.end(now),
        }
    }

    /// The session has ended, with or without having said so.
    pub fn ended(&mut self, now: Duration) {
        if self.farewell.is_none() && !self.is_over {
            self.error.get_or_insert_default();
            self.end(now);
        }
        self.settle(now);
    }

    fn end(&mut self, now: Duration) {
        let condition = self.error.as_deref().map(|content| match content {
            [] => TerminalCondition::UndefinedCondition,
            content => TerminalCondition::of_stream(content),
        });
        self.farewell.get_or_insert(Farewell {
            condition,
            since: now,
        });
    }
}

/// What is inside, if the element is an error of the stream.
fn error_content(element: &[u8]) -> Option<&[u8]> {
    let content = element.strip_prefix(b"<stream:error>")?;
    content.strip_suffix(b"</stream:error>")
}

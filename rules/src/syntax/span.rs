//! Places in a script.

/// A range of bytes of one script and the line that reports name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte, counted from the start of the text that was compiled.
    pub start: usize,
    /// First byte behind the range.
    pub end: usize,
    /// Physical line, from 1. A continued line is named by the number of its last part.
    pub line: u32,
}

impl Span {
    /// A span over `start..end` on `line`.
    #[must_use]
    pub const fn new(start: usize, end: usize, line: u32) -> Self {
        Self { start, end, line }
    }
}

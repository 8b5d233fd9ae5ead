//! `%TEST name: verdict` and the lines below it, up to an empty line.
//!
//! A line that begins with `<` begins a stanza, which ends with the line that completes it; within it nothing is a
//! comment. All other lines are statements.

use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use super::ast::{Test, TestLine, Text};
use super::lexer::Line;
use super::span::Span;
use crate::diagnostic::{Code, Diagnostic};

/// Bytes that the stanza of a test may have.
const MAX_STANZA: usize = 256 * 1024;

/// The lines of a stanza, taken until they are complete.
#[derive(Clone, Debug, Default)]
pub(crate) struct StanzaLines {
    text: String,
}

impl StanzaLines {
    /// Takes a line; true if it completes the stanza.
    pub(crate) fn add(&mut self, line: &str) -> bool {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
        line.ends_with('>')
            && self.text.len() <= MAX_STANZA
            && Stanza::from_xml(self.text.as_bytes(), &Limits::default()).is_ok()
    }
}

/// A block that is being read.
#[derive(Debug)]
pub(super) struct Block {
    test: Test,
    stanza: Option<(StanzaLines, Span)>,
}

/// What a block made of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is part of the block.
    Yes,
    /// The block was complete before it.
    No,
}

/// True if the line begins a block.
pub(super) fn begins(text: &str) -> bool {
    text.strip_prefix("%TEST")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', ':']))
}

impl Block {
    /// Reads `%TEST name: verdict`; a block whose first line is wrong still takes its other lines.
    pub(super) fn begin(line: &Line<'_>) -> (Self, Option<Diagnostic>) {
        let text: &str = &line.text;
        let rest = text.get("%TEST".len()..).unwrap_or_default();
        let part = |piece: &str| {
            let trimmed = piece.trim();
            let start = trimmed.as_ptr().addr() - text.as_ptr().addr();
            Text {
                text: trimmed.to_owned(),
                span: line.part(start, start + trimmed.len()),
            }
        };
        let (name, verdict) = match rest.split_once(':') {
            Some((name, verdict)) => (part(name), part(verdict)),
            None => (part(rest), Text::default()),
        };
        let problem = (name.text.is_empty() || !rest.contains(':')).then(|| {
            let message = "a test lacks its name or the colon behind it".to_owned();
            Diagnostic::error(Code::Test, line.span, message).with_help(
                "write `%TEST what it shows: verdict`, for example `%TEST spam is dropped: drop`",
            )
        });
        let block = Self {
            test: Test {
                name,
                verdict: (!verdict.text.is_empty()).then_some(verdict),
                lines: Vec::new(),
                span: line.span,
            },
            stanza: None,
        };
        (block, problem)
    }

    /// Takes a line, unless the block ends before it.
    pub(super) fn take(&mut self, line: &Line<'_>) -> Taken {
        let text: &str = &line.text;
        if text.is_empty() {
            return Taken::No;
        }
        if self.stanza.is_some() || text.starts_with('<') {
            let (stanza, span) = self
                .stanza
                .get_or_insert_with(|| (StanzaLines::default(), line.span));
            span.end = line.span.end;
            if stanza.add(text) {
                self.complete();
            }
        } else if text.starts_with(['#', ';']) {
            return Taken::Yes;
        } else if text.starts_with("::") || text.starts_with('%') || text.starts_with("@@") {
            return Taken::No;
        } else {
            self.test.lines.push(TestLine::Statement(Text {
                text: text.to_owned(),
                span: line.span,
            }));
        }
        self.test.span.end = line.span.end;
        Taken::Yes
    }

    fn complete(&mut self) {
        let whole = self.stanza.take().map(|(lines, span)| Text {
            text: lines.text,
            span,
        });
        self.test.lines.extend(whole.map(TestLine::Stanza));
    }

    /// The test, and what is wrong with a stanza that did not end.
    pub(super) fn finish(mut self) -> (Test, Option<Diagnostic>) {
        let unfinished = self
            .stanza
            .take()
            .map(|(lines, span)| unreadable(&lines, span));
        (self.test, unfinished)
    }
}

fn unreadable(stanza: &StanzaLines, span: Span) -> Diagnostic {
    let read = Stanza::from_xml(stanza.text.as_bytes(), &Limits::default());
    let reason = match read {
        Err(error) => error.to_string(),
        Ok(_) => format!("it has more than {MAX_STANZA} bytes"),
    };
    let message = format!("the stanza can not be read: {reason}");
    Diagnostic::error(Code::Test, span, message).with_help(
        "write one message, presence or iq, all of it before the next statement or empty line",
    )
}

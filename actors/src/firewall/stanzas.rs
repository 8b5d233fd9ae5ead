//! Stanzas as text, for trying rules on them.

use std::io::{self, BufRead};

use xmpp::Stanza;
use xmpp::stream_error::StreamError;
use xmpp::xml::{Limits, StreamEvent, StreamParser};

/// Bytes that are looked at together.
const CHUNK: usize = 64 * 1024;
/// What stands before stanzas that are in no stream.
const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Why no more stanzas can be read.
#[derive(Debug, thiserror::Error)]
pub enum StanzasError {
    /// The input fails.
    #[error("the stanzas can not be read: {0}")]
    Read(#[from] io::Error),
    /// The input is no XML that a server would take.
    #[error("line {0}: {1}")]
    Xml(u64, StreamError),
    /// The input ends too early.
    #[error("line {0}: the input ends within a stanza")]
    Unfinished(u64),
    /// The stream's root element is closed, and more follows.
    #[error("line {0}: something stands behind the end of the stream")]
    Behind(u64),
    /// An element at the place of a stanza.
    #[error("line {0}: <{1}/> is no stanza: write message, presence or iq")]
    NoStanza(u64, String),
}

/// A stanza, and the line on which it begins.
#[derive(Debug)]
pub struct Input {
    /// The line, counted from 1.
    pub line: u64,
    /// The stanza.
    pub stanza: Stanza,
}

impl Input {
    /// The stanza as text.
    #[must_use]
    pub fn xml(&self) -> String {
        xml(&self.stanza)
    }
}

/// A stanza as text.
#[must_use]
pub fn xml(stanza: &Stanza) -> String {
    let mut out = Vec::with_capacity(stanza.size());
    stanza.write_to(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads stanzas from a stream of XML, one at a time and never more than one in memory: inside a stream's root element, or one after the other.
#[derive(Debug)]
pub struct Stanzas<R> {
    input: R,
    parser: StreamParser,
    is_begun: bool,
    is_closed: bool,
    /// Line feeds so far.
    lines: u64,
    /// The line on which what is being read begins.
    start: Option<u64>,
    /// The last byte was a line feed.
    ends_line: bool,
}

impl<R: BufRead> Stanzas<R> {
    /// Stanzas from `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            parser: StreamParser::new(Limits::STORED),
            is_begun: false,
            is_closed: false,
            lines: 0,
            start: None,
            ends_line: true,
        }
    }

    /// Lines that were read; the last one may lack its line feed.
    pub fn lines(&self) -> u64 {
        self.lines + u64::from(!self.ends_line)
    }

    /// The next stanza; `None` at the end of the input.
    ///
    /// # Errors
    /// The input is no XML that a server would take, with the line; nothing can be read after that.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would hide that it fails for good"
    )]
    pub fn next(&mut self) -> Result<Option<Input>, StanzasError> {
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                if self.start.is_some() && !self.is_closed {
                    return Err(StanzasError::Unfinished(self.lines()));
                }
                return Ok(None);
            }
            // Up to the end of a line, so that a mistake has its line.
            let end = chunk
                .iter()
                .take(CHUNK)
                .position(|byte| *byte == b'\n')
                .map_or_else(|| chunk.len().min(CHUNK), |at| at + 1);
            let line = chunk.get(..end).unwrap_or_default().to_vec();
            let (used, found) = self.line(&line)?;
            self.input.consume(used);
            if used > 0 {
                self.ends_line = line.get(..used).is_some_and(|used| used.ends_with(b"\n"));
                self.lines += u64::from(self.ends_line);
            }
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Reads a piece of one line; how much of it was used, and the stanza that ended there.
    fn line(&mut self, piece: &[u8]) -> Result<(usize, Option<Input>), StanzasError> {
        let number = self.lines + 1;
        let mut rest = piece;
        let is_blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
        if self.is_closed && !is_blank(rest) {
            return Err(StanzasError::Behind(number));
        }
        if self.is_closed || (!self.is_begun && is_blank(rest)) {
            return Ok((piece.len(), None));
        }
        if !self.is_begun {
            self.is_begun = true;
            self.open(rest)
                .map_err(|error| StanzasError::Xml(number, error))?;
        }
        loop {
            if self.start.is_none() && !is_blank(rest) {
                self.start = Some(number);
            }
            let event = self.parser.next(&mut rest);
            let event = event.map_err(|error| StanzasError::Xml(number, error))?;
            let Some(event) = event else {
                return Ok((piece.len(), None));
            };
            let line = self.start.take().unwrap_or(number);
            match event {
                StreamEvent::Stanza(stanza) => {
                    let used = piece.len() - rest.len();
                    return Ok((used, Some(Input { line, stanza })));
                }
                StreamEvent::Element(element) => {
                    return Err(StanzasError::NoStanza(line, element.name().to_owned()));
                }
                StreamEvent::Closed => {
                    self.is_closed = true;
                    return Ok((piece.len(), None));
                }
                StreamEvent::Header(_) => {}
            }
        }
    }

    /// Opens a stream in place of an input that does not.
    fn open(&mut self, begin: &[u8]) -> Result<(), StreamError> {
        let begin = begin.trim_ascii_start();
        let is_stream = begin.starts_with(b"<?xml") || begin.starts_with(b"<stream");
        let mut header = HEADER;
        while !is_stream && !header.is_empty() {
            self.parser.next(&mut header)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(u64, String)>, u64, Option<String>) {
        let mut stanzas = Stanzas::new(io::BufReader::with_capacity(7, text.as_bytes()));
        let mut found = Vec::new();
        let problem = loop {
            match stanzas.next() {
                Ok(Some(input)) => found.push((input.line, input.xml())),
                Ok(None) => break None,
                Err(error) => break Some(error.to_string()),
            }
        };
        (found, stanzas.lines(), problem)
    }

    #[test]
    fn stanzas_stand_bare_or_in_a_stream() {
        let bare =
            "\n<message\n id='1'/>\n\n<presence/><iq type='get' id='2'><x xmlns='y'/></iq>\n";
        let (found, lines, problem) = read(bare);
        assert_eq!(problem, None);
        assert_eq!(
            found.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [2, 5, 5]
        );
        assert_eq!((found[0].1.as_str(), lines), ("<message id='1'/>", 5));
        let stream = format!(
            "<?xml version='1.0'?>\n{}\n{bare}</stream:stream>\n\n",
            String::from_utf8_lossy(HEADER)
        );
        let (inside, lines, problem) = read(&stream);
        assert_eq!((problem, lines), (None, 9));
        assert_eq!(
            inside.iter().map(|(_, xml)| xml).collect::<Vec<_>>(),
            found.iter().map(|(_, xml)| xml).collect::<Vec<_>>()
        );
    }

    #[test]
    fn mistakes_have_their_line_and_end_the_reading() {
        for (text, line) in [
            ("<message/>\n\n<message></presence>\n<message/>", "line 3: "),
            ("<message/>\n<message>\n", "line 2: the input ends"),
            (
                "<message/>\n<r xmlns='urn:x'/>",
                "line 2: <r/> is no stanza",
            ),
            ("<message/>text", "line 1: "),
        ] {
            let (found, _, problem) = read(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(
                problem
                    .as_deref()
                    .is_some_and(|problem| problem.starts_with(line)),
                "{text}: {problem:?}"
            );
        }
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(read(""), (Vec::new(), 0, None));
        assert_eq!(read("\n\n"), (Vec::new(), 2, None));
    }
}

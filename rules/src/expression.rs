//! Expressions in parameters: `$<path|function||"default">` and the closed set of `$(code)`.
//!
//! A [`Template`] is read once and rendered when a rule runs. There is no escape for `$`; what is not an
//! expression is literal text (firewall language, section 7).

mod code;
mod stanza_expression;

use std::borrow::Cow;

use ahash::AHashMap;
use smallvec::SmallVec;

use crate::diagnostic::Code;
use crate::refusal::Refusal;
use crate::run::{PathId, Run};
use code::CodeExpression;
use stanza_expression::StanzaExpression;

/// Bytes that a rendered text takes without allocating.
pub(crate) type Rendered = SmallVec<[u8; 128]>;

/// Values up to this length are rendered for nothing.
const CHEAP_LENGTH: usize = 256;
/// Bytes of a longer one that a step pays for: the budget bounds the length of a text, too.
const BYTES_PER_STEP: u64 = 4;

/// Literal text and expressions, one after the other.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Stanza(StanzaExpression),
    Code(CodeExpression),
}

impl Template {
    /// Reads a text. `intern` gives stanza paths their numbers.
    pub(crate) fn parse(
        text: &str,
        intern: &mut dyn FnMut(&str) -> Result<PathId, Refusal>,
    ) -> Result<Self, Refusal> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        let mut angles = Angles::default();
        while let Some(at) = rest.find('$') {
            let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            literal.push_str(before);
            let behind = behind.get(1..).unwrap_or_default();
            let part = match behind.bytes().next() {
                Some(b'(') => {
                    let (inside, tail) = balanced(behind, b'(', b')').ok_or_else(|| {
                        Refusal::new(Code::Expression, "unclosed code expression")
                            .help("close `$(` with `)`")
                    })?;
                    Some((Part::Code(CodeExpression::parse(inside, intern)?), tail))
                }
                Some(b'<') => match angles.split(text, behind) {
                    Some((inside, tail)) => {
                        Some((Part::Stanza(StanzaExpression::parse(inside, intern)?), tail))
                    }
                    None => None,
                },
                _ => None,
            };
            match part {
                Some((part, tail)) => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(part);
                    rest = tail;
                }
                None => {
                    literal.push('$');
                    rest = behind;
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts })
    }

    /// The text, if it holds no expression.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Renders the text and hands it on.
    pub(crate) fn with<'a, R>(
        &self,
        run: &mut Run<'a>,
        then: impl FnOnce(&mut Run<'a>, &[u8]) -> R,
    ) -> R {
        if let [Part::Stanza(expression)] = &self.parts[..]
            && let Some(text) = expression.address(run)
        {
            return then(run, text.as_bytes());
        }
        if let Some(text) = self.literal() {
            return then(run, text.as_bytes());
        }
        let mut out = Rendered::new();
        for part in &self.parts {
            part.render(run, &mut out);
            // What is too long to be paid for ends the run, and the stanza with it.
            if run.budget.is_spent() {
                break;
            }
        }
        then(run, &out)
    }

    /// Renders the text into a string of its own.
    pub(crate) fn to_text(&self, run: &mut Run<'_>) -> String {
        self.with(run, |_, text| String::from_utf8_lossy(text).into_owned())
    }
}

impl Part {
    fn render(&self, run: &mut Run<'_>, out: &mut Rendered) {
        let value: Cow<'_, str> = match self {
            Self::Literal(text) => Cow::Borrowed(text),
            Self::Stanza(expression) => expression.value(run),
            Self::Code(expression) => expression.value(run),
        };
        if value.len() > CHEAP_LENGTH {
            run.budget.take(value.len() as u64 / BYTES_PER_STEP);
        }
        out.extend_from_slice(value.as_bytes());
    }
}

/// Finds the `>` that belongs to a `<`: one pass over a text with many that have none.
#[derive(Default)]
struct Angles {
    /// Set once a `<` was found to have no `>`: the place of the other end of each that has.
    ends: Option<AHashMap<usize, usize>>,
}

impl Angles {
    /// Splits `<...>...`, the end of `text`, behind the bracket that closes the first one.
    fn split<'t>(&mut self, text: &str, behind: &'t str) -> Option<(&'t str, &'t str)> {
        if let Some(ends) = &self.ends {
            let start = text.len() - behind.len();
            let end = ends.get(&start)? - start;
            return Some((behind.get(1..end)?, behind.get(end + 1..)?));
        }
        let found = balanced(behind, b'<', b'>');
        if found.is_none() {
            let mut ends = AHashMap::new();
            let mut open = Vec::new();
            for (at, byte) in text.bytes().enumerate() {
                match byte {
                    b'<' => open.push(at),
                    b'>' => ends.extend(open.pop().map(|start| (start, at))),
                    _ => {}
                }
            }
            self.ends = Some(ends);
        }
        found
    }
}

/// Splits `(...)...` behind the bracket that closes the first one.
fn balanced(text: &str, open: u8, close: u8) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return Some((text.get(1..at)?, text.get(at + 1..)?));
            }
        }
    }
    None
}

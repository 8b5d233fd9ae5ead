//! What is wrong with a script: code, place, message, help; and how it is shown.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::syntax::span::Span;

/// Bytes of a line that are shown before a place, of it and behind it.
const MAX_SHOWN: usize = 1024;
/// Bytes of a message: what a script holds may be longer.
const MAX_MESSAGE: usize = 2048;

/// Stable name of a kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A condition that does not exist.
    UnknownCondition,
    /// An action that does not exist.
    UnknownAction,
    /// A chain that can not be defined.
    UnknownChain,
    /// `%X` with an unknown `X`.
    UnknownDefinition,
    /// Conditions without any action.
    MissingAction,
    /// No empty line where the original needs one.
    MissingBlankLine,
    /// A condition without its colon.
    MissingColon,
    /// A definition, condition or action without its value.
    MissingValue,
    /// A value that can not be read.
    InvalidValue,
    /// A name with forbidden characters.
    InvalidName,
    /// A list, zone, rate, search or pattern that nothing defines.
    Undefined,
    /// A name that is defined twice.
    Duplicate,
    /// `@@` without a key and a value.
    Metadata,
    /// A malformed Lua pattern.
    Pattern,
    /// A stanza path that can not be read.
    Path,
    /// An expression that can not be read, or code outside the supported set.
    Expression,
    /// A file or list that could not be read.
    Unreadable,
    /// Bytes that are not UTF-8.
    Encoding,
    /// A value that was normalised.
    Normalised,
    /// A feature that this version, or its configuration, does not have.
    Unsupported,
    /// A `%TEST` block that can not be read.
    Test,
    /// A `%TEST` block whose stanza met another fate than expected.
    TestFailed,
    /// A script that the formatter can not lay out.
    Layout,
    /// A line of a context that can not be read, or does not fit the scripts.
    Context,
    /// A kind that no stanza is of.
    UnknownKind,
    /// A type that no stanza has.
    UnknownType,
    /// A rule that no stanza reaches.
    UnreachableRule,
    /// An action behind one that ends its rule.
    UnreachableAction,
    /// A rule whose conditions can not hold together.
    ImpossibleRule,
    /// A condition that always or never holds in its chain.
    Pointless,
    /// A jump to a chain without rules.
    MissingChain,
    /// A chain that nothing jumps to.
    UnusedChain,
    /// A definition that nothing uses.
    UnusedDefinition,
    /// A search before a look at the head of the stanza.
    ExpensiveFirst,
    /// A limiter that counts stanzas which its rule is not about.
    LimitFirst,
    /// A copy that comes back to the rule that made it.
    CopyLoop,
    /// What newer versions of the language do not have.
    Deprecated,
    /// A value that can never match, or does nothing.
    Suspicious,
}

impl Code {
    /// The name in lower case with hyphens, as shown to operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownCondition => "unknown-condition",
            Self::UnknownAction => "unknown-action",
            Self::UnknownChain => "unknown-chain",
            Self::UnknownDefinition => "unknown-definition",
            Self::MissingAction => "missing-action",
            Self::MissingBlankLine => "missing-blank-line",
            Self::MissingColon => "missing-colon",
            Self::MissingValue => "missing-value",
            Self::InvalidValue => "invalid-value",
            Self::InvalidName => "invalid-name",
            Self::Undefined => "undefined",
            Self::Duplicate => "duplicate",
            Self::Metadata => "metadata",
            Self::Pattern => "pattern",
            Self::Path => "path",
            Self::Expression => "expression",
            Self::Unreadable => "unreadable",
            Self::Encoding => "encoding",
            Self::Normalised => "normalised",
            Self::Unsupported => "unsupported",
            Self::Test => "test",
            Self::TestFailed => "test-failed",
            Self::Layout => "layout",
            Self::Context => "context",
            Self::UnknownKind => "unknown-kind",
            Self::UnknownType => "unknown-type",
            Self::UnreachableRule => "unreachable-rule",
            Self::UnreachableAction => "unreachable-action",
            Self::ImpossibleRule => "impossible-rule",
            Self::Pointless => "pointless",
            Self::MissingChain => "missing-chain",
            Self::UnusedChain => "unused-chain",
            Self::UnusedDefinition => "unused-definition",
            Self::ExpensiveFirst => "expensive-first",
            Self::LimitFirst => "limit-first",
            Self::CopyLoop => "copy-loop",
            Self::Deprecated => "deprecated",
            Self::Suspicious => "suspicious",
        }
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The script works, but not as its author may think.
    Warning,
    /// The script is not loaded.
    Error,
}

/// One problem of one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kind of problem.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// Where it is.
    pub span: Span,
    /// What is wrong, in the stable wording that other tools may compare.
    pub message: String,
    /// What to write instead, if that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error: the script is rejected.
    #[must_use]
    pub fn error(code: Code, span: Span, message: String) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: shortened(message),
            help: None,
        }
    }

    /// A warning: the script is loaded.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: String) -> Self {
        Self {
            code,
            severity: Severity::Warning,
            span,
            message: shortened(message),
            help: None,
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shortened(help.into()));
        self
    }

    /// Adds the known name that is closest to `name`, if one is close enough to be meant.
    #[must_use]
    pub fn with_nearest<'a>(self, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        match nearest(name, known) {
            Some(found) => self.with_help(format!("did you mean `{found}`?")),
            None => self,
        }
    }

    /// True if the script can not be loaded because of this.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The problem in one line, as the original words it: some messages hold their line number, the others
    /// get file and line in front.
    #[must_use]
    pub fn headline(&self, script: &str) -> String {
        match self.code {
            Code::UnknownCondition | Code::UnknownAction | Code::MissingAction => {
                format!("Error compiling {script}: {}", self.message)
            }
            _ => {
                let word = if self.is_error() {
                    "Error compiling"
                } else {
                    "Warning in"
                };
                format!(
                    "{word} {script} on line {}: {}",
                    self.span.line, self.message
                )
            }
        }
    }

    /// The problem with its line and a caret below the place, without colours.
    #[must_use]
    pub fn render(&self, script: &str, text: &str) -> String {
        let (text, start, end, line) = excerpt(text, self.span);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let snippet = Snippet::source(text)
            .path(script)
            .line_start(line)
            .fold(true)
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut group = level
            .primary_title(&self.message)
            .id(self.code.name())
            .element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        let groups: [Group<'_>; 1] = [group];
        Renderer::plain().render(&groups)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.span.line, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A text of bearable length.
fn shortened(mut text: String) -> String {
    if text.len() > MAX_MESSAGE {
        text.truncate(floor(&text, MAX_MESSAGE));
        text.push_str(" ...");
    }
    text
}

/// The lines of a place and the place within them; of lines that nobody can read only the part around its begin.
fn excerpt(text: &str, span: Span) -> (&str, usize, usize, usize) {
    let start = floor(text, span.start);
    let end = floor(text, span.end.max(span.start)).max(start);
    let end = floor(text, end.min(start + MAX_SHOWN));
    let before = text.get(..start).unwrap_or_default();
    let from = before.rfind('\n').map_or(0, |at| at + 1);
    let from = floor(text, from.max(start.saturating_sub(MAX_SHOWN)));
    let behind = text.get(end..).unwrap_or_default();
    let to = end + behind.find('\n').unwrap_or(behind.len()).min(MAX_SHOWN);
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
    (
        text.get(from..floor(text, to)).unwrap_or_default(),
        start - from,
        end - from,
        line,
    )
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The known name with the smallest edit distance, if that is at most a third of the length.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > 64 {
        return None;
    }
    known
        .map(|candidate| {
            (
                distance(&name.to_ascii_uppercase(), &candidate.to_ascii_uppercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let cost = (diagonal + usize::from(a != *b))
                .min(previous + 1)
                .min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            previous = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendering_points_at_the_place() {
        let text = "KIND: message\nFOO: x\n";
        let problem = Diagnostic::error(
            Code::UnknownCondition,
            Span::new(14, 17, 2),
            "Unknown condition on line 2: FOO".into(),
        )
        .with_help("did you mean `FROM`?");
        let shown = problem.render("a.pfw", text);
        assert!(shown.contains("a.pfw:2:1"), "{shown}");
        assert!(shown.contains("^^^"), "{shown}");
        assert!(shown.contains("did you mean"), "{shown}");
    }

    #[test]
    fn nearest_name_is_offered() {
        assert_eq!(nearest("FORM", ["FROM", "TO"].into_iter()), Some("FROM"));
        assert_eq!(nearest("COMPLETELY", ["FROM", "TO"].into_iter()), None);
    }
}

//! Why a value was refused, with its place and what to write.

use crate::diagnostic::Diagnostic;
use crate::refusal::Refusal;
use crate::syntax::ast::Text;
use crate::syntax::span::Span;

/// What was refused, as an error at its place.
pub(super) fn diagnostic(refusal: Refusal, span: Span) -> Diagnostic {
    let made = Diagnostic::error(refusal.code, span, refusal.message);
    match refusal.help {
        Some(help) => made.with_help(help),
        None => made,
    }
}

/// How a definition is written.
pub(super) fn definition_syntax(keyword: &str) -> &'static str {
    match keyword {
        "ZONE" => "%ZONE name: example.com, user@example.com",
        "LIST" => {
            "%LIST name: memory, file:/path or https://host/path, with options in parentheses"
        }
        "RATE" => "%RATE name: 2 (burst 3)",
        "SEARCH" => "%SEARCH name: body#",
        _ => "%PATTERN name: a Lua pattern, in which % makes the character behind it literal",
    }
}

/// What is wrong with a value: at the word that the reason ends in, if it stands in the value, and with the way to
/// write it unless something better is known.
pub(super) fn about_value(
    refusal: Refusal,
    value: Option<&Text>,
    line: Span,
    syntax: &str,
) -> Diagnostic {
    let span = value.map_or(line, |value| narrowed(value, &refusal.message));
    let made = diagnostic(refusal, span);
    match made.help {
        Some(_) => made,
        None => made.with_help(format!("write `{syntax}`")),
    }
}

/// The place of the word that a message ends in, or of the whole value.
fn narrowed(value: &Text, message: &str) -> Span {
    let whole = value.span;
    let is_joined = whole.end.saturating_sub(whole.start) != value.text.len();
    let word = message.rsplit_once(": ").map_or("", |(_, word)| word);
    match value.text.find(word) {
        Some(at) if !is_joined && !word.is_empty() => {
            let start = whole.start + at;
            Span::new(start, start + word.len(), whole.line)
        }
        _ => whole,
    }
}

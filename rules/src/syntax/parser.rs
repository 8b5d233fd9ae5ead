//! Logical lines to a tree of definitions, chain switches and rules.
//!
//! A line is classified by its form alone. What the original throws away or crashes on (a missing empty line,
//! conditions at the end of the file) is a separator with a warning, or an error with its place.

use super::ast::{Action, ChainSwitch, Condition, Definition, Item, Metadata, Rule, Text};
use super::lexer::{self, Line};
use super::span::Span;
use super::test_block::{self, Block, Taken};
use crate::diagnostic::{Code, Diagnostic};

/// A parsed script: its items in order, and every problem of its form.
#[derive(Debug, Default)]
pub struct Parsed {
    /// What the script holds.
    pub items: Vec<Item>,
    /// Errors and warnings, in the order of their lines.
    pub problems: Vec<Diagnostic>,
}

/// Parses the text of a script. Never fails as a whole: what could not be read is in [`Parsed::problems`].
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut parser = Parser::default();
    for line in lexer::lines(text) {
        parser.line(&line);
    }
    parser.finish();
    parser.parsed
}

#[derive(Default)]
struct Parser {
    parsed: Parsed,
    rule: Option<Rule>,
    test: Option<Block>,
    last_line: u32,
    end: usize,
}

impl Parser {
    fn line(&mut self, line: &Line<'_>) {
        self.last_line = line.span.line;
        self.end = line.span.end;
        let text: &str = &line.text;
        if let Some(block) = &mut self.test {
            if block.take(line) == Taken::Yes {
                return;
            }
            self.end_test();
            if !text.is_empty() {
                self.parsed.problems.push(missing_blank_line(line.span));
            }
        }
        if text.starts_with(['#', ';']) {
            return;
        }
        if text.is_empty() {
            self.separator(line.span);
            return;
        }
        let has_actions = self
            .rule
            .as_ref()
            .is_some_and(|rule| !rule.actions.is_empty());
        let is_section = text.starts_with("::") || text.starts_with('%') || text.starts_with("@@");
        if is_section && (self.rule.is_none() || has_actions) {
            self.implicit_separator(line);
            self.section(line);
            return;
        }
        match action_name_length(text) {
            Some(length) if !is_condition_with_equals(text, length) => self.action(line, length),
            _ => {
                if has_actions {
                    self.implicit_separator(line);
                }
                self.condition(line);
            }
        }
    }

    fn separator(&mut self, span: Span) {
        let Some(rule) = self.rule.take() else { return };
        if rule.actions.is_empty() {
            self.missing_action(span);
        }
        // Without actions too: its conditions may hold more mistakes to report.
        self.parsed.items.push(Item::Rule(rule));
    }

    fn missing_action(&mut self, span: Span) {
        let message = format!(
            "Expected an action on line {} for preceding criteria",
            span.line
        );
        self.parsed.problems.push(
            Diagnostic::error(Code::MissingAction, span, message)
                .with_help("write what is to be done below the conditions, for example `DROP.`"),
        );
    }

    fn implicit_separator(&mut self, line: &Line<'_>) {
        let Some(rule) = self.rule.take() else { return };
        self.parsed.items.push(Item::Rule(rule));
        self.parsed.problems.push(missing_blank_line(line.span));
    }

    fn end_test(&mut self) {
        let Some((test, problem)) = self.test.take().map(Block::finish) else {
            return;
        };
        self.parsed.items.push(Item::Test(test));
        self.parsed.problems.extend(problem);
    }

    fn section(&mut self, line: &Line<'_>) {
        let text: &str = &line.text;
        if let Some(name) = text.strip_prefix("::") {
            let trimmed = name.trim_start_matches(is_space);
            let start = text.len() - trimmed.len();
            let name = Text {
                text: trimmed.to_owned(),
                span: line.part(start, text.len()),
            };
            self.parsed.items.push(Item::Chain(ChainSwitch { name }));
        } else if text.starts_with("@@") {
            self.metadata(line);
        } else if test_block::begins(text) {
            let (block, problem) = Block::begin(line);
            self.test = Some(block);
            self.parsed.problems.extend(problem);
        } else {
            match definition(line) {
                Ok(definition) => self.parsed.items.push(Item::Definition(definition)),
                Err(problem) => self.parsed.problems.push(problem),
            }
        }
    }

    fn metadata(&mut self, line: &Line<'_>) {
        let rest = line.text.get(2..).unwrap_or_default();
        let Some((key, value)) = rest.split_once('=') else {
            self.parsed.problems.push(
                Diagnostic::error(Code::Metadata, line.span, "malformed metadata line".into())
                    .with_help("write `@@ key = value`"),
            );
            return;
        };
        let key_text = key.trim();
        if key_text.is_empty() || !key_text.bytes().all(is_word_byte) {
            self.parsed.problems.push(
                Diagnostic::error(Code::Metadata, line.span, "malformed metadata key".into())
                    .with_help(
                        "write `@@ key = value` with letters, digits and underscores in the key",
                    ),
            );
            return;
        }
        self.parsed.items.push(Item::Metadata(Metadata {
            key: Text {
                text: key_text.to_owned(),
                span: line.span,
            },
            value: Text {
                text: value.trim().to_owned(),
                span: line.span,
            },
        }));
    }

    fn action(&mut self, line: &Line<'_>, length: usize) {
        let text: &str = &line.text;
        let name = text.get(..length).unwrap_or_default();
        let rest = text.get(length..).unwrap_or_default();
        let value = rest.strip_prefix('=').filter(|value| !value.is_empty());
        let action = Action {
            name: Text {
                text: name.to_ascii_uppercase().replace(' ', "_"),
                span: line.part(0, length),
            },
            value: value.map(|value| Text {
                text: value.to_owned(),
                span: line.part(length + 1, text.len()),
            }),
            line: Text {
                text: text.to_owned(),
                span: line.span,
            },
        };
        let rule = self.open(line.span);
        rule.actions.push(action);
        rule.span.end = line.span.end;
    }

    fn condition(&mut self, line: &Line<'_>) {
        let condition = condition(line);
        if condition.name.text == "LIMIT" && !line.text.contains(':') {
            self.parsed.problems.push(
                Diagnostic::warning(
                    Code::MissingColon,
                    line.span,
                    "LIMIT is written without its colon".into(),
                )
                .with_help("write `LIMIT: name on expression`"),
            );
        }
        let rule = self.open(line.span);
        rule.conditions.push(condition);
        rule.span.end = line.span.end;
    }

    fn open(&mut self, span: Span) -> &mut Rule {
        self.rule.get_or_insert_with(|| Rule {
            span,
            ..Rule::default()
        })
    }

    fn finish(&mut self) {
        self.end_test();
        let span = Span::new(self.end, self.end, self.last_line.saturating_add(1));
        self.separator(span);
    }
}

fn missing_blank_line(span: Span) -> Diagnostic {
    Diagnostic::warning(
        Code::MissingBlankLine,
        span,
        "this line begins a new rule or section without an empty line before it".into(),
    )
    .with_help("put an empty line before it: mod_firewall would lose this line")
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}')
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Length of the name if the line has the form of an action: letters, digits, `_` and blanks up to `.` or `=`.
fn action_name_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let length = bytes
        .iter()
        .position(|&byte| !is_word_byte(byte) && byte != b' ')?;
    (length > 0 && matches!(bytes.get(length), Some(b'.' | b'='))).then_some(length)
}

/// The manual prints `MAY=permission`, which has the form of an action.
fn is_condition_with_equals(text: &str, length: usize) -> bool {
    if text.as_bytes().get(length) != Some(&b'=') {
        return false;
    }
    let name = text.get(..length).unwrap_or_default();
    split_not(name).0 == "MAY"
}

/// Removes the word `NOT` and the one character behind it. Returns the name with spaces for underscores.
fn split_not(name: &str) -> (String, bool) {
    let bytes = name.as_bytes();
    let is_word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let found = memchr::memmem::find_iter(bytes, "NOT")
        .find(|&at| (at == 0 || !is_word(at - 1)) && !is_word(at + 3));
    let Some(at) = found else {
        return (name.replace('_', " "), false);
    };
    let mut rest = name.get(..at).unwrap_or_default().to_owned();
    let mut behind = name.get(at + 3..).unwrap_or_default().chars();
    behind.next();
    rest.push_str(behind.as_str());
    (rest.trim_matches(is_space).replace('_', " "), true)
}

fn condition(line: &Line<'_>) -> Condition {
    let text: &str = &line.text;
    let head = text.find([':', '=', '.', '?']).unwrap_or(text.len());
    let (mut name, mut negated) = split_not(text.get(..head).unwrap_or_default());
    let mut value_start = text.find(':').map(|at| at + 1);
    if value_start.is_none() && name == "MAY" && text.as_bytes().get(head) == Some(&b'=') {
        value_start = Some(head + 1);
    }
    let mut name_end = head;
    if let Some((limit_end, is_negated)) = limit_without_colon(text) {
        (name, negated) = ("LIMIT".to_owned(), is_negated);
        name_end = limit_end;
        value_start = Some(limit_end);
    }
    let value = value_start.and_then(|start| {
        let value = text.get(start..).unwrap_or_default();
        let trimmed = value
            .strip_prefix(is_space)
            .filter(|rest| !rest.is_empty())
            .unwrap_or(value);
        let start = text.len() - trimmed.len();
        (!trimmed.is_empty()).then(|| Text {
            text: trimmed.to_owned(),
            span: line.part(start, text.len()),
        })
    });
    Condition {
        negated,
        name: Text {
            text: name,
            span: line.part(0, name_end),
        },
        value,
        line: Text {
            text: text.to_owned(),
            span: line.span,
        },
    }
}

/// `LIMIT name on ...` as the manual's sample prints it. Answers where the name ends.
fn limit_without_colon(text: &str) -> Option<(usize, bool)> {
    let (rest, negated) = match text
        .strip_prefix("NOT ")
        .or_else(|| text.strip_prefix("NOT_"))
    {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let parameter = rest.strip_prefix("LIMIT ")?;
    let (name, expression) = parameter.split_once(" on ")?;
    let is_name = !name.is_empty() && name.bytes().all(is_word_byte);
    (is_name && expression.starts_with('$')).then(|| (text.len() - parameter.len() - 1, negated))
}

fn definition(line: &Line<'_>) -> Result<Definition, Diagnostic> {
    let text: &str = &line.text;
    let body = text
        .get(1..)
        .unwrap_or_default()
        .trim_start_matches(is_space);
    let keyword_start = text.len() - body.len();
    let keyword_length = body.bytes().take_while(|&byte| is_word_byte(byte)).count();
    let keyword_end = keyword_start + keyword_length;
    let keyword = Text {
        text: text
            .get(keyword_start..keyword_end)
            .unwrap_or_default()
            .to_owned(),
        span: line.part(keyword_start, keyword_end),
    };
    if !crate::definitions::KEYWORDS.contains(&keyword.text.as_str()) {
        let message = format!("Definition of unknown object: {}", keyword.text);
        return Err(
            Diagnostic::error(Code::UnknownDefinition, keyword.span, message)
                .with_help("the definitions are ZONE, LIST, RATE, SEARCH, PATTERN and TEST")
                .with_nearest(
                    &keyword.text,
                    crate::definitions::KEYWORDS.iter().copied().chain(["TEST"]),
                ),
        );
    }
    let rest = text.get(keyword_end..).unwrap_or_default();
    let after = rest.trim_start_matches(' ');
    let name_length = after.find([' ', ':']).unwrap_or(after.len());
    let name_start = text.len() - after.len();
    let name = Text {
        text: after.get(..name_length).unwrap_or_default().to_owned(),
        span: line.part(name_start, name_start + name_length),
    };
    if rest.len() == after.len() || !is_name(&name.text) {
        let message = format!("Invalid {} name", keyword.text);
        return Err(Diagnostic::error(Code::InvalidName, name.span, message)
            .with_help("a name is a letter, then letters, digits and underscores"));
    }
    let Some(colon) = text.find(':') else {
        let message = "No value given for definition".to_owned();
        return Err(Diagnostic::error(Code::MissingValue, line.span, message)
            .with_help(format!("write `%{} {}: value`", keyword.text, name.text)));
    };
    let value = text.get(colon + 1..).unwrap_or_default();
    let is_file = value.starts_with('<');
    let value = value.strip_prefix('<').unwrap_or(value);
    let value = value.strip_prefix(' ').unwrap_or(value);
    let start = text.len() - value.len();
    let value = Text {
        text: value.to_owned(),
        span: line.part(start, text.len()),
    };
    Ok(Definition {
        keyword,
        name,
        value,
        is_file,
        span: line.span,
    })
}

/// True for a letter followed by letters, digits and underscores.
pub(crate) fn is_name(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && text.bytes().all(is_word_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(script: &str) -> Vec<String> {
        parse(script)
            .problems
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    fn first_condition(script: &str) -> Condition {
        match parse(script).items.into_iter().next() {
            Some(Item::Rule(rule)) => rule.conditions[0].clone(),
            other => panic!("no rule: {other:?}"),
        }
    }

    #[test]
    fn not_stands_anywhere_in_the_name() {
        for line in ["NOT KIND: x", "KIND NOT: x", "NOT_KIND: x"] {
            let condition = first_condition(&format!("{line}\nDROP.\n"));
            assert_eq!(
                (condition.name.text.as_str(), condition.negated),
                ("KIND", true),
                "{line}"
            );
        }
        assert_eq!(
            first_condition("TO FULL NOT JID?\nDROP.").name.text,
            "TO FULL JID"
        );
        assert!(!first_condition("NOTKIND: x\nDROP.").negated);
    }

    #[test]
    fn value_loses_one_blank_only() {
        let value = |script| first_condition(script).value.map(|value| value.text);
        assert_eq!(value("FROM:  a\nDROP.").as_deref(), Some(" a"));
        assert_eq!(value("FROM:\nDROP."), None);
        assert_eq!(value("IN ROSTER? yes: no\nDROP.").as_deref(), Some("no"));
    }

    #[test]
    fn missing_action_names_the_empty_line() {
        assert_eq!(
            messages("KIND: iq\n\n"),
            ["Expected an action on line 2 for preceding criteria"]
        );
        assert_eq!(
            messages("KIND: iq\n"),
            ["Expected an action on line 2 for preceding criteria"]
        );
    }

    #[test]
    fn missing_blank_line_separates_with_a_warning() {
        let parsed = parse("LOG=a\n::preroute\nDROP.\n");
        assert_eq!(parsed.items.len(), 3);
        assert_eq!(parsed.problems.len(), 1);
    }

    #[test]
    fn definitions_are_read_apart() {
        let parsed = parse("%LIST l: file:/x (missing: ignore)\n%ZONE z:< /f\n");
        match &parsed.items[..] {
            [Item::Definition(list), Item::Definition(zone)] => {
                assert_eq!(list.value.text, "file:/x (missing: ignore)");
                assert!(zone.is_file);
                assert_eq!(zone.value.text, "/f");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            messages("%LIST x memory"),
            ["No value given for definition"]
        );
        assert_eq!(messages("%LIST a.b: memory"), ["Invalid LIST name"]);
        assert_eq!(messages("%RATE"), ["Invalid RATE name"]);
    }

    #[test]
    fn limit_without_colon_is_understood() {
        let condition = first_condition("LIMIT normal on $(session.type)\nDROP.");
        assert_eq!(condition.name.text, "LIMIT");
        assert_eq!(
            condition.value.map(|value| value.text).as_deref(),
            Some("normal on $(session.type)")
        );
    }
}

//! Scripts in their canonical layout.
//!
//! Lines lose their indentation and trailing blanks; names are written as the reference writes them, `NOT` first; one
//! empty line stands between rules, chains and definitions, and none where the original would need one but there
//! was none. Comments stay where they are, and what is continued over several lines stays so. The meaning never
//! changes: [`format()`] compares what it wrote with what it read.

mod layout;
mod line;

use crate::check::{unknown_action, unknown_condition};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::ast::{Item, TestLine};
use crate::syntax::parser::{self, Parsed};
use crate::syntax::span::Span;
use crate::{actions, conditions};

/// The canonical text of a script; formatting it again changes nothing.
///
/// # Errors
/// What keeps the script from being read: then there is nothing to lay out.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parser::parse(text);
    let errors = errors(&parsed);
    if !errors.is_empty() {
        return Err(errors);
    }
    let formatted = layout::lay_out(text);
    let again = parser::parse(&formatted);
    if meaning(&parsed) == meaning(&again) && errors_of_form(&again).next().is_none() {
        return Ok(formatted);
    }
    let message = "this script can not be laid out without changing its meaning".to_owned();
    let problem = Diagnostic::error(Code::Layout, Span::new(0, 0, 1), message);
    Err(vec![problem.with_help(
        "this is a mistake of the formatter: please report it with the script",
    )])
}

fn errors_of_form(parsed: &Parsed) -> impl Iterator<Item = &Diagnostic> {
    parsed.problems.iter().filter(|problem| problem.is_error())
}

/// Errors of form, and names that do not exist.
fn errors(parsed: &Parsed) -> Vec<Diagnostic> {
    let mut errors: Vec<Diagnostic> = errors_of_form(parsed).cloned().collect();
    for item in &parsed.items {
        let Item::Rule(rule) = item else { continue };
        let conditions = rule.conditions.iter();
        let unknown = conditions.filter(|one| conditions::named(&one.name.text).is_none());
        errors.extend(unknown.map(unknown_condition));
        let actions = rule.actions.iter();
        let unknown = actions.filter(|one| actions::named(&one.name.text).is_none());
        errors.extend(unknown.map(unknown_action));
    }
    errors.sort_by_key(|problem| problem.span.line);
    errors
}

/// All that a script says, without its places.
fn meaning(parsed: &Parsed) -> Vec<String> {
    parsed.items.iter().map(meaning_of).collect()
}

fn meaning_of(item: &Item) -> String {
    match item {
        Item::Chain(switch) => format!("chain {:?}", switch.name.text),
        Item::Metadata(metadata) => {
            format!("metadata {:?} {:?}", metadata.key.text, metadata.value.text)
        }
        Item::Definition(one) => format!(
            "{} {:?} {} {:?}",
            one.keyword.text, one.name.text, one.is_file, one.value.text
        ),
        Item::Rule(rule) => {
            let conditions = rule.conditions.iter().map(|one| {
                let value = one.value.as_ref().map(|value| &value.text);
                format!("{} {} {value:?}", one.negated, one.name.text)
            });
            let actions = rule.actions.iter().map(|one| {
                let value = one.value.as_ref().map(|value| &value.text);
                format!("do {} {value:?}", one.name.text)
            });
            conditions.chain(actions).collect::<Vec<_>>().join("\n")
        }
        Item::Test(test) => {
            let verdict = test.verdict.as_ref().map(|verdict| &verdict.text);
            let lines = test.lines.iter().map(|line| match line {
                TestLine::Statement(text) => format!("say {:?}", text.text),
                TestLine::Stanza(text) => format!("send {:?}", text.text),
            });
            let head = format!("test {:?} {verdict:?}", test.name.text);
            std::iter::once(head)
                .chain(lines)
                .collect::<Vec<_>>()
                .join("\n")
        }
    }
}

#[cfg(test)]
mod tests;

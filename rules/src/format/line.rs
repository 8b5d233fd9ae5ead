//! One line in its canonical form.

use crate::syntax::ast::{Action, Condition, Definition, Item, Metadata};
use crate::syntax::parser;
use crate::{actions, conditions};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Condition,
    Action,
    Definition,
    Chain,
    Metadata,
    Test,
}

/// The kind of a line that is neither empty nor a comment, and the line as it should be written.
pub(super) fn canonical(line: &str) -> (Kind, String) {
    let parsed = parser::parse(line);
    let verbatim = |kind| (kind, line.to_owned());
    match parsed.items.first() {
        Some(Item::Definition(one)) => (Kind::Definition, definition(one)),
        Some(Item::Chain(switch)) => (Kind::Chain, format!("::{}", switch.name.text)),
        Some(Item::Metadata(one)) => (Kind::Metadata, metadata(one)),
        Some(Item::Test(test)) => {
            let verdict = test.verdict.as_ref().map(|verdict| verdict.text.as_str());
            let text = format!("%TEST {}: {}", test.name.text, verdict.unwrap_or_default());
            (Kind::Test, text.trim_end().to_owned())
        }
        Some(Item::Rule(rule)) => match (rule.conditions.first(), rule.actions.first()) {
            (Some(one), _) => (Kind::Condition, condition(one)),
            (None, Some(one)) => (Kind::Action, action(one)),
            (None, None) => verbatim(Kind::Condition),
        },
        None => verbatim(Kind::Condition),
    }
}

fn condition(condition: &Condition) -> String {
    let not = if condition.negated { "NOT " } else { "" };
    let name = conditions::named(&condition.name.text).map_or("", |spec| spec.name);
    match &condition.value {
        Some(value) => format!("{not}{name}: {}", value.text),
        // What stands behind the mark means nothing, but may mean something to its author.
        None if has_more(&condition.line.text, '?') => condition.line.text.clone(),
        None => format!("{not}{name}?"),
    }
}

fn action(action: &Action) -> String {
    let name = actions::named(&action.name.text).map_or("", |spec| spec.name);
    let name = name.replace('_', " ");
    match &action.value {
        Some(value) => format!("{name}={}", value.text),
        None if has_more(&action.line.text, '.') => action.line.text.clone(),
        None => format!("{name}."),
    }
}

/// True if anything stands behind the first `mark`.
fn has_more(line: &str, mark: char) -> bool {
    line.split_once(mark)
        .is_some_and(|(_, rest)| !rest.is_empty())
}

fn definition(definition: &Definition) -> String {
    let from = if definition.is_file { "<" } else { "" };
    format!(
        "%{} {}:{from} {}",
        definition.keyword.text, definition.name.text, definition.value.text
    )
}

fn metadata(metadata: &Metadata) -> String {
    format!("@@ {} = {}", metadata.key.text, metadata.value.text)
}

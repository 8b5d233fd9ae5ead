//! Names of conditions and actions that do not exist, with those that are meant.

use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::ast::{Action, Condition};
use crate::{actions, conditions};

/// A condition that does not exist.
pub(crate) fn unknown_condition(condition: &Condition) -> Diagnostic {
    let name = condition.name.text.as_str();
    let line = condition.line.span.line;
    let message = format!("Unknown condition on line {line}: {name}");
    let problem = Diagnostic::error(Code::UnknownCondition, condition.name.span, message);
    match actions::named(&name.replace(' ', "_")) {
        Some(action) => problem.with_help(format!("this is an action: write `{}`", action.syntax)),
        None if condition.line.text.starts_with(['%', ':']) => {
            problem.with_help("the rule above has conditions but no action yet")
        }
        None if let Some(syntax) = without_separator(name) => {
            problem.with_help(format!("write `{syntax}`"))
        }
        None => {
            let known = conditions::ALL.iter().map(|spec| spec.name);
            problem
                .with_help("the reference of the rules lists all conditions; NOT and names are in capitals")
                .with_nearest(name, known)
        }
    }
}

/// An action that does not exist.
pub(crate) fn unknown_action(action: &Action) -> Diagnostic {
    let name = action.name.text.as_str();
    let line = action.line.span.line;
    let message = format!("Unknown action on line {line}: {name}");
    let problem = Diagnostic::error(Code::UnknownAction, action.name.span, message);
    let name = name.replace('_', " ");
    if let Some(condition) = conditions::named(&name) {
        return problem.with_help(format!("this is a condition: write `{}`", condition.syntax));
    }
    let known: Vec<String> = actions::ALL
        .iter()
        .map(|spec| spec.name.replace('_', " "))
        .collect();
    problem
        .with_help("the reference of the rules lists all actions")
        .with_nearest(&name, known.iter().map(String::as_str))
}

/// How the condition or action is written whose name a line begins with, if it is not followed by `:` or `=`.
fn without_separator(line: &str) -> Option<&'static str> {
    if line == "REPORT" || line.starts_with("REPORT ") {
        return actions::named("REPORT_TO").map(|action| action.syntax);
    }
    let line = line.strip_prefix("NOT ").unwrap_or(line);
    let ends = line.match_indices(' ').map(|(at, _)| at);
    let begun = ends.rev().filter_map(|at| line.get(..at));
    begun
        .filter_map(|name| {
            let condition = conditions::named(name).map(|condition| condition.syntax);
            condition
                .or_else(|| actions::named(&name.replace(' ', "_")).map(|action| action.syntax))
        })
        .next()
}

//! Names of marks and how conditions write them.

use crate::facts::OriginKind;
use crate::outcome::Effect;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::syntax::parser::is_name;

const UNREADABLE: &str = "Error parsing mark name, see documentation for usage examples";

/// `name` or `name (10s)`.
pub(crate) fn with_age(text: &str) -> Result<(String, Option<f64>), Refusal> {
    let unreadable = || {
        Refusal::invalid(UNREADABLE)
            .help("write `name` or `name (10s)`; a name is a letter, then letters, digits and _")
    };
    let text = text.trim();
    let end = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    let (name, rest) = text.split_at_checked(end).ok_or_else(unreadable)?;
    if !is_name(name) {
        return Err(unreadable());
    }
    if rest.is_empty() {
        return Ok((name.to_owned(), None));
    }
    let age = rest
        .strip_prefix(|c: char| c.is_ascii_whitespace())
        .map(str::trim_start)
        .and_then(|rest| rest.strip_prefix('('))
        .and_then(|rest| rest.strip_suffix("s)"))
        .and_then(|number| number.trim().parse::<f64>().ok())
        .filter(|age| age.is_finite() && age.fract() == 0.0)
        .ok_or_else(unreadable)?;
    Ok((name.to_owned(), Some(age)))
}

/// The name of an action that sets or removes a mark.
pub(crate) fn name(text: &str) -> Result<String, Refusal> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(
        Refusal::invalid(format!("Invalid characters in mark name: {text}"))
            .help("a name is a letter, then letters, digits and underscores"),
    )
}

/// True if the origin is a client of the host that the rules belong to: only its account can be marked.
pub(crate) fn is_own_client(run: &Run<'_>) -> bool {
    run.origin.kind == OriginKind::Client && run.origin.host == Some(run.ruleset.host())
}

/// Says in the log that somebody without an account here was to be marked.
pub(crate) fn warn_foreign(run: &mut Run<'_>, line: u32) {
    let script = run.ruleset.script_name(run.place.0).to_owned();
    let message = "only accounts of this host can be marked, and the origin is none".to_owned();
    run.effect(Effect::Warning {
        message,
        script,
        line,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_stand_in_parentheses() {
        assert_eq!(with_age("x").ok(), Some(("x".into(), None)));
        assert_eq!(with_age("x   ( 10s)").ok(), Some(("x".into(), Some(10.0))));
        for bad in ["", "1x", "x(10s)", "x (10)", "x (1h)", "a-b", "x y"] {
            assert!(with_age(bad).is_err(), "{bad}");
        }
    }
}

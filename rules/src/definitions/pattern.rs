//! `%PATTERN name: lua-pattern`, validated completely when something uses it.

use crate::diagnostic::Code;
use crate::lua_pattern::{Mode, Pattern, fails_on_empty_text};
use crate::refusal::Refusal;

/// Checks a definition's value. `Ok(Some(..))` is a mistake that counts only if the pattern is used: the original
/// tries a pattern on the empty text when it reads the definition, and does not get to every mistake by that.
pub(crate) fn parse(name: &str, value: &str) -> Result<Option<Refusal>, Refusal> {
    let Err(error) = Pattern::new(value.as_bytes(), Mode::Iterate) else {
        return Ok(None);
    };
    let refusal = Refusal::new(Code::Pattern, format!("Invalid pattern '{name}': {error}"));
    if fails_on_empty_text(value.as_bytes()) {
        Err(refusal)
    } else {
        Ok(Some(refusal))
    }
}

//! `%PATTERN name: lua-pattern`, validated completely when it is read.

use crate::diagnostic::Code;
use crate::lua_pattern::{Mode, Pattern};
use crate::refusal::Refusal;

/// Checks a definition's value; `SCAN` and `COUNT` iterate over its matches.
pub(crate) fn parse(name: &str, value: &str) -> Result<Pattern, Refusal> {
    Pattern::new(value.as_bytes(), Mode::Iterate)
        .map_err(|error| Refusal::new(Code::Pattern, format!("Invalid pattern '{name}': {error}")))
}

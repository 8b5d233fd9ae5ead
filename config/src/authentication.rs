//! `[authentication]`: how passwords become stored keys.

use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

/// Settings of the SCRAM keys that the node makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationConfig {
    /// PBKDF2 rounds of a new password's keys (RFC 5802 §5.1); existing keys keep theirs.
    pub scram_iterations: u32,
}

static SCRAM_ITERATIONS: Key = Key {
    name: "scram_iterations",
    accepts: Accepts::Integer(4096, 10_000_000),
    preset: Preset::Value("10000"),
    reload: Reload::Live,
    doc: "Rounds that turn a new password into its keys (RFC 5802). More of them make a stolen database \
          worth less, and log-ins dearer for the client. Existing keys keep their rounds until the \
          password changes.",
    example: "",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "authentication",
    doc: "How passwords become stored keys.",
    named: None,
    keys: &[&SCRAM_ITERATIONS],
    tables: &[],
    later: &["mechanisms", "backend"],
};

pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> AuthenticationConfig {
    let section = root.child(SECTION.name);
    AuthenticationConfig {
        scram_iterations: checker.integer(&section, &SCRAM_ITERATIONS),
    }
}

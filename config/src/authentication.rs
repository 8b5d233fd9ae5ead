//! `[authentication]`: how passwords become stored keys.

/// Settings of the SCRAM keys that the node makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationConfig {
    /// PBKDF2 rounds of a new password's keys (RFC 5802 §5.1); existing keys keep theirs.
    pub scram_iterations: u32,
}

//! Accounts: who may log in, how it is proved, and with which role.

use std::fmt;

use jid::BareJid;
use xmpp::role::Role;

/// What the server keeps of a password for one SCRAM mechanism (RFC 5802 §3): enough to check it, not to log in with.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Salt, as random bytes.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// `StoredKey`: 20 bytes for SHA-1, 32 for SHA-256.
    pub stored_key: Vec<u8>,
    /// `ServerKey`, of the same length.
    pub server_key: Vec<u8>,
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// How a user proves who he is. An account without keys can not log in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// For `SCRAM-SHA-1` and `SCRAM-SHA-1-PLUS`.
    pub scram_sha_1: Option<ScramKeys>,
    /// For `SCRAM-SHA-256` and `SCRAM-SHA-256-PLUS`, and for `PLAIN`.
    pub scram_sha_256: Option<ScramKeys>,
}

/// An account to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its address; the localpart must not be missing.
    pub user: BareJid,
    /// Its keys.
    pub credentials: Credentials,
    /// Its role.
    pub role: Role,
    /// When it is made, in seconds since 1970 (UTC).
    pub created_at: i64,
}

/// An account as it is kept, without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its address.
    pub user: BareJid,
    /// Its role.
    pub role: Role,
    /// When it was made, in seconds since 1970 (UTC).
    pub created_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_printed() {
        let keys = ScramKeys {
            salt: vec![201],
            iterations: 4096,
            stored_key: vec![202],
            server_key: vec![203],
        };
        let printed = format!("{keys:?}");
        assert!(printed.contains("4096"));
        assert!(!printed.contains("20"));
    }
}

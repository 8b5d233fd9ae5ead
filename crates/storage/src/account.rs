//! Accounts: who may log in, how it is proved, and with which role.

use std::fmt;
use std::str::FromStr;

use jid::BareJid;

/// What an account may do, weakest first, as Prosody names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An anonymous user.
    Guest,
    /// A user who made the account himself.
    Registered,
    /// A user whom the operators know.
    Member,
    /// May manage one host.
    Admin,
    /// May manage the node.
    Operator,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Self; 5] = [
        Self::Guest,
        Self::Registered,
        Self::Member,
        Self::Admin,
        Self::Operator,
    ];

    /// The role's name in the configuration, the rule language and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Registered => "registered",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: write guest, registered, member, admin or operator")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == name);
        role.ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

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
    fn roles_are_read_as_written() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!(
            "owner"
                .parse::<Role>()
                .unwrap_err()
                .to_string()
                .contains("member")
        );
    }

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

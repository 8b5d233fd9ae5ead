//! What accounts may do, in Prosody's words.

use std::fmt;
use std::str::FromStr;

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
}

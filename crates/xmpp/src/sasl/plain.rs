//! PLAIN (RFC 4616): the message, and the check that costs one key derivation.

use std::fmt;

use subtle::ConstantTimeEq as _;

use super::credentials::{AccountCredentials, ScramCredentials, ScramHash};
use super::failure::SaslFailure;
use super::prep::{PreparedPassword, prepare_username};
use super::secret::ServerSecret;

/// A PLAIN message that keeps the grammar.
pub(super) struct PlainMessage {
    pub(super) authzid: Option<String>,
    /// After SASLprep.
    pub(super) username: String,
    pub(super) password: PreparedPassword,
}

impl PlainMessage {
    pub(super) fn parse(message: &str) -> Result<Self, SaslFailure> {
        let mut parts = message.split('\0');
        let (Some(authzid), Some(username), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SaslFailure::malformed("two NUL characters are expected"));
        };
        let username = prepare_username(username)
            .map_err(|_| SaslFailure::malformed("the user name does not pass SASLprep"))?;
        let password = PreparedPassword::new(password)
            .map_err(|_| SaslFailure::malformed("the password does not pass SASLprep"))?;
        let authzid = Some(authzid)
            .filter(|authzid| !authzid.is_empty())
            .map(str::to_owned);
        Ok(Self {
            authzid,
            username,
            password,
        })
    }
}

/// A password to be compared with stored keys. [`PasswordCheck::run`] costs one PBKDF2 derivation, so
/// it goes to a worker thread; its verdict goes back to the exchange that asked.
pub struct PasswordCheck {
    password: PreparedPassword,
    hash: ScramHash,
    credentials: ScramCredentials,
    is_known: bool,
}

impl PasswordCheck {
    /// A check against the keys of an account, or against made-up ones if there is no account.
    pub(super) fn new(
        password: PreparedPassword,
        account: Option<&AccountCredentials>,
        pretend: impl FnOnce(ScramHash) -> ScramCredentials,
    ) -> Self {
        let real = [ScramHash::Sha256, ScramHash::Sha1]
            .into_iter()
            .find_map(|hash| {
                account
                    .and_then(|account| account.for_hash(hash))
                    .map(|keys| (hash, keys.clone()))
            });
        match real {
            Some((hash, credentials)) => Self {
                password,
                hash,
                credentials,
                is_known: true,
            },
            None => Self {
                password,
                hash: ScramHash::Sha256,
                credentials: pretend(ScramHash::Sha256),
                is_known: false,
            },
        }
    }

    /// A check outside SASL, as for changing a password: `account` is `None` for an unknown user, whose
    /// check costs as much and fails.
    ///
    /// # Errors
    /// The password does not pass SASLprep.
    pub fn against(
        password: &str,
        account: Option<&AccountCredentials>,
        user: &str,
        secret: &ServerSecret,
        iterations: u32,
    ) -> Result<Self, super::PrepError> {
        let password = PreparedPassword::new(password)?;
        Ok(Self::new(password, account, |hash| {
            secret.pretend(hash, user, iterations)
        }))
    }

    /// Derives the keys of the password once and compares them.
    #[must_use]
    pub fn run(self) -> PasswordVerdict {
        let derived = ScramCredentials::derive(
            self.hash,
            &self.password,
            &self.credentials.salt,
            self.credentials.iterations,
        );
        let matches = bool::from(derived.stored_key.ct_eq(&self.credentials.stored_key));
        PasswordVerdict {
            outcome: if matches && self.is_known {
                Outcome::Right
            } else {
                Outcome::Wrong
            },
            derivations: 1,
        }
    }
}

impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordCheck(..)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Right,
    Wrong,
    NotChecked,
}

/// What a [`PasswordCheck`] found. Only a check that ran can say that a password was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordVerdict {
    pub(super) outcome: Outcome,
    derivations: u32,
}

impl PasswordVerdict {
    /// The check could not run: the workers' queue was full, or the job failed. The client is told
    /// `temporary-auth-failure`.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self {
            outcome: Outcome::NotChecked,
            derivations: 0,
        }
    }

    /// Whether the password was right.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.outcome == Outcome::Right
    }

    /// How many PBKDF2 derivations it took: the same for known and unknown users.
    #[must_use]
    pub const fn derivations(&self) -> u32 {
        self.derivations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(password: &str) -> AccountCredentials {
        AccountCredentials::derive_with(
            &PreparedPassword::new(password).unwrap(),
            b"salt one",
            b"salt two",
            3,
        )
    }

    fn check(account: Option<&AccountCredentials>, password: &str) -> PasswordVerdict {
        PasswordCheck::against(password, account, "juliet", &ServerSecret::new([1; 32]), 3)
            .unwrap()
            .run()
    }

    #[test]
    fn right_wrong_and_unknown_cost_one_derivation_each() {
        let account = keys("r0m30myr0m30");
        let verdicts = [
            check(Some(&account), "r0m30myr0m30"),
            check(Some(&account), "x"),
            check(None, "r0m30myr0m30"),
        ];
        assert_eq!(
            verdicts.map(|verdict| verdict.is_right()),
            [true, false, false]
        );
        assert_eq!(verdicts.map(|verdict| verdict.derivations()), [1, 1, 1]);
    }

    #[test]
    fn an_account_with_old_keys_only_is_checked_against_those() {
        let account = AccountCredentials {
            sha256: None,
            ..keys("secret")
        };
        assert!(check(Some(&account), "secret").is_right());
        assert!(!check(Some(&AccountCredentials::default()), "secret").is_right());
    }

    #[test]
    fn messages_are_split_strictly() {
        let message = PlainMessage::parse("\0juliet\0secret").unwrap();
        assert_eq!(
            (
                message.authzid,
                message.username.as_str(),
                message.password.as_str()
            ),
            (None, "juliet", "secret")
        );
        assert_eq!(
            PlainMessage::parse("a@b\0juliet\0s")
                .unwrap()
                .authzid
                .as_deref(),
            Some("a@b")
        );
        for message in [
            "",
            "juliet",
            "\0juliet",
            "\0\0secret",
            "\0juliet\0",
            "\0a\0b\0c",
            "\0a\u{7}\0b",
        ] {
            assert!(PlainMessage::parse(message).is_err(), "{message:?}");
        }
    }
}

//! What is stored of a password: salted keys of RFC 5802 §3, one set for each hash.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::prep::{PrepError, PreparedPassword};

/// PBKDF2 rounds for new passwords when the configuration says nothing.
pub const DEFAULT_ITERATIONS: u32 = 10_000;

/// The fewest PBKDF2 rounds that RFC 7677 §4 allows.
pub const MINIMUM_ITERATIONS: u32 = 4_096;

/// Length of every salt we make, in bytes; those made up for unknown users have it as well.
pub const SALT_BYTES: usize = 16;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// SHA-1 (RFC 5802).
    Sha1,
    /// SHA-256 (RFC 7677).
    Sha256,
}

impl ScramHash {
    /// Length of the hash, and so of each key, in bytes.
    #[must_use]
    pub const fn output_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    pub(super) fn digest(self, data: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        })
    }

    /// HMAC over the concatenation of `parts`.
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Sha1 => {
                let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else {
                    return Zeroizing::default();
                };
                parts.iter().for_each(|part| mac.update(part));
                Zeroizing::new(mac.finalize().into_bytes().to_vec())
            }
            Self::Sha256 => {
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
                    return Zeroizing::default();
                };
                parts.iter().for_each(|part| mac.update(part));
                Zeroizing::new(mac.finalize().into_bytes().to_vec())
            }
        }
    }

    pub(super) fn salted_password(
        self,
        password: &PreparedPassword,
        salt: &[u8],
        iterations: u32,
    ) -> Zeroizing<Vec<u8>> {
        let mut salted = Zeroizing::new(vec![0; self.output_bytes()]);
        let password = password.as_str().as_bytes();
        match self {
            Self::Sha1 => {
                pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations.max(1), &mut salted)
            }
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations.max(1), &mut salted)
            }
        }
        salted
    }
}

/// The stored keys of one account for one hash (RFC 5802 §3). Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredentials {
    /// Random bytes, new for each password.
    pub salt: Vec<u8>,
    /// PBKDF2 rounds.
    pub iterations: u32,
    /// `H(ClientKey)`: proves the client's knowledge of the password.
    pub stored_key: Vec<u8>,
    /// Proves to the client that the server knows the account.
    pub server_key: Vec<u8>,
}

impl ScramCredentials {
    /// Derives the keys of `password`. Costs `iterations` rounds of PBKDF2: never call it on an
    /// arbiter.
    #[must_use]
    pub fn derive(
        hash: ScramHash,
        password: &PreparedPassword,
        salt: &[u8],
        iterations: u32,
    ) -> Self {
        let salted = hash.salted_password(password, salt, iterations);
        let client_key = hash.hmac(&salted, &[b"Client Key"]);
        Self {
            salt: salt.to_vec(),
            iterations: iterations.max(1),
            stored_key: hash.digest(&client_key).to_vec(),
            server_key: hash.hmac(&salted, &[b"Server Key"]).to_vec(),
        }
    }
}

impl Drop for ScramCredentials {
    fn drop(&mut self) {
        self.salt.zeroize();
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

impl fmt::Debug for ScramCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredentials")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// All stored keys of one account. A hash that is missing can not be used to log in, and looks to
/// the client like a wrong password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountCredentials {
    /// Keys for SCRAM-SHA-1 and SCRAM-SHA-1-PLUS.
    pub sha1: Option<ScramCredentials>,
    /// Keys for SCRAM-SHA-256 and SCRAM-SHA-256-PLUS; PLAIN is checked against these first.
    pub sha256: Option<ScramCredentials>,
}

impl AccountCredentials {
    /// Derives the keys of a new password, for `user add`, `user passwd` and registration. Costs two
    /// derivations of `iterations` rounds (raised to [`MINIMUM_ITERATIONS`]): run it on a worker
    /// thread.
    ///
    /// # Errors
    /// The password does not pass SASLprep, is empty or too long, or the system gave no randomness.
    pub fn derive(password: &str, iterations: u32) -> Result<Self, PrepError> {
        let password = PreparedPassword::new(password)?;
        let iterations = iterations.max(MINIMUM_ITERATIONS);
        let mut salts = [0_u8; SALT_BYTES * 2];
        getrandom::fill(&mut salts).map_err(|_| PrepError::NoRandomness)?;
        let (sha1_salt, sha256_salt) = salts.split_at(SALT_BYTES);
        Ok(Self::derive_with(
            &password,
            sha1_salt,
            sha256_salt,
            iterations,
        ))
    }

    /// As [`AccountCredentials::derive`] with given salts and exactly `iterations` rounds.
    #[must_use]
    pub fn derive_with(
        password: &PreparedPassword,
        sha1_salt: &[u8],
        sha256_salt: &[u8],
        iterations: u32,
    ) -> Self {
        Self {
            sha1: Some(ScramCredentials::derive(
                ScramHash::Sha1,
                password,
                sha1_salt,
                iterations,
            )),
            sha256: Some(ScramCredentials::derive(
                ScramHash::Sha256,
                password,
                sha256_salt,
                iterations,
            )),
        }
    }

    /// The keys for `hash`, if the account has them.
    #[must_use]
    pub fn for_hash(&self, hash: ScramHash) -> Option<&ScramCredentials> {
        match hash {
            ScramHash::Sha1 => self.sha1.as_ref(),
            ScramHash::Sha256 => self.sha256.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_accounts_with_one_password_share_no_key() {
        let one = AccountCredentials::derive("secret", MINIMUM_ITERATIONS).unwrap();
        let two = AccountCredentials::derive("secret", MINIMUM_ITERATIONS).unwrap();
        assert_ne!(one.sha256, two.sha256);
        assert_ne!(
            one.sha1.as_ref().unwrap().salt,
            one.sha256.as_ref().unwrap().salt
        );
    }

    #[test]
    fn too_few_rounds_are_raised() {
        let keys = AccountCredentials::derive("secret", 1).unwrap();
        assert_eq!(keys.sha1.unwrap().iterations, MINIMUM_ITERATIONS);
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let password = PreparedPassword::new("secret").unwrap();
        let keys = ScramCredentials::derive(ScramHash::Sha1, &password, b"salt", 2);
        assert_eq!(
            format!("{keys:?}"),
            "ScramCredentials { iterations: 2, .. }"
        );
    }
}

//! Credentials made up for users who do not exist.

use std::fmt;

use zeroize::Zeroizing;

use super::credentials::{SALT_BYTES, ScramCredentials, ScramHash};

/// Random bytes known to this server alone, from which the salts of unknown users are made. They
/// must survive a restart: a salt that changes with each start would give the unknown user away.
#[derive(Clone)]
pub struct ServerSecret(Zeroizing<[u8; 32]>);

impl ServerSecret {
    /// Takes 32 random bytes, read from where the node keeps them.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Credentials for `name` that nobody can satisfy: always the same for one name, and in length and
    /// rounds like those of an account.
    pub(super) fn pretend(&self, hash: ScramHash, name: &str, iterations: u32) -> ScramCredentials {
        let of = |purpose: &[u8]| {
            let tag = [u8::try_from(hash.output_bytes()).unwrap_or_default()];
            ScramHash::Sha256.hmac(&*self.0, &[purpose, &tag, name.as_bytes()])
        };
        let cut = |bytes: &[u8], length: usize| bytes.iter().copied().take(length).collect();
        ScramCredentials {
            salt: cut(&of(b"salt"), SALT_BYTES),
            iterations,
            stored_key: cut(&of(b"stored key"), hash.output_bytes()),
            server_key: cut(&of(b"server key"), hash.output_bytes()),
        }
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretended_salts_are_stable_and_differ_by_name_and_hash() {
        let secret = ServerSecret::new([7; 32]);
        let romeo = secret.pretend(ScramHash::Sha256, "romeo", 10_000);
        assert_eq!(romeo, secret.pretend(ScramHash::Sha256, "romeo", 10_000));
        assert_eq!(romeo.salt.len(), SALT_BYTES);
        assert_ne!(
            romeo.salt,
            secret.pretend(ScramHash::Sha256, "juliet", 10_000).salt
        );
        assert_ne!(
            romeo.salt,
            secret.pretend(ScramHash::Sha1, "romeo", 10_000).salt
        );
        assert_ne!(
            romeo.salt,
            ServerSecret::new([8; 32])
                .pretend(ScramHash::Sha256, "romeo", 10_000)
                .salt
        );
    }

    #[test]
    fn pretended_keys_have_the_length_of_the_hash() {
        let keys = ServerSecret::new([7; 32]).pretend(ScramHash::Sha1, "romeo", 1);
        assert_eq!((keys.stored_key.len(), keys.server_key.len()), (20, 20));
    }
}

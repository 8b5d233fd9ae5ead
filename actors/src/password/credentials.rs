//! Keys as the store keeps them, and as authentication uses them.

use storage::{Credentials, ScramKeys};
use xmpp::sasl::{AccountCredentials, ScramCredentials};

/// For the store.
#[must_use]
pub fn to_stored(account: &AccountCredentials) -> Credentials {
    let keys = |keys: &ScramCredentials| ScramKeys {
        salt: keys.salt.clone(),
        iterations: keys.iterations,
        stored_key: keys.stored_key.clone(),
        server_key: keys.server_key.clone(),
    };
    Credentials {
        scram_sha_1: account.sha1.as_ref().map(keys),
        scram_sha_256: account.sha256.as_ref().map(keys),
    }
}

/// From the store.
#[must_use]
pub fn from_stored(stored: Credentials) -> AccountCredentials {
    let keys = |keys: ScramKeys| ScramCredentials {
        salt: keys.salt,
        iterations: keys.iterations,
        stored_key: keys.stored_key,
        server_key: keys.server_key,
    };
    AccountCredentials {
        sha1: stored.scram_sha_1.map(keys),
        sha256: stored.scram_sha_256.map(keys),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_the_way_there_and_back() {
        let account = AccountCredentials::derive("secret", 4096).unwrap();
        assert_eq!(from_stored(to_stored(&account)), account);
    }
}

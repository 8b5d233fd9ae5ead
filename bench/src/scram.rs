//! SCRAM (RFC 5802, RFC 7677) from the client's side, and the keys that servers store.

use std::cell::RefCell;
use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The hash of a SCRAM mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Hash {
    /// SCRAM-SHA-1.
    Sha1,
    /// SCRAM-SHA-256.
    Sha256,
}

impl Hash {
    /// The SASL name of the mechanism.
    pub fn mechanism(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => authenticate::<Hmac<Sha1>>(key, data),
            Self::Sha256 => authenticate::<Hmac<Sha256>>(key, data),
        }
    }

    /// `Hi()` of RFC 5802: PBKDF2 with `rounds` iterations.
    pub fn salted_password(self, password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
        let mut out = [0u8; 32];
        match self {
            Self::Sha1 => {
                pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, rounds, &mut out[..20]);
                out[..20].to_vec()
            }
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, rounds, &mut out);
                out.to_vec()
            }
        }
    }
}

fn authenticate<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// What a server stores instead of a password.
pub struct StoredKeys {
    /// `H(ClientKey)`.
    pub stored_key: Vec<u8>,
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: Vec<u8>,
}

/// Derives the stored keys of a password.
pub fn stored_keys(hash: Hash, password: &str, salt: &[u8], rounds: u32) -> StoredKeys {
    let salted = hash.salted_password(password, salt, rounds);
    StoredKeys {
        stored_key: hash.digest(&hash.hmac(&salted, b"Client Key")),
        server_key: hash.hmac(&salted, b"Server Key"),
    }
}

/// One exchange, without channel binding.
pub struct Exchange {
    hash: Hash,
    first_bare: String,
    nonce: String,
}

impl Exchange {
    /// Begins an exchange for a user name that needs no escaping.
    pub fn new(hash: Hash, user: &str, nonce: String) -> Self {
        Self {
            hash,
            first_bare: format!("n={user},r={nonce}"),
            nonce,
        }
    }

    /// The base64 text of the initial response.
    pub fn first(&self) -> String {
        STANDARD.encode(format!("n,,{}", self.first_bare))
    }

    /// Answers the server's challenge (base64 in, base64 out).
    pub fn answer(&self, challenge: &str, password: &str) -> Result<String> {
        let challenge = String::from_utf8(STANDARD.decode(challenge.trim())?)?;
        let field = |name: &str| {
            challenge
                .split(',')
                .find_map(|part| part.strip_prefix(name))
                .with_context(|| format!("no {name} in {challenge}"))
        };
        let nonce = field("r=")?;
        if !nonce.starts_with(&self.nonce) {
            bail!("the server's nonce does not extend ours");
        }
        let salt = STANDARD.decode(field("s=")?)?;
        let salted = cached_salted_password(self.hash, password, &salt, field("i=")?.parse()?);
        let without_proof = format!("c=biws,r={nonce}");
        let signed = format!("{},{challenge},{without_proof}", self.first_bare);
        let proof = proof(self.hash, &salted, signed.as_bytes());
        Ok(STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof))))
    }
}

fn proof(hash: Hash, salted: &[u8], signed: &[u8]) -> Vec<u8> {
    let client_key = hash.hmac(salted, b"Client Key");
    let signature = hash.hmac(&hash.digest(&client_key), signed);
    client_key
        .iter()
        .zip(signature)
        .map(|(key, byte)| key ^ byte)
        .collect()
}

type CacheKey = (Hash, String, Vec<u8>, u32);

thread_local! {
    /// Clients keep the salted password (RFC 5802 §3), and so do we, for as many users as the process logs in.
    static SALTED: RefCell<HashMap<CacheKey, Vec<u8>>> = RefCell::default();
}

fn cached_salted_password(hash: Hash, password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
    let key = (hash, password.to_owned(), salt.to_vec(), rounds);
    SALTED.with_borrow_mut(|cache| {
        cache
            .entry(key)
            .or_insert_with(|| hash.salted_password(password, salt, rounds))
            .clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_5802_comes_out() {
        let exchange = Exchange::new(Hash::Sha1, "user", "fyko+d2lbbFgONRv9qkxdawL".into());
        let challenge = STANDARD
            .encode("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
        let answer = STANDARD
            .decode(exchange.answer(&challenge, "pencil").unwrap())
            .unwrap();
        let expected =
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
    }

    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        let exchange = Exchange::new(Hash::Sha256, "user", "rOprNGfwEbeRWgbNEkqO".into());
        let text = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let answer = STANDARD
            .decode(exchange.answer(&STANDARD.encode(text), "pencil").unwrap())
            .unwrap();
        assert!(
            String::from_utf8(answer)
                .unwrap()
                .ends_with("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        );
    }

    #[test]
    fn a_foreign_nonce_is_refused() {
        let exchange = Exchange::new(Hash::Sha1, "user", "mine".into());
        assert!(
            exchange
                .answer(&STANDARD.encode("r=other,s=QSXCR+Q6sek8bf92,i=1"), "x")
                .is_err()
        );
    }
}

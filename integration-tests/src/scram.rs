//! The client's side of SCRAM (RFC 5802, RFC 7677), with every field open so that a test can tamper with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The hash that gives a mechanism its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SCRAM-SHA-1.
    Sha1,
    /// SCRAM-SHA-256.
    Sha256,
}

/// One exchange. Change fields between [`Scram::first`] and [`Scram::last`] to misbehave.
#[derive(Clone, Debug)]
pub struct Scram {
    /// Hash of the mechanism.
    pub hash: Hash,
    /// `n,,`, `y,,` or `p=tls-exporter,,`, with the authorization identity if there is one.
    pub gs2: String,
    /// Bytes of the channel binding, sent after the header in `c=`.
    pub binding: Vec<u8>,
    /// Name as sent in `n=`.
    pub user: String,
    /// The client's own nonce.
    pub nonce: String,
    /// Put before `n=`, for instance `m=x,`.
    pub before_user: String,
}

impl Scram {
    /// An exchange without channel binding.
    pub fn new(hash: Hash, user: &str) -> Scram {
        let mut nonce = [0u8; 18];
        getrandom::fill(&mut nonce).unwrap();
        Scram {
            hash,
            gs2: "n,,".into(),
            binding: Vec::new(),
            user: user.replace('=', "=3D").replace(',', "=2C"),
            nonce: STANDARD.encode(nonce),
            before_user: String::new(),
        }
    }

    /// An exchange bound to the TLS connection (RFC 9266).
    pub fn bound(hash: Hash, user: &str, exporter: [u8; 32]) -> Scram {
        Scram {
            gs2: "p=tls-exporter,,".into(),
            binding: exporter.to_vec(),
            ..Scram::new(hash, user)
        }
    }

    /// The client's first message.
    pub fn first(&self) -> String {
        format!("{}{}", self.gs2, self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("{}n={},r={}", self.before_user, self.user, self.nonce)
    }

    /// The client's last message and the signature that the server must answer with.
    pub fn last(&self, challenge: &Challenge, password: &str) -> (String, String) {
        let mut binding = self.gs2.clone().into_bytes();
        binding.extend_from_slice(&self.binding);
        self.last_with(challenge, password, &STANDARD.encode(binding))
    }

    /// As [`Scram::last`], with `c=` of the caller's choice.
    pub fn last_with(&self, challenge: &Challenge, password: &str, c: &str) -> (String, String) {
        let without_proof = format!("c={c},r={}", challenge.nonce);
        let signed = format!("{},{},{without_proof}", self.first_bare(), challenge.text);
        let (proof, signature) = match self.hash {
            Hash::Sha1 => keys::<Sha1>(challenge, password, signed.as_bytes(), hmac::<Hmac<Sha1>>),
            Hash::Sha256 => {
                keys::<Sha256>(challenge, password, signed.as_bytes(), hmac::<Hmac<Sha256>>)
            }
        };
        (
            format!("{without_proof},p={}", STANDARD.encode(proof)),
            format!("v={}", STANDARD.encode(signature)),
        )
    }
}

/// The server's first message.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// As received.
    pub text: String,
    /// `r=`: the client's nonce with the server's appended.
    pub nonce: String,
    /// `s=`, decoded.
    pub salt: Vec<u8>,
    /// `i=`.
    pub iterations: u32,
}

impl Challenge {
    /// Reads `r=..,s=..,i=..`.
    pub fn parse(text: &str) -> Challenge {
        let field = |name: &str| {
            let found = text.split(',').find_map(|part| part.strip_prefix(name));
            found
                .unwrap_or_else(|| panic!("no {name} in challenge {text:?}"))
                .to_owned()
        };
        Challenge {
            text: text.to_owned(),
            nonce: field("r="),
            salt: STANDARD.decode(field("s=")).unwrap(),
            iterations: field("i=").parse().unwrap(),
        }
    }
}

type MacFn = fn(&[u8], &[u8]) -> Vec<u8>;

fn hmac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// RFC 5802 §3: the proof and the server's signature.
fn keys<D: Digest>(
    challenge: &Challenge,
    password: &str,
    signed: &[u8],
    mac: MacFn,
) -> (Vec<u8>, Vec<u8>) {
    let salted = hi(challenge, password.as_bytes(), mac);
    let client_key = mac(&salted, b"Client Key");
    let client_signature = mac(&D::digest(&client_key), signed);
    let proof = client_key
        .iter()
        .zip(&client_signature)
        .map(|(a, b)| a ^ b)
        .collect();
    (proof, mac(&mac(&salted, b"Server Key"), signed))
}

fn hi(challenge: &Challenge, password: &[u8], mac: MacFn) -> Vec<u8> {
    let mut salt = challenge.salt.clone();
    salt.extend_from_slice(&[0, 0, 0, 1]);
    let mut block = mac(password, &salt);
    let mut sum = block.clone();
    for _ in 1..challenge.iterations {
        block = mac(password, &block);
        sum.iter_mut().zip(&block).for_each(|(s, b)| *s ^= b);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677 §3.
    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        let scram = Scram {
            nonce: "rOprNGfwEbeRWgbNEkqO".into(),
            ..Scram::new(Hash::Sha256, "user")
        };
        let challenge = Challenge::parse(
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        );
        let (last, signature) = scram.last(&challenge, "pencil");
        assert!(
            last.ends_with("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
            "{last}"
        );
        assert_eq!(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }
}

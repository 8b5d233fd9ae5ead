//! SCRAM, the client's side: for load generators and black-box tests, which must not borrow the
//! server's half to check the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

use super::credentials::ScramHash;
use super::prep::PreparedPassword;

/// Why a client breaks off.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScramClientError {
    /// The server's message breaks the grammar, or its nonce is not an extension of ours.
    #[error("the server's message is malformed")]
    Malformed,
    /// The server asks for more PBKDF2 rounds than a client should do (1,000,000).
    #[error("the server asks for too many rounds")]
    TooManyRounds,
    /// The server does not know the account's keys.
    #[error("the server's signature is wrong")]
    WrongSignature,
}

/// One SCRAM exchange of a client.
pub struct ScramClient {
    hash: ScramHash,
    password: PreparedPassword,
    gs2_header: String,
    binding: Option<[u8; 32]>,
    nonce: String,
    bare: String,
    server_signature: Zeroizing<Vec<u8>>,
}

impl ScramClient {
    /// Begins an exchange; `binding` is the exporter's keying material for a mechanism with `-PLUS`, and
    /// `nonce` random printable text without a comma.
    #[must_use]
    pub fn new(
        hash: ScramHash,
        username: &str,
        password: PreparedPassword,
        nonce: &str,
        binding: Option<[u8; 32]>,
    ) -> Self {
        let gs2_header = if binding.is_some() {
            "p=tls-exporter,,"
        } else {
            "n,,"
        };
        let bare = format!(
            "n={},r={nonce}",
            username.replace('=', "=3D").replace(',', "=2C")
        );
        Self {
            hash,
            password,
            gs2_header: gs2_header.to_owned(),
            binding,
            nonce: nonce.to_owned(),
            bare,
            server_signature: Zeroizing::default(),
        }
    }

    /// The client-first-message.
    #[must_use]
    pub fn first(&self) -> String {
        format!("{}{}", self.gs2_header, self.bare)
    }

    /// The client-final-message that answers `challenge`. Costs the PBKDF2 rounds that the server asks
    /// for.
    ///
    /// # Errors
    /// The challenge is malformed or asks for too much.
    pub fn answer(&mut self, challenge: &str) -> Result<String, ScramClientError> {
        let mut parts = challenge.split(',');
        let nonce = parts
            .next()
            .and_then(|part| part.strip_prefix("r="))
            .ok_or(ScramClientError::Malformed)?;
        let salt = parts
            .next()
            .and_then(|part| part.strip_prefix("s="))
            .ok_or(ScramClientError::Malformed)?;
        let rounds = parts
            .next()
            .and_then(|part| part.strip_prefix("i="))
            .ok_or(ScramClientError::Malformed)?;
        let salt = STANDARD
            .decode(salt)
            .map_err(|_| ScramClientError::Malformed)?;
        let rounds: u32 = rounds.parse().map_err(|_| ScramClientError::Malformed)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramClientError::Malformed);
        }
        if rounds > 1_000_000 {
            return Err(ScramClientError::TooManyRounds);
        }
        let salted = self.hash.salted_password(&self.password, &salt, rounds);
        let mut binding = self.gs2_header.as_bytes().to_vec();
        binding.extend(self.binding.iter().flatten());
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(binding));
        let auth_message = format!("{},{challenge},{without_proof}", self.bare);
        let client_key = self.hash.hmac(&salted, &[b"Client Key"]);
        let signature = self
            .hash
            .hmac(&self.hash.digest(&client_key), &[auth_message.as_bytes()]);
        let proof: Vec<u8> = client_key
            .iter()
            .zip(signature.iter())
            .map(|(left, right)| left ^ right)
            .collect();
        let server_key = self.hash.hmac(&salted, &[b"Server Key"]);
        self.server_signature = self.hash.hmac(&server_key, &[auth_message.as_bytes()]);
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)))
    }

    /// Checks the server-final-message.
    ///
    /// # Errors
    /// It does not prove that the server knows the account.
    pub fn verify(&self, message: &str) -> Result<(), ScramClientError> {
        let signature = message
            .strip_prefix("v=")
            .and_then(|signature| STANDARD.decode(signature).ok());
        let signature = signature.ok_or(ScramClientError::Malformed)?;
        if !self.server_signature.is_empty() && bool::from(signature.ct_eq(&self.server_signature))
        {
            Ok(())
        } else {
            Err(ScramClientError::WrongSignature)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_of_rfc_5802() {
        let password = PreparedPassword::new("pencil").unwrap();
        let mut client = ScramClient::new(
            ScramHash::Sha1,
            "user",
            password,
            "fyko+d2lbbFgONRv9qkxdawL",
            None,
        );
        assert_eq!(client.first(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let challenge = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        assert_eq!(
            client.answer(challenge).unwrap(),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert_eq!(client.verify("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), Ok(()));
        assert_eq!(
            client.verify("v=rmF9pqV8S7suAoZWja4dJRkFsKA="),
            Err(ScramClientError::WrongSignature)
        );
    }

    #[test]
    fn a_server_that_swaps_the_nonce_or_asks_too_much_is_refused() {
        let password = PreparedPassword::new("pencil").unwrap();
        let mut client = ScramClient::new(ScramHash::Sha1, "user", password, "mine", None);
        assert_eq!(
            client.answer("r=other,s=QSXCR+Q6sek8bf92,i=4096"),
            Err(ScramClientError::Malformed)
        );
        assert_eq!(
            client.answer("r=mine,s=QSXCR+Q6sek8bf92,i=4096"),
            Err(ScramClientError::Malformed)
        );
        assert_eq!(
            client.answer("r=mineyours,s=QSXCR+Q6sek8bf92,i=4000000000"),
            Err(ScramClientError::TooManyRounds)
        );
        assert_eq!(client.verify("v="), Err(ScramClientError::WrongSignature));
    }
}

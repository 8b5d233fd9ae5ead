//! SCRAM, the server's side (RFC 5802 §5, RFC 7677), one function for each message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::credentials::{ScramCredentials, ScramHash};
use super::failure::{SaslCondition, SaslFailure};
use super::gs2::{self, BindingFlag};
use super::prep::prepare_username;

/// The only channel binding type that we offer (RFC 9266).
pub(crate) const TLS_EXPORTER: &str = "tls-exporter";

/// What the TLS connection gives to an exchange.
#[derive(Clone, Copy)]
pub(super) struct Binding<'a> {
    /// The mechanism's name ends in `-PLUS`.
    pub(super) is_plus: bool,
    /// A mechanism whose name ends in `-PLUS` was in the offer.
    pub(super) plus_was_offered: bool,
    /// Keying material of RFC 9266.
    pub(super) exporter: Option<&'a [u8; 32]>,
}

/// A client-first-message that keeps the grammar.
pub(super) struct ClientFirst {
    /// After SASLprep.
    pub(super) username: String,
    pub(super) authzid: Option<String>,
    /// What `c=` has to hold: the GS2 header and the channel binding data.
    binding_input: Vec<u8>,
    bare: String,
    nonce: String,
}

impl ClientFirst {
    pub(super) fn parse(message: &str, binding: Binding<'_>) -> Result<Self, SaslFailure> {
        let gs2 = gs2::parse(message)?;
        let exporter = check_flag(gs2.flag, binding)?;
        let mut attributes = gs2.bare.split(',');
        let username = attributes.next().and_then(|part| part.strip_prefix("n="));
        let username = username.ok_or(SaslFailure::malformed(
            "a user name is expected first, and extensions are not supported",
        ))?;
        let nonce = attributes
            .next()
            .and_then(|part| part.strip_prefix("r="))
            .filter(|nonce| gs2::is_nonce(nonce));
        let nonce = nonce.ok_or(SaslFailure::malformed(
            "the nonce is missing, malformed or too long",
        ))?;
        if !attributes.all(gs2::is_optional_extension) {
            return Err(SaslFailure::malformed(
                "the first message holds an extension that is not supported",
            ));
        }
        let username = gs2::decode_name(username)
            .ok_or(SaslFailure::malformed("the user name is malformed"))?;
        let username = prepare_username(&username)
            .map_err(|_| SaslFailure::malformed("the user name does not pass SASLprep"))?;
        let mut binding_input = gs2.header.as_bytes().to_vec();
        binding_input.extend_from_slice(exporter);
        Ok(Self {
            username,
            authzid: gs2.authzid,
            binding_input,
            bare: gs2.bare.to_owned(),
            nonce: nonce.to_owned(),
        })
    }

    /// Makes the server-first-message. With `is_known` false the exchange goes on as usual and fails at
    /// its end.
    pub(super) fn challenge(
        self,
        hash: ScramHash,
        credentials: ScramCredentials,
        is_known: bool,
        server_nonce: &str,
    ) -> (String, Pending) {
        let nonce = format!("{}{server_nonce}", self.nonce);
        let message = format!(
            "r={nonce},s={},i={}",
            STANDARD.encode(&credentials.salt),
            credentials.iterations
        );
        let transcript = format!("{},{message},", self.bare);
        (
            message,
            Pending {
                hash,
                credentials,
                is_known,
                nonce,
                binding_input: self.binding_input,
                transcript,
            },
        )
    }
}

/// What the binding flag demands: the data to bind, or the end of the exchange.
fn check_flag<'a>(flag: BindingFlag<'_>, binding: Binding<'a>) -> Result<&'a [u8], SaslFailure> {
    match (flag, binding.is_plus) {
        (BindingFlag::Unsupported, false) => Ok(&[]),
        (BindingFlag::NotOffered, false) if binding.plus_was_offered => Err(SaslFailure::new(
            SaslCondition::NotAuthorized,
            "channel binding was offered: somebody has changed the offer",
        )),
        (BindingFlag::NotOffered, false) => Ok(&[]),
        (BindingFlag::Bound(TLS_EXPORTER), true) => match binding.exporter {
            Some(exporter) => Ok(exporter),
            None => Err(SaslFailure::malformed("this stream has no channel binding")),
        },
        (BindingFlag::Bound(_), true) => Err(SaslFailure::malformed(
            "this type of channel binding is not supported",
        )),
        (BindingFlag::Bound(_), false) => Err(SaslFailure::malformed(
            "this mechanism has no channel binding",
        )),
        (_, true) => Err(SaslFailure::malformed(
            "this mechanism needs channel binding",
        )),
    }
}

/// An exchange that waits for the client's proof.
pub(super) struct Pending {
    hash: ScramHash,
    credentials: ScramCredentials,
    is_known: bool,
    nonce: String,
    binding_input: Vec<u8>,
    /// The start of AuthMessage: both first messages, each with its comma.
    transcript: String,
}

impl Pending {
    /// Checks the client-final-message and makes the server-final-message.
    pub(super) fn finish(self, message: &str) -> Result<String, SaslFailure> {
        let (without_proof, proof) = self.split_final(message)?;
        let auth_message: [&[u8]; 2] = [self.transcript.as_bytes(), without_proof.as_bytes()];
        let signature = self.hash.hmac(&self.credentials.stored_key, &auth_message);
        let client_key: Vec<u8> = signature
            .iter()
            .zip(&proof)
            .map(|(left, right)| left ^ right)
            .collect();
        let matches = self
            .hash
            .digest(&client_key)
            .ct_eq(&self.credentials.stored_key);
        let answer = self.hash.hmac(&self.credentials.server_key, &auth_message);
        if bool::from(matches) && self.is_known {
            Ok(format!("v={}", STANDARD.encode(&*answer)))
        } else {
            Err(SaslFailure::not_authorized())
        }
    }

    fn split_final<'m>(&self, message: &'m str) -> Result<(&'m str, Vec<u8>), SaslFailure> {
        const BROKEN: SaslFailure = SaslFailure::malformed("the final message is malformed");
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(BROKEN)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes
            .next()
            .and_then(|part| part.strip_prefix("c="))
            .ok_or(BROKEN)?;
        let nonce = attributes
            .next()
            .and_then(|part| part.strip_prefix("r="))
            .ok_or(BROKEN)?;
        if !attributes.all(gs2::is_optional_extension) {
            return Err(SaslFailure::malformed(
                "the final message holds an extension that is not supported",
            ));
        }
        let binding = STANDARD.decode(binding).map_err(|_| BROKEN)?;
        let proof = STANDARD.decode(proof).map_err(|_| BROKEN)?;
        if proof.len() != self.hash.output_bytes() {
            return Err(SaslFailure::malformed("the proof has the wrong length"));
        }
        if !bool::from(binding.ct_eq(&self.binding_input)) {
            return Err(SaslFailure::new(
                SaslCondition::NotAuthorized,
                "the channel binding does not match",
            ));
        }
        if nonce != self.nonce {
            return Err(SaslFailure::new(
                SaslCondition::NotAuthorized,
                "the nonce does not match",
            ));
        }
        Ok((without_proof, proof))
    }
}

#[cfg(test)]
mod tests;

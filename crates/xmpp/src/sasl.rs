//! SASL, the server's side (RFC 4422, RFC 5802, RFC 7677, RFC 9266), without XML and without I/O.
//!
//! An [`Exchange`] is one authentication attempt. It is fed with what the client sent, decoded from
//! base64, and answers with a [`Step`]: a challenge, a question to the store, work for a worker
//! thread, or the end. `xmpp::stream` wraps steps in the elements of RFC 6120 §6; another profile
//! (XEP-0388) wraps the same steps in other elements.
//!
//! Accounts keep [`AccountCredentials`]: salted keys, never passwords.
//!
//! What a stranger can not learn is whether an account exists. An unknown user is given credentials
//! made up from the [`ServerSecret`] and then takes the same path as a known one: a SCRAM attempt
//! derives no key for either, a PLAIN attempt derives exactly one for either, and both end with
//! `not-authorized` at the same step.

mod client;
mod credentials;
mod exchange;
mod failure;
mod gs2;
mod mechanism;
mod plain;
mod prep;
mod scram;
mod secret;

pub use client::{ScramClient, ScramClientError};
pub use credentials::{
    AccountCredentials, DEFAULT_ITERATIONS, MINIMUM_ITERATIONS, SALT_BYTES, ScramCredentials,
    ScramHash,
};
pub use exchange::{
    Authenticated, CredentialsAnswer, Exchange, MAX_MESSAGE_BYTES, SaslContext, Step,
};
pub use failure::{SaslCondition, SaslFailure};
pub use mechanism::{Mechanism, MechanismSet};
pub use plain::{PasswordCheck, PasswordVerdict};
pub use prep::{PrepError, PreparedPassword};
pub(crate) use scram::TLS_EXPORTER;
pub use secret::ServerSecret;

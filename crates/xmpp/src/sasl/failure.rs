//! Why an authentication attempt failed (RFC 6120 §6.5).

/// A condition of RFC 6120 §6.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaslCondition {
    /// The client sent `<abort/>`.
    Aborted,
    /// The proof was right, but an operator has closed the account.
    AccountDisabled,
    /// The mechanism is not allowed outside TLS.
    EncryptionRequired,
    /// The payload is not base64.
    IncorrectEncoding,
    /// The authorization identity is malformed or somebody else's.
    InvalidAuthzid,
    /// The mechanism is unknown or was not offered.
    InvalidMechanism,
    /// The message breaks the mechanism's grammar.
    MalformedRequest,
    /// Wrong user name, password or channel binding.
    NotAuthorized,
    /// The store or the workers can not answer now.
    TemporaryAuthFailure,
}

impl SaslCondition {
    /// The element's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }
}

/// A condition and a sentence for people. The sentence never depends on whether the account exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslFailure {
    /// What the client is told.
    pub condition: SaslCondition,
    /// The same for people, in English.
    pub text: &'static str,
}

impl SaslFailure {
    pub(crate) const fn new(condition: SaslCondition, text: &'static str) -> Self {
        Self { condition, text }
    }

    pub(super) const fn malformed(text: &'static str) -> Self {
        Self::new(SaslCondition::MalformedRequest, text)
    }

    /// The one answer to a wrong password and to an unknown user.
    pub(super) const fn not_authorized() -> Self {
        Self::new(SaslCondition::NotAuthorized, "wrong user name or password")
    }
}

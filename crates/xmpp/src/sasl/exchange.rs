//! One authentication attempt, whatever the mechanism.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jid::{BareJid, DomainRef};
use zeroize::Zeroizing;

use super::credentials::{AccountCredentials, ScramHash};
use super::failure::{SaslCondition, SaslFailure};
use super::mechanism::{Mechanism, MechanismSet};
use super::plain::{Outcome, PasswordCheck, PasswordVerdict, PlainMessage};
use super::prep::PreparedPassword;
use super::scram::{Binding, ClientFirst, Pending};
use super::secret::ServerSecret;

/// Longest message of a client that is looked at, in bytes after base64.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// What an exchange needs to know of its stream. The same values are given at each step.
#[derive(Clone, Copy)]
pub struct SaslContext<'a> {
    /// The host that the client wants to log in to.
    pub host: &'a DomainRef,
    /// The mechanisms in the offer that the client has seen.
    pub offered: MechanismSet,
    /// Keying material of RFC 9266, if the TLS connection has it.
    pub exporter: Option<&'a [u8; 32]>,
    /// For the salts of unknown users.
    pub secret: &'a ServerSecret,
    /// PBKDF2 rounds that an unknown user seems to have.
    pub iterations: u32,
    /// Fills a buffer with random bytes; `false` if the system has none.
    pub random: fn(&mut [u8]) -> bool,
}

/// What the store knows of a user.
#[derive(Debug)]
pub enum CredentialsAnswer {
    /// The account exists.
    Known {
        /// Its keys.
        credentials: AccountCredentials,
        /// Whether an operator has closed it; told to those alone who know the password.
        is_disabled: bool,
    },
    /// No such account.
    Unknown,
    /// The store can not answer now.
    Unavailable,
}

/// The end of a successful exchange. Only an [`Exchange`] makes it.
#[derive(Debug)]
pub struct Authenticated {
    user: BareJid,
    mechanism: Mechanism,
    data: Option<String>,
}

impl Authenticated {
    /// Who has logged in.
    #[must_use]
    pub const fn user(&self) -> &BareJid {
        &self.user
    }

    /// With which mechanism.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Data that goes with the success (RFC 4422 §3.6): the server's signature of SCRAM.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }
}

/// What happens next.
#[derive(Debug)]
pub enum Step {
    /// Send this and wait for [`Exchange::response`].
    Challenge(String),
    /// Ask the store for this user's keys and call [`Exchange::credentials`].
    Lookup(BareJid),
    /// Run this on a worker thread and call [`Exchange::password_checked`].
    Check(PasswordCheck),
    /// The client is who it says.
    Success(Authenticated),
    /// It is not, or nobody can tell.
    Failure(SaslFailure),
}

/// One authentication attempt. After [`Step::Success`] and [`Step::Failure`] it is spent: every further
/// call fails.
pub struct Exchange {
    mechanism: Mechanism,
    stage: Stage,
}

enum Stage {
    /// The client has yet to send its first message.
    Initial,
    /// The store is asked.
    ScramLookup {
        user: BareJid,
        first: Box<ClientFirst>,
    },
    /// The challenge is out.
    ScramFinal {
        user: BareJid,
        pending: Box<Pending>,
        is_disabled: bool,
    },
    /// The store is asked.
    PlainLookup {
        user: BareJid,
        password: PreparedPassword,
    },
    /// A worker is at it.
    PlainCheck {
        user: BareJid,
        is_disabled: bool,
    },
    Spent,
}

impl Exchange {
    /// Begins an attempt with a mechanism of the offer; `initial` is the client's first message if it
    /// came along.
    #[must_use]
    pub fn start(
        context: &SaslContext<'_>,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
    ) -> (Self, Step) {
        let mut exchange = Self {
            mechanism,
            stage: Stage::Initial,
        };
        let step = match initial {
            _ if !context.offered.contains(mechanism) => exchange.fail(SaslFailure::new(
                SaslCondition::InvalidMechanism,
                "this mechanism is not offered",
            )),
            Some(message) => exchange.response(context, message),
            None => Step::Challenge(String::new()),
        };
        (exchange, step)
    }

    /// Takes the client's next message, decoded from base64.
    pub fn response(&mut self, context: &SaslContext<'_>, message: &[u8]) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Spent);
        match self.take_message(context, stage, message) {
            Ok(step) => step,
            Err(failure) => self.fail(failure),
        }
    }

    /// Takes the store's answer to [`Step::Lookup`].
    pub fn credentials(&mut self, context: &SaslContext<'_>, answer: CredentialsAnswer) -> Step {
        let (account, is_disabled) = match answer {
            CredentialsAnswer::Known {
                credentials,
                is_disabled,
            } => (Some(credentials), is_disabled),
            CredentialsAnswer::Unknown => (None, false),
            CredentialsAnswer::Unavailable => return self.fail(unavailable()),
        };
        match std::mem::replace(&mut self.stage, Stage::Spent) {
            Stage::ScramLookup { user, first } => {
                self.challenge(context, user, *first, account.as_ref(), is_disabled)
            }
            Stage::PlainLookup { user, password } => {
                let name = username_of(&user).to_owned();
                self.stage = Stage::PlainCheck { user, is_disabled };
                Step::Check(PasswordCheck::new(password, account.as_ref(), |hash| {
                    context.secret.pretend(hash, &name, context.iterations)
                }))
            }
            _ => self.fail(out_of_turn()),
        }
    }

    /// Takes the worker's answer to [`Step::Check`].
    pub fn password_checked(&mut self, verdict: PasswordVerdict) -> Step {
        let Stage::PlainCheck { user, is_disabled } =
            std::mem::replace(&mut self.stage, Stage::Spent)
        else {
            return self.fail(out_of_turn());
        };
        match verdict.outcome {
            Outcome::Right => self.succeed(user, is_disabled, None),
            Outcome::Wrong => self.fail(SaslFailure::not_authorized()),
            Outcome::NotChecked => self.fail(unavailable()),
        }
    }

    fn take_message(
        &mut self,
        context: &SaslContext<'_>,
        stage: Stage,
        message: &[u8],
    ) -> Result<Step, SaslFailure> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(SaslFailure::malformed("the message is too long"));
        }
        let message = std::str::from_utf8(message)
            .map_err(|_| SaslFailure::malformed("the message is not UTF-8"))?;
        match (stage, self.mechanism.hash()) {
            (Stage::Initial, Some(_)) => self.scram_first(context, message),
            (Stage::Initial, None) => self.plain_first(context, message),
            (
                Stage::ScramFinal {
                    user,
                    pending,
                    is_disabled,
                },
                _,
            ) => {
                let data = pending.finish(message)?;
                Ok(self.succeed(user, is_disabled, Some(data)))
            }
            _ => Err(out_of_turn()),
        }
    }

    fn scram_first(
        &mut self,
        context: &SaslContext<'_>,
        message: &str,
    ) -> Result<Step, SaslFailure> {
        let binding = Binding {
            is_plus: self.mechanism.is_plus(),
            plus_was_offered: context.offered.has_plus(),
            exporter: context.exporter,
        };
        let first = ClientFirst::parse(message, binding)?;
        let user = user_of(context, &first.username, first.authzid.as_deref())?;
        self.stage = Stage::ScramLookup {
            user: user.clone(),
            first: Box::new(first),
        };
        Ok(Step::Lookup(user))
    }

    fn plain_first(
        &mut self,
        context: &SaslContext<'_>,
        message: &str,
    ) -> Result<Step, SaslFailure> {
        let plain = PlainMessage::parse(message)?;
        let user = user_of(context, &plain.username, plain.authzid.as_deref())?;
        self.stage = Stage::PlainLookup {
            user: user.clone(),
            password: plain.password,
        };
        Ok(Step::Lookup(user))
    }

    fn challenge(
        &mut self,
        context: &SaslContext<'_>,
        user: BareJid,
        first: ClientFirst,
        account: Option<&AccountCredentials>,
        is_disabled: bool,
    ) -> Step {
        let hash = self.mechanism.hash().unwrap_or(ScramHash::Sha256);
        let mut nonce = Zeroizing::new([0_u8; 18]);
        if !(context.random)(&mut *nonce) {
            return self.fail(unavailable());
        }
        let real = account.and_then(|account| account.for_hash(hash)).cloned();
        let is_known = real.is_some();
        // Made up for everybody, so that known and unknown users take the same work.
        let pretended = context
            .secret
            .pretend(hash, username_of(&user), context.iterations);
        let credentials = real.unwrap_or(pretended);
        let (message, pending) =
            first.challenge(hash, credentials, is_known, &URL_SAFE_NO_PAD.encode(*nonce));
        self.stage = Stage::ScramFinal {
            user,
            pending: Box::new(pending),
            is_disabled,
        };
        Step::Challenge(message)
    }

    fn succeed(&mut self, user: BareJid, is_disabled: bool, data: Option<String>) -> Step {
        if is_disabled {
            return self.fail(SaslFailure::new(
                SaslCondition::AccountDisabled,
                "this account is disabled",
            ));
        }
        Step::Success(Authenticated {
            user,
            mechanism: self.mechanism,
            data,
        })
    }

    fn fail(&mut self, failure: SaslFailure) -> Step {
        self.stage = Stage::Spent;
        Step::Failure(failure)
    }
}

/// The account that a user name means. A name that can not be a localpart is nobody's, and that is no
/// secret.
fn user_of(
    context: &SaslContext<'_>,
    username: &str,
    authzid: Option<&str>,
) -> Result<BareJid, SaslFailure> {
    let user = context
        .host
        .with_node_str(username)
        .map_err(|_| SaslFailure::not_authorized())?;
    let is_own =
        authzid.is_none_or(|authzid| BareJid::new(authzid).is_ok_and(|authzid| authzid == user));
    if is_own {
        Ok(user)
    } else {
        Err(SaslFailure::new(
            SaslCondition::InvalidAuthzid,
            "the authorization identity is not that of the user",
        ))
    }
}

fn username_of(user: &BareJid) -> &str {
    user.node().map(|node| node.as_str()).unwrap_or_default()
}

const fn unavailable() -> SaslFailure {
    SaslFailure::new(
        SaslCondition::TemporaryAuthFailure,
        "the server can not check this now, try again later",
    )
}

const fn out_of_turn() -> SaslFailure {
    SaslFailure::malformed("nothing was asked")
}

#[cfg(test)]
mod tests;

//! What came of an evaluation.

use std::sync::Arc;

use xmpp::jid::BareJid;
use xmpp::stanza::Stanza;

/// What is to become of the stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// Only of a custom chain that was run by itself: it had no opinion.
    Return,
    /// It is gone, without an answer.
    Drop,
    /// It is gone; the error that answers it is among the effects.
    Bounce,
    /// It is gone; the copy that replaces it is among the effects.
    Redirect,
    /// No other handler sees it: the answer to an unhandled stanza is due (`service-unavailable` to messages,
    /// presence and requests, nothing to errors and results).
    Default,
}

impl Effect {
    /// Bytes that it holds, about.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Reply(stanza) | Self::Route(stanza) => stanza.size(),
            Self::Log { message, .. } | Self::Warning { message, .. } => message.len(),
            _ => 0,
        }
    }
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Return => "return",
            Self::Drop => "drop",
            Self::Bounce => "bounce",
            Self::Redirect => "redirect",
            Self::Default => "default",
        }
    }
}

/// Level of a `LOG` action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `[debug]`
    Debug,
    /// `[info]`, and without a level.
    Info,
    /// `[warn]`
    Warn,
    /// `[error]`
    Error,
}

impl LogLevel {
    /// The word in scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

/// Something to be done for a rule, in order with the others of its run.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Hand this to the session that the stanza came from: `REPLY` and `BOUNCE`.
    Reply(Stanza),
    /// Route this as if the origin had sent it, behind `preroute`: `COPY`, `REDIRECT`, `FORWARD`, `REPORT TO`.
    Route(Stanza),
    /// Write this to the log.
    Log {
        /// How important.
        level: LogLevel,
        /// The expanded text.
        message: String,
        /// Name of the script.
        script: String,
        /// Line of the action.
        line: u32,
    },
    /// Warn the operator about a rule: what it asks for makes no sense for this stanza.
    Warning {
        /// What makes no sense.
        message: String,
        /// Name of the script.
        script: String,
        /// Line of the action.
        line: u32,
    },
    /// Mark the origin session, with the time of this run.
    MarkOrigin(String),
    /// Remove a mark from the origin session.
    UnmarkOrigin(String),
    /// Mark the account of the origin.
    MarkUser(String),
    /// Remove a mark from the account of the origin.
    UnmarkUser(String),
    /// Cancel `contact`'s subscription to the presence of the local account `user` and push the change; the
    /// `unsubscribed` presence follows as an effect of its own.
    Unsubscribe {
        /// The account whose roster changes.
        user: BareJid,
        /// The contact that loses its subscription.
        contact: BareJid,
    },
    /// Fire a server event of that name.
    Event(String),
}

/// Why a run was cut off. The stanza is dropped then: what can not be evaluated does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// Name of the script.
    pub script: String,
    /// Line of the rule.
    pub line: u32,
}

/// Kinds of [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// `JUMP CHAIN` went deeper than the limit.
    Depth,
    /// The step budget was used up.
    Budget,
    /// More effects than one stanza may have.
    Effects,
}

impl FaultKind {
    /// The fault in words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Depth => "JUMP CHAIN is nested too deeply",
            Self::Budget => "the step budget is used up",
            Self::Effects => "too many actions for one stanza",
        }
    }
}

/// The rule that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Name of the script.
    pub script: String,
    /// First line of the rule.
    pub line: u32,
    /// The chain that the rule stands in.
    pub chain: Arc<str>,
}

/// Everything that came of one evaluation.
#[derive(Debug)]
pub struct Outcome {
    /// What is to become of the stanza.
    pub verdict: Verdict,
    /// What else is to be done, in order.
    pub effects: Vec<Effect>,
    /// The stanza as `STRIP` and `INJECT` left it, if they changed it.
    pub stanza: Option<Stanza>,
    /// Set if the run was cut off.
    pub fault: Option<Fault>,
    /// The rule that gave the verdict; `None` if the stanza fell off the end.
    pub decided_by: Option<Decision>,
    /// Steps of the budget ([`crate::RunLimits::steps`]) that the run took.
    pub steps: u64,
}

//! What is said over the admin socket: one JSON object a line, a request and then its answer. Only
//! [`Command::FirewallTrace`] has more than one, until the client closes.
//!
//! A client may send several requests over one connection, one after the other. Both sides bound
//! their lines, and lists come in pages of at most [`PAGE`] entries, so that no answer grows with
//! the node.

use serde::{Deserialize, Serialize};

use super::RuleCounter;
pub use super::plan::{
    CertificateChange, Fate, KeyChange, ListenerChange, NamedChange, Plan, ScriptChange,
    SocketChange, SocketFate,
};
use crate::firewall::{ShadowReport, Supposed, Trace, TraceWish};
use crate::tls::{CertificateReport, CertificateRow};

/// The version spoken here. A request of another version is refused.
pub const VERSION: u32 = 1;
/// Longest request, in bytes with its line feed.
pub const MAX_REQUEST: usize = 1024 * 1024;
/// Longest answer, in bytes with its line feed.
pub const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Entries that one answer lists at most.
pub const PAGE: usize = 100;

/// One line of the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// What is wanted.
    pub command: Command,
}

impl Request {
    /// A request in the version spoken here.
    pub fn new(command: Command) -> Self {
        Self {
            version: VERSION,
            command,
        }
    }
}

/// A secret in a request; it is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What an operator may want of a running node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Makes an account. Answer: [`Answer::Done`].
    UserAdd {
        /// The new user's bare JID, on a host of this node.
        jid: String,
        /// The password as it was typed.
        password: Password,
        /// One of the words of `storage::Role`; registered without one.
        role: Option<String>,
    },
    /// Replaces a password and ends the user's sessions. Answer: [`Answer::Done`].
    UserPasswd {
        /// The user's bare JID.
        jid: String,
        /// The password as it was typed.
        password: Password,
    },
    /// Deletes an account with everything that is kept for it. Answer: [`Answer::Done`].
    UserDelete {
        /// The user's bare JID.
        jid: String,
    },
    /// Lists the accounts of a host, in the order of their localparts. Answer: [`Answer::Users`].
    UserList {
        /// The host.
        host: String,
        /// Begin behind this localpart: the `next` of the page before.
        after: Option<String>,
    },
    /// Gives an account another role. Answer: [`Answer::Done`].
    UserRole {
        /// The user's bare JID.
        jid: String,
        /// One of the words of `storage::Role`.
        role: String,
    },
    /// Marks a user, as the action `MARK USER` does. Answer: [`Answer::Done`].
    FirewallMark {
        /// The user's bare JID.
        jid: String,
        /// The mark: a letter, then letters, digits and underscores.
        mark: String,
    },
    /// Takes a mark off a user. Answer: [`Answer::Done`].
    FirewallUnmark {
        /// The user's bare JID.
        jid: String,
        /// The mark.
        mark: String,
    },
    /// Lists the users of a host that have a mark, in the order of their localparts. Answer: [`Answer::Marked`].
    FirewallMarked {
        /// The host.
        host: String,
        /// The mark.
        mark: String,
        /// Begin behind this localpart: the `next` of the page before.
        after: Option<String>,
    },
    /// What rules have done, by host, chain and script in the order of the rules. Answer: [`Answer::RuleCounters`].
    RuleCounters {
        /// Only those of this host.
        host: Option<String>,
        /// Only those of this script.
        script: Option<String>,
        /// Begin behind so many rules: the `next` of the page before.
        after: usize,
    },
    /// Has counters of rules begin anew. Answer: [`Answer::RuleCountersReset`].
    RuleCountersReset {
        /// Only those of this host.
        host: Option<String>,
        /// Only those of this script.
        script: Option<String>,
    },
    /// Has scripts watch the traffic of a host, without deciding anything. Answer: [`Answer::ShadowLoaded`].
    ShadowLoad {
        /// The host.
        host: String,
        /// Paths that the node can read, or `shipped:NAME`; without any, the scripts of the configuration as they are on
        /// disk now.
        scripts: Vec<String>,
        /// Whether samples hold the stanzas, and not only what addresses them.
        contents: bool,
    },
    /// Where a shadow differs from the rules in force. Answer: [`Answer::Shadow`].
    ShadowDiff {
        /// The host; may be left out if only one has a shadow.
        host: Option<String>,
        /// Begin behind so many differences: the `next` of the page before.
        after: usize,
    },
    /// Puts the scripts of a shadow in force. Answer: [`Answer::ShadowArmed`].
    ShadowArm {
        /// The host; may be left out if only one has a shadow.
        host: Option<String>,
    },
    /// Ends a shadow. Answer: [`Answer::Done`].
    ShadowDrop {
        /// The host; may be left out if only one has a shadow.
        host: Option<String>,
    },
    /// The node in numbers. Answer: [`Answer::Metrics`].
    Metrics,
    /// Lists actors, in the order of their paths, without asking them. Answer: [`Answer::Actors`].
    ActorList {
        /// Only this actor and those below it.
        within: Option<String>,
        /// Begin behind this path: the `next` of the page before.
        after: Option<String>,
    },
    /// As [`Command::ActorList`], with each actor's own report. Answer: [`Answer::Actors`].
    ActorObserve {
        /// This actor and those below it.
        path: String,
        /// Begin behind this path: the `next` of the page before.
        after: Option<String>,
    },
    /// Gives actors a fresh value. Answer: [`Answer::Told`].
    ActorRestart {
        /// This actor and those below it.
        path: String,
    },
    /// Stops actors. Answer: [`Answer::Told`].
    ActorStop {
        /// This actor and those below it.
        path: String,
    },
    /// Makes one actor panic: fault injection. Answer: [`Answer::Told`].
    ActorPanic {
        /// This actor.
        path: String,
    },
    /// Shows every listener. Answer: [`Answer::Listeners`].
    ListenerList,
    /// Opens a listener that no file names, until the node ends. Answer: [`Answer::Reloaded`].
    ListenerAdd {
        /// Its name.
        name: String,
        /// Its settings, each `key=value` as after `--set listener.NAME.`.
        settings: Vec<String>,
    },
    /// Closes a listener as if no file named it, until the node ends; its sessions stay. Answer:
    /// [`Answer::Reloaded`].
    ListenerRemove {
        /// Its name.
        name: String,
    },
    /// Opens the sockets of a listener anew; its sessions stay. Answer: [`Answer::Told`].
    ListenerRestart {
        /// Its name.
        name: String,
    },
    /// Closes the sockets of a listener and ends its sessions, spread over a time. Answer:
    /// [`Answer::Done`], when the sockets are closed.
    ListenerDrain {
        /// Its name.
        name: String,
        /// Milliseconds in which the sessions are ended.
        within: u64,
    },
    /// Has a drained listener accept again. Answer: [`Answer::Done`].
    ListenerResume {
        /// Its name.
        name: String,
    },
    /// Which certificate each listener shows to whom, [`PAGE`] rows at a time. Answer: [`Answer::Certificates`].
    Certificates {
        /// Where the page begins; 0 for the first.
        after: usize,
    },
    /// What the rules in force would do with a stanza; nothing is changed. Answer: [`Answer::Explained`].
    FirewallExplain(Supposed),
    /// Shows what rules do with stanzas from now on. Answers: [`Answer::Tracing`], then any number of
    /// [`Answer::Trace`] and [`Answer::TracesDropped`], until the client closes.
    FirewallTrace(TraceWish),
    /// What the node does. Answer: [`Answer::Status`].
    Status,
    /// Reads configuration, certificates and rules again. Answer: [`Answer::Reloaded`].
    Reload,
    /// What a reload would change if it came now. Answer: [`Answer::Planned`].
    Plan,
    /// The client is to take the node's place. What follows is for the two programs alone.
    Handover,
    /// Starts the program anew beside this one and hands the sockets over to it. Answer, when that
    /// serves: [`Answer::Upgraded`].
    Upgrade,
}

/// One line of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Done,
    /// A page of accounts.
    Users {
        /// The accounts.
        users: Vec<User>,
        /// Where the next page begins; `None` on the last.
        next: Option<String>,
    },
    /// A page of users that have a mark.
    Marked {
        /// The users.
        users: Vec<MarkedUser>,
        /// Where the next page begins; `None` on the last.
        next: Option<String>,
    },
    /// A page of counters of rules.
    RuleCounters {
        /// The rules.
        rules: Vec<RuleCounter>,
        /// Where the next page begins; `None` on the last.
        next: Option<usize>,
    },
    /// So many rules count anew.
    RuleCountersReset {
        /// How many.
        rules: usize,
    },
    /// The shadow sees every stanza from now on.
    ShadowLoaded {
        /// What looks like a mistake in its scripts.
        warnings: Vec<String>,
    },
    /// What a shadow has found.
    Shadow(Box<ShadowReport>),
    /// The scripts of a shadow are in force.
    ShadowArmed {
        /// The host.
        host: String,
        /// The scripts.
        scripts: Vec<String>,
        /// Whether a reload takes over just what is in force now. If not, it brings back what the configuration says.
        is_permanent: bool,
        /// Scripts of the configuration that have changed on disk since they were loaded as a shadow.
        changed_since: Vec<String>,
    },
    /// The node in numbers.
    Metrics {
        /// OpenMetrics text.
        text: String,
    },
    /// A page of actors: `observe::Status`, or `observe::Observation` where reports were asked for.
    Actors {
        /// The actors.
        actors: Vec<serde_json::Value>,
        /// Where the next page begins; `None` on the last.
        next: Option<String>,
    },
    /// So many actors were told; at least one.
    Told {
        /// How many.
        actors: usize,
    },
    /// Every listener.
    Listeners {
        /// In the order of their names.
        listeners: Vec<ListenerStatus>,
    },
    /// A page of which certificate each listener shows to whom.
    Certificates {
        /// In the order of the listeners' names.
        rows: Vec<CertificateRow>,
        /// Where the next page begins; `None` on the last.
        next: Option<usize>,
        /// Why the files on disk are not those in use, each one line.
        problems: Vec<String>,
    },
    /// What the rules would do, chain by chain.
    Explained {
        /// In the order in which the stanza meets them.
        chains: Vec<rules::Explanation>,
    },
    /// Traces follow.
    Tracing,
    /// One run of one chain of one script.
    Trace(Box<Trace>),
    /// So many traces were left out since the last line, for there were too many.
    TracesDropped {
        /// How many.
        traces: u64,
    },
    /// What the node does.
    Status(Box<NodeStatus>),
    /// The new configuration is in force.
    Reloaded(Reloaded),
    /// What a reload would change.
    Planned(Box<Plan>),
    /// The successor serves, and the node ends.
    Upgraded {
        /// The number of its process.
        process: u32,
    },
    /// Nothing was done, for these reasons, each one line.
    Refused {
        /// Every reason.
        problems: Vec<String>,
    },
}

impl Answer {
    /// A refusal for one reason.
    pub fn refused(problem: impl Into<String>) -> Self {
        Self::Refused {
            problems: vec![problem.into()],
        }
    }
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its bare JID.
    pub jid: String,
    /// Its stored role; the configuration may name another.
    pub role: String,
    /// When it was made, in seconds since 1970 (UTC).
    pub created_at: i64,
}

/// A user that has a mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedUser {
    /// The user's bare JID.
    pub jid: String,
    /// When the user was marked, in seconds since 1970 (UTC).
    pub marked_at: i64,
}

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// What changed, each one line; empty when the configuration says what it said.
    pub changes: Vec<String>,
    /// What is in force but looks like a mistake, each one line.
    pub warnings: Vec<String>,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Its name in the configuration.
    pub name: String,
    /// What is spoken on it.
    pub protocol: String,
    /// `serving`; `degraded`: not all of its sockets are open; `off`: it has none; `draining`; `drained`.
    pub state: String,
    /// Connections now.
    pub connections: u32,
    /// Those of them that have not logged in.
    pub unauthenticated: usize,
    /// Its own bound on connections.
    pub max_connections: Option<u32>,
    /// When it encrypts, and what it shows.
    pub tls: ListenerTlsStatus,
    /// Its sockets.
    pub binds: Vec<BindStatus>,
}

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerTlsStatus {
    /// Whether there is TLS at all.
    pub enabled: bool,
    /// Whether the handshake comes first.
    pub implicit: bool,
    /// Whether nobody logs in without.
    pub required: bool,
    /// What clients are shown now.
    pub certificates: Vec<CertificateReport>,
}

/// One socket of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BindStatus {
    /// As it is written in `bind`.
    pub bind: String,
    /// `listener::ListenerReport`; `None` while nobody serves it.
    pub report: Option<serde_json::Value>,
}

/// A node at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The program's version.
    pub version: String,
    /// Local hosts, in the order of their names.
    pub hosts: Vec<String>,
    /// Connections, those that have not logged in included.
    pub sessions: u64,
    /// Active accounts.
    pub accounts: usize,
    /// Each socket with its report, at most [`PAGE`]: `observe::Observation` of a listener.
    pub listeners: Vec<serde_json::Value>,
    /// What each worker thread does: `arbiters::WorkerLoad`.
    pub workers: Vec<serde_json::Value>,
    /// What the password threads do: `password::PasswordReport`.
    pub passwords: serde_json::Value,
    /// The state of each script, at most [`PAGE`]: `observe::Observation` of what lives under
    /// `firewall`.
    pub firewall: Vec<serde_json::Value>,
    /// Actors that failed too often and wait for a restart by hand; at most [`PAGE`].
    pub failed: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_one_form() {
        let command = Command::UserAdd {
            jid: "juliet@example.com".into(),
            password: Password("r0m30".into()),
            role: None,
        };
        let text = serde_json::to_string(&Request::new(command.clone())).unwrap();
        let expected = r#"{"version":1,"command":{"user-add":{"jid":"juliet@example.com","password":"r0m30","role":null}}}"#;
        assert_eq!(text, expected);
        assert_eq!(
            serde_json::from_str::<Request>(&text).unwrap().command,
            command
        );
        let status = serde_json::from_str::<Request>(r#"{"version":1,"command":"status"}"#);
        assert_eq!(status.unwrap().command, Command::Status);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [
            r#"{"version":1,"command":"status","more":1}"#,
            r#"{"version":1,"command":{"user-delete":{"jid":"a@b","force":true}}}"#,
            r#"{"version":1,"command":"explode"}"#,
            r#"{"command":"status"}"#,
        ] {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let command = Command::UserPasswd {
            jid: "a@b".into(),
            password: Password("pencil".into()),
        };
        assert!(!format!("{command:?}").contains("pencil"));
    }
}

//! `[host_defaults]` and `[host."<domain>"]`: the domains whose users live here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jid::{BareJid, DomainPart};

use crate::firewall::ScriptSource;
use crate::tls::CertificateFiles;
use crate::value::Rate;

/// One virtual host, with `[host_defaults]` and global settings already filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// The key of its table, normalised.
    pub domain: DomainPart,
    /// Shown to clients that name this host; `None`: the listener's.
    pub certificate: Option<CertificateFiles>,
    /// In-band registration (XEP-0077).
    pub registration: RegistrationConfig,
    /// Accounts with the role admin on this host, whatever the store says.
    pub admins: BTreeSet<BareJid>,
    /// Permissions added to those a role has built in.
    pub permissions: BTreeMap<Role, BTreeSet<String>>,
    /// Shared roster groups in the format of Prosody's `mod_groups`.
    pub groups_file: Option<PathBuf>,
    /// Where people reach the operators (XEP-0157).
    pub contact: ContactAddresses,
    /// The scripts that decide about this host's stanzas, in order: the global ones, then its own.
    pub scripts: Vec<ScriptSource>,
    /// Messages kept for one user who is offline; 0 keeps none.
    pub offline_messages: usize,
}

/// In-band registration of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationConfig {
    /// Whether strangers may make an account.
    pub enabled: bool,
    /// Accounts made from one IPv4 address or IPv6 /64.
    pub rate: Rate,
}

/// Prosody's roles, weakest first; each has the permissions of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Anonymous users.
    Guest,
    /// Users who made their account themselves.
    Registered,
    /// Users whom the operators know.
    Member,
    /// Who may manage one host.
    Admin,
    /// Who may manage the node.
    Operator,
}

/// Addresses of a host's operators, as URIs (XEP-0157 §2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactAddresses {
    /// Reports of abuse.
    pub abuse: Vec<String>,
    /// The administrators.
    pub admin: Vec<String>,
    /// Feedback.
    pub feedback: Vec<String>,
    /// Sales.
    pub sales: Vec<String>,
    /// Reports of security problems.
    pub security: Vec<String>,
    /// Help for users.
    pub support: Vec<String>,
}

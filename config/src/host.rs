//! `[host_defaults]` and `[host."<domain>"]`: the domains whose users live here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jid::{BareJid, DomainPart};
use xmpp::role::Role;

use crate::acme;
use crate::checker::{Checker, Section, found, text};
use crate::firewall::{self, ScriptSource};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::tls::{self, CertificateFiles, read_pair};
use crate::value::Rate;

mod contact;

pub use contact::ContactAddresses;

/// One virtual host, with `[host_defaults]` and global settings already filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// The key of its table, normalised.
    pub domain: DomainPart,
    /// Shown to clients that name this host; `None`: the listener's.
    pub certificate: Option<CertificateFiles>,
    /// Whether `[acme]` orders its certificate; then it has no files.
    pub acme: bool,
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

static ADMINS: Key = Key {
    name: "admins",
    accepts: Accepts::List("bare JIDs"),
    preset: Preset::Value("[]"),
    reload: Reload::Live,
    doc: "Accounts with the role admin on this host, whatever `portcullis user role` says.",
    example: "[\"admin@example.com\"]",
};

static GROUPS_FILE: Key = Key {
    name: "groups_file",
    accepts: Accepts::Path,
    preset: Preset::Unset("no shared groups"),
    reload: Reload::Live,
    doc: "Groups whose members see each other in their rosters, in the format of Prosody's `mod_groups`: \
          `[Name]` opens a group, `jid=Name` or `jid` is a member, `[+Name]` is a public group.",
    example: "\"groups.txt\"",
};

static OFFLINE_MESSAGES: Key = Key {
    name: "offline_messages",
    accepts: Accepts::Integer(0, 100_000),
    preset: Preset::Unset("`limits.offline_messages`"),
    reload: Reload::Live,
    doc: "Messages kept for one user of this host who is offline; 0 keeps none.",
    example: "50",
};

static REGISTRATION_ENABLED: Key = Key {
    name: "enabled",
    accepts: Accepts::Boolean,
    preset: Preset::Value("false"),
    reload: Reload::Live,
    doc: "Whether strangers may make an account.",
    example: "",
};

static REGISTRATION_RATE: Key = Key {
    name: "rate",
    accepts: Accepts::Rate,
    preset: Preset::Value("\"3/h\""),
    reload: Reload::Live,
    doc: "Accounts made from one IPv4 address or IPv6 /64.",
    example: "",
};

static REGISTRATION: SectionSpec = SectionSpec {
    name: "registration",
    doc: "In-band registration (XEP-0077).",
    named: None,
    keys: &[&REGISTRATION_ENABLED, &REGISTRATION_RATE],
    tables: &[],
    later: &["invites", "fields"],
};

const fn permissions_of(name: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        accepts: Accepts::List("permissions such as \"xmpp:federate\""),
        preset: Preset::Value("[]"),
        reload: Reload::Live,
        doc,
        example: "[\"pubsub:create\"]",
    }
}

static GUEST: Key = permissions_of("guest", "Permissions of anonymous users.");
static REGISTERED: Key = permissions_of(
    "registered",
    "Permissions of users who made their account themselves.",
);
static MEMBER: Key = permissions_of("member", "Permissions of users whom the operators know.");
static ADMIN: Key = permissions_of("admin", "Permissions of those who manage this host.");
static OPERATOR: Key = permissions_of("operator", "Permissions of those who manage the node.");

const PERMISSION_KEYS: [(Role, &Key); 5] = [
    (Role::Guest, &GUEST),
    (Role::Registered, &REGISTERED),
    (Role::Member, &MEMBER),
    (Role::Admin, &ADMIN),
    (Role::Operator, &OPERATOR),
];

static PERMISSIONS: SectionSpec = SectionSpec {
    name: "permissions",
    doc: "Permissions that a role has beyond its built-in ones. Every role also has those of the roles \
          before it, in the order guest, registered, member, admin, operator.",
    named: None,
    keys: &[&GUEST, &REGISTERED, &MEMBER, &ADMIN, &OPERATOR],
    tables: &[],
    later: &[],
};

static TLS: SectionSpec = SectionSpec {
    name: "tls",
    doc: "The certificate for clients that name this host, by SNI or by the `to` of their stream. It goes \
          before the listener's.",
    named: None,
    keys: &[&tls::CERTIFICATE, &tls::KEY, &acme::HOST_KEY],
    tables: &[],
    later: &["password"],
};

pub(crate) static DEFAULTS: SectionSpec = SectionSpec {
    name: "host_defaults",
    doc: "What a host takes over for every key that its own table does not set.",
    named: None,
    keys: &[&ADMINS, &GROUPS_FILE, &OFFLINE_MESSAGES],
    tables: &[&REGISTRATION, &PERMISSIONS, &contact::SECTION],
    later: &[],
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "host",
    doc: "A domain whose users live here. Without any, the node serves `localhost`. Keys that are not \
          set come from `[host_defaults]`.",
    named: Some("\"example.com\""),
    keys: &[&ADMINS, &GROUPS_FILE, &OFFLINE_MESSAGES],
    tables: &[
        &TLS,
        &REGISTRATION,
        &PERMISSIONS,
        &contact::SECTION,
        &firewall::HOST_SECTION,
    ],
    later: &["modules", "archive", "anonymous"],
};

/// What hosts take from other sections.
pub(crate) struct Inherited<'a> {
    /// Whether `[acme]` names an authority.
    pub(crate) has_acme: bool,
    pub(crate) scripts: &'a [ScriptSource],
    pub(crate) offline_messages: usize,
}

pub(crate) fn read(
    checker: &mut Checker,
    root: &Section<'_>,
    inherited: &Inherited<'_>,
) -> BTreeMap<DomainPart, HostConfig> {
    let defaults = root.child(DEFAULTS.name);
    // Read once on its own, so that a mistake in it is found even where every host overrides it.
    read_own(checker, &defaults);
    let hosts = root.child(SECTION.name);
    let mut read: BTreeMap<DomainPart, HostConfig> = BTreeMap::new();
    for name in hosts.tables() {
        let section = hosts.child(name).inheriting(&defaults);
        let domain = match domain(SECTION.name, name) {
            Ok(domain) => domain,
            Err(reason) => {
                checker
                    .problems
                    .error(&section.place, &section.path, reason);
                continue;
            }
        };
        let host = read_host(checker, &section, &domain, inherited);
        if read.insert(domain.clone(), host).is_some() {
            let reason = format!("the host {domain} has two tables, which differ in spelling only");
            checker
                .problems
                .error(&section.place, &section.path, reason);
        }
    }
    read
}

/// The domain that a table of `section` is named by.
pub(crate) fn domain(section: &str, name: &str) -> Result<DomainPart, String> {
    let shaped = !name.contains(['@', '/', ':']) && !name.is_empty();
    let domain = shaped.then(|| name.parse::<DomainPart>().ok()).flatten();
    domain.ok_or_else(|| {
        format!("{name:?} is not a domain: write one such as [{section}.\"example.com\"]")
    })
}

/// The keys that `[host_defaults]` has too.
struct Own {
    registration: RegistrationConfig,
    admins: BTreeSet<BareJid>,
    permissions: BTreeMap<Role, BTreeSet<String>>,
    groups_file: Option<PathBuf>,
    contact: ContactAddresses,
    offline_messages: Option<usize>,
}

fn read_own(checker: &mut Checker, section: &Section<'_>) -> Own {
    Own {
        registration: read_registration(checker, &section.child(REGISTRATION.name)),
        admins: checker
            .list(section, &ADMINS, bare_jid)
            .unwrap_or_default()
            .into_iter()
            .collect(),
        permissions: read_permissions(checker, &section.child(PERMISSIONS.name)),
        groups_file: checker.file(section, &GROUPS_FILE),
        contact: contact::read(checker, section),
        offline_messages: checker.optional_integer(section, &OFFLINE_MESSAGES),
    }
}

fn read_host(
    checker: &mut Checker,
    section: &Section<'_>,
    domain: &DomainPart,
    inherited: &Inherited<'_>,
) -> HostConfig {
    let own = read_own(checker, section);
    let tls = section.child(TLS.name);
    let certificate = read_pair(checker, &tls);
    let has_files = [&tls::CERTIFICATE, &tls::KEY];
    let has_files = has_files.iter().any(|key| tls.find(key).is_some());
    HostConfig {
        domain: domain.clone(),
        certificate,
        acme: acme::read_host(checker, &tls, domain, inherited.has_acme, has_files),
        registration: own.registration,
        admins: own.admins,
        permissions: own.permissions,
        groups_file: own.groups_file,
        contact: own.contact,
        scripts: firewall::read_host(checker, section, inherited.scripts),
        offline_messages: own.offline_messages.unwrap_or(inherited.offline_messages),
    }
}

fn read_registration(checker: &mut Checker, section: &Section<'_>) -> RegistrationConfig {
    let enabled = checker.boolean(section, &REGISTRATION_ENABLED);
    let rate = checker.rate(section, &REGISTRATION_RATE);
    let rate = rate.unwrap_or(Rate {
        events: 1,
        per: std::time::Duration::from_secs(3600),
    });
    RegistrationConfig { enabled, rate }
}

fn read_permissions(
    checker: &mut Checker,
    section: &Section<'_>,
) -> BTreeMap<Role, BTreeSet<String>> {
    let mut permissions = BTreeMap::new();
    for (role, key) in PERMISSION_KEYS {
        let list = checker.list(section, key, permission).unwrap_or_default();
        if !list.is_empty() {
            permissions.insert(role, list.into_iter().collect());
        }
    }
    permissions
}

fn permission(node: &crate::tree::Node) -> Result<String, String> {
    let good = |text: &&str| {
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let permission = text(node).filter(good).map(str::to_owned);
    permission.ok_or_else(|| {
        format!(
            "expected a permission without spaces, found {}",
            found(node)
        )
    })
}

fn bare_jid(node: &crate::tree::Node) -> Result<BareJid, String> {
    let text = text(node).ok_or_else(|| format!("expected a bare JID, found {}", found(node)))?;
    let jid = BareJid::new(text).map_err(|error| format!("{text:?} is not a bare JID: {error}"))?;
    if jid.node().is_none() {
        return Err(format!(
            "{text:?} has no user: write one such as \"admin@{text}\""
        ));
    }
    Ok(jid)
}

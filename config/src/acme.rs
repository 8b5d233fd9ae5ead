//! `[acme]`: certificates that the node orders and renews by itself (RFC 8555).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jid::DomainPart;

use crate::checker::{Checker, Section, expected, found, text, wrong_one_of};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec, one_of};
use crate::tree::Node;
use crate::{HostConfig, ListenerConfig, Protocol};

/// How certificates are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeConfig {
    /// Where the server says what it offers (RFC 8555 §7.1.1); an https address.
    pub directory: String,
    /// Mail addresses that the authority may write to.
    pub contact: Vec<String>,
    /// How a host is proved to be ours, best first; none twice, at least one.
    pub challenges: Vec<AcmeChallenge>,
    /// How long before its end a certificate is renewed; `None`: a third of its lifetime.
    pub renew_before: Option<Duration>,
    /// The wait after a first failure.
    pub retry: Duration,
    /// PEM file with certificates that the server is trusted by, beside those of the system.
    pub ca_file: Option<PathBuf>,
}

/// How an authority sees that a host is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcmeChallenge {
    /// It connects to port 443 of the host with TLS (RFC 8737).
    TlsAlpn01,
    /// It asks port 80 of the host for a page (RFC 8555 §8.3).
    Http01,
}

impl AcmeChallenge {
    const WORDS: [&'static str; 2] = ["tls-alpn-01", "http-01"];

    /// The name of RFC 8555 and of the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
        }
    }

    /// The port that an authority connects to.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::TlsAlpn01 => 443,
            Self::Http01 => 80,
        }
    }

    fn parse(node: &Node) -> Result<Self, String> {
        let words = &Self::WORDS;
        let text = text(node)
            .ok_or_else(|| format!("expected {}, found {}", one_of(words), found(node)))?;
        let known = [Self::TlsAlpn01, Self::Http01];
        let known = known.into_iter().find(|known| known.word() == text);
        known.ok_or_else(|| wrong_one_of(text, words, &["dns-01"]))
    }
}

/// Directories by name.
const DIRECTORIES: [(&str, &str); 2] = [
    (
        "letsencrypt",
        "https://acme-v02.api.letsencrypt.org/directory",
    ),
    (
        "letsencrypt-staging",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
    ),
];

static DIRECTORY: Key = Key {
    name: "directory",
    accepts: Accepts::Text(
        "\"letsencrypt\", \"letsencrypt-staging\" or the https address of an ACME directory",
    ),
    preset: Preset::Unset("no authority is asked"),
    reload: Reload::Live,
    doc: "The certificate authority. Without it nobody is contacted. Another authority gets an account of its own \
          and is asked for new certificates at once; those at hand are shown until it has issued them.",
    example: "\"letsencrypt\"",
};

static CONTACT: Key = Key {
    name: "contact",
    accepts: Accepts::List("mail addresses"),
    preset: Preset::Value("[]"),
    reload: Reload::Live,
    doc: "Whom the authority may write to when something is wrong with a certificate. It is told when the \
          account is made.",
    example: "[\"admin@example.com\"]",
};

static AGREE_TO_TERMS: Key = Key {
    name: "agree_to_terms",
    accepts: Accepts::Boolean,
    preset: Preset::Unset("they are not agreed to"),
    reload: Reload::Live,
    doc: "That the terms of the authority are agreed to; it must be true where there is a `directory`. The \
          directory names the terms.",
    example: "true",
};

static CHALLENGES: Key = Key {
    name: "challenges",
    accepts: Accepts::ListOf(&AcmeChallenge::WORDS),
    preset: Preset::Value("[\"tls-alpn-01\", \"http-01\"]"),
    reload: Reload::Live,
    doc: "How the authority may see that a host is ours, best first; after a failure the next one is tried. \
          `tls-alpn-01` (RFC 8737): it connects to port 443, which has to lead to a listener with `tls.implicit`. \
          `http-01` (RFC 8555): it connects to port 80, which has to lead to a listener that speaks http.",
    example: "",
};

static RENEW_BEFORE: Key = Key {
    name: "renew_before",
    accepts: Accepts::Duration(
        Duration::from_secs(1),
        Duration::from_secs(366 * 24 * 60 * 60),
    ),
    preset: Preset::Unset("a third of its lifetime"),
    reload: Reload::Live,
    doc: "How long before its end a certificate is renewed, less up to a tenth at random; never before a third of \
          its lifetime has passed.",
    example: "\"30d\"",
};

static RETRY: Key = Key {
    name: "retry",
    accepts: Accepts::Duration(Duration::from_millis(100), Duration::from_secs(3600)),
    preset: Preset::Value("\"5m\""),
    reload: Reload::Live,
    doc: "Wait after the first failure; it doubles with each further one up to six hours, is shortened at random \
          by up to half, and is longer where the authority asks for that (`Retry-After`).",
    example: "",
};

static CA_FILE: Key = Key {
    name: "ca_file",
    accepts: Accepts::Path,
    preset: Preset::Unset("those of the system alone"),
    reload: Reload::Live,
    doc: "A PEM file with certificates that the ACME server is trusted by, beside those of the system. For a \
          server of your own.",
    example: "\"certs/acme-ca.pem\"",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "acme",
    doc: "Certificates that the node orders and renews by itself (RFC 8555), for the hosts with `tls.acme`. Off \
          unless `directory` is written. Account and certificates are kept in `acme` in the data directory; new \
          ones are served at once.",
    named: None,
    keys: &[
        &DIRECTORY,
        &CONTACT,
        &AGREE_TO_TERMS,
        &CHALLENGES,
        &RENEW_BEFORE,
        &RETRY,
        &CA_FILE,
    ],
    tables: &[],
    later: &["external_account"],
};

/// `tls.acme` of a host.
pub(crate) static HOST_KEY: Key = Key {
    name: "acme",
    accepts: Accepts::Boolean,
    preset: Preset::Value("false"),
    reload: Reload::Live,
    doc: "Whether the certificate is ordered by `[acme]`. Until it is there the next wider one is shown. It goes \
          without `certificate` and `key`.",
    example: "true",
};

/// `None` where no authority is to be asked.
pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> Option<AcmeConfig> {
    let section = root.child(SECTION.name);
    let directory = checker.read(&section, &DIRECTORY, directory);
    let contact = checker.list(&section, &CONTACT, mail_address);
    let agrees = checker.optional_boolean(&section, &AGREE_TO_TERMS);
    let challenges = read_challenges(checker, &section);
    let config = AcmeConfig {
        contact: contact.unwrap_or_default(),
        challenges,
        renew_before: checker.optional_duration(&section, &RENEW_BEFORE),
        retry: checker.duration(&section, &RETRY),
        ca_file: checker.file(&section, &CA_FILE),
        directory: directory.unwrap_or_default(),
    };
    if section.is_present() && section.find(&DIRECTORY).is_none() {
        let reason = "missing: write the authority, such as \"letsencrypt\"";
        checker.refuse(&section, &DIRECTORY, reason);
    } else if section.is_present() && agrees != Some(true) {
        let reason = "no authority issues certificates without: read its terms, then write true";
        checker.refuse(&section, &AGREE_TO_TERMS, reason);
    }
    (!config.directory.is_empty()).then_some(config)
}

fn read_challenges(checker: &mut Checker, section: &Section<'_>) -> Vec<AcmeChallenge> {
    let listed = checker.list(section, &CHALLENGES, AcmeChallenge::parse);
    let listed = listed.unwrap_or_default();
    let mut challenges = Vec::new();
    for challenge in &listed {
        match challenges.contains(challenge) {
            true => {
                let reason = format!("{:?} is there twice", challenge.word());
                checker.refuse(section, &CHALLENGES, reason);
            }
            false => challenges.push(*challenge),
        }
    }
    if challenges.is_empty() {
        checker.refuse(section, &CHALLENGES, "one of them is needed");
    }
    challenges
}

/// Whether an authority is named, rightly or not.
pub(crate) fn is_written(root: &Section<'_>) -> bool {
    root.child(SECTION.name).find(&DIRECTORY).is_some()
}

/// Reads `tls.acme` of a host.
pub(crate) fn read_host(
    checker: &mut Checker,
    tls: &Section<'_>,
    domain: &DomainPart,
    has_authority: bool,
    has_files: bool,
) -> bool {
    let is_wanted = checker.boolean(tls, &HOST_KEY);
    if !is_wanted {
        return false;
    }
    let is_address = domain.starts_with('[') || domain.parse::<std::net::Ipv4Addr>().is_ok();
    let reason = if has_files {
        "certificate and key are there too: remove them, or acme"
    } else if is_address {
        "an address is not ordered for: name files in certificate and key"
    } else if !has_authority {
        "no authority is configured: write directory in [acme]"
    } else {
        return true;
    };
    checker.refuse(tls, &HOST_KEY, reason);
    false
}

/// Warns of orders that no public authority can fulfil, and of an authority that nobody needs.
pub(crate) fn check(
    checker: &mut Checker,
    root: &Section<'_>,
    acme: Option<&AcmeConfig>,
    hosts: &BTreeMap<DomainPart, HostConfig>,
    listeners: &BTreeMap<crate::ListenerName, ListenerConfig>,
) {
    let Some(acme) = acme else { return };
    let section = root.child(SECTION.name);
    if !hosts.values().any(|host| host.acme) {
        let reason = "nothing is ordered: no host has tls.acme = true";
        let (place, path) = (section.place.clone(), section.path.clone());
        return checker.problems.warning(&place, &path, reason);
    }
    let is_answered =
        |challenge: &AcmeChallenge| listeners.values().any(|one| answers(one, *challenge));
    if !acme.challenges.iter().any(is_answered) {
        let reason = unreachable_reason(&acme.challenges);
        let (place, path) = (section.place_of(&CHALLENGES), section.path_of(&CHALLENGES));
        checker.problems.warning(&place, &path, reason);
    }
}

fn unreachable_reason(challenges: &[AcmeChallenge]) -> String {
    let ways = challenges.iter().map(|challenge| match challenge {
        AcmeChallenge::TlsAlpn01 => "port 443 of a listener with tls.implicit (tls-alpn-01)",
        AcmeChallenge::Http01 => "port 80 of a listener that speaks http (http-01)",
    });
    let ways: Vec<_> = ways.collect();
    format!(
        "a public authority connects to {}, and no listener has that: write one, or have the port forwarded",
        ways.join(" or to ")
    )
}

/// Whether an authority that connects to the port of its challenge meets this listener.
fn answers(listener: &ListenerConfig, challenge: AcmeChallenge) -> bool {
    let mut addresses = listener.binds.iter().filter_map(crate::Bind::address);
    let is_there = addresses.any(|address| address.port() == challenge.port());
    is_there
        && match challenge {
            AcmeChallenge::TlsAlpn01 => listener.tls.enabled && listener.tls.implicit,
            AcmeChallenge::Http01 => listener.protocol == Protocol::Http && !listener.tls.implicit,
        }
}

fn directory(node: &Node) -> Result<String, String> {
    let text = text(node).ok_or_else(|| expected(&DIRECTORY, node))?;
    if let Some((_, address)) = DIRECTORIES.iter().find(|(name, _)| *name == text) {
        return Ok((*address).to_owned());
    }
    let Some(rest) = text.strip_prefix("https://") else {
        let names = DIRECTORIES.map(|(name, _)| name);
        return Err(match text.contains("://") {
            true => {
                format!("{text:?} is not asked: an ACME server is reached over https (RFC 8555)")
            }
            false => wrong_one_of(text, &names, &[]) + ", or an address that begins with https://",
        });
    };
    let is_shaped = !rest.is_empty()
        && !rest.starts_with('/')
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
    match is_shaped {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{text:?} is not an address: write one such as \"https://acme.example.com/directory\""
        )),
    }
}

fn mail_address(node: &Node) -> Result<String, String> {
    let text = text(node).unwrap_or_default();
    let is_shaped = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    let is_plain =
        !text.contains(|c: char| c.is_whitespace() || c.is_control() || ":,?".contains(c));
    match is_shaped && is_plain {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{} is not a mail address: write one such as \"admin@example.com\"",
            found(node)
        )),
    }
}

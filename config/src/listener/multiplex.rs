//! `multiplex` of a listener: several protocols on one port, told apart when a client connects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::policy::{self, ListenerLimits, ListenerTimeouts, Traffic};
use super::service::{LATER_PROTOCOLS, MULTIPLEXED, SERVICES, service_of};
use super::tls::ListenerTls;
use super::{ListenerConfig, Protocol};
use crate::checker::{Checker, Section, expected, found, text, wrong_one_of};
use crate::network::Network;
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec, one_of};
use crate::tree::{Node, Value};

/// What a listener chooses from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multiplex {
    /// What may be chosen; none of it is [`Protocol::Multiplex`].
    pub protocols: BTreeSet<Protocol>,
    /// Bytes that are looked at before giving up.
    pub max_peek: usize,
    /// Listeners of these protocols that name no address are not opened.
    pub exclusive: bool,
    /// Whether a TLS handshake is taken up where none is needed.
    pub tls: bool,
    /// What a server name asks for (SNI, RFC 6066 §3), in lower case.
    pub sni: BTreeMap<String, Protocol>,
    /// For every protocol, so that connections whose protocol is chosen no more still follow.
    terms: BTreeMap<Protocol, Terms>,
}

/// What depends on the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Terms {
    authenticate: Duration,
    stanza: usize,
    traffic: Option<Traffic>,
}

static PROTOCOLS: Key = Key {
    name: "protocols",
    accepts: Accepts::ListOf(&MULTIPLEXED),
    preset: Preset::Required,
    reload: Reload::NewConnections,
    doc: "What may be chosen. A client that speaks anything else is closed; one that opens a stream is told why.",
    example: "[\"c2s\"]",
};

static MAX_PEEK: Key = Key {
    name: "max_peek",
    accepts: Accepts::Size(256, 64 << 10),
    preset: Preset::Value("1024"),
    reload: Reload::NewConnections,
    doc: "Bytes that are looked at before giving up. A stream header must end within them; other protocols are known by \
          a few bytes. A client is closed as soon as nothing can come of its bytes, and at `timeouts.detect` in any case.",
    example: "",
};

static EXCLUSIVE: Key = Key {
    name: "exclusive",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::Rebind,
    doc: "True: other listeners whose protocol is among `protocols` and that have none of `bind`, `interfaces` and \
          `ports` are not opened.",
    example: "",
};

static TLS: Key = Key {
    name: "tls",
    accepts: Accepts::Boolean,
    preset: Preset::Unset("true where `tls.enabled` is"),
    reload: Reload::NewConnections,
    doc: "Whether a client that begins with a TLS handshake is served, where `tls.implicit` does not ask for one. Inside \
          TLS the protocol is that of ALPN (`xmpp-client` is c2s), else that of `sni`, else that of the first bytes.",
    example: "false",
};

static SNI: Key = Key {
    name: "sni",
    accepts: Accepts::Text("a table of host names, each with one of `protocols`"),
    preset: Preset::Unset("empty"),
    reload: Reload::NewConnections,
    doc: "What is spoken with clients that ask for a host by name (SNI) and for no protocol (ALPN). For all others the \
          first bytes decide.",
    example: "{ \"xmpp.example.com\" = \"c2s\" }",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "multiplex",
    doc: "Several protocols on one port, with `protocol = \"multiplex\"`. They are told apart by ALPN, SNI and first \
          bytes, within `timeouts.detect`, in which a TLS handshake counts. Other timeouts and limits of the listener \
          hold for whatever is found; those that are absent are what they are on a listener of that protocol.",
    named: None,
    keys: &[&PROTOCOLS, &MAX_PEEK, &EXCLUSIVE, &TLS, &SNI],
    tables: &[],
    later: &[],
};

/// What else of a listener is read already.
pub(crate) struct Around<'a> {
    pub(crate) tls: &'a ListenerTls,
    pub(crate) timeouts: (&'a Section<'a>, &'a ListenerTimeouts),
    pub(crate) limits: (&'a Section<'a>, &'a ListenerLimits),
}

/// Reads the table of a multiplexing listener; others must not have one.
pub(crate) fn read(
    checker: &mut Checker,
    section: &Section<'_>,
    protocol: Protocol,
    network: &Network<'_>,
    around: &Around<'_>,
) -> Option<Multiplex> {
    if protocol != Protocol::Multiplex {
        let written = SECTION.keys.iter().find(|key| section.find(key).is_some());
        if let Some(key) = written {
            let reason = "only for listeners with protocol = \"multiplex\"";
            checker.refuse(section, key, reason);
        }
        return None;
    }
    let protocols = checker.list(section, &PROTOCOLS, |node| {
        let word = text(node)
            .ok_or_else(|| format!("expected {}, found {}", one_of(&MULTIPLEXED), found(node)))?;
        parse(word)
    });
    let node = section.find(&PROTOCOLS);
    if node.is_some_and(|node| matches!(&node.value, Value::List(items) if items.is_empty())) {
        let reason = format!("expected at least one of {}", one_of(&MULTIPLEXED));
        checker.refuse(section, &PROTOCOLS, reason);
    }
    let protocols: BTreeSet<_> = protocols.unwrap_or_default().into_iter().collect();
    let sni = checker.read(section, &SNI, |node| names(node, &protocols));
    Some(Multiplex {
        max_peek: checker.size(section, &MAX_PEEK),
        exclusive: checker.boolean(section, &EXCLUSIVE),
        tls: read_tls(checker, section, around.tls),
        sni: sni.unwrap_or_default(),
        terms: terms(network, around),
        protocols,
    })
}

fn read_tls(checker: &mut Checker, section: &Section<'_>, tls: &ListenerTls) -> bool {
    let taken_up = checker.optional_boolean(section, &TLS);
    match taken_up {
        Some(true) if !tls.enabled => {
            checker.refuse(section, &TLS, "needs tls.enabled = true");
        }
        Some(false) if tls.implicit => {
            checker.refuse(
                section,
                &TLS,
                "tls.implicit = true asks for TLS: remove one of the two keys",
            );
        }
        _ => {}
    }
    taken_up.unwrap_or(tls.enabled)
}

fn parse(word: &str) -> Result<Protocol, String> {
    match Protocol::parse(word) {
        Some(protocol) if MULTIPLEXED.contains(&word) => Ok(protocol),
        _ => Err(wrong_one_of(word, &MULTIPLEXED, &LATER_PROTOCOLS)),
    }
}

/// Names as rustls gives them: in the ASCII form of RFC 5891 and in lower case.
fn names(
    node: &Node,
    protocols: &BTreeSet<Protocol>,
) -> Result<BTreeMap<String, Protocol>, String> {
    let Value::Table(table) = &node.value else {
        return Err(expected(&SNI, node));
    };
    let mut names = BTreeMap::new();
    for (name, node) in table {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = name
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(is_letter));
        if !is_name {
            return Err(format!(
                "{name:?} is no host name as clients send it: ASCII only, xn-- for others"
            ));
        }
        let word = text(node).ok_or_else(|| format!("{name}: {}", expected(&SNI, node)))?;
        let protocol = parse(word).map_err(|reason| format!("{name}: {reason}"))?;
        if !protocols.contains(&protocol) {
            return Err(format!("{name}: {word:?} is not among multiplex.protocols"));
        }
        names.insert(name.to_ascii_lowercase(), protocol);
    }
    Ok(names)
}

/// What the listener says for all, else what the protocol takes for granted.
fn terms(network: &Network<'_>, around: &Around<'_>) -> BTreeMap<Protocol, Terms> {
    let (timeouts, limits) = (around.timeouts, around.limits);
    let has_authenticate = timeouts.0.find(&policy::AUTHENTICATE).is_some();
    let has_stanza = limits.0.find(&policy::STANZA).is_some();
    let spoken = SERVICES
        .iter()
        .filter(|service| MULTIPLEXED.contains(&service.word));
    let terms = spoken.filter_map(|service| {
        let protocol = service.protocol?;
        let terms = Terms {
            authenticate: if has_authenticate {
                timeouts.1.authenticate
            } else {
                service.authenticate
            },
            stanza: if has_stanza {
                limits.1.stanza
            } else {
                service.stanza
            },
            traffic: network.traffic_of(protocol).cloned(),
        };
        Some((protocol, terms))
    });
    terms.collect()
}

impl Multiplex {
    /// Each bound of `limits.stanza` that holds for some protocol.
    pub(crate) fn stanzas(&self) -> BTreeSet<usize> {
        let terms = self
            .protocols
            .iter()
            .filter_map(|protocol| self.terms.get(protocol));
        terms.map(|terms| terms.stanza).collect()
    }
}

impl ListenerConfig {
    /// The listener as it is for connections on which this is spoken; `None` if that can not be.
    #[must_use]
    pub fn speaking(&self, protocol: Protocol) -> Option<Self> {
        if self.protocol == protocol {
            return Some(self.clone());
        }
        let terms = self.multiplex.as_ref()?.terms.get(&protocol)?;
        let mut config = self.clone();
        config.protocol = protocol;
        config.multiplex = None;
        config.timeouts.authenticate = terms.authenticate;
        config.limits.stanza = terms.stanza;
        config.limits.traffic.clone_from(&terms.traffic);
        // Without STARTTLS there is no TLS to come.
        if !config.tls.implicit && !service_of(protocol).is_encrypted {
            (config.tls.enabled, config.tls.required) = (false, false);
        }
        Some(config)
    }

    /// What is spoken in the names of ALPN (RFC 7301), the preferred first; not everything has one.
    #[must_use]
    pub fn alpn(&self) -> Vec<&'static str> {
        let is_spoken = |protocol| match &self.multiplex {
            Some(multiplex) => multiplex.protocols.contains(&protocol),
            None => self.protocol == protocol,
        };
        let spoken = SERVICES
            .iter()
            .filter(|service| service.protocol.is_some_and(is_spoken));
        spoken.filter_map(|service| service.alpn).collect()
    }
}

//! `proxy_protocol` of a listener, and `network.proxy_trusted_networks`: who may say for whom it speaks.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::checker::{Checker, Section, found, text};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::tree::Node;

/// Which peers send the header of the PROXY protocol. Absent where nobody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// True: only trusted peers are served, and only after a header. False: theirs is optional, and
    /// others are served as ever.
    pub required: bool,
    /// Whose header is believed; not empty.
    pub trusted: Vec<IpNet>,
}

impl ProxyProtocol {
    /// Whether a header from this address is believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|network| network.contains(&peer))
    }
}

const MODES: [&str; 3] = ["off", "accept", "require"];

static MODE: Key = Key {
    name: "mode",
    accepts: Accepts::OneOf(&MODES, &[]),
    preset: Preset::Unset("`\"accept\"` where somebody is trusted, `\"off\"` otherwise"),
    reload: Reload::NewConnections,
    doc: "Whether connections may begin with a header of the PROXY protocol, version 1 or 2, before TLS as \
          well: `accept` believes it when a trusted peer sends one, `require` serves nobody else. The \
          client that it names is the one of limits per address, logs, reports and rules. A header of \
          anybody who is not trusted is what any garbage is: it is never believed. A trusted peer that \
          says nothing for `timeouts.detect` is closed.",
    example: "\"require\"",
};

static TRUSTED: Key = Key {
    name: "trusted",
    accepts: Accepts::List(NETWORKS),
    preset: Preset::Unset("`network.proxy_trusted_networks`"),
    reload: Reload::NewConnections,
    doc: "Whose header is believed, in place of `network.proxy_trusted_networks`. Whoever connects to a \
          Unix socket is 127.0.0.1.",
    example: "[\"192.0.2.10\", \"2001:db8:1::/48\"]",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "proxy_protocol",
    doc: "Proxies and load balancers in front of the listener that say whom they speak for.",
    named: None,
    keys: &[&MODE, &TRUSTED],
    tables: &[],
    later: &[],
};

pub(crate) const NETWORKS: &str =
    "addresses and networks such as \"192.0.2.10\" or \"2001:db8:1::/48\"";

pub(crate) static TRUSTED_NETWORKS: Key = Key {
    name: "proxy_trusted_networks",
    accepts: Accepts::List(NETWORKS),
    preset: Preset::Value("[]"),
    reload: Reload::NewConnections,
    doc: "Proxies and load balancers whose PROXY header is believed, on every listener whose \
          `proxy_protocol` does not say otherwise.",
    example: "",
};

/// The networks of a list; `None` when it is not written.
pub(crate) fn read_networks(
    checker: &mut Checker,
    section: &Section<'_>,
    key: &'static Key,
) -> Option<Vec<IpNet>> {
    checker.list(section, key, network)
}

/// An address is a network of one.
fn network(node: &Node) -> Result<IpNet, String> {
    let wrong = || {
        format!(
            "{} is neither an address nor a network such as \"192.0.2.0/24\"",
            found(node)
        )
    };
    let text = text(node).ok_or_else(wrong)?;
    let network = text.parse::<IpNet>();
    let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| wrong())?;
    if network.trunc() != network {
        let meant = network.trunc();
        return Err(format!("{text} has bits behind its prefix: write {meant}"));
    }
    Ok(network)
}

pub(crate) fn read(
    checker: &mut Checker,
    section: &Section<'_>,
    inherited: &[IpNet],
) -> Option<ProxyProtocol> {
    let mode = checker.word(section, &MODE);
    let own = read_networks(checker, section, &TRUSTED);
    let trusted = own.unwrap_or_else(|| inherited.to_vec());
    match mode.as_deref() {
        Some("off") => return None,
        Some(mode) if trusted.is_empty() => {
            let reason = format!(
                "{mode:?} trusts nobody: write proxy_protocol.trusted or network.proxy_trusted_networks"
            );
            checker.refuse(section, &MODE, reason);
            return None;
        }
        _ => {}
    }
    (!trusted.is_empty()).then(|| ProxyProtocol {
        required: mode.as_deref() == Some("require"),
        trusted,
    })
}

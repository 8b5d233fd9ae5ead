//! `[http]`: what the listeners with `protocol = "http"` have in common.

mod bosh;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::checker::{Checker, Section, expected, text};
use crate::listener::proxy::{NETWORKS, read_networks};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::tree::Node;

pub use bosh::BoshConfig;

/// What is served over HTTP, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may read metrics and the pages about the state of the node.
    pub status_networks: Vec<IpNet>,
    /// Web pages of these origins may speak to the node.
    pub origins: Origins,
    /// Where clients find the services, without a slash at its end; `None`: where they asked.
    pub external_url: Option<String>,
    /// Streams over WebSocket (RFC 7395).
    pub websocket: bool,
    /// Streams over requests that are held (XEP-0124).
    pub bosh: BoshConfig,
}

impl HttpConfig {
    /// Whether what this peer says of its client is believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        contains(&self.trusted_proxies, peer)
    }

    /// Whether this client may read metrics and the pages about the state of the node.
    #[must_use]
    pub fn shows_status_to(&self, client: IpAddr) -> bool {
        contains(&self.status_networks, client)
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Origins of web pages (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Any.
    All,
    /// These, each as a browser sends it: scheme, host, and port unless it is the scheme's own.
    Only(Vec<String>),
}

impl Origins {
    /// Whether pages of `origin` may speak to the node.
    #[must_use]
    pub fn allow(&self, origin: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(origins) => origins.iter().any(|one| one.eq_ignore_ascii_case(origin)),
        }
    }
}

static TRUSTED_PROXIES: Key = Key {
    name: "trusted_proxies",
    accepts: Accepts::List(NETWORKS),
    preset: Preset::Value("[\"127.0.0.1\", \"::1\"]"),
    reload: Reload::Live,
    doc: "Proxies whose `X-Forwarded-For` names the client and whose `X-Forwarded-Proto` says whether the \
          client's connection is encrypted. From anybody else these headers mean nothing.",
    example: "",
};

static STATUS_NETWORKS: Key = Key {
    name: "status_networks",
    accepts: Accepts::List(NETWORKS),
    preset: Preset::Value("[\"127.0.0.0/8\", \"::1\"]"),
    reload: Reload::Live,
    doc: "Who may read `/metrics` and `/certificates`; others get 403.",
    example: "",
};

static CORS_ORIGINS: Key = Key {
    name: "cors_origins",
    accepts: Accepts::List("origins such as \"https://chat.example.org\", or \"*\""),
    preset: Preset::Value("[\"*\"]"),
    reload: Reload::Live,
    doc: "Web pages of these origins may use the streams over HTTP. `\"*\"`: all may; a page needs the \
          password of a user all the same.",
    example: "",
};

static EXTERNAL_URL: Key = Key {
    name: "external_url",
    accepts: Accepts::Text(
        "an address such as \"https://chat.example.org\" or \"https://example.org/xmpp\"",
    ),
    preset: Preset::Unset("what the request itself was sent to"),
    reload: Reload::Live,
    doc: "Under which address clients reach the http listener, as `host-meta` (XEP-0156) tells them. Where a \
          proxy has another name or port than the node.",
    example: "\"https://chat.example.org\"",
};

static WEBSOCKET: Key = Key {
    name: "websocket",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::NewConnections,
    doc: "Streams over WebSocket (RFC 7395) at `/xmpp-websocket`.",
    example: "",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "http",
    doc: "What listeners with `protocol = \"http\"` serve: streams over WebSocket and BOSH, `host-meta`, metrics and health.",
    named: None,
    keys: &[
        &TRUSTED_PROXIES,
        &STATUS_NETWORKS,
        &CORS_ORIGINS,
        &EXTERNAL_URL,
        &WEBSOCKET,
    ],
    tables: &[&bosh::SECTION],
    later: &["upload", "files"],
};

pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> HttpConfig {
    let section = root.child(SECTION.name);
    HttpConfig {
        trusted_proxies: read_networks(checker, &section, &TRUSTED_PROXIES)
            .unwrap_or_else(|| loopback(32)),
        status_networks: read_networks(checker, &section, &STATUS_NETWORKS)
            .unwrap_or_else(|| loopback(8)),
        origins: match checker.list(&section, &CORS_ORIGINS, origin) {
            Some(origins) if !origins.iter().any(|one| one == "*") => Origins::Only(origins),
            _ => Origins::All,
        },
        external_url: checker.read(&section, &EXTERNAL_URL, external_url),
        websocket: checker.boolean(&section, &WEBSOCKET),
        bosh: bosh::read(checker, &section),
    }
}

/// 127.0.0.1 with a prefix of this length, and ::1.
fn loopback(prefix: u8) -> Vec<IpNet> {
    let v4 = IpNet::new(Ipv4Addr::LOCALHOST.into(), prefix).map(|network| network.trunc());
    v4.into_iter()
        .chain([IpAddr::from(Ipv6Addr::LOCALHOST).into()])
        .collect()
}

/// An origin: scheme and authority, nothing behind them.
fn origin(node: &Node) -> Result<String, String> {
    let text = text(node).ok_or_else(|| expected(&CORS_ORIGINS, node))?;
    let authority = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match authority {
        _ if text == "*" => Ok(text.to_owned()),
        Some(authority) if !authority.is_empty() && !authority.contains(['/', ' ', '?', '#']) => {
            Ok(text.to_owned())
        }
        Some(_) => Err(format!(
            "{text:?} is more than an origin: write scheme, host and port alone"
        )),
        None => Err(format!(
            "{text:?} is no origin: write \"https://HOST\", or \"*\" for all"
        )),
    }
}

fn external_url(node: &Node) -> Result<String, String> {
    let text = text(node).ok_or_else(|| expected(&EXTERNAL_URL, node))?;
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest)
            if !rest.is_empty()
                && !rest.starts_with('/')
                && !rest.contains(['?', '#', ' ', '\'', '"', '<']) =>
        {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!(
            "{text:?} is no address of an http server: write \"https://HOST\", \"https://HOST:PORT\" or with a path"
        )),
    }
}

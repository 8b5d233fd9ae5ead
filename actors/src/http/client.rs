//! Who asks: the peer, or whom a trusted proxy names.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use portcullis_config::HttpConfig;

/// The client of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// Its address; with port 0 where a proxy names it.
    pub(super) address: SocketAddr,
    /// Whether a proxy named it.
    pub(super) is_named: bool,
    /// Whether its connection is encrypted, to us or to the proxy.
    pub(super) is_encrypted: bool,
}

impl Client {
    /// The client behind `peer`, whose own connection is encrypted or not.
    pub(super) fn of(
        peer: SocketAddr,
        is_encrypted: bool,
        headers: &HeaderMap,
        config: &HttpConfig,
    ) -> Self {
        let own = Self {
            address: peer,
            is_named: false,
            is_encrypted,
        };
        if !config.trusts(peer.ip()) {
            return own;
        }
        let named = forwarded_for(headers, config);
        // What stands before the last is the client's own word.
        let protocol = headers.get_all("x-forwarded-proto").iter().next_back();
        let protocol = protocol.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        let says_https = protocol.is_some_and(|one| one.trim().eq_ignore_ascii_case("https"));
        Self {
            address: named.map_or(peer, |address| SocketAddr::new(address, 0)),
            is_named: named.is_some(),
            is_encrypted: is_encrypted || says_https,
        }
    }
}

/// The last address of `X-Forwarded-For` that no trusted proxy vouches for: what stands before it is
/// hearsay. The first, if all are trusted.
fn forwarded_for(headers: &HeaderMap, config: &HttpConfig) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter();
    let hops: Vec<_> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(parse)
        .collect();
    let mut named = None;
    for hop in hops.into_iter().rev() {
        let Some(address) = hop else { break };
        named = Some(address);
        if !config.trusts(address) {
            break;
        }
    }
    named
}

/// An address, with or without a port and brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(hop).parse::<IpAddr>();
    let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
    address
        .or_else(|_| with_port())
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_config::Sources;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> Client {
        let sources = Sources {
            set: vec!["http.trusted_proxies=127.0.0.1,192.0.2.0/24".to_owned()],
            ..Sources::default()
        };
        let config = portcullis_config::load(&sources).unwrap().config.http;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Client::of(
            SocketAddr::new(peer.parse().unwrap(), 999),
            false,
            &map,
            &config,
        )
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let headers = [
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-proto", "https"),
        ];
        let own = client("198.51.100.1", &headers);
        assert_eq!(own.address, "198.51.100.1:999".parse().unwrap());
        assert!(!own.is_encrypted && !own.is_named);
        let named = client("127.0.0.1", &headers);
        assert_eq!(named.address.ip(), "203.0.113.5".parse::<IpAddr>().unwrap());
        assert!(named.is_encrypted && named.is_named);
    }

    #[test]
    fn the_last_word_on_encryption_is_the_proxys() {
        let says = |value: &'static str| ("x-forwarded-proto", value);
        let is_encrypted = |headers: &[_]| client("127.0.0.1", headers).is_encrypted;
        assert!(!is_encrypted(&[says("https"), says("http")]));
        assert!(!is_encrypted(&[says("https, http")]));
        assert!(is_encrypted(&[says("http"), says("http, https")]));
    }

    #[test]
    fn the_last_address_that_nobody_vouches_for_counts() {
        let ip = |headers: &[(&'static str, &'static str)]| {
            client("127.0.0.1", headers).address.ip().to_string()
        };
        assert_eq!(
            ip(&[("x-forwarded-for", "1.1.1.1, 203.0.113.5, 192.0.2.7")]),
            "203.0.113.5"
        );
        assert_eq!(
            ip(&[
                ("x-forwarded-for", "1.1.1.1"),
                ("x-forwarded-for", "[2001:db8::1]:443")
            ]),
            "2001:db8::1"
        );
        assert_eq!(ip(&[("x-forwarded-for", "1.1.1.1, garbage")]), "127.0.0.1");
        assert_eq!(
            ip(&[("x-forwarded-for", "garbage, 192.0.2.9")]),
            "192.0.2.9"
        );
        assert_eq!(ip(&[]), "127.0.0.1");
    }
}

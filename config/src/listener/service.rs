//! What can be spoken on a listener, and what each protocol takes for granted.

use std::time::Duration;

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Client streams (RFC 6120).
    C2s,
    /// External components (XEP-0114).
    Component,
    /// HTTP (RFC 9112): streams over WebSocket, and pages for programs.
    Http,
    /// Several of the others, told apart when a client connects.
    Multiplex,
}

/// A protocol by its word in the configuration, with its defaults.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) word: &'static str,
    /// `None` where this version does not speak it yet.
    pub(crate) protocol: Option<Protocol>,
    /// Where it is without TLS from the first byte.
    pub(crate) plain: Home,
    /// Where it is with TLS from the first byte.
    pub(crate) direct: Home,
    /// Whether `tls.enabled` is true unless it is set; with `tls.implicit` it always is.
    pub(crate) is_encrypted: bool,
    /// `timeouts.authenticate`
    pub(crate) authenticate: Duration,
    /// `limits.stanza`
    pub(crate) stanza: usize,
    /// Its name in ALPN, where it has one.
    pub(crate) alpn: Option<&'static str>,
}

/// The default port and interfaces of a protocol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    /// None by custom: `bind` or `ports` must be written.
    pub(crate) port: Option<u16>,
    /// On `network.interfaces` and not on `network.local_interfaces`.
    pub(crate) is_public: bool,
}

const fn public(port: u16) -> Home {
    Home {
        port: Some(port),
        is_public: true,
    }
}

const fn private(port: u16) -> Home {
    Home {
        port: Some(port),
        is_public: false,
    }
}

/// Public, and no port by custom.
const NONE: Home = Home {
    port: None,
    is_public: true,
};

const DEFAULT: Service = Service {
    word: "",
    protocol: None,
    plain: NONE,
    direct: NONE,
    is_encrypted: false,
    authenticate: Duration::from_secs(30),
    stanza: 512 << 10,
    alpn: None,
};

/// Every protocol that is or will be spoken, with the ports that are customary.
pub(crate) static SERVICES: [Service; 8] = [
    Service {
        word: "c2s",
        protocol: Some(Protocol::C2s),
        plain: public(5222),
        is_encrypted: true,
        authenticate: Duration::from_secs(300),
        stanza: 256 << 10,
        alpn: Some("xmpp-client"),
        ..DEFAULT
    },
    Service {
        word: "s2s",
        plain: public(5269),
        is_encrypted: true,
        authenticate: Duration::from_secs(90),
        ..DEFAULT
    },
    Service {
        word: "component",
        protocol: Some(Protocol::Component),
        plain: private(5347),
        ..DEFAULT
    },
    Service {
        word: "http",
        protocol: Some(Protocol::Http),
        alpn: Some("http/1.1"),
        plain: private(5280),
        direct: public(5281),
        authenticate: Duration::from_secs(60),
        stanza: 256 << 10,
        ..DEFAULT
    },
    Service {
        word: "proxy65",
        plain: public(5000),
        ..DEFAULT
    },
    Service {
        word: "console",
        plain: private(5582),
        ..DEFAULT
    },
    Service {
        word: "multiplex",
        protocol: Some(Protocol::Multiplex),
        is_encrypted: true,
        ..DEFAULT
    },
    Service {
        word: "metrics",
        plain: Home {
            port: None,
            is_public: false,
        },
        ..DEFAULT
    },
];

/// The words of [`SERVICES`] that work.
pub(crate) const PROTOCOLS: [&str; 4] = ["c2s", "component", "http", "multiplex"];

/// Those that can share a port.
pub(crate) const MULTIPLEXED: [&str; 3] = ["c2s", "component", "http"];

/// What a later version will speak.
pub(crate) const LATER_PROTOCOLS: [&str; 9] = [
    "s2s",
    "proxy65",
    "console",
    "metrics",
    "smtp",
    "lmtp",
    "imap",
    "pop3",
    "manageSieve",
];

/// The service of a protocol that works.
pub(crate) fn service_of(protocol: Protocol) -> &'static Service {
    let found = SERVICES
        .iter()
        .find(|service| service.protocol == Some(protocol));
    // A test sees to it that each has one.
    found.unwrap_or(&DEFAULT_SERVICE)
}

static DEFAULT_SERVICE: Service = DEFAULT;

impl Service {
    pub(crate) fn home(&self, is_direct: bool) -> Home {
        if is_direct { self.direct } else { self.plain }
    }
}

impl Protocol {
    /// Reads the word of the configuration.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let service = SERVICES.iter().find(|service| service.word == word)?;
        service.protocol
    }

    /// The protocol of a name in ALPN.
    #[must_use]
    pub fn of_alpn(name: &[u8]) -> Option<Self> {
        let is_meant = |service: &&Service| service.alpn.is_some_and(|own| own.as_bytes() == name);
        SERVICES.iter().find(is_meant)?.protocol
    }

    /// The word of the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        service_of(self).word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_services() {
        let words = |works: bool| {
            SERVICES
                .iter()
                .filter(move |service| service.protocol.is_some() == works)
                .map(|service| service.word)
        };
        assert!(words(true).eq(PROTOCOLS));
        assert!(words(false).all(|word| LATER_PROTOCOLS.contains(&word)));
        assert!(
            PROTOCOLS
                .iter()
                .filter(|word| **word != "multiplex")
                .eq(&MULTIPLEXED)
        );
        for word in PROTOCOLS {
            assert_eq!(Protocol::parse(word).map(Protocol::word), Some(word));
        }
    }

    /// The ports and interfaces of Prosody's overview.
    #[test]
    fn the_customary_ports_are_the_defaults() {
        let expected = [
            ("proxy65", false, 5000, true),
            ("c2s", false, 5222, true),
            ("s2s", false, 5269, true),
            ("http", false, 5280, false),
            ("http", true, 5281, true),
            ("component", false, 5347, false),
            ("console", false, 5582, false),
        ];
        for (word, is_direct, port, is_public) in expected {
            let service = SERVICES.iter().find(|service| service.word == word);
            let home = service.map(|service| service.home(is_direct));
            let found = home.map(|home| (home.port, home.is_public));
            assert_eq!(found, Some((Some(port), is_public)), "{word}");
        }
    }
}

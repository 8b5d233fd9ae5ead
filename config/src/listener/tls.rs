//! `tls` of a listener.

mod places;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::service::Service;
use crate::checker::{Checker, Section, found, text, wrong_one_of};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec, one_of};
use crate::tls::{
    self, CertificateFiles, CipherSuite, Group, TICKETS, group, profile, read_pair, suite,
};

pub(crate) use places::check as check_places;

/// When and how a listener encrypts, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// False: no TLS at all, STARTTLS is not offered.
    pub enabled: bool,
    /// True: the handshake comes first (XEP-0368); false: STARTTLS (RFC 6120 §5).
    pub implicit: bool,
    /// True: nobody authenticates on an unencrypted stream. False when TLS is not enabled.
    pub required: bool,
    /// One deadline for the whole handshake, direct or STARTTLS.
    pub timeout: Duration,
    /// The listener's own pair, for clients that name no configured host.
    pub certificate: Option<CertificateFiles>,
    /// Goes before `by_port`, by our own address of the connection.
    pub by_interface: BTreeMap<IpAddr, CertificateFiles>,
    /// Goes before `certificate`, by our own port of the connection.
    pub by_port: BTreeMap<u16, CertificateFiles>,
    /// Whether TLS 1.2 may be negotiated; at least one of the two versions is true.
    pub tls12: bool,
    /// Whether TLS 1.3 may be negotiated.
    pub tls13: bool,
    /// What is not negotiated; each version that is on has one left.
    pub disabled_suites: Vec<CipherSuite>,
    /// Whether the server's order of suites decides, or the client's.
    pub ignore_client_order: bool,
    /// Groups of the key exchange, the preferred one first; at least one.
    pub groups: Vec<Group>,
    /// Whether clients are given tickets to come back with.
    pub tickets: bool,
    /// A handshake that names a host which nobody configured is refused.
    pub rejects_unknown_sni: bool,
    /// A client that offers other protocols only (ALPN) is refused.
    pub alpn_strict: bool,
}

static ENABLED: Key = Key {
    name: "enabled",
    accepts: Accepts::Boolean,
    preset: Preset::Unset("true for c2s and multiplex"),
    reload: Reload::NewConnections,
    doc: "False: no TLS at all, and STARTTLS is not offered.",
    example: "false",
};

static IMPLICIT: Key = Key {
    name: "implicit",
    accepts: Accepts::Boolean,
    preset: Preset::Value("false"),
    reload: Reload::NewConnections,
    doc: "True: the handshake comes first, without STARTTLS (XEP-0368). Port 5223 by custom; there is no \
          default port.",
    example: "",
};

static REQUIRED: Key = Key {
    name: "required",
    accepts: Accepts::Boolean,
    preset: Preset::Unset("true where TLS is enabled"),
    reload: Reload::NewConnections,
    doc: "Whether a client must encrypt before it authenticates. Passwords in the clear (PLAIN) are \
          refused without TLS in any case.",
    example: "false",
};

static TLS_TIMEOUT: Key = Key {
    name: "timeout",
    accepts: Accepts::Duration(Duration::from_millis(100), Duration::from_secs(600)),
    preset: Preset::Value("\"60s\""),
    reload: Reload::NewConnections,
    doc: "One deadline for the whole handshake, however slowly its bytes come.",
    example: "",
};

const TLS_VERSIONS: [&str; 2] = ["tls12", "tls13"];

static DISABLE_PROTOCOLS: Key = Key {
    name: "disable_protocols",
    accepts: Accepts::ListOf(&TLS_VERSIONS),
    preset: Preset::Value("[]"),
    reload: Reload::NewConnections,
    doc: "TLS versions that are not negotiated; one must be left.",
    example: "[\"tls12\"]",
};

static IGNORE_CLIENT_ORDER: Key = Key {
    name: "ignore_client_order",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::NewConnections,
    doc: "Whose order of cipher suites decides: ours, or with false the client's.",
    example: "",
};

static UNKNOWN_SNI: Key = Key {
    name: "unknown_sni",
    accepts: Accepts::OneOf(&["default", "reject"], &[]),
    preset: Preset::Value("\"default\""),
    reload: Reload::NewConnections,
    doc: "What a client is shown that names no host of ours in its handshake: what a client without a name \
          is shown, or nothing but the fatal alert `access_denied`. It needs `implicit`: after STARTTLS the \
          stream has named the host.",
    example: "",
};

static ALPN_STRICT: Key = Key {
    name: "alpn_strict",
    accepts: Accepts::Boolean,
    preset: Preset::Value("false"),
    reload: Reload::NewConnections,
    doc: "True refuses a client that offers protocols (ALPN) of which none is spoken here, by the fatal alert \
          `no_application_protocol`; false takes it as if it had offered none. It needs `implicit`.",
    example: "",
};

static BY_INTERFACE: SectionSpec = SectionSpec {
    name: "by_interface",
    doc: "The certificate for clients that connect to this address of ours and name no host which has one. \
          It goes before `by_port`.",
    named: Some("\"192.0.2.1\""),
    keys: &[&tls::CERTIFICATE, &tls::KEY],
    tables: &[],
    later: &["password"],
};

static BY_PORT: SectionSpec = SectionSpec {
    name: "by_port",
    doc: "The certificate for clients that connect to this port of ours and name no host which has one. It \
          goes before the listener's own.",
    named: Some("5222"),
    keys: &[&tls::CERTIFICATE, &tls::KEY],
    tables: &[],
    later: &["password"],
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "tls",
    doc: "When and how the listener encrypts. Its certificates are for clients that name no host which has \
          one. `profile`, `groups` and `tickets` are looked up in `[tls]` where they are absent here.",
    named: None,
    keys: &[
        &ENABLED,
        &IMPLICIT,
        &REQUIRED,
        &TLS_TIMEOUT,
        &tls::CERTIFICATE,
        &tls::KEY,
        &profile::PROFILE,
        &DISABLE_PROTOCOLS,
        &suite::DISABLE,
        &IGNORE_CLIENT_ORDER,
        &group::GROUPS,
        &TICKETS,
        &UNKNOWN_SNI,
        &ALPN_STRICT,
    ],
    tables: &[&BY_INTERFACE, &BY_PORT],
    later: &["password"],
};

/// Reads the section, which inherits from `[tls]`.
pub(crate) fn read(checker: &mut Checker, section: &Section<'_>, service: &Service) -> ListenerTls {
    let (enabled, implicit, required) = read_occasion(checker, section, service);
    let (tls12, tls13) = read_versions(checker, section);
    let unknown_sni = checker.word(section, &UNKNOWN_SNI);
    let rejects_unknown_sni = unknown_sni.as_deref() == Some("reject");
    let alpn_strict = checker.boolean(section, &ALPN_STRICT);
    for (key, is_set) in [
        (&UNKNOWN_SNI, rejects_unknown_sni),
        (&ALPN_STRICT, alpn_strict),
    ] {
        if is_set && !implicit {
            let reason = "this is of TLS from the first byte: it needs tls.implicit = true";
            checker.refuse(section, key, reason);
        }
    }
    ListenerTls {
        enabled,
        implicit,
        required,
        timeout: checker.duration(section, &TLS_TIMEOUT),
        certificate: read_pair(checker, section),
        by_interface: places::read(
            checker,
            &section.child(BY_INTERFACE.name),
            places::interface,
        ),
        by_port: places::read(checker, &section.child(BY_PORT.name), places::port),
        tls12,
        tls13,
        disabled_suites: suite::read_disabled(checker, section, (tls12, tls13)),
        ignore_client_order: checker.boolean(section, &IGNORE_CLIENT_ORDER),
        groups: group::read(checker, section),
        tickets: checker.boolean(section, &TICKETS),
        rejects_unknown_sni,
        alpn_strict,
    }
}

/// Whether there is TLS, whether it comes first, and whether nobody logs in without.
fn read_occasion(
    checker: &mut Checker,
    section: &Section<'_>,
    service: &Service,
) -> (bool, bool, bool) {
    let implicit = checker.boolean(section, &IMPLICIT);
    let enabled = checker
        .optional_boolean(section, &ENABLED)
        .unwrap_or(service.is_encrypted || implicit);
    let required = checker.optional_boolean(section, &REQUIRED);
    if implicit && !enabled {
        checker.refuse(section, &IMPLICIT, "implicit TLS needs tls.enabled = true");
    }
    if enabled && !implicit && !service.is_encrypted {
        let reason = format!(
            "there is no STARTTLS on {}: write tls.implicit = true",
            service.word
        );
        checker.refuse(section, &ENABLED, reason);
    }
    if required == Some(true) && !enabled {
        checker.refuse(
            section,
            &REQUIRED,
            "TLS can not be required where tls.enabled is false",
        );
    }
    if required == Some(false) && implicit {
        checker.refuse(
            section,
            &REQUIRED,
            "implicit TLS is always required: remove one of the two keys",
        );
    }
    (enabled, implicit, enabled && required.unwrap_or(true))
}

/// Whether TLS 1.2 and 1.3 are on: what the profile offers, less what is disabled.
fn read_versions(checker: &mut Checker, section: &Section<'_>) -> (bool, bool) {
    let offers_tls12 = profile::offers_tls12(checker, section);
    let disabled = checker.list(section, &DISABLE_PROTOCOLS, |node| {
        let text = text(node)
            .ok_or_else(|| format!("expected {}, found {}", one_of(&TLS_VERSIONS), found(node)))?;
        let known = TLS_VERSIONS.contains(&text).then(|| text.to_owned());
        known.ok_or_else(|| wrong_one_of(text, &TLS_VERSIONS, &[]))
    });
    let disabled = disabled.unwrap_or_default();
    let has = |version: &str| !disabled.iter().any(|name| name == version);
    let versions = (offers_tls12 && has("tls12"), has("tls13"));
    if versions == (false, false) {
        let reason = match offers_tls12 {
            true => "both TLS versions are disabled; leave one of tls12, tls13",
            false => "the profile \"modern\" offers tls13 alone, which is disabled here",
        };
        checker.refuse(section, &DISABLE_PROTOCOLS, reason);
    }
    versions
}

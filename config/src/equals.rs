//! What Prosody and Stalwart call the options of the network layer.

/// One of our keys, and theirs; empty where they have none.
struct Equal {
    ours: &'static str,
    prosody: &'static str,
    stalwart: &'static str,
}

const fn equal(ours: &'static str, prosody: &'static str, stalwart: &'static str) -> Equal {
    Equal {
        ours,
        prosody,
        stalwart,
    }
}

/// In the order of the reference. A row names every key of that path, with `<name>` for the
/// listener's.
const EQUALS: &[Equal] = &[
    equal(
        "network.max_connections",
        "max_connections of network_settings (one backend)",
        "maxConnections of SystemSettings (there only the default of listeners)",
    ),
    equal("network.interfaces", "interfaces", ""),
    equal("network.local_interfaces", "local_interfaces", ""),
    equal("network.use_ipv4", "use_ipv4", ""),
    equal("network.use_ipv6", "use_ipv6", ""),
    equal(
        "network.proxy_trusted_networks",
        "",
        "proxyTrustedNetworks of SystemSettings",
    ),
    equal(
        "network.tls_handshakes",
        "max_ssl_handshake_roundtrips of network_settings bounds steps instead",
        "",
    ),
    equal("network.timeouts.close", "c2s_close_timeout", ""),
    equal(
        "network.timeouts.send",
        "send_timeout of network_settings",
        "",
    ),
    equal(
        "network.timeouts.read",
        "read_timeout of network_settings",
        "",
    ),
    equal(
        "network.timeouts.accept_retry_max",
        "accept_retry_interval of network_settings",
        "",
    ),
    equal(
        "network.limits.send_buffer",
        "max_send_buffer_size of network_settings",
        "",
    ),
    equal("network.limits.unlimited", "unlimited_jids", ""),
    equal("network.limits.c2s.rate", "limits.c2s.rate", ""),
    equal("network.limits.c2s.burst", "limits.c2s.burst", ""),
    equal("tls.directory", "certificates", ""),
    equal("tls.profile", "tls_profile", ""),
    equal("tls.groups", "curve and curves_list of ssl", ""),
    equal(
        "tls.tickets",
        "no_ticket in options of ssl, the other way round",
        "",
    ),
    equal("tls.default.certificate", "ssl.certificate", ""),
    equal("tls.default.key", "ssl.key", ""),
    equal(
        "listener.<name>.protocol",
        "the service: c2s, component, http and so on",
        "protocol",
    ),
    equal(
        "listener.<name>.bind",
        "c2s_interfaces and c2s_ports, c2s_direct_tls_ports, component_ports and so on; ports and ssl_ports of the multiplexer",
        "bind",
    ),
    equal(
        "listener.<name>.interfaces",
        "c2s_interfaces, component_interfaces, http_interfaces and so on",
        "bind",
    ),
    equal(
        "listener.<name>.ports",
        "c2s_ports, component_ports, http_ports and so on",
        "bind",
    ),
    equal(
        "listener.<name>.max_connections",
        "max_connections of network_settings (one backend)",
        "maxConnections",
    ),
    equal("listener.<name>.tls.enabled", "", "useTls"),
    equal(
        "listener.<name>.tls.implicit",
        "the service c2s_direct_tls, legacy_ssl or https",
        "tlsImplicit",
    ),
    equal("listener.<name>.tls.required", "c2s_require_encryption", ""),
    equal(
        "listener.<name>.tls.timeout",
        "ssl_handshake_timeout of network_settings",
        "tlsTimeout",
    ),
    equal(
        "listener.<name>.tls.certificate",
        "certificate of c2s_ssl, https_ssl and so on",
        "",
    ),
    equal(
        "listener.<name>.tls.key",
        "key of c2s_ssl, https_ssl and so on",
        "",
    ),
    equal(
        "listener.<name>.tls.disable_protocols",
        "protocol of ssl",
        "tlsDisableProtocols",
    ),
    equal("listener.<name>.tls.profile", "tls_profile", ""),
    equal(
        "listener.<name>.tls.disable_cipher_suites",
        "ciphers and ciphersuites of ssl name those that are left instead",
        "tlsDisableCipherSuites",
    ),
    equal(
        "listener.<name>.tls.ignore_client_order",
        "cipher_server_preference in options of ssl",
        "tlsIgnoreClientOrder",
    ),
    equal(
        "listener.<name>.tls.groups",
        "curve and curves_list of ssl",
        "",
    ),
    equal(
        "listener.<name>.tls.tickets",
        "no_ticket in options of ssl, the other way round",
        "",
    ),
    equal(
        "listener.<name>.tls.by_interface.<name>.certificate",
        "certificate of c2s_direct_tls_ssl[\"192.0.2.1\"] and so on",
        "",
    ),
    equal(
        "listener.<name>.tls.by_interface.<name>.key",
        "key of c2s_direct_tls_ssl[\"192.0.2.1\"] and so on",
        "",
    ),
    equal(
        "listener.<name>.tls.by_port.<name>.certificate",
        "certificate of c2s_direct_tls_ssl[5223] and so on",
        "",
    ),
    equal(
        "listener.<name>.tls.by_port.<name>.key",
        "key of c2s_direct_tls_ssl[5223] and so on",
        "",
    ),
    equal(
        "listener.<name>.socket.backlog",
        "tcp_backlog of network_settings",
        "socketBacklog",
    ),
    equal(
        "listener.<name>.socket.no_delay",
        "nagle of network_settings, the other way round",
        "socketNoDelay",
    ),
    equal(
        "listener.<name>.socket.keepalive",
        "tcp_keepalives, c2s_tcp_keepalives; tcp_keepalive of network_settings",
        "",
    ),
    equal(
        "listener.<name>.socket.reuse_address",
        "",
        "socketReuseAddress",
    ),
    equal("listener.<name>.socket.reuse_port", "", "socketReusePort"),
    equal("listener.<name>.socket.ttl", "", "socketTtl"),
    equal(
        "listener.<name>.socket.send_buffer",
        "",
        "socketSendBufferSize",
    ),
    equal(
        "listener.<name>.socket.receive_buffer",
        "",
        "socketReceiveBufferSize",
    ),
    equal("listener.<name>.socket.tos_v4", "", "socketTosV4"),
    equal("listener.<name>.timeouts.authenticate", "c2s_timeout", ""),
    equal("listener.<name>.timeouts.close", "c2s_close_timeout", ""),
    equal(
        "listener.<name>.timeouts.send",
        "send_timeout of network_settings",
        "",
    ),
    equal(
        "listener.<name>.timeouts.read",
        "read_timeout of network_settings",
        "",
    ),
    equal(
        "listener.<name>.timeouts.accept_retry_max",
        "accept_retry_interval of network_settings",
        "",
    ),
    equal("listener.<name>.limits.stanza", "c2s_stanza_size_limit", ""),
    equal(
        "listener.<name>.limits.pre_auth_stanza",
        "c2s_unauthed_stanza_size_limit",
        "",
    ),
    equal(
        "listener.<name>.limits.send_buffer",
        "max_send_buffer_size of network_settings",
        "",
    ),
    equal(
        "listener.<name>.proxy_protocol.trusted",
        "",
        "overrideProxyTrustedNetworks",
    ),
    equal("http.trusted_proxies", "trusted_proxies", ""),
    equal("http.status_networks", "openmetrics_allow_ips", ""),
    equal(
        "http.cors_origins",
        "http_cors_override, cross_domain_websocket",
        "",
    ),
    equal("http.external_url", "http_external_url", ""),
    equal(
        "listener.<name>.multiplex.protocols",
        "every service that is loaded and can be told apart",
        "",
    ),
    equal(
        "listener.<name>.multiplex.max_peek",
        "multiplex_buffer_size",
        "",
    ),
    equal(
        "listener.<name>.multiplex.exclusive",
        "the ports of the services, empty lists to close them",
        "",
    ),
    equal(
        "listener.<name>.multiplex.tls",
        "ssl_ports instead of ports",
        "",
    ),
    equal("http.bosh.wait_max", "bosh_max_wait", ""),
    equal(
        "http.bosh.hold_max",
        "bosh_max_requests, which is one more",
        "",
    ),
    equal("http.bosh.inactivity", "bosh_max_inactivity", ""),
    equal("component.<name>.secret", "component_secret", ""),
    equal(
        "component.<name>.conflict",
        "component_conflict_resolve",
        "",
    ),
];

/// What others call a key of ours, in a line; `None` if nothing is known of that.
pub(crate) fn elsewhere(path: &str) -> Option<String> {
    let equal = EQUALS.iter().find(|equal| equal.ours == path)?;
    let named = [("Prosody", equal.prosody), ("Stalwart", equal.stalwart)];
    let named = named.iter().filter(|(_, name)| !name.is_empty());
    let parts: Vec<_> = named
        .map(|(program, name)| format!("{program}: {name}"))
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Whether a path belongs to the network layer, whose every key says what others call it.
pub(crate) fn concerns(path: &str) -> bool {
    ["network.", "listener.<name>.", "tls."]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::reference;

    #[test]
    fn every_row_is_of_a_key() {
        let reference = reference();
        for equal in EQUALS {
            let heading = format!("### `{}`\n", equal.ours);
            assert!(reference.contains(&heading), "{} is no key", equal.ours);
        }
    }
}

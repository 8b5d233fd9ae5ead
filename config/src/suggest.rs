//! What the author of an unknown key may have meant.

use crate::schema::{ROOT, SectionSpec};

/// Stands for a name of the operator's choice in a pattern such as `listener.<name>.bind`.
pub(crate) const NAME: &str = "<name>";

/// Spellings of Prosody (flat globals, `network_settings`) and Stalwart (camel case), and ours.
const FOREIGN: &[(&str, &str)] = &[
    ("maxConnections", "max_connections"),
    ("socketReuseAddress", "socket.reuse_address"),
    ("socketReusePort", "socket.reuse_port"),
    ("socketBacklog", "socket.backlog"),
    ("socketTtl", "socket.ttl"),
    ("socketSendBufferSize", "socket.send_buffer"),
    ("socketReceiveBufferSize", "socket.receive_buffer"),
    ("socketTosV4", "socket.tos_v4"),
    ("socketNoDelay", "socket.no_delay"),
    ("useTls", "tls.enabled"),
    ("tlsImplicit", "tls.implicit"),
    ("tlsTimeout", "tls.timeout"),
    ("tlsDisableProtocols", "tls.disable_protocols"),
    ("tlsDisableCipherSuites", "tls.disable_cipher_suites"),
    ("tlsIgnoreClientOrder", "tls.ignore_client_order"),
    ("overrideProxyTrustedNetworks", "proxy_protocol.trusted"),
    ("proxyTrustedNetworks", "network.proxy_trusted_networks"),
    ("read_timeout", "timeouts.read"),
    ("send_timeout", "timeouts.send"),
    ("connect_timeout", "timeouts.connect"),
    ("c2s_timeout", "timeouts.authenticate"),
    ("c2s_close_timeout", "timeouts.close"),
    ("accept_retry_interval", "timeouts.accept_retry_max"),
    ("ssl_handshake_timeout", "tls.timeout"),
    ("max_send_buffer_size", "limits.send_buffer"),
    ("c2s_stanza_size_limit", "limits.stanza"),
    ("c2s_unauthed_stanza_size_limit", "limits.pre_auth_stanza"),
    ("tcp_backlog", "socket.backlog"),
    ("tcp_keepalive", "socket.keepalive"),
    ("tcp_keepalives", "socket.keepalive"),
    ("c2s_tcp_keepalives", "socket.keepalive"),
    ("nagle", "socket.no_delay"),
    ("c2s_require_encryption", "tls.required"),
    ("legacy_ssl", "tls.implicit"),
    ("interface", "network.interfaces"),
    ("interfaces", "network.interfaces"),
    ("local_interfaces", "network.local_interfaces"),
    ("use_ipv4", "network.use_ipv4"),
    ("use_ipv6", "network.use_ipv6"),
    ("certificates", "tls.directory"),
    ("tls_profile", "tls.profile"),
    ("ssl", "tls.default"),
    ("data_path", "node.data_directory"),
    ("admin_socket", "node.admin_socket"),
    ("log", "logging"),
    ("VirtualHost", "host"),
    ("Component", "component"),
    ("component_secret", "component.<name>.secret"),
    ("trusted_proxies", "http.trusted_proxies"),
    ("network_settings", "listener.<name>.socket"),
    ("admins", "host.<name>.admins"),
    ("allow_registration", "host.<name>.registration.enabled"),
    (
        "min_seconds_between_registrations",
        "host.<name>.registration.rate",
    ),
    ("contact_info", "host.<name>.contact"),
    ("groups_file", "host.<name>.groups_file"),
    ("add_permissions", "host.<name>.permissions"),
    ("firewall_scripts", "firewall.scripts"),
    (
        "firewall_extra_chains",
        "firewall.extra_chains.<name>.events",
    ),
    (
        "firewall_multirate_cache_limit",
        "firewall.multirate_cache_limit",
    ),
    ("default_iteration_count", "authentication.scram_iterations"),
    ("unlimited_jids", "network.limits.unlimited"),
    ("multiplex_buffer_size", "multiplex.max_peek"),
    ("ssl_ports", "ports"),
    ("ssl_interfaces", "interfaces"),
];

/// Prosody's options without an equal here, and why.
const NOTES: &[(&str, &str)] = &[
    (
        "modules_enabled",
        "there are no modules to choose; what a host offers has keys of its own",
    ),
    (
        "modules_disabled",
        "there are no modules to choose; what a host offers has keys of its own",
    ),
    (
        "plugin_paths",
        "there are no plug-ins; firewall.scripts decide about stanzas",
    ),
    (
        "network_backend",
        "there is only one way to wait for sockets",
    ),
    (
        "daemonize",
        "the node stays in the foreground; let systemd or another supervisor start it",
    ),
    (
        "pidfile",
        "a lock on the data directory keeps a second node out",
    ),
];

/// Endings of Prosody's flat globals per service (`c2s_ports`, `https_ssl`), and ours.
const SERVICE_ENDINGS: &[(&str, &str)] = &[
    ("_ports", "ports"),
    ("_interfaces", "interfaces"),
    ("_interface", "interfaces"),
    ("_ssl", "tls"),
];

const SERVICES: &[&str] = &[
    "c2s",
    "c2s_direct_tls",
    "legacy_ssl",
    "s2s",
    "s2s_direct_tls",
    "http",
    "https",
    "component",
    "console",
    "proxy65",
    "multiplex",
];

/// A pattern one name longer.
pub(crate) fn below(pattern: &str, name: &str) -> String {
    if pattern.is_empty() {
        name.to_owned()
    } else {
        format!("{pattern}.{name}")
    }
}

/// The reason to give for `name`, which the section `spec` (at `pattern`) does not know.
pub(crate) fn unknown(spec: &SectionSpec, pattern: &str, name: &str) -> String {
    if spec.later.contains(&name) {
        return "not yet supported in this version".to_owned();
    }
    if let Some((_, note)) = NOTES.iter().find(|(theirs, _)| *theirs == name) {
        return format!("unknown key: {note}");
    }
    let Some(Meant { path, later }) = meant(spec, pattern, name) else {
        return format!("unknown key; known here: {}", known_here(spec).join(", "));
    };
    let path = path.replace("host.<name>", "host.\"<domain>\"");
    if later {
        format!("unknown key: ours is `{path}`, which is not yet supported in this version")
    } else {
        format!("unknown key, did you mean `{path}`")
    }
}

/// The closest of `words`, if one is close enough to be a slip of the hand.
pub(crate) fn nearest<'a>(name: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let bound = if length < 4 { 1 } else { (length / 3).max(2) };
    words
        .into_iter()
        .map(|word| (distance(name, word), word))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

struct Meant {
    path: String,
    later: bool,
}

fn meant(spec: &SectionSpec, pattern: &str, name: &str) -> Option<Meant> {
    let mut all = Vec::new();
    collect(&ROOT, "", &mut all);
    let plain = snake_case(name);
    let own = spec.keys.iter().any(|key| key.name == plain);
    if let Some(ours) = foreign(name).filter(|_| !own) {
        return Some(found(&all, pattern, ours));
    }
    let here: Vec<_> = spec
        .keys
        .iter()
        .map(|key| key.name)
        .chain(spec.tables.iter().map(|table| table.name))
        .collect();
    if let Some(near) = nearest(&plain, here) {
        return Some(Meant {
            path: near.to_owned(),
            later: false,
        });
    }
    // The same name elsewhere, nearest section first: `backlog` for `socket.backlog`.
    let same_name = |entry: &&Entry| {
        let local = relative(&entry.path, pattern);
        local.replace('.', "_") == plain || entry.path.rsplit('.').next() == Some(plain.as_str())
    };
    let best = all.iter().filter(same_name).min_by_key(|entry| {
        let inside = relative(&entry.path, pattern).len() < entry.path.len();
        (!inside, entry.later, entry.path.len())
    })?;
    Some(Meant {
        path: relative(&best.path, pattern).to_owned(),
        later: best.later,
    })
}

fn foreign(name: &str) -> Option<String> {
    if let Some((_, ours)) = FOREIGN.iter().find(|(theirs, _)| *theirs == name) {
        return Some((*ours).to_owned());
    }
    SERVICE_ENDINGS.iter().find_map(|(ending, ours)| {
        let service = name.strip_suffix(ending)?;
        SERVICES
            .contains(&service)
            .then(|| format!("listener.{NAME}.{ours}"))
    })
}

/// Our path for a foreign key: keys of a listener stand below any listener.
fn found(all: &[Entry], pattern: &str, ours: String) -> Meant {
    let in_listener = format!("listener.{NAME}.{ours}");
    let path = if all.iter().any(|entry| entry.path == ours) {
        ours
    } else if all.iter().any(|entry| entry.path == in_listener) {
        in_listener
    } else {
        return Meant {
            path: ours,
            later: true,
        };
    };
    let later = all.iter().any(|entry| entry.path == path && entry.later);
    Meant {
        path: relative(&path, pattern).to_owned(),
        later,
    }
}

/// A key or section that exists or will.
struct Entry {
    path: String,
    later: bool,
}

fn collect(spec: &SectionSpec, pattern: &str, all: &mut Vec<Entry>) {
    let mut add = |name: &str, later| {
        all.push(Entry {
            path: below(pattern, name),
            later,
        })
    };
    spec.keys.iter().for_each(|key| add(key.name, false));
    spec.tables.iter().for_each(|table| add(table.name, false));
    spec.later.iter().for_each(|name| add(name, true));
    for table in spec.tables {
        let mut inner = below(pattern, table.name);
        if table.named.is_some() {
            inner = below(&inner, NAME);
        }
        collect(table, &inner, all);
    }
}

fn relative<'a>(path: &'a str, pattern: &str) -> &'a str {
    match path
        .strip_prefix(pattern)
        .and_then(|rest| rest.strip_prefix('.'))
    {
        Some(rest) => rest,
        None => path,
    }
}

fn known_here(spec: &SectionSpec) -> Vec<&'static str> {
    spec.keys
        .iter()
        .map(|key| key.name)
        .chain(spec.tables.iter().map(|table| table.name))
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut plain = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            if !plain.is_empty() {
                plain.push('_');
            }
            plain.push(character.to_ascii_lowercase());
        } else {
            plain.push(if character == '-' { '_' } else { character });
        }
    }
    plain
}

/// Levenshtein distance in characters; long texts are taken to be far apart.
fn distance(one: &str, other: &str) -> usize {
    const LONG: usize = 64;
    let other: Vec<char> = other.chars().collect();
    if one.chars().count() > LONG || other.len() > LONG {
        return usize::MAX;
    }
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, character) in one.chars().enumerate() {
        let mut line = Vec::with_capacity(above.len());
        let mut left = row + 1;
        line.push(left);
        for ((diagonal, up), candidate) in above.iter().zip(above.iter().skip(1)).zip(&other) {
            let replaced = diagonal + usize::from(character != *candidate);
            left = replaced.min(up + 1).min(left + 1);
            line.push(left);
        }
        above = line;
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, expected) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn a_slip_is_found_and_nonsense_is_not() {
        assert_eq!(nearest("bakclog", ["backlog", "ttl"]), Some("backlog"));
        assert_eq!(nearest("zzz", ["backlog", "ttl"]), None);
    }

    #[test]
    fn every_foreign_spelling_leads_to_a_known_or_later_key() {
        let mut all = Vec::new();
        collect(&ROOT, "", &mut all);
        for (theirs, ours) in FOREIGN {
            let listener = format!("listener.{NAME}.{ours}");
            let known = all.iter().any(|entry| {
                entry.path == *ours
                    || entry.path == listener
                    || entry.later && ours.starts_with(&entry.path)
                    || entry.later && listener.starts_with(&entry.path)
            });
            assert!(known, "{theirs} leads to {ours}, which nobody knows");
        }
    }
}

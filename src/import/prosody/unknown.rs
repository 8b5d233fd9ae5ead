//! What to do about the options that have no equal.

use crate::import::report::Report;
use crate::import::sections::Options;
use crate::import::value::Value;

/// The begin of a name and what to do; the first that fits counts.
const ADVICE: [(&str, &str); 28] = [
    (
        "s2s_",
        "this version speaks to no other servers: leave it out",
    ),
    ("proxy65_", "there is no file transfer proxy: leave it out"),
    (
        "http_",
        "files and other pages are not served over HTTP: keep them at the other server",
    ),
    (
        "https_",
        "it takes https_ports, or a certificate of its own: leave it out",
    ),
    (
        "bosh_",
        "[http.bosh] has the bounds of BOSH: wait_max, hold_max, inactivity, pause_max",
    ),
    (
        "cross_domain_",
        "http.cors_origins says which web pages may use the streams",
    ),
    (
        "consider_",
        "a proxy with the TLS in front is believed by X-Forwarded-Proto: put it into http.trusted_proxies",
    ),
    (
        "websocket_",
        "messages are bounded by limits.stanza of the listener: leave it out",
    ),
    (
        "console_",
        "`portcullis` has the commands, over the admin socket",
    ),
    (
        "admin_socket",
        "node.admin_socket is the socket of `portcullis`, in the data directory unless it is written",
    ),
    (
        "c2s_direct_tls_",
        "it takes c2s_direct_tls_ports too: leave it out",
    ),
    ("legacy_ssl_", "it takes legacy_ssl_ports too: leave it out"),
    (
        "component_",
        "it takes an external component without a module: leave it out",
    ),
    (
        "authentication",
        "accounts are stored by this program: make them with `portcullis user add`",
    ),
    (
        "storage",
        "the database is SQLite at storage.path: make the accounts with `portcullis user add`",
    ),
    (
        "default_storage",
        "the database is SQLite at storage.path: leave it out",
    ),
    (
        "sql",
        "the database is SQLite at storage.path: leave it out",
    ),
    (
        "data_path",
        "the data are of another form: node.data_directory names a directory of the node's own",
    ),
    (
        "plugin_paths",
        "modules of Prosody are not loaded: leave it out",
    ),
    (
        "pidfile",
        "a service manager knows the process: leave it out",
    ),
    (
        "daemonize",
        "a service manager runs the process in the background: leave it out",
    ),
    (
        "prosody_",
        "a service manager chooses user and group: leave it out",
    ),
    ("archive_", "messages are not archived: leave it out"),
    (
        "turn_external_",
        "clients are told no TURN server: leave it out",
    ),
    (
        "statistics",
        "`portcullis metrics` prints the node as OpenMetrics text",
    ),
    (
        "firewall_extra_chains",
        "write [firewall.extra_chains.NAME] with events and order",
    ),
    ("network_backend", "there is one: leave it out"),
    (
        "allow_unencrypted_plain_auth",
        "passwords in the clear are refused without TLS: leave it out",
    ),
];

/// Says of every option that is left what to do; `host`: whose options they are, empty for all.
pub(super) fn report(left: &Options, host: &str, report: &mut Report) {
    for (name, node) in left {
        if matches!(node.value, Value::Computed | Value::Nil) {
            continue;
        }
        let advice = ADVICE.iter().find(|(begin, _)| name.starts_with(begin));
        let advice = advice.map_or("leave it out", |(_, advice)| *advice);
        let of_host = if host.is_empty() {
            String::new()
        } else {
            format!(" of {host}")
        };
        report.note(
            &node.place,
            format!("{name}{of_host}: no equal in this version: {advice}"),
        );
    }
}

//! The tables `ssl` and `*_ssl`.

use super::Translator;
use crate::import::value::{Node, Table};

/// Options of OpenSSL that ask for what is always so.
const FULFILLED: [&str; 10] = [
    "no_sslv2",
    "no_sslv3",
    "no_tlsv1",
    "no_tlsv1_1",
    "no_compression",
    "no_renegotiation",
    "single_dh_use",
    "single_ecdh_use",
    "cipher_server_preference",
    "no_ticket",
];

impl Translator<'_> {
    pub(super) fn listener_tls(&mut self, listeners: &[&'static str]) {
        if let Some(ssl) = self.take("ssl") {
            self.pair(&ssl, "ssl", &["tls", "default"]);
            for listener in listeners.iter().filter(|name| name.starts_with("clients")) {
                self.versions(&ssl, listener);
            }
        }
        for (option, listener) in [
            ("c2s_ssl", "clients"),
            ("c2s_direct_tls_ssl", "clients_tls"),
            ("legacy_ssl_ssl", "clients_legacy_tls"),
        ] {
            let is_there = listeners.contains(&listener);
            if let Some(ssl) = is_there.then(|| self.take(option)).flatten() {
                self.pair(&ssl, option, &["listener", listener, "tls"]);
                self.versions(&ssl, listener);
            }
        }
    }

    /// Certificate and key; says what else the table has.
    pub(super) fn pair(&mut self, ssl: &Node, option: &str, table: &[&str]) {
        let Some(fields) = ssl.table() else { return };
        for (name, node) in &fields.fields {
            let advice = match name.as_str() {
                "certificate" | "key" => {
                    self.copy_path(Some(node), table, name);
                    continue;
                }
                "protocol" if option.ends_with("ssl") && table.first() != Some(&"host") => continue,
                "options" => {
                    self.openssl_options(node, option);
                    continue;
                }
                "password" => {
                    "decrypt the key with `openssl pkey -in KEY -out NEW` and name the new file"
                }
                "ciphers" | "ciphersuites" | "curve" | "curveslist" | "dhparam" => {
                    "TLS 1.2 and 1.3 are offered with safe suites and groups alone: leave it out"
                }
                _ if node.table().is_some_and(|table| !table.fields.is_empty()) => {
                    "for a certificate of one address or port write a listener of its own with [listener.NAME.tls]"
                }
                _ => "leave it out",
            };
            self.report.note(
                &node.place,
                format!("{option}.{name}: no equal in this version: {advice}"),
            );
        }
    }

    fn openssl_options(&mut self, node: &Node, option: &str) {
        for item in node.items() {
            let name = item.text().unwrap_or_default();
            if !FULFILLED.contains(&name) && !["no_tlsv1_2", "no_tlsv1_3"].contains(&name) {
                self.report.note(
                    &item.place,
                    format!("{option}.options: {name} has no equal in this version: leave it out"),
                );
            }
        }
    }

    /// Which of TLS 1.2 and 1.3 are left out.
    fn versions(&mut self, ssl: &Node, listener: &str) {
        let Some(fields) = ssl.table() else { return };
        let mut disabled: Vec<&str> = Vec::new();
        let protocol = fields.field("protocol");
        match protocol.and_then(Node::text) {
            Some("tlsv1_3" | "tlsv1_3+") => disabled.push("\"tls12\""),
            Some("tlsv1_2") => disabled.push("\"tls13\""),
            None | Some("tlsv1_2+") => {}
            Some(other) => {
                let text = format!(
                    "ssl.protocol: {other} becomes TLS 1.2 and 1.3: older versions are never offered"
                );
                self.report.note(&ssl.place, text);
            }
        }
        for (option, version) in [("no_tlsv1_2", "\"tls12\""), ("no_tlsv1_3", "\"tls13\"")] {
            if names(fields, option) && !disabled.contains(&version) {
                disabled.push(version);
            }
        }
        if !disabled.is_empty() {
            let place = protocol
                .or(fields.field("options"))
                .unwrap_or(ssl)
                .place
                .clone();
            let value = format!("[{}]", disabled.join(", "));
            self.document.set(
                &["listener", listener, "tls"],
                "disable_protocols",
                value,
                &place,
            );
        }
    }
}

fn names(fields: &Table, option: &str) -> bool {
    let items = fields.field("options").map(Node::items).unwrap_or_default();
    items.iter().any(|item| item.text() == Some(option))
}

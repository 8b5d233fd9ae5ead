//! The tables `ssl` and `*_ssl`.

use std::net::IpAddr;

use super::Translator;
use crate::import::value::{Node, Table, as_list};

/// Options of OpenSSL that ask for what is always so.
const FULFILLED: [&str; 9] = [
    "no_sslv2",
    "no_sslv3",
    "no_tlsv1",
    "no_tlsv1_1",
    "no_compression",
    "no_renegotiation",
    "single_dh_use",
    "single_ecdh_use",
    "cipher_server_preference",
];

/// Where what a table says is written.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// What the table is called.
    pub(super) option: &'a str,
    /// Certificate and key.
    pub(super) pair: &'a [&'a str],
    /// What is negotiated; `None` for a host, whose listeners decide that.
    pub(super) offer: Option<&'a [&'a str]>,
}

impl Translator<'_> {
    pub(super) fn listener_tls(&mut self, listeners: &[&'static str]) {
        let clients = || listeners.iter().filter(|name| name.starts_with("clients"));
        self.profile();
        if let Some(ssl) = self.take("ssl") {
            let target = Target {
                option: "ssl",
                pair: &["tls", "default"],
                offer: Some(&["tls"]),
            };
            self.table(&ssl, target);
            for listener in clients() {
                self.versions(&ssl, listener);
                self.places(&ssl, "ssl", listener);
            }
        }
        for (option, listener) in [
            ("c2s_ssl", "clients"),
            ("c2s_direct_tls_ssl", "clients_tls"),
            ("legacy_ssl_ssl", "clients_legacy_tls"),
            ("https_ssl", "web_tls"),
        ] {
            let is_there = listeners.contains(&listener);
            if let Some(ssl) = is_there.then(|| self.take(option)).flatten() {
                let table = ["listener", listener, "tls"];
                let target = Target {
                    option,
                    pair: &table,
                    offer: Some(&table),
                };
                self.table(&ssl, target);
                self.versions(&ssl, listener);
                self.places(&ssl, option, listener);
            }
        }
    }

    fn profile(&mut self) {
        let Some(profile) = self.take("tls_profile") else {
            return;
        };
        match profile.text() {
            Some("modern" | "intermediate") => self.copy(Some(&profile), &["tls"], "profile"),
            _ => self.report.note(&profile.place, "tls_profile: TLS 1.2 and 1.3 are offered with safe suites alone, which is the profile intermediate (left out)"),
        }
    }

    /// Certificate and key, and what is negotiated; says what else the table has.
    pub(super) fn table(&mut self, ssl: &Node, target: Target<'_>) {
        let Some(fields) = ssl.table() else { return };
        let option = target.option;
        for (name, node) in &fields.fields {
            let advice = match (name.as_str(), target.offer) {
                ("certificate" | "key", _) => {
                    self.copy_path(Some(node), target.pair, name);
                    continue;
                }
                ("protocol", Some(_)) => continue,
                ("options", offer) => {
                    self.openssl_options(node, option, offer);
                    continue;
                }
                ("curve" | "curveslist" | "curves_list", Some(table)) => {
                    self.document
                        .set(table, "groups", as_list(node), &node.place);
                    continue;
                }
                ("password", _) => {
                    "decrypt the key with `openssl pkey -in KEY -out NEW` and name the new file"
                }
                ("ciphers" | "ciphersuites" | "dhparam", _) => {
                    "TLS 1.2 and 1.3 are offered with safe suites alone: leave it out, or switch suites off by \
                     disable_cipher_suites of a listener"
                }
                (place, Some(_)) if Place::of(place).is_some() => continue,
                _ => "leave it out",
            };
            self.report.note(
                &node.place,
                format!("{option}.{name}: no equal in this version: {advice}"),
            );
        }
    }

    /// Certificates of single addresses and ports.
    fn places(&mut self, ssl: &Node, option: &str, listener: &str) {
        let Some(fields) = ssl.table() else { return };
        for (name, node) in &fields.fields {
            let (Some(place), Some(inner)) = (Place::of(name), node.table()) else {
                continue;
            };
            let table = ["listener", listener, "tls", place.table(), name.as_str()];
            for (field, value) in &inner.fields {
                if ["certificate", "key"].contains(&field.as_str()) {
                    self.copy_path(Some(value), &table, field);
                } else {
                    let text = format!(
                        "{option}.{name}.{field}: no equal in this version: what is negotiated holds for the whole listener: leave it out"
                    );
                    self.report.note(&value.place, text);
                }
            }
        }
    }

    fn openssl_options(&mut self, node: &Node, option: &str, offer: Option<&[&str]>) {
        for item in node.items() {
            let name = item.text().unwrap_or_default();
            match (name, offer) {
                ("no_ticket", Some(table)) => {
                    self.document.set(table, "tickets", "false", &item.place);
                }
                ("no_tlsv1_2" | "no_tlsv1_3", _) => {}
                _ if FULFILLED.contains(&name) => {}
                _ => self.report.note(
                    &item.place,
                    format!("{option}.options: {name} has no equal in this version: leave it out"),
                ),
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

/// What a certificate of its own is for within a table.
enum Place {
    Interface,
    Port,
}

impl Place {
    fn of(name: &str) -> Option<Self> {
        match (name.parse::<u16>(), name.parse::<IpAddr>()) {
            (Ok(_), _) => Some(Self::Port),
            (_, Ok(_)) => Some(Self::Interface),
            _ => None,
        }
    }

    fn table(&self) -> &'static str {
        match self {
            Self::Interface => "by_interface",
            Self::Port => "by_port",
        }
    }
}

fn names(fields: &Table, option: &str) -> bool {
    let items = fields.field("options").map(Node::items).unwrap_or_default();
    items.iter().any(|item| item.text() == Some(option))
}

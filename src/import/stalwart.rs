//! Stalwart's listener objects, one or a list, and the network part of its `SystemSettings`.

use std::rc::Rc;

use super::Unusable;
use super::document::Document;
use super::json;
use super::report::Report;
use super::value::{Node, Table, Value, as_list, quote};

/// The protocols that listeners speak in this version.
const SPOKEN: [&str; 3] = ["c2s", "component", "http"];

/// Their field, and our table and key.
const FIELDS: [(&str, &str, &str); 17] = [
    ("maxConnections", "", "max_connections"),
    ("useTls", "tls", "enabled"),
    ("tlsImplicit", "tls", "implicit"),
    ("tlsTimeout", "tls", "timeout"),
    ("tlsDisableProtocols", "tls", "disable_protocols"),
    ("tlsDisableCipherSuites", "tls", "disable_cipher_suites"),
    ("tlsIgnoreClientOrder", "tls", "ignore_client_order"),
    ("socketBacklog", "socket", "backlog"),
    ("socketNoDelay", "socket", "no_delay"),
    ("socketReuseAddress", "socket", "reuse_address"),
    ("socketReusePort", "socket", "reuse_port"),
    ("socketTtl", "socket", "ttl"),
    ("socketSendBufferSize", "socket", "send_buffer"),
    ("socketReceiveBufferSize", "socket", "receive_buffer"),
    ("socketTosV4", "socket", "tos_v4"),
    ("bind", "", "bind"),
    ("overrideProxyTrustedNetworks", "proxy_protocol", "trusted"),
];

pub(super) fn translate(
    text: &str,
    file: &Rc<str>,
    document: &mut Document,
    report: &mut Report,
) -> Result<(), Unusable> {
    let root = json::parse(text, file)?;
    let objects = match &root.value {
        Value::Table(table) if table.fields.is_empty() => table.items.iter().collect(),
        Value::Table(_) => vec![&root],
        _ => {
            return Err(Unusable(format!(
                "{file}:1: expected a listener object or a list of them"
            )));
        }
    };
    let mut names = Vec::new();
    for object in objects {
        let Some(fields) = object.table().filter(|table| table.items.is_empty()) else {
            report.refused(&object.place, "expected a listener object such as {\"name\": \"clients\", \"bind\": [\"[::]:5222\"]}");
            continue;
        };
        let is_listener = ["name", "bind", "protocol"]
            .iter()
            .any(|name| fields.field(name).is_some());
        if is_listener {
            listener(object, fields, &mut names, document, report);
        } else {
            system(fields, document, report);
        }
    }
    Ok(())
}

fn system(fields: &Table, document: &mut Document, report: &mut Report) {
    for (name, node) in &fields.fields {
        match (name.as_str(), node.toml()) {
            ("maxConnections", Some(value)) => {
                document.set(&["network"], "max_connections", value, &node.place);
                report.note(&node.place, "maxConnections: there the bound of each listener that has none, here of all listeners together");
            }
            ("proxyTrustedNetworks", _) => {
                document.set(
                    &["network"],
                    "proxy_trusted_networks",
                    set(node),
                    &node.place,
                );
            }
            _ => no_equal(name, node, report),
        }
    }
}

fn listener(
    object: &Node,
    fields: &Table,
    names: &mut Vec<String>,
    document: &mut Document,
    report: &mut Report,
) {
    let given = fields
        .field("name")
        .and_then(Node::text)
        .unwrap_or_default();
    let name = listener_name(given);
    if name != given {
        report.note(
            &object.place,
            format!("name: the listener {} is called {name} here", quote(given)),
        );
    }
    if names.contains(&name) {
        report.refused(
            &object.place,
            format!("the listener {name} is there twice: give it another name (left out)"),
        );
        return;
    }
    names.push(name.clone());
    let protocol = fields
        .field("protocol")
        .and_then(Node::text)
        .unwrap_or("smtp");
    let place = fields
        .field("protocol")
        .map_or(&object.place, |node| &node.place);
    let table = ["listener", name.as_str()];
    document.set(&table, "protocol", quote(protocol), place);
    for (field, node) in &fields.fields {
        match FIELDS.iter().find(|(theirs, ..)| theirs == field) {
            _ if matches!(node.value, Value::Nil)
                || ["name", "protocol"].contains(&field.as_str()) => {}
            Some((_, sub, key)) => {
                let below = ["listener", name.as_str(), sub];
                let table: &[&str] = if sub.is_empty() { &table } else { &below };
                if let Some(value) = value_of(key, node) {
                    document.set(table, key, value, &node.place);
                }
            }
            None => no_equal(field, node, report),
        }
    }
    if !SPOKEN.contains(&protocol) {
        report.note(place, format!("protocol: {protocol} has no equal in this version: the listener {name} is translated as a comment; keep the other server for it"));
        document.turn_off(&table.map(str::to_owned));
    }
}

/// The value under a key of ours.
fn value_of(key: &str, node: &Node) -> Option<String> {
    match key {
        "bind" | "disable_protocols" | "disable_cipher_suites" | "trusted" => Some(set(node)),
        "timeout" => duration(node).or_else(|| node.toml()),
        _ => node.toml(),
    }
}

/// A set, which is a list or an object whose members are true.
fn set(node: &Node) -> String {
    match node.table() {
        Some(table) if !table.fields.is_empty() => {
            let names: Vec<_> = table
                .fields
                .iter()
                .filter(|(_, node)| node.boolean() != Some(false))
                .map(|(name, _)| quote(name))
                .collect();
            format!("[{}]", names.join(", "))
        }
        _ => as_list(node),
    }
}

/// Durations are milliseconds as numbers there, seconds here.
fn duration(node: &Node) -> Option<String> {
    match node.value {
        Value::Number(_) => node.integer().map(|millis| quote(&format!("{millis}ms"))),
        _ => None,
    }
}

fn no_equal(name: &str, node: &Node, report: &mut Report) {
    let is_empty =
        node.items().is_empty() && node.table().is_none_or(|table| table.fields.is_empty());
    if !is_empty {
        report.note(
            &node.place,
            format!("{name}: no equal in this version: leave it out"),
        );
    }
}

/// The nearest name that a listener of ours may have.
fn listener_name(name: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(letter).collect();
    let name = if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name
    } else {
        format!("l_{name}")
    };
    name.chars().take(32).collect()
}

//! Ports, interfaces, timeouts and limits.

use super::Translator;
use crate::import::sections::{Kind, Section};
use crate::import::value::{Node, Value, as_list, quote};

/// A service of Prosody and the listener that it becomes.
struct Service {
    prefix: &'static str,
    listener: &'static str,
    protocol: &'static str,
    is_direct: bool,
}

const SERVICES: [Service; 4] = [
    service("c2s", "clients", "\"c2s\"", false),
    service("c2s_direct_tls", "clients_tls", "\"c2s\"", true),
    service("legacy_ssl", "clients_legacy_tls", "\"c2s\"", true),
    service("component", "components", "\"component\"", false),
];

const fn service(
    prefix: &'static str,
    listener: &'static str,
    protocol: &'static str,
    is_direct: bool,
) -> Service {
    Service {
        prefix,
        listener,
        protocol,
        is_direct,
    }
}

impl Translator<'_> {
    pub(super) fn network(&mut self, sections: &[Section]) {
        for (theirs, old, ours) in [
            ("interfaces", "interface", "interfaces"),
            ("local_interfaces", "local_interface", "local_interfaces"),
        ] {
            let node = self.take(theirs).or_else(|| self.take(old));
            if let Some(node) = node {
                self.document
                    .set(&["network"], ours, as_list(&node), &node.place);
            }
        }
        for name in ["use_ipv4", "use_ipv6"] {
            let node = self.take(name);
            self.copy(node.as_ref(), &["network"], name);
        }
        let mut listeners = self.listeners(sections);
        listeners.extend(self.http());
        self.multiplexers(&mut listeners);
        self.client_options(&listeners);
        self.settings(&listeners);
        self.keepalive(&listeners);
        self.rates();
        self.listener_tls(&listeners);
    }

    /// Opens the listeners; returns those that are there.
    fn listeners(&mut self, sections: &[Section]) -> Vec<&'static str> {
        let has_components = sections
            .iter()
            .any(|section| section.kind == Kind::External);
        let mut listeners = Vec::new();
        for service in &SERVICES {
            let option = |kind: &str| format!("{}_{kind}", service.prefix);
            let ports = self.take(&option("ports"));
            let interfaces = self
                .take(&option("interfaces"))
                .or_else(|| self.take(&option("interface")));
            let is_there = match service.prefix {
                "c2s" => true,
                "component" => has_components || ports.is_some(),
                _ => ports
                    .as_ref()
                    .is_some_and(|ports| !ports.items().is_empty()),
            };
            if !is_there {
                continue;
            }
            let table = ["listener", service.listener];
            let place = ports
                .as_ref()
                .map_or(&self.start, |ports| &ports.place)
                .clone();
            self.document
                .set(&table, "protocol", service.protocol, &place);
            if let Some(disabled) = self
                .modules
                .disabled("c2s")
                .filter(|_| service.prefix != "component")
            {
                self.document.set(&table, "bind", "[]", disabled);
            } else {
                if let Some(interfaces) = interfaces {
                    self.document.set(
                        &table,
                        "interfaces",
                        as_list(&interfaces),
                        &interfaces.place,
                    );
                }
                if let Some(ports) = ports {
                    self.document
                        .set(&table, "ports", port_list(&ports), &ports.place);
                }
            }
            if service.is_direct {
                self.document.set(
                    &["listener", service.listener, "tls"],
                    "implicit",
                    "true",
                    &place,
                );
            }
            listeners.push(service.listener);
        }
        listeners
    }

    /// The ports of `net_multiplex`, whose options have no prefix of their own.
    fn multiplexers(&mut self, listeners: &mut Vec<&'static str>) {
        let buffer = self.take("multiplex_buffer_size");
        let interfaces = self.take("ssl_interfaces");
        let ports = [
            ("shared", self.take("ports"), None),
            ("shared_tls", self.take("ssl_ports"), interfaces),
        ];
        let has = |name| listeners.contains(&name);
        let has_http = has("web") || has("web_tls");
        let protocols = [
            ("c2s", true),
            ("component", has("components")),
            ("http", has_http),
        ];
        let protocols = protocols.iter().filter(|(_, is_there)| *is_there);
        let protocols: Vec<_> = protocols.map(|(name, _)| quote(name)).collect();
        let protocols = format!("[{}]", protocols.join(", "));
        for (listener, ports, interfaces) in ports {
            let Some(ports) = ports.filter(|ports| !ports.items().is_empty()) else {
                continue;
            };
            let place = &ports.place;
            if self.modules.enabled("net_multiplex").is_none() {
                let reason = "not in force in Prosody without \"net_multiplex\" in modules_enabled (left out)";
                self.report.note(place, format!("shared ports: {reason}"));
                continue;
            }
            let table = ["listener", listener];
            self.document
                .set(&table, "protocol", "\"multiplex\"", place);
            self.document.set(&table, "ports", port_list(&ports), place);
            if let Some(interfaces) = interfaces {
                let list = as_list(&interfaces);
                self.document
                    .set(&table, "interfaces", list, &interfaces.place);
            }
            if listener == "shared_tls" {
                let table = ["listener", listener, "tls"];
                self.document.set(&table, "implicit", "true", place);
            }
            let table = ["listener", listener, "multiplex"];
            self.document
                .set(&table, "protocols", protocols.as_str(), place);
            // In Prosody the ports of the services stay open besides.
            self.document.set(&table, "exclusive", "false", place);
            self.copy(buffer.as_ref(), &table, "max_peek");
            let reason = "servers are closed on it: this version speaks to no other servers";
            self.report
                .note(place, format!("listener.{listener}: {reason}"));
            listeners.push(listener);
        }
    }

    fn client_options(&mut self, listeners: &[&'static str]) {
        let timeout = self.take("c2s_timeout");
        let close = self.take("c2s_close_timeout");
        let stanza = self.take("c2s_stanza_size_limit");
        let pre_auth = self.take("c2s_unauthed_stanza_size_limit");
        let required = self
            .take("c2s_require_encryption")
            .or_else(|| self.take("require_encryption"));
        // Where components share a port, each protocol has its own defaults and no option has both.
        let is_shared_by_clients =
            |name: &str| name.starts_with("shared") && !listeners.contains(&"components");
        let for_clients = listeners
            .iter()
            .filter(|name| name.starts_with("clients") || is_shared_by_clients(name));
        for listener in for_clients {
            self.copy_seconds(
                timeout.as_ref(),
                &["listener", listener, "timeouts"],
                "authenticate",
            );
            self.copy_seconds(close.as_ref(), &["listener", listener, "timeouts"], "close");
            self.copy(stanza.as_ref(), &["listener", listener, "limits"], "stanza");
            self.copy(
                pre_auth.as_ref(),
                &["listener", listener, "limits"],
                "pre_auth_stanza",
            );
        }
        self.copy(
            required.as_ref(),
            &["listener", "clients", "tls"],
            "required",
        );
        let stanza = self.take("component_stanza_size_limit");
        if listeners.contains(&"components") {
            self.copy(
                stanza.as_ref(),
                &["listener", "components", "limits"],
                "stanza",
            );
        }
    }

    fn settings(&mut self, listeners: &[&'static str]) {
        let Some(settings) = self.take("network_settings") else {
            return;
        };
        let fields = settings
            .table()
            .map(|table| table.fields.clone())
            .unwrap_or_default();
        for (name, node) in &fields {
            self.setting(name, node, listeners);
        }
    }

    fn setting(&mut self, name: &str, node: &Node, listeners: &[&'static str]) {
        let from = Some(node);
        let changed = match name {
            "read_timeout" => {
                self.copy_seconds(from, &["network", "timeouts"], "read");
                "here silent clients are asked whether they are there, and dropped if they do not answer"
            }
            "send_timeout" => {
                self.copy_seconds(from, &["network", "timeouts"], "send");
                "here it runs from the last progress, not from the last write"
            }
            "accept_retry_interval" => {
                self.copy_seconds(from, &["network", "timeouts"], "accept_retry_max");
                "here it is the longest of growing waits, not the only one"
            }
            "max_connections" => {
                self.copy(from, &["network"], "max_connections");
                "here it bounds all listeners together"
            }
            "max_send_buffer_size" => {
                self.copy(from, &["network", "limits"], "send_buffer");
                return;
            }
            "ssl_handshake_timeout" => {
                for listener in listeners.iter().filter(|name| **name != "components") {
                    self.copy_seconds(from, &["listener", listener, "tls"], "timeout");
                }
                "here it bounds the whole handshake, not each step"
            }
            "tcp_backlog" => return self.for_each_socket(node, "backlog", listeners),
            "tcp_keepalive" => return self.for_each_socket(node, "keepalive", listeners),
            "nagle" => {
                let value = node.boolean().map(|nagle| Value::Boolean(!nagle));
                let inverse = Node {
                    value: value.unwrap_or(Value::Nil),
                    place: node.place.clone(),
                };
                return self.for_each_socket(&inverse, "no_delay", listeners);
            }
            _ => "no equal in this version: leave it out",
        };
        self.report
            .note(&node.place, format!("network_settings.{name}: {changed}"));
    }

    fn for_each_socket(&mut self, node: &Node, key: &str, listeners: &[&'static str]) {
        for listener in listeners {
            self.copy(Some(node), &["listener", listener, "socket"], key);
        }
    }

    fn keepalive(&mut self, listeners: &[&'static str]) {
        let all = self.take("tcp_keepalives");
        let clients = self.take("c2s_tcp_keepalives").or_else(|| all.clone());
        let components = self.take("component_tcp_keepalives").or(all);
        for listener in listeners {
            let node = if *listener == "components" {
                &components
            } else {
                &clients
            };
            self.copy(
                node.as_ref(),
                &["listener", listener, "socket"],
                "keepalive",
            );
        }
    }

    /// `limits`, which hold only where `mod_limits` is loaded, and then by default too.
    fn rates(&mut self) {
        let unlimited = self.take("unlimited_jids");
        self.copy(unlimited.as_ref(), &["network", "limits"], "unlimited");
        let limits = self.take("limits");
        let Some(module) = self.modules.enabled("limits").cloned() else {
            if let Some(limits) = limits {
                self.report.note(&limits.place, "limits: not in force in Prosody without \"limits\" in modules_enabled: to have them, write [network.limits.c2s] (left out)");
            }
            return;
        };
        let table = ["network", "limits", "c2s"];
        self.document.table(&table, &module);
        let kinds = limits
            .as_ref()
            .and_then(Node::table)
            .map(|table| table.fields.clone());
        for (kind, node) in kinds.unwrap_or_default() {
            if kind == "c2s" {
                let fields = node.table();
                self.copy(
                    fields.and_then(|fields| fields.field("rate")),
                    &table,
                    "rate",
                );
                self.copy(
                    fields.and_then(|fields| fields.field("burst")),
                    &table,
                    "burst",
                );
            } else {
                self.report.note(
                    &node.place,
                    format!(
                        "limits.{kind}: no equal in this version, which speaks to no other servers"
                    ),
                );
            }
        }
    }
}

/// Ports as numbers, also where they are written as texts.
pub(super) fn port_list(node: &Node) -> String {
    let port = |node: &&Node| {
        node.integer()
            .map(|port| port.to_string())
            .or_else(|| node.toml())
    };
    let ports: Vec<_> = node.items().iter().filter_map(port).collect();
    format!("[{}]", ports.join(", "))
}

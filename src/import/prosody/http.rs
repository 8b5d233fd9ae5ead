//! What is served over HTTP, and on which ports.

use super::Translator;
use super::network::port_list;
use crate::import::value::{Node, Place, as_list};

/// Modules that have Prosody open its ports for HTTP, as far as they have an equal.
const MODULES: [&str; 3] = ["bosh", "websocket", "http_openmetrics"];

impl Translator<'_> {
    /// Opens the listeners for HTTP; returns those that are there.
    pub(super) fn http(&mut self) -> Vec<&'static str> {
        let wanted = MODULES.iter().find_map(|name| self.modules.enabled(name));
        let place = wanted.cloned();
        let mut listeners = Vec::new();
        for (prefix, listener) in [("http", "web"), ("https", "web_tls")] {
            let ports = self.take(&format!("{prefix}_ports"));
            let interfaces = self.take(&format!("{prefix}_interfaces"));
            let is_direct = prefix == "https";
            let is_there = match &ports {
                Some(ports) => !ports.items().is_empty(),
                None => place.is_some() && !is_direct,
            };
            if is_there {
                let place = ports.as_ref().map(|ports| &ports.place).or(place.as_ref());
                let place = place.unwrap_or(&self.start).clone();
                self.web_listener(listener, is_direct, &place, ports, interfaces);
                listeners.push(listener);
            }
        }
        if let Some(place) = place.filter(|_| !listeners.contains(&"web_tls")) {
            let text = "https: Prosody opens port 5281 by itself, this node only with a certificate: write \
                        [listener.web_tls] with protocol = \"http\" and tls.implicit = true";
            self.report.note(&place, text.to_owned());
        }
        self.http_options(!listeners.is_empty());
        listeners
    }

    fn web_listener(
        &mut self,
        listener: &str,
        is_direct: bool,
        place: &Place,
        ports: Option<Node>,
        interfaces: Option<Node>,
    ) {
        let table = ["listener", listener];
        self.document.set(&table, "protocol", "\"http\"", place);
        if let Some(interfaces) = interfaces {
            let list = as_list(&interfaces);
            self.document
                .set(&table, "interfaces", list, &interfaces.place);
        }
        if let Some(ports) = ports {
            self.document
                .set(&table, "ports", port_list(&ports), &ports.place);
        }
        if is_direct {
            let table = ["listener", listener, "tls"];
            self.document.set(&table, "implicit", "true", place);
        }
    }

    fn http_options(&mut self, is_served: bool) {
        let proxies = self.take("trusted_proxies");
        let status = self.take("openmetrics_allow_ips");
        for (node, key) in [(proxies, "trusted_proxies"), (status, "status_networks")] {
            if let Some(node) = node.filter(|_| is_served) {
                self.document
                    .set(&["http"], key, as_list(&node), &node.place);
            }
        }
        let address = self.take("http_external_url");
        self.copy(address.as_ref(), &["http"], "external_url");
        let bosh = ["http", "bosh"];
        let wait = self.take("bosh_max_wait");
        self.copy_seconds(wait.as_ref(), &bosh, "wait_max");
        let inactivity = self.take("bosh_max_inactivity");
        self.copy_seconds(inactivity.as_ref(), &bosh, "inactivity");
        let requests = self.take("bosh_max_requests");
        let hold = requests.and_then(|node| Some((node.integer()? - 1, node)));
        if let Some((hold, node)) = hold {
            self.document
                .set(&bosh, "hold_max", hold.to_string(), &node.place);
        }
        if is_served {
            let start = self.start.clone();
            if self.modules.enabled("websocket").is_none() {
                self.document.set(&["http"], "websocket", "false", &start);
            }
            if self.modules.enabled("bosh").is_none() {
                self.document.set(&bosh, "enabled", "false", &start);
            }
        }
    }
}

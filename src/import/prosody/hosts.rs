//! Virtual hosts, components, and the options that hosts inherit.

use std::fs::File;

use super::Translator;
use super::modules::Modules;
use super::tls::Target;
use super::unknown;
use crate::import::sections::{Kind, Options, Section};
use crate::import::value::{Node, as_list, quote};

const CONTACTS: [&str; 6] = ["abuse", "admin", "feedback", "sales", "security", "support"];

impl Translator<'_> {
    pub(super) fn hosts(&mut self, sections: Vec<Section>) {
        let mut global = std::mem::take(&mut self.global);
        self.inherited(&mut global, &["host_defaults"], None);
        let scripts = global.remove("firewall_scripts");
        self.scripts(scripts.as_ref(), &["firewall"], None);
        if let Some(place) = self.modules.disabled("offline").cloned() {
            self.document
                .set(&["limits"], "offline_messages", "0", &place);
        }
        let iterations = global.remove("default_iteration_count");
        self.copy(iterations.as_ref(), &["authentication"], "scram_iterations");
        self.logging(&mut global);
        let certificates = global.remove("certificates");
        let has_directory = self.certificates(certificates.as_ref());
        let secret = global.remove("component_secret");
        let conflict = global.remove("component_conflict_resolve");
        self.global = global;
        for mut section in sections {
            match &section.kind {
                Kind::Host => self.host(section, has_directory, scripts.is_some()),
                Kind::External => {
                    let table = ["component", section.name.as_str()];
                    self.document.table(&table, &section.place);
                    let own = section
                        .options
                        .remove("component_secret")
                        .or_else(|| secret.clone());
                    self.copy(own.as_ref(), &table, "secret");
                    let own = section
                        .options
                        .remove("component_conflict_resolve")
                        .or_else(|| conflict.clone());
                    self.copy(own.as_ref(), &table, "conflict");
                    unknown::report(&section.options, &section.name, self.report);
                }
                Kind::Internal(module) => {
                    let text = format!(
                        "Component {}: the service {module} has no equal in this version: run it as an external component, or leave it out",
                        section.name
                    );
                    self.report.note(&section.place, text);
                }
            }
        }
    }

    fn host(&mut self, section: Section, has_directory: bool, has_global_scripts: bool) {
        let Section {
            name,
            place,
            mut options,
            ..
        } = section;
        let enabled = options.remove("enabled");
        if enabled.and_then(|node| node.boolean()) == Some(false) {
            self.report.note(
                &place,
                format!("VirtualHost {name}: it is not enabled (left out)"),
            );
            return;
        }
        let table = ["host", name.as_str()];
        self.document.table(&table, &place);
        let modules = Modules::read(&mut options, self.report);
        self.inherited(&mut options, &table, Some(&modules));
        if let Some(scripts) = options.remove("firewall_scripts") {
            if has_global_scripts {
                self.report.note(&scripts.place, "firewall_scripts: in Prosody the scripts of a host replace the global ones, here they run after them");
            }
            self.scripts(Some(&scripts), &["host", &name, "firewall"], Some(&modules));
        }
        let tls = ["host", name.as_str(), "tls"];
        match options.remove("ssl") {
            Some(ssl) => {
                let target = Target {
                    option: "ssl",
                    pair: &tls,
                    offer: None,
                };
                self.table(&ssl, target);
            }
            None if has_directory => {}
            None => {
                let text = format!(
                    "VirtualHost {name}: no directory of certificates can be read: write tls.directory, or [host.{}.tls] \
                     with certificate and key",
                    quote(&name)
                );
                self.report.note(&place, text);
            }
        }
        unknown::report(&options, &name, self.report);
    }

    /// What `[host_defaults]` and `[host]` share; `own`: the modules of the host alone.
    fn inherited(&mut self, options: &mut Options, table: &[&str], own: Option<&Modules>) {
        if let Some(admins) = options.remove("admins") {
            self.document
                .set(table, "admins", as_list(&admins), &admins.place);
        }
        if let Some(groups) = options.remove("groups_file") {
            if self.is_enabled("groups", own) {
                self.copy_path(Some(&groups), table, "groups_file");
            } else {
                self.report.note(&groups.place, "groups_file: not in force in Prosody without \"groups\" in modules_enabled (left out)");
            }
        }
        let registration = below(table, "registration");
        if let Some(allow) = options.remove("allow_registration") {
            self.copy(Some(&allow), &registration, "enabled");
        }
        let maximum = options.remove("registration_throttle_max");
        let period = options.remove("registration_throttle_period");
        let interval = options.remove("min_seconds_between_registrations");
        if let (Some(maximum), Some(period)) = (&maximum, &period) {
            self.rate(maximum, maximum.integer(), period.integer(), &registration);
        } else if let Some(interval) = &interval {
            self.rate(interval, Some(1), interval.integer(), &registration);
        } else if let Some(one) = maximum.or(period) {
            self.report.note(&one.place, "registration_throttle_max and registration_throttle_period are translated together: write registration.rate such as \"3/h\"");
        }
        if let Some(contacts) = options.remove("contact_info") {
            let fields = contacts
                .table()
                .map(|table| table.fields.as_slice())
                .unwrap_or_default();
            for (name, node) in fields {
                if CONTACTS.contains(&name.as_str()) {
                    self.document
                        .set(&below(table, "contact"), name, as_list(node), &node.place);
                } else {
                    self.report.note(
                        &node.place,
                        format!(
                            "contact_info.{name}: no such kind of address: use one of {}",
                            CONTACTS.join(", ")
                        ),
                    );
                }
            }
        }
    }

    fn is_enabled(&self, module: &str, own: Option<&Modules>) -> bool {
        let own = own.and_then(|modules| modules.enabled(module));
        own.or_else(|| self.modules.enabled(module)).is_some()
    }

    /// So many registrations in so many seconds.
    fn rate(&mut self, node: &Node, events: Option<i64>, seconds: Option<i64>, table: &[&str]) {
        let (Some(events), Some(seconds)) = (events, seconds.filter(|seconds| *seconds > 0)) else {
            self.report.note(
                &node.place,
                "a rate of registrations: write registration.rate such as \"3/h\"",
            );
            return;
        };
        let unit = [("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];
        let rate = match unit.iter().find(|(_, length)| *length == seconds) {
            Some((unit, _)) => format!("{events}/{unit}"),
            None => {
                let daily = (events.saturating_mul(86400) / seconds).max(1);
                self.report.note(&node.place, format!("rate of registrations: {events} in {seconds} seconds becomes {daily} a day, all of which may come at once"));
                format!("{daily}/d")
            }
        };
        self.document.set(table, "rate", quote(&rate), &node.place);
    }

    fn scripts(&mut self, scripts: Option<&Node>, table: &[&str], own: Option<&Modules>) {
        let Some(scripts) = scripts else { return };
        if own.is_none() && self.modules.enabled("firewall").is_none() {
            self.report.note(&scripts.place, "firewall_scripts: Prosody loads them only where \"firewall\" is in modules_enabled; here they hold for every host");
        }
        let mut kept = Vec::new();
        for item in scripts.items() {
            let path = item.text().unwrap_or_default();
            if path.starts_with("module:") {
                self.report.note(&item.place, format!("firewall_scripts: {path} belongs to Prosody's module: copy it and name the copy, or write \"shipped:anti-spam.pfw\" (left out)"));
                continue;
            }
            let full = self.directory.join(path);
            match File::open(&full) {
                Ok(_) => kept.push(self.absolute(path)),
                Err(error) => self.report.note(&item.place, format!("firewall_scripts: {path} can not be read: {error}: copy it here and name it in firewall.scripts (left out)")),
            }
        }
        if !kept.is_empty() {
            let value = format!("[{}]", kept.join(", "));
            self.document.set(table, "scripts", value, &scripts.place);
        }
    }

    /// The directory in which Prosody finds certificates by itself; whether there is one.
    fn certificates(&mut self, written: Option<&Node>) -> bool {
        let path = written.and_then(Node::text).unwrap_or("certs");
        let place = written.map_or(&self.start, |node| &node.place).clone();
        match std::fs::read_dir(self.directory.join(path)) {
            Ok(_) => {
                let path = self.absolute(path);
                self.document.set(&["tls"], "directory", path, &place);
                true
            }
            Err(error) => {
                if written.is_some() {
                    let text = format!(
                        "certificates: {path} can not be read: {error}: copy it here and write tls.directory (left out)"
                    );
                    self.report.note(&place, text);
                }
                false
            }
        }
    }

    fn logging(&mut self, global: &mut Options) {
        let Some(log) = global.remove("log") else {
            return;
        };
        let levels = ["debug", "info", "warn", "error"];
        let named = |level: &&str| {
            log.text() == Some(*level)
                || log
                    .table()
                    .is_some_and(|table| table.field(level).is_some())
        };
        if let Some(level) = levels.iter().find(|level| named(level)) {
            self.document
                .set(&["logging"], "filter", quote(level), &log.place);
        }
        self.report.note(
            &log.place,
            "log: here everything goes to standard error: let systemd or the shell write the file",
        );
    }
}

/// The path of a table below another one.
fn below<'a>(table: &[&'a str], name: &'a str) -> Vec<&'a str> {
    let mut path = table.to_vec();
    path.push(name);
    path
}

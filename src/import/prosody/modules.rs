//! Which modules are loaded, and what stands for them.

use std::collections::BTreeMap;

use crate::import::report::Report;
use crate::import::sections::Options;
use crate::import::value::Place;

/// Modules whose service is always there.
const BUILT_IN: [&str; 28] = [
    "disco",
    "roster",
    "saslauth",
    "tls",
    "blocklist",
    "private",
    "ping",
    "time",
    "version",
    "vcard",
    "vcard_legacy",
    "presence",
    "message",
    "iq",
    "c2s",
    "offline",
    "register",
    "register_ibr",
    "groups",
    "limits",
    "firewall",
    "server_contact_info",
    "net_multiplex",
    "posix",
    "bosh",
    "websocket",
    "http",
    "http_openmetrics",
];

/// Modules whose work is done in another way.
const ELSEWHERE: [(&str, &str); 7] = [
    (
        "admin_shell",
        "`portcullis` has the commands, over the admin socket",
    ),
    (
        "admin_telnet",
        "`portcullis` has the commands, over the admin socket",
    ),
    (
        "admin_adhoc",
        "`portcullis user` manages accounts, over the admin socket",
    ),
    (
        "register_limits",
        "host_defaults.registration.rate is always in force",
    ),
    (
        "block_registrations",
        "leave allow_registration off and use `portcullis user add`",
    ),
    (
        "user_account_management",
        "`portcullis user` manages accounts",
    ),
    (
        "component",
        "external components are served where a [component] table is",
    ),
];

/// The modules of a section and where they are named.
#[derive(Debug, Default)]
pub(super) struct Modules {
    enabled: BTreeMap<String, Place>,
    disabled: BTreeMap<String, Place>,
}

impl Modules {
    /// Takes the lists out of the options and says which modules have no equal.
    pub(super) fn read(options: &mut Options, report: &mut Report) -> Self {
        let mut modules = Self::default();
        for (option, into) in [
            ("modules_enabled", &mut modules.enabled),
            ("modules_disabled", &mut modules.disabled),
        ] {
            let node = options.remove(option);
            for item in node.iter().flat_map(|node| node.items()) {
                if let Some(name) = item.text() {
                    into.insert(name.to_owned(), item.place.clone());
                }
            }
        }
        for (name, place) in &modules.enabled {
            let elsewhere = ELSEWHERE.iter().find(|(module, _)| module == name);
            if let Some((_, instead)) = elsewhere {
                report.note(place, format!("module {name}: {instead}"));
            } else if !BUILT_IN.contains(&name.as_str()) {
                report.note(
                    place,
                    format!("module {name}: no equal in this version: leave it out"),
                );
            }
        }
        for (name, place) in &modules.disabled {
            let is_kept = BUILT_IN.contains(&name.as_str())
                && ![
                    "c2s",
                    "offline",
                    "register",
                    "groups",
                    "limits",
                    "firewall",
                    "bosh",
                    "websocket",
                    "http_openmetrics",
                ]
                .contains(&name.as_str());
            if is_kept {
                report.note(
                    place,
                    format!("modules_disabled: {name} can not be switched off in this version"),
                );
            }
        }
        modules
    }

    pub(super) fn enabled(&self, name: &str) -> Option<&Place> {
        self.enabled
            .get(name)
            .filter(|_| !self.disabled.contains_key(name))
    }

    pub(super) fn disabled(&self, name: &str) -> Option<&Place> {
        self.disabled.get(name)
    }
}

//! Debian's Prosody, with mod_firewall from prosody-modules.

use std::process::Command;

use anyhow::Result;

use super::{Addresses, Place, Setup};
use crate::bench::process::pinned;

pub(super) fn prepare(place: &Place) -> Result<()> {
    std::fs::create_dir_all(place.path("prosody/certs"))?;
    place.make_users("prosody", "prosody", super::USERS)
}

pub(super) fn command(place: &Place, setup: &Setup, addresses: Addresses) -> Result<Command> {
    place.write(
        "prosody/prosody.cfg.lua",
        &configuration(place, setup, addresses),
    )?;
    let mut command = pinned(setup.cores, "prosody");
    command
        .args(["-F", "--config"])
        .arg(place.path("prosody/prosody.cfg.lua"));
    Ok(command)
}

fn configuration(place: &Place, setup: &Setup, addresses: Addresses) -> String {
    let firewall = if setup.firewall { "\"firewall\";" } else { "" };
    format!(
        r#"run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
certificates = "{folder}/certs"
log = {{ {{ levels = {{ min = "warn" }}, to = "console" }} }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; "ping"; {firewall} }}
modules_disabled = {{ "s2s"; "offline" }}
firewall_scripts = {{ "{rules}" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {plain} }}
c2s_direct_tls_ports = {{ {direct} }}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
c2s_require_encryption = false
authentication = "internal_hashed"
storage = "internal"
ssl = {{ certificate = "{certificate}"; key = "{key}" }}
VirtualHost "localhost"
"#,
        folder = place.text("prosody"),
        rules = place.text("forty.pfw"),
        plain = addresses.plain.port(),
        direct = addresses.direct.port(),
        certificate = place.text("certificate.pem"),
        key = place.text("key.pem"),
    )
}

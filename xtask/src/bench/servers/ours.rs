//! Our node.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Addresses, Place, Setup};
use crate::bench::process::{free_address, pinned};

/// Adds so many users with the program itself, before anything runs.
pub(in crate::bench) fn prepare(place: &Place, users: usize) -> Result<()> {
    std::fs::create_dir_all(place.path("ours"))?;
    place.make_users("batch", "ours/users.txt", users)?;
    let setup = Setup {
        firewall: false,
        fan_out: false,
        arbiters: 1,
        cores: "0",
    };
    write_configuration(
        place,
        &setup,
        Addresses {
            plain: free_address()?,
            direct: free_address()?,
        },
    )?;
    let status = program(place)
        .args(["user", "add", "--batch"])
        .stdin(File::open(place.path("ours/users.txt"))?)
        .status()?;
    ensure!(status.success(), "adding users failed with {status}");
    Ok(())
}

/// Lays these settings over the others, for the next start or reload.
pub(in crate::bench) fn set_more(place: &Place, toml: &str) -> Result<()> {
    std::fs::create_dir_all(place.path("ours/conf.d"))?;
    place.write("ours/conf.d/load.toml", toml)
}

/// Has the running node read its settings again; how long that took.
pub(in crate::bench) fn reload(place: &Place) -> Result<Duration> {
    let since = Instant::now();
    let status = program(place).arg("reload").status()?;
    ensure!(status.success(), "the reload failed with {status}");
    Ok(since.elapsed())
}

fn program(place: &Place) -> Command {
    let mut command = Command::new(place.programs.join("portcullis"));
    command
        .arg("--config")
        .arg(place.path("ours/portcullis.toml"));
    command
}

pub(super) fn command(place: &Place, setup: &Setup, addresses: Addresses) -> Result<Command> {
    write_configuration(place, setup, addresses)?;
    let mut command = pinned(setup.cores, place.programs.join("portcullis"));
    command
        .arg("--config")
        .arg(place.path("ours/portcullis.toml"))
        .arg("run");
    Ok(command)
}

fn write_configuration(place: &Place, setup: &Setup, addresses: Addresses) -> Result<()> {
    place.write(
        "ours/portcullis.toml",
        &configuration(place, setup, addresses),
    )
}

fn configuration(place: &Place, setup: &Setup, addresses: Addresses) -> String {
    let rules = if setup.firewall {
        format!("{:?}", place.text("forty.pfw"))
    } else {
        String::new()
    };
    let quoted = |name: &str| format!("{:?}", place.text(name));
    format!(
        r#"[node]
data_directory = {data}
arbiters = {arbiters}

[tls]
default = {{ certificate = {certificate}, key = {key} }}

[listener.clients]
protocol = "c2s"
bind = ["{plain}"]
tls = {{ required = false }}

[listener.clients_tls]
protocol = "c2s"
bind = ["{direct}"]
tls = {{ implicit = true }}

[host.localhost]
offline_messages = 0

[authentication]
scram_iterations = 4096

[firewall]
scripts = [{rules}]

[logging]
filter = "warn"
"#,
        data = quoted("ours/data"),
        arbiters = setup.arbiters,
        certificate = quoted("certificate.pem"),
        key = quoted("key.pem"),
        plain = addresses.plain,
        direct = addresses.direct,
    )
}

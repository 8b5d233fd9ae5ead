//! Debian's ejabberd, started without its control script: no node name, so no epmd and nothing left behind.

use std::fs::File;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Addresses, Place, Setup};
use crate::bench::process::{SERVER_CORE, free_address, pinned};

/// Makes the database and loads the users into it.
pub(super) fn prepare(place: &Place) -> Result<()> {
    std::fs::create_dir_all(place.path("ejabberd/spool"))?;
    place.make_users("ejabberd", "ejabberd/users.txt", super::USERS)?;
    let addresses = Addresses {
        plain: free_address()?,
        direct: free_address()?,
    };
    let users = place.text("ejabberd/users.txt");
    let load = format!("{{atomic, ok}} = mnesia:load_textfile(\"{users}\"), init:stop()");
    let mut command = Command::new("timeout");
    let erlang = erlang(place, SERVER_CORE, addresses, &load)?;
    command
        .arg("60")
        .arg(erlang.get_program())
        .args(erlang.get_args());
    for (name, value) in erlang.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let log = File::create(place.path("ejabberd/load.log"))?;
    let status = command.stdin(Stdio::null()).stdout(log).status()?;
    ensure!(status.success(), "loading the users ended with {status}");
    Ok(())
}

pub(super) fn command(place: &Place, setup: &Setup, addresses: Addresses) -> Result<Command> {
    erlang(place, setup.cores, addresses, "ok")
}

/// Starts ejabberd with the flags of its control script, then evaluates `then`.
fn erlang(place: &Place, cores: &str, addresses: Addresses, then: &str) -> Result<Command> {
    place.write("ejabberd/ejabberd.yml", &configuration(place, addresses))?;
    let spool = place.text("ejabberd/spool");
    let mut command = pinned(cores, "erl");
    command
        .args(["+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir"])
        .arg(format!("\"{spool}\""))
        .arg("-eval")
        .arg(format!(
            "{{ok, _}} = application:ensure_all_started(ejabberd), {then}."
        ))
        .env("ERL_LIBS", libraries()?)
        .env("HOME", place.path("ejabberd"))
        .env("EJABBERD_CONFIG_PATH", place.path("ejabberd/ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", place.path("ejabberd/ejabberd.log"))
        .env("ERL_CRASH_DUMP", place.path("ejabberd/crash.dump"))
        .env("ERL_MAX_PORTS", "32000")
        .env("ERL_MAX_ETS_TABLES", "1400");
    Ok(command)
}

/// Where Debian keeps ejabberd's code, as its control script says.
fn libraries() -> Result<String> {
    let script = std::fs::read_to_string("/usr/sbin/ejabberdctl")
        .context("reading /usr/sbin/ejabberdctl")?;
    let line = script
        .lines()
        .find_map(|line| line.strip_prefix("ERL_LIBS="))
        .context("ejabberdctl sets no ERL_LIBS")?;
    Ok(line.trim_matches('\'').to_owned())
}

fn configuration(place: &Place, addresses: Addresses) -> String {
    format!(
        r#"loglevel: error
log_rotate_count: 0
hosts: ["localhost"]
certfiles: ["{both}"]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha
cache_size: 10000
listen:
  - port: {plain}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: true
    backlog: 128
  - port: {direct}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    tls: true
    backlog: 128
modules:
  mod_roster: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
"#,
        both = place.text("both.pem"),
        plain = addresses.plain.port(),
        direct = addresses.direct.port(),
    )
}

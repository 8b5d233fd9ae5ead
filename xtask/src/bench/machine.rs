//! What the benchmark needs on this machine, and what the machine is.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::process::output;
use super::servers::Kind;

/// Debian's packages and a file that shows that each is there.
const PACKAGES: [(&str, &str); 6] = [
    ("prosody", "/usr/bin/prosody"),
    ("prosody-modules", "/usr/lib/prosody/modules/mod_firewall"),
    ("ejabberd", "/usr/sbin/ejabberdctl"),
    ("openssl", "/usr/bin/openssl"),
    ("util-linux", "/usr/bin/setpriv"),
    ("linux-perf", "/usr/bin/perf"),
];

/// Installs what is absent, and stops the services that the installation may have started.
pub(super) fn install(kinds: &[Kind]) -> Result<()> {
    let needed = |package: &str| match package {
        "prosody" | "prosody-modules" => kinds.contains(&Kind::Prosody),
        "ejabberd" => kinds.contains(&Kind::Ejabberd),
        _ => true,
    };
    let absent: Vec<&str> = PACKAGES
        .iter()
        .filter(|(package, file)| needed(package) && !Path::new(file).exists())
        .map(|(package, _)| *package)
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    eprintln!("installing {}", absent.join(" "));
    let status = Command::new("apt-get")
        .args(["install", "-y", "-q"])
        .args(&absent)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()?;
    ensure!(
        status.success(),
        "apt-get install {} failed",
        absent.join(" ")
    );
    for service in absent
        .iter()
        .filter(|package| ["prosody", "ejabberd"].contains(package))
    {
        // Without an init system there is nothing to stop.
        Command::new("invoke-rc.d")
            .args([service, "stop"])
            .status()
            .ok();
    }
    Ok(())
}

/// Lines for the head of the table: date, machine, versions.
pub(super) fn describe(kinds: &[Kind]) -> Result<Vec<String>> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let mut lines = vec![
        format!("Date: {}", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?),
        format!(
            "Machine: {model}, {cores} cores, Linux {}",
            output("uname", &["-r"])?
        ),
    ];
    for (kind, package) in [
        (Kind::Prosody, "prosody"),
        (Kind::Prosody, "prosody-modules"),
        (Kind::Ejabberd, "ejabberd"),
    ] {
        if kinds.contains(&kind) {
            lines.push(output(
                "dpkg-query",
                &["-W", "-f", "${Package} ${Version}", package],
            )?);
        }
    }
    Ok(lines)
}

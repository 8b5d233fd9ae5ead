//! What the tests need from outside: other people's clients, a browser, and a Python with slixmpp, sslyze and the parser of
//! OpenMetrics.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{command, has_program, root, succeed, target_directory};

/// Programs and the Debian packages that hold them.
const PROGRAMS: &[(&str, &str)] = &[
    ("go-sendxmpp", "go-sendxmpp"),
    ("profanity", "profanity"),
    ("tmux", "tmux"),
    ("pebble", "pebble"),
    ("g++", "g++"),
    ("cc", "gcc"),
    ("openssl", "openssl"),
    ("python3", "python3"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("chromium", "chromium"),
    // Tells Chromium whom to trust.
    ("certutil", "libnss3-tools"),
    (LUA, "lua5.4"),
];

/// The Lua that Debian's Prosody is built for, and what Prosody's parser needs in it.
pub(crate) const LUA: &str = "lua5.4";
const LUA_EXPAT: &str = "lua-expat";

/// Pinned, so that a release of theirs never changes the outcome of ours.
const SLIXMPP: &str = "slixmpp==1.17.0";
/// What looks at TLS from outside.
const SSLYZE: &str = "sslyze==6.3.1";
/// What reads our metrics in a test: the parser of OpenMetrics by Prometheus' own project.
const PROMETHEUS: &str = "prometheus_client==0.26.0";

/// The clients in JavaScript are pinned with all that they need by these files of the tests' `clients/`.
const NPM_PACKAGE: &str = "package.json";
const NPM_LOCK: &str = "package-lock.json";

/// Debian packages that are unpacked and not installed, each with a folder that is in it: Prosody's libraries,
/// and the modules with mod_firewall and its scripts.
const UNPACKED: &[(&str, &str)] = &[
    ("prosody", "usr/lib/prosody/util"),
    (
        "prosody-modules",
        "usr/lib/prosody/modules/mod_firewall/scripts",
    ),
];

/// Installs what is missing; does nothing and needs no network when all is there.
pub(crate) fn install() -> Result<()> {
    let mut missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !has_program(program))
        .map(|(_, package)| *package)
        .collect();
    let venv = target_directory()?.join("tools/venv");
    let needs_venv = !is_usable(&venv);
    // `python3 -m venv` is there, but useless, without the package python3-venv.
    if needs_venv && run_quietly("python3", &["-c", "import ensurepip"]).is_err() {
        missing.push("python3-venv");
    }
    if run_quietly(LUA, &["-e", "require 'lxp'"]).is_err() {
        missing.push(LUA_EXPAT);
    }
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    if needs_venv {
        make_venv(&venv)?;
    }
    install_modules(&target_directory()?.join("tools/npm"))?;
    for (package, folder) in UNPACKED {
        let place = target_directory()?.join("tools").join(package);
        if !place.join(folder).is_dir() {
            unpack(package, &place)?;
        }
    }
    println!("all tools are there");
    Ok(())
}

fn install_packages(packages: &[&str]) -> Result<()> {
    if !has_program("apt-get") {
        bail!("install these programs: {}", packages.join(" "));
    }
    let apt = |arguments: &[&str]| {
        let mut command = command("apt-get", arguments);
        // Services must not start because their package was installed.
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1");
        succeed(command)
    };
    apt(&["update", "-q"])?;
    let install = ["install", "-q", "-y", "--no-install-recommends"];
    apt(&[&install, packages].concat())
        .with_context(|| format!("install by hand: {}", packages.join(" ")))
}

/// Unpacks a package without installing it: its files are wanted, not its dependencies.
fn unpack(package: &str, to: &Path) -> Result<()> {
    if !has_program("apt-get") {
        bail!("unpack the Debian package {package} in {}", to.display());
    }
    std::fs::create_dir_all(to)?;
    succeed(command("apt-get", &["update", "-q"]))?;
    let mut download = command("apt-get", &["download", "-q", package]);
    download.current_dir(to);
    succeed(download)?;
    let archive = std::fs::read_dir(to)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .with_context(|| format!("apt-get downloaded no {package}"))?;
    let (archive, to) = (archive.display().to_string(), to.display().to_string());
    succeed(command("dpkg-deb", &["-x", &archive, &to]))
}

fn make_venv(venv: &Path) -> Result<()> {
    let path = venv.display().to_string();
    succeed(command("python3", &["-m", "venv", "--clear", &path]))?;
    succeed(command(
        &format!("{path}/bin/pip"),
        &[
            "install",
            "-q",
            "--disable-pip-version-check",
            SLIXMPP,
            SSLYZE,
            PROMETHEUS,
        ],
    ))
}

fn is_usable(venv: &Path) -> bool {
    let python = venv.join("bin/python").display().to_string();
    let version = SLIXMPP.rsplit('=').next().unwrap_or_default();
    let check = format!(
        "import slixmpp, sslyze, prometheus_client.openmetrics; assert slixmpp.__version__ == '{version}'"
    );
    run_quietly(&python, &["-c", &check]).is_ok()
}

/// Has npm install exactly what the lock file names, unless that is there.
fn install_modules(to: &Path) -> Result<()> {
    let from = root().join("integration-tests/clients");
    let wanted = std::fs::read(from.join(NPM_LOCK))?;
    let done = to.join("installed.json");
    let is_done = std::fs::read(&done).is_ok_and(|installed| installed == wanted);
    if is_done && to.join("node_modules").is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for name in [NPM_PACKAGE, NPM_LOCK] {
        std::fs::copy(from.join(name), to.join(name))?;
    }
    let quiet = ["--no-audit", "--no-fund", "--no-update-notifier"];
    let mut npm = command("npm", &["ci", "--ignore-scripts"]);
    npm.args(quiet).current_dir(to);
    succeed(npm).context("npm could not install xmpp.js and Strophe.js")?;
    std::fs::write(done, wanted).context("cannot note what npm has installed")
}

fn run_quietly(program: &str, arguments: &[&str]) -> Result<()> {
    let output = command(program, arguments).output()?;
    if output.status.success() {
        Ok(())
    } else {
        bail!("{program} ended with {}", output.status)
    }
}

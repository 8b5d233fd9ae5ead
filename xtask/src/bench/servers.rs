//! The servers under test: how each is prepared, configured and started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::process::{Process, free_address, output};
use super::rows::Security;

mod ejabberd;
pub(super) mod ours;
mod prosody;
mod relay;

/// Users of every server in the rows of the table.
const USERS: usize = 2200;

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    /// The bare relay.
    Relay,
    /// Our node.
    Ours,
    /// Debian's Prosody.
    Prosody,
    /// Debian's ejabberd.
    Ejabberd,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Relay, Self::Ours, Self::Prosody, Self::Ejabberd];

    /// The name in tables.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Ours => "ours",
            Self::Prosody => "Prosody",
            Self::Ejabberd => "ejabberd",
        }
    }
}

/// How a server is started for a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    /// Whether the forty rules are loaded.
    pub(super) firewall: bool,
    /// The relay's fan-out mode.
    pub(super) fan_out: bool,
    /// Threads of our node that serve sessions.
    pub(super) arbiters: usize,
    /// Where the server may run.
    pub(super) cores: &'static str,
}

/// The folder of a run and the programs it uses.
pub(super) struct Place {
    folder: tempfile::TempDir,
    /// Folder of our release binaries.
    pub(super) programs: PathBuf,
}

impl Place {
    /// Makes the folder with a certificate, its key, and the rules with their lists.
    pub(super) fn new(workspace: &Path, programs: PathBuf) -> Result<Self> {
        let place = Self {
            folder: tempfile::Builder::new()
                .prefix("portcullis-bench")
                .tempdir()?,
            programs,
        };
        place.make_certificate()?;
        place.make_rules(workspace)?;
        Ok(place)
    }

    /// A path within the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text, for configuration files.
    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.path(name), text).with_context(|| format!("writing {name}"))
    }

    fn make_certificate(&self) -> Result<()> {
        let (certificate, key) = (self.text("certificate.pem"), self.text("key.pem"));
        let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
                         -addext subjectAltName=DNS:localhost";
        let mut arguments: Vec<&str> = arguments.split_ascii_whitespace().collect();
        arguments.extend(["-out", &certificate, "-keyout", &key]);
        output("openssl", &arguments)?;
        let both = std::fs::read_to_string(&certificate)? + &std::fs::read_to_string(&key)?;
        self.write("both.pem", &both)
    }

    fn make_rules(&self, workspace: &Path) -> Result<()> {
        let rules = std::fs::read_to_string(workspace.join("bench/forty.pfw"))
            .context("reading bench/forty.pfw")?;
        self.write(
            "forty.pfw",
            &rules.replace("@DIR@", &self.folder.path().to_string_lossy()),
        )?;
        let hosts: String = (1..=2000)
            .map(|number| format!("spam{number:05}.example.net\n"))
            .collect();
        self.write("blocklist.txt", &hosts)?;
        let words: String = (1..=300)
            .map(|number| format!("badword{}\n", in_letters(number)))
            .collect();
        self.write("badwords.txt", &words)
    }

    /// Lets `portcullis-bench` write the users in a server's format.
    fn make_users(&self, format: &str, name: &str, count: usize) -> Result<()> {
        let program = self.programs.join("portcullis-bench");
        let (path, count) = (self.text(name), count.to_string());
        let arguments = [
            "accounts", "--format", format, "--path", &path, "--count", &count,
        ];
        output(&program.to_string_lossy(), &arguments)?;
        Ok(())
    }
}

/// The digits 0-9 as letters a-j.
fn in_letters(number: u32) -> String {
    number
        .to_string()
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'a'))
        .collect()
}

/// The two addresses that every server listens on.
#[derive(Debug, Clone, Copy)]
struct Addresses {
    /// Plain, with STARTTLS.
    plain: SocketAddr,
    /// TLS from the first byte.
    direct: SocketAddr,
}

/// A server that accepts connections; dropping it kills it.
pub(super) struct Server {
    kind: Kind,
    process: Process,
    addresses: Addresses,
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The generator's arguments that lead it to this server.
    pub(super) fn arguments(&self, security: Security) -> Vec<String> {
        let (address, name) = match security {
            Security::Plain => (self.addresses.plain, "plain"),
            Security::Starttls => (self.addresses.plain, "starttls"),
            Security::Direct => (self.addresses.direct, "direct"),
        };
        let mechanism = if self.kind == Kind::Relay {
            "none"
        } else {
            "scram-sha1"
        };
        let text = format!(
            "--address {address} --security {name} --mechanism {mechanism} --pid {}",
            self.pid()
        );
        text.split(' ').map(str::to_owned).collect()
    }
}

/// What a server needs once: its users.
pub(super) fn prepare(kind: Kind, place: &Place) -> Result<()> {
    match kind {
        Kind::Relay => Ok(()),
        Kind::Ours => ours::prepare(place, USERS),
        Kind::Prosody => prosody::prepare(place),
        Kind::Ejabberd => ejabberd::prepare(place),
    }
}

/// Starts a server on free ports and waits until it listens.
pub(super) fn start(kind: Kind, place: &Place, setup: &Setup) -> Result<Server> {
    let addresses = Addresses {
        plain: free_address()?,
        direct: free_address()?,
    };
    let command = match kind {
        Kind::Relay => relay::command(place, setup, addresses),
        Kind::Ours => ours::command(place, setup, addresses)?,
        Kind::Prosody => prosody::command(place, setup, addresses)?,
        Kind::Ejabberd => ejabberd::command(place, setup, addresses)?,
    };
    let mut process = Process::start(command, &place.path(&format!("{}.log", kind.title())))?;
    for address in [addresses.plain, addresses.direct] {
        process
            .wait_for(address)
            .with_context(|| format!("starting {}", kind.title()))?;
    }
    Ok(Server {
        kind,
        process,
        addresses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelt_in_letters() {
        assert_eq!(in_letters(0), "a");
        assert_eq!(in_letters(209), "caj");
    }
}

//! The load generator: one kind of work against one server, one report.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::LocalSet;

use portcullis_bench::accounts::{self, Format};
use portcullis_bench::chat::{self, Chat};
use portcullis_bench::client::{Mechanism, Security, Target};
use portcullis_bench::flood::{self, Flood};
use portcullis_bench::hold::{self, Hold};
use portcullis_bench::idle::{self, Idle};
use portcullis_bench::orders::say;
use portcullis_bench::presence::{self, Presence};
use portcullis_bench::storm::{self, Storm};
use portcullis_bench::talk::{self, Talk};
use portcullis_bench::transport;

/// Load generator for XMPP servers. The report goes to standard output as JSON and to standard error as a line.
#[derive(Debug, Parser)]
#[command(name = "portcullis-bench")]
struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
struct Server {
    /// Where the server listens.
    #[arg(long, global = true, default_value = "127.0.0.1:5222")]
    address: SocketAddr,
    /// The host of the users.
    #[arg(long, global = true, default_value = "localhost")]
    domain: String,
    /// How sessions are protected.
    #[arg(long, global = true, value_enum, default_value = "plain")]
    security: Security,
    /// How users authenticate.
    #[arg(long, global = true, value_enum, default_value = "scram-sha1")]
    mechanism: Mechanism,
    /// The server's process, to read what it uses.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// Send no initial presence.
    #[arg(long, global = true)]
    no_presence: bool,
    /// How many loopback addresses connections come from; 0 leaves it to the system.
    #[arg(long, global = true, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=200))]
    sources: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pairs exchange messages.
    Chat(Chat),
    /// Users log in and out.
    Login(Storm),
    /// One user's presence goes to many.
    Presence(Presence),
    /// Sessions do nothing.
    Idle(Idle),
    /// Sessions do nothing until standard input ends, and are counted then.
    Hold(Hold),
    /// Pairs talk now and then; each line on standard input asks how long that took since the last.
    Talk(Talk),
    /// Connections come in fast at a server that is full.
    Flood(Flood),
    /// Write a user database for a server.
    Accounts {
        /// The server that is to read it.
        #[arg(long, value_enum)]
        format: Format,
        /// Number of users.
        #[arg(long, default_value_t = 2200)]
        count: usize,
        /// File or, for Prosody, data directory.
        #[arg(long)]
        path: PathBuf,
    },
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Command::Accounts {
        format,
        count,
        path,
    } = &options.command
    {
        return accounts::write(*format, *count, &options.server.domain, path);
    }
    raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(256)
        .build()?;
    LocalSet::new().block_on(&runtime, work(&options))
}

async fn work(options: &Options) -> Result<()> {
    let target = Rc::new(target(&options.server)?);
    let pid = options.server.pid;
    let report = match &options.command {
        Command::Chat(chat) => chat::run(target, chat, pid).await?,
        Command::Login(storm) => storm::run(target, storm, pid).await?,
        Command::Presence(presence) => presence::run(target, presence, pid).await?,
        Command::Idle(idle) => idle::run(target, idle, pid).await?,
        Command::Hold(hold) => return hold::run(target, hold).await,
        Command::Talk(talk) => return talk::run(target, talk, pid).await,
        Command::Flood(flood) => return say(&flood::run(&target, flood).await?),
        Command::Accounts { .. } => unreachable!("handled before the runtime starts"),
    };
    eprintln!("{}", report.line());
    say(&report)
}

fn target(server: &Server) -> Result<Target> {
    let tls = match server.security {
        Security::Plain => None,
        security => Some(transport::connector(security == Security::Direct)?),
    };
    Ok(Target {
        address: server.address,
        domain: server.domain.clone(),
        security: server.security,
        mechanism: server.mechanism,
        tls,
        presence: !server.no_presence,
        timeout: Duration::from_secs(60),
        sources: server.sources,
        turn: Cell::new(0),
    })
}

fn raise_file_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .context("raising the open-file limit")
}

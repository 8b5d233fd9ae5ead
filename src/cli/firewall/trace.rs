//! `portcullis firewall trace`: what the running node's rules do, as they do it.

use actors::admin::protocol::{Answer, Command};
use actors::firewall::{Shown, Trace as Told, TraceWish};
use anyhow::Result;
use clap::{Args, ValueEnum};
use portcullis_config::Config;
use rules::explain::render_chain;

use crate::cli::user::EXIT_REFUSED;
use crate::cli::{print, refused};
use crate::control::Client;
use crate::output;

/// Which runs are shown; each has to meet all of it.
#[derive(Args)]
pub(in crate::cli) struct Trace {
    /// Only stanzas from, to or through a session of this address: user@host/resource, user@host or host.
    #[arg(long)]
    jid: Option<String>,
    /// Only this chain.
    #[arg(long)]
    chain: Option<String>,
    /// Only runs that look at this rule: its script and line.
    #[arg(long, value_name = "SCRIPT:LINE")]
    rule: Option<String>,
    /// Only what TAG TRACE gave this tag; `untagged` is what has none.
    #[arg(long)]
    tag: Option<String>,
    /// How much of each stanza is shown.
    #[arg(long, value_enum, default_value_t = Stanzas::Header)]
    stanzas: Stanzas,
    /// Only the rules of this host.
    #[arg(long)]
    host: Option<String>,
    /// Traces a second; more are left out, and how many is said.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    rate: u32,
    /// End after so many traces.
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Stanzas {
    /// All of it, up to 32 KiB.
    Full,
    /// Its start tag.
    Header,
    /// Nothing.
    None,
}

/// Shows traces until it is interrupted.
pub(super) fn trace(config: &Config, trace: Trace) -> Result<()> {
    let command = Command::FirewallTrace(TraceWish {
        host: trace.host,
        jid: trace.jid,
        chain: trace.chain,
        rule: trace.rule,
        tag: trace.tag,
        stanzas: match trace.stanzas {
            Stanzas::Full => Shown::Full,
            Stanzas::Header => Shown::Header,
            Stanzas::None => Shown::None,
        },
        rate: trace.rate,
    });
    let mut client = Client::connect(&config.node.admin_socket)?;
    match client.ask(command)? {
        Answer::Tracing => output::note("tracing; interrupt to end"),
        answer => return Err(refused(answer, EXIT_REFUSED)),
    }
    client.be_patient()?;
    let mut left = trace.count.unwrap_or(u64::MAX);
    while left > 0 {
        match client.answer()? {
            Answer::Trace(told) => {
                show(&told, trace.json)?;
                left -= 1;
            }
            Answer::TracesDropped { traces } => {
                output::note(&format!(
                    "{traces} traces were left out: there were too many"
                ));
            }
            answer => return Err(refused(answer, EXIT_REFUSED)),
        }
    }
    Ok(())
}

fn show(told: &Told, in_json: bool) -> Result<()> {
    if in_json {
        return print(&serde_json::to_string(told)?);
    }
    let at = jiff::Timestamp::from_millisecond(told.at).unwrap_or_default();
    let tag = told
        .tag
        .as_deref()
        .map_or_else(String::new, |tag| format!(" [{tag}]"));
    let unknown = String::from("-");
    let (from, to) = (told.from.as_ref(), told.to.as_ref());
    let (from, to) = (from.unwrap_or(&unknown), to.unwrap_or(&unknown));
    let (host, verdict) = (&told.host, &told.verdict);
    print(&format!("{at} {host}{tag} {from} to {to}: {verdict}"))?;
    if let Some(stanza) = &told.stanza {
        print(&format!("  {stanza}"))?;
    }
    let lines = render_chain(&told.report);
    lines
        .lines()
        .try_for_each(|line| print(&format!("  {line}")))?;
    print("")
}

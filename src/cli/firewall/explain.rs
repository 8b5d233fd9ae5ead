//! `portcullis firewall explain`: why rules decide as they do.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::PathBuf;

use actors::admin::protocol::{Answer, Command};
use actors::firewall::{Input, Stanzas, Supposed, supposed_stanza};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use portcullis_config::Config;
use rules::explain::{Explanation, Trial as Mode};
use rules::{OriginKind, Verdict};

use super::trial::Trial;
use crate::cli::user::EXIT_REFUSED;
use crate::cli::{print, refused};
use crate::control::Client;

/// Bytes of a stanza for the running node.
const MAX_STANZA: u64 = 512 * 1024;

/// Which stanza, in which world.
#[derive(Args)]
pub(in crate::cli) struct Explain {
    /// Scripts, or `shipped:NAME`, in their order [default: those of the configuration].
    #[arg(value_name = "SCRIPT", conflicts_with = "node")]
    scripts: Vec<PathBuf>,
    /// A file with the stanza, or several; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    stanza: Option<PathBuf>,
    /// The sender, in place of the one in the stanza.
    #[arg(long, value_name = "JID")]
    from: Option<String>,
    /// Explain a chat message to this recipient.
    #[arg(long, value_name = "JID")]
    to: Option<String>,
    /// The body of that message.
    #[arg(long, value_name = "TEXT", default_value = "Hello", requires = "to")]
    body: String,
    /// Only this chain [default: preroute of what a local client sends, then deliver or deliver_remote].
    #[arg(long)]
    chain: Option<String>,
    /// A file that says what the world is like: hosts, sessions, rosters, lists, the time.
    #[arg(long, value_name = "FILE", conflicts_with = "node")]
    context: Option<PathBuf>,
    /// Ask the running node: its rules, rosters, marks, lists and limiters, none of which is changed.
    #[arg(long)]
    node: bool,
    /// With --node: the stanza comes from the session with this full JID.
    #[arg(long, value_name = "JID", requires = "node")]
    session: Option<String>,
    /// Print JSON: an array with each chain that ran, one array a line for each stanza.
    #[arg(long)]
    json: bool,
}

pub(super) fn explain(config: &Config, explain: &Explain) -> Result<()> {
    if explain.node {
        return ask(config, explain);
    }
    let mut trial = Trial::new(config, &explain.scripts, explain.context.as_deref())?;
    let host = trial.context.host().to_owned();
    trial.load(&host)?;
    if let Some(to) = &explain.to {
        let stanza = supposed_stanza(None, explain.from.as_deref(), Some(to), &explain.body);
        let stanza = stanza.map_err(anyhow::Error::msg)?;
        return one(&mut trial, explain, Input { line: 1, stanza });
    }
    let mut stanzas = Stanzas::new(input(explain)?);
    let mut is_first = true;
    while let Some(mut input) = stanzas.next()? {
        if let Some(from) = &explain.from {
            let stanza = supposed_stanza(Some(&input.xml()), Some(from), None, "");
            input.stanza = stanza.map_err(anyhow::Error::msg)?;
        }
        if !is_first && !explain.json {
            print("")?;
        }
        is_first = false;
        one(&mut trial, explain, input)?;
    }
    if is_first {
        bail!("there is no stanza to explain");
    }
    Ok(())
}

fn input(explain: &Explain) -> Result<Box<dyn BufRead>> {
    Ok(match &explain.stanza {
        Some(path) if path.as_os_str() != "-" => {
            let file =
                File::open(path).with_context(|| format!("{} can not be read", path.display()))?;
            Box::new(BufReader::new(file))
        }
        _ => Box::new(BufReader::new(io::stdin())),
    })
}

/// Explains a stanza chain by chain, as it would meet them.
fn one(trial: &mut Trial<'_>, explain: &Explain, mut input: Input) -> Result<()> {
    trial.next();
    let place = trial.place(&mut input);
    let chosen = explain
        .chain
        .clone()
        .or_else(|| trial.context.chain.clone());
    let mut chains = Vec::new();
    match &chosen {
        Some(chain) => chains.push((place.host, chain.clone())),
        None => {
            let world = &trial.context.world;
            let origin = world.sessions.get(&world.origin);
            let client = origin.filter(|origin| origin.kind == OriginKind::Client);
            let own = client.and_then(|client| client.host.clone());
            chains.extend(own.map(|host| (host, "preroute".to_owned())));
            chains.push((place.host, place.chain));
        }
    }
    let mut told = Vec::new();
    for (host, chain) in chains {
        trial.load(&host)?;
        let ruleset = trial.ruleset(&host)?;
        let world = &trial.context.world;
        let (explanation, outcome) = ruleset.explain(&chain, &input.stanza, world, Mode::Lasting);
        // A chain without rules is worth a word only if it was asked for.
        if !ruleset.is_empty(&chain) || chain != "preroute" || chosen.is_some() {
            told.push(explanation);
        }
        trial.context.world.apply(&outcome);
        let goes_on = matches!(outcome.verdict, Verdict::Pass | Verdict::Return)
            || (outcome.verdict == Verdict::Default && chain == "preroute");
        if !goes_on {
            break;
        }
        if let Some(changed) = outcome.stanza {
            input.stanza = changed;
        }
    }
    show(explain, &told)
}

fn show(explain: &Explain, told: &[Explanation]) -> Result<()> {
    if explain.json {
        return print(&serde_json::to_string(told)?);
    }
    let texts: Vec<String> = told.iter().map(ToString::to_string).collect();
    print(texts.join("\n").trim_end())
}

/// Has the running node explain it.
fn ask(config: &Config, explain: &Explain) -> Result<()> {
    let stanza = match &explain.to {
        Some(_) => None,
        None => {
            let mut text = String::new();
            let mut bounded = input(explain)?.take(MAX_STANZA);
            bounded
                .read_to_string(&mut text)
                .context("the stanza can not be read")?;
            Some(text)
        }
    };
    let command = Command::FirewallExplain(Supposed {
        stanza,
        from: explain.from.clone(),
        to: explain.to.clone(),
        body: explain.body.clone(),
        session: explain.session.clone(),
        chain: explain.chain.clone(),
    });
    match Client::connect(&config.node.admin_socket)?.ask(command)? {
        Answer::Explained { chains } => show(explain, &chains),
        answer => Err(refused(answer, EXIT_REFUSED)),
    }
}

//! `portcullis firewall shadow`: rules on trial.

use actors::admin::protocol::{Answer, Command};
use actors::firewall::{Difference, Sample, ShadowReport, ShadowState};
use anyhow::{Context, Result};
use clap::Subcommand;
use portcullis_config::{Config, ScriptSource};

use super::counters::time;
use crate::cli::user::EXIT_REFUSED;
use crate::cli::{EXIT_CONFIG, print, refused};
use crate::control::Client;
use crate::telemetry;

/// Rules on trial see the stanzas that the rules in force see, decide nothing, and are compared with them. A shadow
/// survives a reload and ends with the node.
#[derive(Subcommand)]
pub(in crate::cli) enum ShadowCommand {
    /// Have scripts watch the traffic of a host, in place of those that watched it before.
    Load {
        /// The host.
        host: String,
        /// The scripts, in order; without any, those that the configuration names, as they are on disk now.
        #[arg(value_name = "FILE")]
        scripts: Vec<String>,
        /// Keep the stanzas of samples, and not only what addresses them.
        #[arg(long)]
        contents: bool,
    },
    /// Show where the shadow differs from the rules in force.
    Diff {
        /// The host; may be left out if only one has a shadow.
        host: Option<String>,
        /// Show everything there is to know, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put the scripts of the shadow in force, as they were when it was loaded, until the next reload or restart.
    Arm {
        /// The host; may be left out if only one has a shadow.
        host: Option<String>,
    },
    /// End the shadow.
    Drop {
        /// The host; may be left out if only one has a shadow.
        host: Option<String>,
    },
}

pub(super) fn shadow(config: &Config, command: ShadowCommand) -> Result<()> {
    let mut node = Client::connect(&config.node.admin_socket)?;
    match command {
        ShadowCommand::Load {
            host,
            scripts,
            contents,
        } => load(&mut node, host, &scripts, contents),
        ShadowCommand::Diff { host, json } => diff(&mut node, host, json),
        ShadowCommand::Arm { host } => arm(&mut node, host),
        ShadowCommand::Drop { host } => match node.ask(Command::ShadowDrop { host })? {
            Answer::Done => print("the shadow has ended"),
            answer => Err(refused(answer, EXIT_REFUSED)),
        },
    }
}

fn load(node: &mut Client, host: String, scripts: &[String], contents: bool) -> Result<()> {
    let said = format!("{host}: the shadow sees every stanza from now on");
    let scripts = scripts.iter().map(|script| absolute(script));
    let command = Command::ShadowLoad {
        scripts: scripts.collect::<Result<_>>()?,
        host,
        contents,
    };
    match node.ask(command)? {
        Answer::ShadowLoaded { warnings } => {
            warnings
                .iter()
                .for_each(|warning| telemetry::complain(warning));
            print(&said)
        }
        answer => Err(refused(answer, EXIT_CONFIG)),
    }
}

/// The node may live in another directory.
fn absolute(script: &str) -> Result<String> {
    match ScriptSource::from(script) {
        ScriptSource::Shipped(_) => Ok(script.to_owned()),
        ScriptSource::File(path) => {
            let path = std::path::absolute(path).context("no working directory")?;
            Ok(path.display().to_string())
        }
    }
}

fn diff(node: &mut Client, mut host: Option<String>, json: bool) -> Result<()> {
    let mut whole: Option<ShadowReport> = None;
    loop {
        let after = whole.as_ref().and_then(|whole| whole.next).unwrap_or(0);
        let host_now = host.clone();
        let command = Command::ShadowDiff {
            host: host_now,
            after,
        };
        let page = match node.ask(command)? {
            Answer::Shadow(page) => *page,
            answer => return Err(refused(answer, EXIT_REFUSED)),
        };
        host = Some(page.counts.host.clone());
        let next = page.next;
        match &mut whole {
            None => whole = Some(page),
            Some(whole) => {
                whole.differences.extend(page.differences);
                whole.next = next;
            }
        }
        if next.is_none() {
            break;
        }
    }
    let Some(report) = whole else { return Ok(()) };
    match json {
        true => print(&serde_json::to_string_pretty(&report).context("no JSON")?),
        false => show(&report),
    }
}

fn show(report: &ShadowReport) -> Result<()> {
    let counts = &report.counts;
    print(&format!(
        "{}: {} since {}",
        counts.host,
        counts.scripts.join(", "),
        counts.loaded_at
    ))?;
    if let ShadowState::Failed(why) = &counts.state {
        print(&format!("it has ended by a panic: {why}"))?;
    }
    let each = counts.nanoseconds.checked_div(counts.seen);
    print(&format!(
        "{} chain runs compared: {} the same, {} with another verdict, {} with other actions; {} cut off",
        counts.seen, counts.same, counts.other_verdict, counts.other_actions, counts.faults
    ))?;
    print(&format!(
        "time spent: {} each, {} in all, {} at most",
        time(each),
        time(Some(counts.nanoseconds)),
        time(Some(counts.slowest_nanoseconds))
    ))?;
    for way in &report.differences {
        show_way(way)?;
    }
    match report.unlisted {
        0 => Ok(()),
        unlisted => print(&format!("{unlisted} more in other ways")),
    }
}

fn show_way(way: &Difference) -> Result<()> {
    let side = |verdict: &str, rule: &Option<String>| match rule {
        Some(rule) => format!("{verdict} ({rule})"),
        None => verdict.to_owned(),
    };
    print(&format!(
        "\n{:>8} {}: {} -> {}",
        way.count,
        way.chain,
        side(&way.active, &way.active_rule),
        side(&way.shadow, &way.shadow_rule)
    ))?;
    way.samples
        .iter()
        .try_for_each(|sample| print(&line(sample)))
}

fn line(sample: &Sample) -> String {
    let mut line = format!("         {} {}", sample.at, sample.kind);
    let fields = [
        ("type", &sample.type_attr),
        ("from", &sample.from),
        ("to", &sample.to),
        ("id", &sample.id),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            line += &format!(" {name}={value:?}");
        }
    }
    for payload in &sample.payloads {
        line += &format!(" {}", payload.escape_debug());
    }
    if let Some(contents) = &sample.contents {
        line += &format!("\n           {}", contents.escape_debug());
    }
    line
}

fn arm(node: &mut Client, host: Option<String>) -> Result<()> {
    let (host, scripts, is_permanent, changed_since) =
        match node.ask(Command::ShadowArm { host })? {
            Answer::ShadowArmed {
                host,
                scripts,
                is_permanent,
                changed_since,
            } => (host, scripts, is_permanent, changed_since),
            answer => return Err(refused(answer, EXIT_CONFIG)),
        };
    print(&format!("{host}: in force now: {}", scripts.join(", ")))?;
    if is_permanent {
        return print("the configuration names the same scripts: nothing is left to do");
    }
    for script in &changed_since {
        print(&format!(
            "{script} has changed since it was loaded: what was tried is in force, not the file"
        ))?;
    }
    if changed_since.is_empty() {
        print(
            "a reload or a restart brings back what the configuration says; to keep these, let the scripts of the host,",
        )?;
        print("those of [firewall] and then its own, be:")?;
        print(&format!("[host.{host:?}.firewall]\nscripts = {scripts:?}"))?;
    }
    Ok(())
}

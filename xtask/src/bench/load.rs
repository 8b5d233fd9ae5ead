//! `cargo xtask bench --load`: our node with as many idle sessions as the open-file limit allows, and under a flood of
//! connections when it is full.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::process::{SERVER_CORE, generate, generator, output, wait_out};
use super::rows::Security;
use super::servers::{Kind, Place, Setup, ours, start};

/// The heading of this part of the page.
pub(super) const HEADING: &str = "## Load";
/// Descriptors that the node keeps for itself.
const RESERVED: usize = 200;
/// Users of the pairs that talk, then those that log in and out, then those that idle.
const TALKERS: usize = 40;
const STORM: usize = 100;
const FIRST_IDLE: usize = TALKERS + STORM;
/// Places of the node in the flood.
const CAP: usize = 1000;
/// No part of a run takes longer.
const LIMIT: &str = "300";

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    idle: usize,
    rate: u32,
    flood_seconds: u32,
    calm: Duration,
}

impl Scale {
    /// `connections` idle ones, or as many as this process may have files; a tenth of everything if it is to be quick.
    pub(super) fn new(connections: usize, quick: bool) -> Result<Self> {
        let limit = output("sh", &["-c", "ulimit -Hn"])?;
        let limit = limit.parse().unwrap_or(usize::MAX);
        let idle = connections.min(limit.saturating_sub(FIRST_IDLE + RESERVED));
        Ok(match quick {
            true => Self {
                idle: idle.min(500),
                rate: 500,
                flood_seconds: 2,
                calm: Duration::from_secs(1),
            },
            false => Self {
                idle,
                rate: 5000,
                flood_seconds: 10,
                calm: Duration::from_secs(5),
            },
        })
    }

    /// Users that it needs.
    pub(super) fn users(self) -> usize {
        FIRST_IDLE + self.idle
    }
}

/// A generator that goes on beside others and is asked now and then.
struct Partner {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Partner {
    /// Starts it; `timeout` ends it whatever happens.
    fn start(place: &Place, arguments: &[String]) -> Result<Self> {
        let inner = generator(&place.programs, arguments);
        let mut command = Command::new("timeout");
        command
            .args(["-s", "KILL", LIMIT])
            .arg(inner.get_program())
            .args(inner.get_args());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self {
            child,
            orders,
            answers,
        })
    }

    /// Waits for its next line.
    fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "a generator ended before its answer");
        Ok(serde_json::from_str(&line)?)
    }

    /// Asks what there is to say since the last time.
    fn ask(&mut self) -> Result<Value> {
        self.orders
            .as_mut()
            .context("it was told to end")?
            .write_all(b"\n")?;
        self.hear()
    }

    /// Tells it to end, and waits for its last words.
    fn finish(mut self) -> Result<Value> {
        self.orders = None;
        let last = self.hear()?;
        ensure!(self.child.wait()?.success(), "a generator failed");
        Ok(last)
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A table, and whether anything hung or was lost.
pub(super) struct Findings {
    pub(super) text: String,
    wrong: Vec<String>,
}

impl Findings {
    /// # Errors
    /// Something hung or was lost.
    pub(super) fn verdict(&self) -> Result<()> {
        ensure!(self.wrong.is_empty(), "{}", self.wrong.join("; "));
        Ok(())
    }

    fn line(&mut self, what: &str, figure: &str) {
        let _written = writeln!(self.text, "| {what} | {figure} |");
    }

    fn trips(&mut self, when: &str, report: &Value) {
        let ms = |field: &str| number(report, field) / 1000.0;
        let figure = format!(
            "{:.2} / {:.2} / {:.1} ms",
            ms("p50_us"),
            ms("p99_us"),
            ms("worst_us")
        );
        self.line(
            &format!("round trip of 20 pairs, {when}: p50 / p99 / worst"),
            &figure,
        );
    }

    /// Notes what must be none.
    fn none(&mut self, what: &str, report: &Value, field: &str) {
        let count = number(report, field);
        if count != 0.0 {
            self.wrong.push(format!("{what}: {count} {field}"));
        }
        self.line(&format!("{what}, {field}"), &format!("{count:.0}"));
    }
}

fn number(report: &Value, field: &str) -> f64 {
    report
        .get(field)
        .and_then(Value::as_f64)
        .unwrap_or(f64::NAN)
}

/// Runs both parts.
pub(super) fn run(place: &Place, scale: Scale) -> Result<Findings> {
    let mut findings = Findings {
        text: head(),
        wrong: Vec::new(),
    };
    idle(place, scale, &mut findings).context("idle sessions")?;
    flood(place, scale, &mut findings).context("the flood")?;
    Ok(findings)
}

fn head() -> String {
    let command: Vec<String> = std::env::args().skip(1).collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{HEADING}\n\nWritten by `cargo xtask {}`: our node on core 0, the generators on core 1, loopback, no TLS. Pairs that talk send a \
         message there and back every 20 ms. Idle sessions come from eight loopback addresses in two processes, one user each, with \
         presence. The load average before was {}.\n\n| what | figure |\n|---|--:|\n",
        command.join(" "),
        load.split(' ').take(3).collect::<Vec<_>>().join(" "),
    )
}

fn setup() -> Setup {
    Setup {
        firewall: false,
        fan_out: false,
        arbiters: 1,
        cores: SERVER_CORE,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn idle(place: &Place, scale: Scale, findings: &mut Findings) -> Result<()> {
    let places = scale.idle + FIRST_IDLE;
    let limits = format!("[network]\nmax_connections = {places}\n");
    ours::set_more(place, &limits)?;
    let server = start(Kind::Ours, place, &setup())?;
    let with = |work: &str| [server.arguments(Security::Plain), words(work)].concat();
    let mut talk = Partner::start(place, &with(&format!("talk --pairs {}", TALKERS / 2)))?;
    talk.hear()?;
    wait_out(scale.calm);
    let calm = talk.ask()?;
    findings.trips("alone", &calm);

    let half = scale.idle / 2;
    let mut holders = Vec::new();
    for (first, count) in [(0, half), (half, scale.idle - half)] {
        let work = format!(
            "hold --first {} --sessions {count} --sources 8",
            FIRST_IDLE + first
        );
        holders.push(Partner::start(place, &with(&work))?);
    }
    for holder in &mut holders {
        holder.hear()?;
    }
    findings.trips(&format!("while {} log in", scale.idle), &talk.ask()?);
    wait_out(scale.calm);
    let crowded = talk.ask()?;
    findings.trips("with all of them there", &crowded);
    let grown = number(&crowded, "resident_kib") - number(&calm, "resident_kib");
    findings.line("idle sessions held", &scale.idle.to_string());
    findings.line(
        "memory of each",
        &format!("{:.2} KiB", grown / scale.idle as f64),
    );

    let work = format!("login --first {TALKERS} --users {STORM} --logins 500");
    let storm = generate(&place.programs, &with(&work))?;
    findings.line(
        "log-ins meanwhile, p99",
        &format!("{:.1} ms", number(&storm, "p99_us") / 1000.0),
    );
    ours::set_more(place, &format!("{limits}timeouts = {{ read = \"13m\" }}\n"))?;
    let took = ours::reload(place)?;
    findings.line(
        "reload that changes a setting of all",
        &format!("{:.0} ms", took.as_secs_f64() * 1e3),
    );
    let last = talk.finish()?;
    findings.trips("during log-ins and the reload", &last);
    findings.none("pairs", &last, "lost");
    for holder in holders {
        findings.none("idle sessions", &holder.finish()?, "lost");
    }
    Ok(())
}

fn flood(place: &Place, scale: Scale, findings: &mut Findings) -> Result<()> {
    let limits = format!(
        "[network]\nmax_connections = {CAP}\n[listener.clients.limits]\nunauthenticated = {CAP}\n"
    );
    ours::set_more(place, &limits)?;
    let server = start(Kind::Ours, place, &setup())?;
    let with = |work: &str| [server.arguments(Security::Plain), words(work)].concat();
    let mut talk = Partner::start(place, &with(&format!("talk --pairs {}", TALKERS / 2)))?;
    talk.hear()?;
    wait_out(scale.calm);
    let calm = talk.ask()?;
    findings.trips("before the flood", &calm);
    let work = format!(
        "flood --rate {} --seconds {} --fill {CAP} --sources 16",
        scale.rate, scale.flood_seconds
    );
    let outcome = generate(&place.programs, &with(&work))?;
    let during = talk.finish()?;
    findings.trips("during the flood", &during);
    let times = number(&during, "p99_us") / number(&calm, "p99_us");
    findings.line("p99 during : before (goal 2)", &format!("{times:.2}"));
    findings.line(
        "connections of the flood",
        &format!(
            "{} in {:.1} s",
            outcome["tried"],
            number(&outcome, "seconds")
        ),
    );
    for fate in ["told", "closed", "reset", "served"] {
        findings.line(&format!("of those {fate}"), &outcome[fate].to_string());
    }
    findings.none("connections of the flood", &outcome, "hung");
    findings.none("connections that held the places", &outcome, "lost");
    findings.none("pairs", &during, "lost");
    findings.line(
        "longest until an end",
        &format!("{:.0} ms", number(&outcome, "longest_ms")),
    );
    let again = number(&outcome, "served_again_ms");
    if again.is_nan() {
        findings
            .wrong
            .push("nobody was served when places were free again".to_owned());
    }
    findings.line(
        "served when places were free again after",
        &format!("{again:.1} ms"),
    );
    Ok(())
}

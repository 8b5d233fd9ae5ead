//! `docs/performance.md`.

use std::fmt::Write;

use super::outcome::Outcomes;
use super::rows::Row;
use super::servers::Kind;

const HEAD: &str = "\
# Performance

Written by `cargo xtask bench`; do not edit. It runs our node, Debian's Prosody (with mod_firewall) and ejabberd, and a bare
relay one after the other on one machine: the server on core 0, the load generator on core 1, everything on loopback. All
have the same 2,200 users, the same P-256 certificate, no archive, no offline messages, no carbons, no stream management
and no rate limits. The relay (`bench/src/relay.rs`) parses nothing: it reads from one socket and writes to
another, and stands for what the kernel and tokio cost by themselves.

A chat is a pair of sessions that answer each message with one of the same size (a body of 100 bytes where nothing else is
said), addressed to the full JID. CPU time is the user and system time of the server's process divided by what the generator
received. A log-in is a new connection with a full TLS handshake, and its end; the relay has no SASL. Idle sessions have
sent their initial presence; memory is the growth of the resident size. Latency counts from the time at which a message was
due. Where a run was repeated, figures are medians.
";

/// The whole page.
pub(super) fn render(outcomes: &Outcomes, machine: &[String]) -> String {
    let mut text = String::from(HEAD);
    text.push('\n');
    for line in machine {
        text += &format!("- {line}\n");
    }
    text += &format!("- Command: `{}`\n", command());
    if let Some((median, highest)) = outcomes.other_load() {
        text += &format!(
            "- Cores that other processes used meanwhile: {median:.2} (median), {highest:.2} (highest)\n"
        );
    }
    text.push('\n');
    text += &costs(outcomes);
    text += &rates(outcomes);
    text
}

fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask {}", arguments.join(" "))
}

fn costs(outcomes: &Outcomes) -> String {
    let mut text = String::from(
        "## Cost\n\nServer CPU time per delivery or log-in, or memory per session.\n\n",
    );
    text += "| work | relay | ours | Prosody | ejabberd | ours : relay | Prosody : ours | ejabberd : ours | goal | met |\n";
    text += "|---|--:|--:|--:|--:|--:|--:|--:|---|---|\n";
    for row in outcomes.rows() {
        let _ = writeln!(text, "{}", cost_line(outcomes, row));
    }
    text.push('\n');
    text
}

fn cost_line(outcomes: &Outcomes, row: Row) -> String {
    let ratio = |over: Kind, under: Kind| {
        let value = outcomes
            .value(row, over)
            .zip(outcomes.value(row, under))
            .filter(|(_, under)| *under > 0.0);
        value.map_or_else(
            || "-".to_owned(),
            |(over, under)| format!("{:.2}", over / under),
        )
    };
    let mut cells = vec![row.title().to_owned()];
    cells.extend(Kind::ALL.map(|kind| cost(outcomes, row, kind)));
    cells.push(ratio(Kind::Ours, Kind::Relay));
    cells.push(ratio(Kind::Prosody, Kind::Ours));
    cells.push(ratio(Kind::Ejabberd, Kind::Ours));
    cells.push(row.goal().to_owned());
    let met = match outcomes.is_met(row) {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "-",
    };
    let imbalance = outcomes
        .imbalance(row)
        .map(|share| format!(", loads differ by {:.0} %", share * 100.0));
    cells.push(format!("{met}{}", imbalance.unwrap_or_default()));
    format!("| {} |", cells.join(" | "))
}

fn cost(outcomes: &Outcomes, row: Row, kind: Kind) -> String {
    match outcomes.value(row, kind) {
        Some(value) => format!("{} {}", figure(value), row.unit()),
        None if outcomes.has_failed(row, kind) => "failed".to_owned(),
        None => "-".to_owned(),
    }
}

/// Three significant digits.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn rates(outcomes: &Outcomes) -> String {
    let mut text = String::from(
        "## Rate and latency\n\nDeliveries or log-ins per second, then the median and the 99th percentile of the time that one took.\n\
         In closed loop a fast server is limited by the generator, and latency is mostly the queue of all pairs.\n\n\
         | work | relay | ours | Prosody | ejabberd |\n|---|--:|--:|--:|--:|\n",
    );
    for row in outcomes
        .rows()
        .into_iter()
        .filter(|row| !matches!(row, Row::Idle | Row::IdleTls))
    {
        let cells =
            Kind::ALL.map(|kind| rate(outcomes, row, kind).unwrap_or_else(|| "-".to_owned()));
        let _ = writeln!(text, "| {} | {} |", row.rate_title(), cells.join(" | "));
    }
    text
}

fn rate(outcomes: &Outcomes, row: Row, kind: Kind) -> Option<String> {
    let field = |name| outcomes.field(row, kind, name);
    let latencies = format!(
        "{} / {} ms",
        figure(field("p50_us")? / 1000.0),
        figure(field("p99_us")? / 1000.0)
    );
    Some(format!("{:.0}/s, {latencies}", field("per_second")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::outcome::Sample;
    use serde_json::json;

    #[test]
    fn a_line_holds_values_ratios_and_the_verdict() {
        let mut outcomes = Outcomes::default();
        for (kind, value) in [
            (Kind::Relay, 5.0),
            (Kind::Ours, 10.0),
            (Kind::Prosody, 40.0),
        ] {
            outcomes.add(
                Row::Chat,
                kind,
                Sample {
                    value,
                    imbalance: None,
                    reports: vec![json!({})],
                },
            );
        }
        outcomes.fail(Row::Chat, Kind::Ejabberd);
        let line = cost_line(&outcomes, Row::Chat);
        let expected =
            "| 5.00 µs | 10.0 µs | 40.0 µs | failed | 2.00 | 4.00 | - | 1.7 x relay | **no** |";
        assert!(line.ends_with(expected), "{line}");
    }
}

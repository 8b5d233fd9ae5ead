//! The rows of the table: what is done, what is taken from the reports, what is aimed at.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;

use super::outcome::{Outcomes, Sample};
use super::process::SERVER_CORE;
use super::servers::{Kind, Setup};

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Row {
    /// 100 pairs, 100-byte bodies, plain, one in flight.
    Chat,
    /// The same, 16 in flight.
    Chat16,
    /// The first over TLS.
    ChatTls,
    /// The first with 1,000 pairs.
    Chat1000,
    /// What the forty rules add to a 100-byte message.
    Rules100,
    /// What they add to a 1,000-byte message.
    Rules1000,
    /// SCRAM-SHA-1 over STARTTLS.
    Login,
    /// To 100 subscribers.
    Presence,
    /// Memory of a plain session.
    Idle,
    /// Memory of a TLS session.
    IdleTls,
    /// Latency at 2,000 messages a second.
    Latency,
    /// Two arbiters on two cores against one on one.
    Arbiters,
}

/// How the sessions of a row are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    Plain,
    Starttls,
    Direct,
}

impl Row {
    /// The name on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The work in words.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Chat => "chat, 100 pairs, plain, one in flight",
            Self::Chat16 => "chat, 100 pairs, plain, 16 in flight",
            Self::ChatTls => "chat, 100 pairs, TLS, one in flight",
            Self::Chat1000 => "chat, 1,000 pairs, plain, one in flight",
            Self::Rules100 => "added by forty rules to 100 bytes, 16 in flight",
            Self::Rules1000 => "added by forty rules to 1,000 bytes, 16 in flight",
            Self::Login => "log-in, SCRAM-SHA-1, STARTTLS",
            Self::Presence => "presence to 100 subscribers, each delivery",
            Self::Idle => "idle session, plain",
            Self::IdleTls => "idle session, TLS",
            Self::Latency => "p99 latency at 2,000 messages/s",
            Self::Arbiters => "two arbiters on two cores, as a multiple of one",
        }
    }

    /// What the row's rate and latency belong to: with several setups, the last.
    pub(super) fn rate_title(self) -> &'static str {
        match self {
            Self::Rules100 => "chat under forty rules, 100 bytes, 16 in flight",
            Self::Rules1000 => "chat under forty rules, 1,000 bytes, 16 in flight",
            Self::Latency => "chat at a fixed 2,000 messages/s",
            Self::Arbiters => "chat, 100 pairs, two arbiters",
            _ => self.title(),
        }
    }

    /// The unit of the row's value.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Idle | Self::IdleTls => "KiB",
            Self::Arbiters => "x",
            _ => "µs",
        }
    }

    /// Whether the row says something about this server.
    pub(super) fn includes(self, kind: Kind) -> bool {
        match self {
            Self::Rules100 | Self::Rules1000 => matches!(kind, Kind::Ours | Kind::Prosody),
            Self::Arbiters => kind == Kind::Ours,
            _ => true,
        }
    }

    pub(super) fn security(self) -> Security {
        match self {
            Self::ChatTls | Self::IdleTls => Security::Direct,
            Self::Login => Security::Starttls,
            _ => Security::Plain,
        }
    }

    /// How the server is started, once per setup; the row compares the last with the first.
    pub(super) fn setups(self) -> Vec<Setup> {
        let usual = Setup {
            firewall: false,
            fan_out: self == Self::Presence,
            arbiters: 1,
            cores: SERVER_CORE,
        };
        match self {
            Self::Rules100 | Self::Rules1000 => vec![
                usual,
                Setup {
                    firewall: true,
                    ..usual
                },
            ],
            Self::Arbiters => vec![
                usual,
                Setup {
                    arbiters: 2,
                    cores: "0,1",
                    ..usual
                },
            ],
            _ => vec![usual],
        }
    }

    /// Arguments of the generator.
    pub(super) fn work(self, seconds: f64, quick: bool) -> Vec<String> {
        let many = |full: usize| if quick { full / 10 } else { full };
        let window = format!("--seconds {seconds}");
        let text = match self {
            Self::Chat | Self::ChatTls | Self::Arbiters => format!("chat {window}"),
            Self::Chat16 | Self::Rules100 => format!("chat --window 16 {window}"),
            Self::Rules1000 => format!("chat --window 16 --body 1000 {window}"),
            Self::Chat1000 => format!("chat --pairs {} {window}", many(1000)),
            Self::Login => format!("login --logins {}", (seconds * 250.0).ceil()),
            Self::Presence => format!("presence {window}"),
            Self::Idle | Self::IdleTls => format!("idle --sessions {}", many(2000)),
            Self::Latency => format!("chat --rate 2000 {window}"),
        };
        text.split(' ').map(str::to_owned).collect()
    }

    /// The row's value from the reports of its setups.
    pub(super) fn evaluate(self, reports: &[Value]) -> Result<Sample> {
        let (first, last) = (
            reports.first().context("no report")?,
            reports.last().context("no report")?,
        );
        let value = match self {
            Self::Rules100 | Self::Rules1000 => number(last, "cpu_us")? - number(first, "cpu_us")?,
            Self::Arbiters => number(last, "cpu_us")? / number(first, "cpu_us")?,
            Self::Idle | Self::IdleTls => number(last, "kib_per_session")?,
            Self::Latency => number(last, "p99_us")?,
            _ => number(last, "cpu_us")?,
        };
        let imbalance = if self == Self::Arbiters {
            Some(imbalance(last)?)
        } else {
            None
        };
        Ok(Sample {
            value,
            imbalance,
            reports: reports.to_vec(),
        })
    }

    /// What is aimed at, in words.
    pub(super) fn goal(self) -> &'static str {
        match self {
            Self::Chat | Self::ChatTls | Self::Chat1000 => "1.7 x relay",
            Self::Chat16 => "1/6 of either peer",
            Self::Rules100 => "1 µs (by criterion)",
            Self::Rules1000 => "3 µs (by criterion)",
            Self::Login => "400 µs",
            Self::Presence => "6 µs",
            Self::Idle => "6 KiB",
            Self::IdleTls => "16 KiB",
            Self::Latency => "2 x relay",
            Self::Arbiters => "1.18 x, loads within 20 %",
        }
    }

    /// The highest value that reaches the goal; `None` where what it is compared with did not run.
    pub(super) fn bound(self, outcomes: &Outcomes) -> Option<f64> {
        let relay = || outcomes.value(self, Kind::Relay);
        match self {
            Self::Chat | Self::ChatTls | Self::Chat1000 => Some(1.7 * relay()?),
            Self::Chat16 => {
                let peers = outcomes
                    .value(self, Kind::Prosody)?
                    .min(outcomes.value(self, Kind::Ejabberd)?);
                Some(peers / 6.0)
            }
            Self::Rules100 => Some(1.0),
            Self::Rules1000 => Some(3.0),
            Self::Login => Some(400.0),
            Self::Presence | Self::Idle => Some(6.0),
            Self::IdleTls => Some(16.0),
            Self::Latency => Some(2.0 * relay()?),
            Self::Arbiters => Some(1.18),
        }
    }
}

/// The largest difference of load between arbiters that is allowed.
pub(super) const MAX_IMBALANCE: f64 = 0.2;

fn number(report: &Value, field: &str) -> Result<f64> {
    report
        .get(field)
        .and_then(Value::as_f64)
        .with_context(|| format!("the report has no {field}"))
}

/// How much less the second of the two busiest threads did than the first, as a share.
fn imbalance(report: &Value) -> Result<f64> {
    let threads = report
        .get("threads")
        .and_then(Value::as_array)
        .context("the report has no threads")?;
    let mut seconds: Vec<f64> = threads
        .iter()
        .filter_map(|thread| thread.get("seconds")?.as_f64())
        .collect();
    seconds.sort_by(|a, b| b.total_cmp(a));
    ensure!(
        seconds.len() >= 2,
        "only {} threads were busy",
        seconds.len()
    );
    Ok(1.0 - seconds[1] / seconds[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_cost_what_they_add() {
        let sample = Row::Rules100
            .evaluate(&[json!({"cpu_us": 2.0}), json!({"cpu_us": 3.5})])
            .unwrap();
        assert_eq!(sample.value, 1.5);
        assert!(Row::Rules100.evaluate(&[json!({})]).is_err());
    }

    #[test]
    fn the_load_of_arbiters_is_that_of_the_two_busiest_threads() {
        let threads = json!({"cpu_us": 1.0, "threads": [{"seconds": 0.1}, {"seconds": 2.0}, {"seconds": 1.5}]});
        let sample = Row::Arbiters
            .evaluate(&[json!({"cpu_us": 1.0}), threads])
            .unwrap();
        assert_eq!(sample.imbalance, Some(0.25));
    }
}

//! What rules cost without a server around them: ours by criterion, mod_firewall's in a Lua process of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::process::{SERVER_CORE, pinned};

/// The heading of this part of the page.
const HEADING: &str = "## Rules alone";
const DRIVER: &str = include_str!("mod_firewall.lua");

const HEAD: &str = "\
Time for one message beyond parsing, `preroute` and `deliver` together, by `cargo bench -p portcullis-rules --bench cost`. mod_firewall
runs the same scripts and messages in a Lua process without a server (`xtask/src/bench/mod_firewall.lua`), so its roster and
session tables are empty and nothing else runs. No message matches a rule, so what is measured is finding that out.

| work | ours | mod_firewall | mod_firewall : ours | goal | met |
|---|--:|--:|--:|---|---|
";

/// A script of the benchmark: its name there, its words here, its message, what is aimed at in nanoseconds or as a multiple.
struct Script {
    group: &'static str,
    parameter: &'static str,
    title: &'static str,
    message: &'static str,
    goal: Goal,
}

#[derive(Clone, Copy)]
enum Goal {
    None,
    Nanoseconds(f64),
    /// At most so many times the script of ten rules of the same group.
    OfTen(f64),
}

const fn script(
    group: &'static str,
    parameter: &'static str,
    title: &'static str,
    goal: Goal,
) -> Script {
    Script {
        group,
        parameter,
        title,
        message: "message-100.xml",
        goal,
    }
}

const SCRIPTS: [Script; 12] = [
    script(
        "forty",
        "100",
        "forty rules, 100 bytes",
        Goal::Nanoseconds(1000.0),
    ),
    Script {
        message: "message-1000.xml",
        ..script(
            "forty",
            "1000",
            "forty rules, 1,000 bytes",
            Goal::Nanoseconds(3000.0),
        )
    },
    script("from", "10", "10 `FROM:`", Goal::None),
    script("from", "10000", "10,000 `FROM:`", Goal::OfTen(3.0)),
    script("check-list", "10", "10 `CHECK LIST:`", Goal::None),
    script(
        "check-list",
        "10000",
        "10,000 `CHECK LIST:`",
        Goal::OfTen(3.0),
    ),
    script("zones", "10", "10 zones", Goal::None),
    script("zones", "10000", "10,000 zones", Goal::OfTen(3.0)),
    script("payload", "10", "10 `PAYLOAD:`", Goal::None),
    script("payload", "10000", "10,000 `PAYLOAD:`", Goal::OfTen(3.0)),
    script("inspect", "10", "10 `INSPECT: body#/=`", Goal::None),
    script(
        "inspect",
        "10000",
        "10,000 `INSPECT: body#/=`",
        Goal::OfTen(3.0),
    ),
];

/// Measures and answers with this part of the page.
pub(super) fn measure(workspace: &Path) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from);
    let status = pinned(SERVER_CORE, "cargo")
        .current_dir(workspace)
        .args(["bench", "-p", "portcullis-rules", "--bench", "cost"])
        .env("PORTCULLIS_BENCH_FOLDER", folder.path())
        .status()?;
    ensure!(status.success(), "the benchmark of rules failed");
    let theirs = theirs(folder.path())?;
    let ours = |group: &str, parameter: &str| estimate(&target, group, parameter);
    let figures = std::fs::read_to_string(folder.path().join("figures.json"))?;
    page(&ours, &theirs, &serde_json::from_str(&figures)?)
}

/// Replaces this part in a page, or adds it.
pub(super) fn replaced(page: &str, part: &str) -> String {
    replaced_below(HEADING, page, part)
}

/// Replaces the part below `heading` in a page, or adds it.
pub(super) fn replaced_below(heading: &str, page: &str, part: &str) -> String {
    let Some((before, old)) = page.split_once(heading) else {
        return format!("{}\n\n{part}", page.trim_end());
    };
    let behind = old
        .find("\n## ")
        .map_or("", |at| old.get(at + 1..).unwrap_or_default());
    match behind {
        "" => format!("{before}{part}"),
        behind => format!("{before}{part}\n{behind}"),
    }
}

/// The part below `heading`, with it; `None` where the page has none.
pub(super) fn part_below<'page>(heading: &str, page: &'page str) -> Option<&'page str> {
    let part = page.get(page.find(heading)?..)?;
    part.find("\n## ")
        .map_or(Some(part), |end| part.get(..=end))
}

/// The figure that criterion has left, in nanoseconds.
fn estimate(target: &Path, group: &str, parameter: &str) -> Result<f64> {
    let path = target
        .join("criterion")
        .join(group)
        .join(parameter)
        .join("new/estimates.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates
        .pointer("/median/point_estimate")
        .and_then(Value::as_f64)
        .with_context(|| format!("no estimate for {group}/{parameter}"))
}

/// Lines `NAME nanoseconds` or `NAME failed reason`.
fn theirs(folder: &Path) -> Result<String> {
    let driver = folder.join("mod_firewall.lua");
    std::fs::write(&driver, DRIVER)?;
    let mut command: Command = pinned(SERVER_CORE, "lua5.4");
    command.arg(&driver).arg(folder);
    for one in &SCRIPTS {
        let name = format!("{}-{}", one.group, one.parameter);
        let file = if one.group == "forty" { "forty" } else { &name };
        command.arg(format!("{name}:{file}.pfw:{}", one.message));
    }
    let output = command.output().context("running lua5.4")?;
    ensure!(
        output.status.success(),
        "mod_firewall: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn page(ours: &dyn Fn(&str, &str) -> Result<f64>, theirs: &str, figures: &Value) -> Result<String> {
    let mut text = format!("{HEADING}\n\n{HEAD}");
    for one in &SCRIPTS {
        let value = ours(one.group, one.parameter)?;
        let name = format!("{}-{} ", one.group, one.parameter);
        let peer = theirs.lines().find_map(|line| line.strip_prefix(&name));
        let peer_value = peer.and_then(|figure| figure.parse::<f64>().ok());
        let ratio =
            peer_value.map_or_else(|| "-".to_owned(), |peer| format!("{:.0}", peer / value));
        let (goal, bound) = match one.goal {
            Goal::None => ("-".to_owned(), None),
            Goal::Nanoseconds(most) => (time(most), Some(most)),
            Goal::OfTen(times) => (
                format!("{times} x ten"),
                Some(times * ours(one.group, "10")?),
            ),
        };
        let met = bound.map_or("-", |bound| if value <= bound { "yes" } else { "**no**" });
        let peer = peer_value.map_or_else(|| "does not load".to_owned(), time);
        writeln!(
            text,
            "| {} | {} | {peer} | {ratio} | {goal} | {met} |",
            one.title,
            time(value)
        )?;
    }
    text += &tables(ours, figures)?;
    Ok(text)
}

/// Lists and limiters of a million entries.
fn tables(ours: &dyn Fn(&str, &str) -> Result<f64>, figures: &Value) -> Result<String> {
    let figure = |name: &str| {
        let value = figures.get(name).and_then(Value::as_f64);
        value.with_context(|| format!("no figure {name}"))
    };
    let mut text = String::from("\n| table | figure | goal | met |\n|---|--:|---|---|\n");
    let mut line = |work: &str, value: String, goal: &str, is_met: Option<bool>| {
        let met = is_met.map_or("-", |met| if met { "yes" } else { "**no**" });
        writeln!(text, "| {work} | {value} | {goal} | {met} |")
    };
    let seconds = figure("list_seconds")?;
    line(
        "list of 1,000,000 entries, load",
        format!("{seconds:.2} s"),
        "2 s",
        Some(seconds < 2.0),
    )?;
    let bytes = figure("list_bytes_beyond_text")?;
    line(
        "each entry beyond its text",
        format!("{bytes:.0} B"),
        "80 B",
        Some(bytes < 80.0),
    )?;
    for count in ["10", "1000", "1000000"] {
        let value = ours("list/look-up", count)?;
        line(
            &format!("look-up in a list of {count}"),
            time(value),
            "-",
            None,
        )?;
    }
    for keys in ["1000", "1000000"] {
        let value = ours("limit/poll", keys)?;
        line(
            &format!("`LIMIT ... on` among {keys} keys"),
            time(value),
            "-",
            None,
        )?;
    }
    let entries = figure("limiter_entries_after_two_million")?;
    let is_bound = entries <= 1_000_000.0;
    line(
        "keys kept of 2,000,000 with `(entries 1000000)`",
        format!("{entries:.0}"),
        "1000000",
        Some(is_bound),
    )?;
    let bytes = figure("limiter_bytes")?;
    line("memory for each key", format!("{bytes:.0} B"), "-", None)?;
    Ok(text)
}

/// Three significant digits with their unit.
fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        value if value >= 1e6 => format!("{:.2} ms", value / 1e6),
        value if value >= 1e4 => format!("{:.1} µs", value / 1e3),
        value if value >= 1e3 => format!("{:.2} µs", value / 1e3),
        value => format!("{value:.0} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn goals_are_compared() {
        let ours = |group: &str, parameter: &str| {
            Ok(match (group, parameter) {
                ("forty", "1000") => 4000.0,
                ("from", "10000") => 250.0,
                _ => 100.0,
            })
        };
        let figures = json!({
            "list_seconds": 0.2, "list_bytes_beyond_text": 90.0, "limiter_entries_after_two_million": 1e6, "limiter_bytes": 52.0,
        });
        let text = page(
            &ours,
            "forty-100 15300.0\nzones-10000 failed for a reason\n",
            &figures,
        )
        .unwrap();
        assert!(
            text.contains("| forty rules, 100 bytes | 100 ns | 15.3 µs | 153 | 1.00 µs | yes |"),
            "{text}"
        );
        assert!(text.contains(
            "| forty rules, 1,000 bytes | 4.00 µs | does not load | - | 3.00 µs | **no** |"
        ));
        assert!(text.contains("| 10,000 `FROM:` | 250 ns | does not load | - | 3 x ten | yes |"));
        assert!(text.contains("| each entry beyond its text | 90 B | 80 B | **no** |"));
    }

    #[test]
    fn the_part_is_replaced_where_it_stands() {
        let page = "# P\n\n## Rules alone\n\nold\n\n## Rate\n\nx\n";
        assert_eq!(
            replaced(page, "## Rules alone\n\nnew\n"),
            "# P\n\n## Rules alone\n\nnew\n\n## Rate\n\nx\n"
        );
        assert_eq!(
            replaced("# P\n", "## Rules alone\n"),
            "# P\n\n## Rules alone\n"
        );
    }
}

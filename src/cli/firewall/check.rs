//! `portcullis firewall check`: scripts, their tests and warnings, without a node.

use std::path::PathBuf;
use std::process::ExitCode;

use actors::firewall::check_alone;
use clap::Args;
use portcullis_config::{Config, ScriptSource, Sources};
use rules::{Diagnostic, Report};
use serde_json::{Value, json};

use crate::cli::{self, EXIT_CONFIG};
use crate::output;

/// Exit status of warnings where they are denied.
const EXIT_WARNINGS: u8 = 1;

/// Which scripts, and how they are told of.
#[derive(Args)]
pub(in crate::cli) struct Check {
    /// Scripts, or `shipped:NAME`, loaded together in this order.
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Fail if there are warnings.
    #[arg(long)]
    deny_warnings: bool,
}

/// What was found in all scripts.
struct Findings {
    reports: Vec<Report>,
    /// Scripts that can not be read, with the reason.
    unreadable: Vec<(String, String)>,
}

/// Checks the scripts together, as a host of the configuration would load them, and says all that was found.
pub(super) fn check(sources: &Sources, check: &Check) -> ExitCode {
    let scripts: Vec<ScriptSource> = check.scripts.iter().map(ScriptSource::from).collect();
    let (config, is_configured) = match configuration(sources) {
        Ok(found) => found,
        Err(status) => return status,
    };
    let (reports, unreadable) = check_alone(&config, &scripts, is_configured);
    let findings = Findings {
        reports,
        unreadable,
    };
    let is_told = if check.json {
        output::line(&findings.to_json().to_string())
    } else {
        findings.tell()
    };
    let (errors, warnings) = findings.count();
    match (errors, warnings) {
        _ if is_told.is_err() => ExitCode::FAILURE,
        (1.., _) => ExitCode::from(EXIT_CONFIG),
        (0, 1..) if check.deny_warnings => ExitCode::from(EXIT_WARNINGS),
        _ => ExitCode::SUCCESS,
    }
}

/// The configuration, and whether there is one. One that can not be used does not keep scripts from being checked.
fn configuration(sources: &Sources) -> Result<(Config, bool), ExitCode> {
    let rejected = match portcullis_config::load(sources) {
        Ok(loaded) => return Ok((loaded.config, !loaded.files.is_empty())),
        Err(rejected) => rejected,
    };
    output::problem(&rejected.to_string());
    output::problem("the scripts are checked as if there were no configuration");
    cli::load(&Sources::default()).map(|loaded| (loaded.config, false))
}

impl Findings {
    /// Errors and warnings.
    fn count(&self) -> (usize, usize) {
        let all = || self.reports.iter().flat_map(|report| &report.diagnostics);
        let errors = all().filter(|one| one.is_error()).count();
        (errors + self.unreadable.len(), all().count() - errors)
    }

    fn tell(&self) -> std::io::Result<()> {
        for (_, reason) in &self.unreadable {
            output::problem(&format!("error[unreadable]: {reason}"));
        }
        for report in &self.reports {
            let shown = report.render(true);
            if !shown.is_empty() {
                output::problem(&shown);
            }
        }
        let tests = self.reports.iter().flat_map(|report| &report.tests);
        let passed = tests.clone().filter(|test| test.has_passed).count();
        let (errors, warnings) = self.count();
        let mut parts = vec![number(self.reports.len() + self.unreadable.len(), "script")];
        match tests.count() {
            0 => {}
            count => parts.push(format!("{passed} of {} passed", number(count, "test"))),
        }
        parts.push(number(errors, "error"));
        parts.push(number(warnings, "warning"));
        output::line(&parts.join(", "))
    }

    fn to_json(&self) -> Value {
        let unreadable = self.unreadable.iter().map(|(script, reason)| {
            json!({
                "file": script, "line": 1, "column": 1, "end_line": 1, "end_column": 1, "severity": "error",
                "code": "unreadable", "message": reason, "help": null,
            })
        });
        let found = self.reports.iter().flat_map(|report| {
            let diagnostics = report.diagnostics.iter();
            diagnostics.map(|one| diagnostic(report, one))
        });
        let files = self.reports.iter().map(|report| {
            let tests = report.tests.iter().map(
                |test| json!({ "name": test.name, "line": test.line, "passed": test.has_passed }),
            );
            json!({
                "file": report.script,
                "loads": !report.has_errors(),
                "tests": tests.collect::<Vec<_>>(),
            })
        });
        let (errors, warnings) = self.count();
        json!({
            "version": 1,
            "errors": errors,
            "warnings": warnings,
            "files": files.collect::<Vec<_>>(),
            "diagnostics": unreadable.chain(found).collect::<Vec<_>>(),
        })
    }
}

fn number(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn diagnostic(report: &Report, one: &Diagnostic) -> Value {
    let (line, column) = place(&report.text, one.span.start);
    let (end_line, end_column) = place(&report.text, one.span.end.max(one.span.start));
    json!({
        "file": report.script,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "severity": if one.is_error() { "error" } else { "warning" },
        "code": one.code.name(),
        "message": one.message,
        "help": one.help,
    })
}

/// Line and column, both from 1, of a byte of a text; columns count characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = text.get(..at).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        assert_eq!(place("é: a\nb", 3), (1, 3));
        assert_eq!(place("a\nbé\n", 5), (2, 3));
        assert_eq!(place("a", 9), (1, 2));
    }
}

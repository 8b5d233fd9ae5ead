//! What the operator reads.

use std::io;

use serde_json::json;

use super::finding::{Finding, Severity, Subject};
use crate::output;

/// Says all findings, grouped: on standard error as text, with a last line on standard output, or there as one
/// JSON object.
///
/// # Errors
/// Nobody reads standard output.
pub(super) fn tell(findings: &[Finding], is_json: bool) -> io::Result<()> {
    let count = |severity| {
        let of = |finding: &&Finding| finding.severity == severity;
        findings.iter().filter(of).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut findings: Vec<_> = findings.iter().collect();
    findings.sort_by_key(|finding| (finding.subject, finding.severity));
    if is_json {
        let report = json!({
            "version": 1,
            "errors": errors,
            "warnings": warnings,
            "findings": findings.iter().map(|finding| finding.to_json()).collect::<Vec<_>>(),
        });
        return output::line(&report.to_string());
    }
    tell_groups(&findings);
    match (errors, warnings) {
        (0, 0) => output::line("no mistakes found"),
        (0, 1) => output::line("no errors, 1 warning"),
        (0, count) => output::line(&format!("no errors, {count} warnings")),
        // What was found says enough.
        _ => Ok(()),
    }
}

fn tell_groups(findings: &[&Finding]) {
    let mut subject = Subject::Configuration;
    for finding in findings {
        if finding.subject != subject {
            subject = finding.subject;
            output::problem(&format!("{}:", subject.word()));
        }
        match subject {
            Subject::Configuration => output::problem(&finding.to_string()),
            _ => output::note(&format!("  {finding}")),
        }
    }
}

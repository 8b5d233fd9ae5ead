//! `portcullis check`: everything that is wrong with configuration, certificates and scripts, without serving.

use std::process::ExitCode;

use actors::firewall;
use actors::router::read_groups;
use actors::tls::Certificates;
use portcullis_config::{Config, Sources};

use crate::cli::EXIT_CONFIG;
use crate::output;

/// What was found; each finding may have several lines.
#[derive(Default)]
struct Findings {
    /// What keeps the node from starting.
    errors: Vec<String>,
    /// What looks like a mistake.
    warnings: Vec<String>,
}

/// Checks all that `sources` name and says every finding; status 78 if one of them is an error.
pub(crate) fn run(sources: &Sources) -> ExitCode {
    let findings = examine(sources);
    for finding in findings.warnings.iter().chain(&findings.errors) {
        output::problem(finding);
    }
    if !findings.errors.is_empty() {
        return ExitCode::from(EXIT_CONFIG);
    }
    let verdict = match findings.warnings.len() {
        0 => "no mistakes found".to_owned(),
        1 => "no errors, 1 warning".to_owned(),
        count => format!("no errors, {count} warnings"),
    };
    match output::line(&verdict) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn examine(sources: &Sources) -> Findings {
    let mut findings = Findings::default();
    match portcullis_config::load(sources) {
        Ok(loaded) => {
            findings
                .warnings
                .extend(loaded.warnings.iter().map(ToString::to_string));
            certificates(&loaded.config, &mut findings);
            scripts(&loaded.config, &mut findings);
            groups(&loaded.config, &mut findings);
        }
        Err(rejected) => findings.errors.push(rejected.to_string()),
    }
    findings
}

fn certificates(config: &Config, findings: &mut Findings) {
    match Certificates::check(config) {
        Ok(warnings) => {
            let shown = warnings
                .iter()
                .map(|warning| format!("portcullis: certificate warning: {warning}"));
            findings.warnings.extend(shown);
        }
        Err(problems) => {
            let shown = problems
                .iter()
                .map(|problem| format!("portcullis: certificate error: {problem}"));
            findings.errors.extend(shown);
        }
    }
}

/// The scripts, compiled as the running node would.
fn scripts(config: &Config, findings: &mut Findings) {
    let (problems, warnings) = firewall::check(config);
    findings
        .errors
        .extend(problems.iter().map(ToString::to_string));
    findings
        .warnings
        .extend(warnings.iter().map(ToString::to_string));
}

/// The files of shared roster groups.
fn groups(config: &Config, findings: &mut Findings) {
    for host in config.hosts.values() {
        let Some(file) = &host.groups_file else {
            continue;
        };
        let problems = read_groups(file).err().unwrap_or_default();
        let shown = problems
            .iter()
            .map(|problem| format!("portcullis: groups error: {}: {problem}", file.display()));
        findings.errors.extend(shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(toml: &str, files: &[(&str, &str)]) -> Findings {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let file = directory.path().join("portcullis.toml");
        std::fs::write(&file, toml).unwrap();
        examine(&Sources {
            file: Some(file),
            ..Sources::default()
        })
    }

    #[test]
    fn nothing_is_wrong_with_nothing() {
        let findings = examine(&Sources::default());
        assert!(
            findings.errors.is_empty() && findings.warnings.is_empty(),
            "{:?}",
            findings.errors
        );
    }

    #[test]
    fn every_mistake_of_every_script_is_found() {
        let toml = "[firewall]\nscripts = [\"a.pfw\"]\n[host.\"x.example\".firewall]\nscripts = [\"b.pfw\"]\n\
                    [host.\"y.example\"]\n";
        let findings = found(
            toml,
            &[
                ("a.pfw", "KIND: message\nFLY.\n\nKIND: presence\nSWIM.\n"),
                ("b.pfw", "RUN.\n"),
            ],
        );
        let text = findings.errors.join("\n");
        assert_eq!(findings.errors.len(), 3, "{text}");
        for part in ["FLY", "SWIM", "RUN", "a.pfw:2", "a.pfw:5", "b.pfw:1"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_certificate_that_is_none_is_found() {
        let toml = "[tls.default]\ncertificate = \"a.pem\"\nkey = \"a.pem\"\n";
        let findings = found(toml, &[("a.pem", "nonsense")]);
        assert!(
            findings.errors.iter().any(|error| error.contains("a.pem")),
            "{:?}",
            findings.errors
        );
    }
}

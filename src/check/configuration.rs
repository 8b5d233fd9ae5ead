//! Configuration, scripts and groups: what keeps the node from starting wherever it is.

use actors::router::read_groups;
use actors::{acme, firewall};
use portcullis_config::{Config, Sources};

use super::finding::{Finding, Subject};

/// Reads all that `sources` name. No configuration comes back where it can not be used.
pub(super) fn examine(sources: &Sources) -> (Option<Config>, Vec<Finding>) {
    match portcullis_config::load(sources) {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter();
            let mut findings: Vec<_> = warnings.map(|it| warning(it.to_string())).collect();
            findings.extend(orders(&loaded.config));
            findings.extend(scripts(&loaded.config));
            findings.extend(groups(&loaded.config));
            (Some(loaded.config), findings)
        }
        Err(rejected) => (None, vec![error(rejected.to_string())]),
    }
}

fn error(text: String) -> Finding {
    Finding::error(Subject::Configuration, text, "")
}

fn warning(text: String) -> Finding {
    Finding::warning(Subject::Configuration, text, "")
}

/// What is needed to order certificates.
fn orders(config: &Config) -> Vec<Finding> {
    let problems = acme::check(config).into_iter();
    let shown = problems.map(|problem| format!("portcullis: config error: {problem}"));
    shown.map(error).collect()
}

/// The scripts, compiled as the running node would.
fn scripts(config: &Config) -> Vec<Finding> {
    let (problems, warnings) = firewall::check(config);
    let problems = problems.iter().map(|problem| error(problem.to_string()));
    let warnings = warnings.iter().map(|it| warning(it.to_string()));
    problems.chain(warnings).collect()
}

/// The files of shared roster groups.
fn groups(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for host in config.hosts.values() {
        let Some(file) = &host.groups_file else {
            continue;
        };
        let problems = read_groups(file).err().unwrap_or_default();
        let shown = problems
            .iter()
            .map(|problem| format!("portcullis: groups error: {}: {problem}", file.display()));
        findings.extend(shown.map(error));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Severity;

    fn found(toml: &str, files: &[(&str, &str)]) -> Vec<Finding> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let file = directory.path().join("portcullis.toml");
        std::fs::write(&file, toml).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        examine(&sources).1
    }

    #[test]
    fn nothing_is_wrong_with_nothing() {
        let (config, findings) = examine(&Sources::default());
        assert!(config.is_some() && findings.is_empty(), "{findings:?}");
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
        let errors = findings.iter().filter(|it| it.severity == Severity::Error);
        let text: Vec<_> = errors.map(ToString::to_string).collect();
        let text = text.join("\n");
        assert_eq!(findings.len(), 3, "{text}");
        for part in ["FLY", "SWIM", "RUN", "a.pfw:2", "a.pfw:5", "b.pfw:1"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}

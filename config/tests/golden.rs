//! Every class of mistake, with the exact text that an operator sees.
//!
//! Each `golden/<name>.toml` is loaded; lines that begin with `#!env NAME=value` and `#!set key=value`
//! stand for the environment and the command line. What is printed is in `golden/<name>.txt`;
//! `UPDATE_GOLDEN=1` writes it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not set itself up has failed"
)]

use std::path::{Path, PathBuf};

use portcullis_config::{Sources, load};

fn sources(file: &Path) -> Sources {
    let text = std::fs::read(file).unwrap();
    let text = String::from_utf8_lossy(&text);
    let mut sources = Sources {
        file: Some(file.to_owned()),
        ..Sources::default()
    };
    for line in text.lines() {
        if let Some(variable) = line.strip_prefix("#!env ") {
            let (name, value) = variable.split_once('=').unwrap();
            sources.environment.push((name.into(), value.into()));
        } else if let Some(argument) = line.strip_prefix("#!set ") {
            sources.set.push(argument.to_owned());
        }
    }
    sources
}

fn outcome(file: &Path) -> String {
    match load(&sources(file)) {
        Ok(loaded) => {
            let mut text: String = loaded
                .warnings
                .iter()
                .map(|warning| format!("{warning}\n"))
                .collect();
            text.push_str("accepted\n");
            for listener in loaded.config.listeners.values() {
                for bind in &listener.binds {
                    let only = match bind {
                        portcullis_config::Bind::Tcp { v6_only: true, .. } => " (IPv6 only)",
                        _ => "",
                    };
                    text.push_str(&format!("{} {bind}{only}\n", listener.name));
                }
            }
            text
        }
        Err(rejected) => format!("{rejected}\n"),
    }
}

#[test]
fn problems_read_as_recorded() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut cases: Vec<PathBuf> = std::fs::read_dir("tests/golden")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    cases.sort();
    assert!(cases.len() > 15, "only {} cases found", cases.len());
    let mut stale = Vec::new();
    for case in cases {
        let outcome = outcome(&case);
        let recorded = case.with_extension("txt");
        if update {
            std::fs::write(&recorded, &outcome).unwrap();
        } else if std::fs::read_to_string(&recorded).unwrap_or_default() != outcome {
            stale.push(format!("{}:\n{outcome}", case.display()));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

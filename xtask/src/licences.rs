//! Licences and banned crates, after `deny.toml`. The file is cargo-deny's; this reads the two parts that decide.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell::{metadata, root};

/// Checks every package that is built, on any platform.
pub(crate) fn check() -> Result<()> {
    let policy = Policy::read()?;
    let metadata = metadata()?;
    let empty = Vec::new();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap_or(&empty);
    let built: BTreeSet<_> = nodes
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let packages = metadata["packages"].as_array().unwrap_or(&empty);
    let wrong: Vec<_> = packages
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| built.contains(id)))
        .filter_map(|package| policy.problem(package))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("{}", wrong.join("\n"))
    }
}

struct Policy {
    allowed: BTreeSet<String>,
    banned: BTreeSet<String>,
}

impl Policy {
    fn read() -> Result<Policy> {
        let path = root().join("deny.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let table: toml::Table = text.parse()?;
        let list = |section: &str, key: &str| table.get(section)?.get(key)?.as_array().cloned();
        let allowed = list("licenses", "allow").context("deny.toml: licenses.allow is missing")?;
        let banned = list("bans", "deny").context("deny.toml: bans.deny is missing")?;
        Ok(Policy {
            allowed: allowed
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            banned: banned
                .iter()
                .filter_map(|v| v.get("crate")?.as_str().map(str::to_owned))
                .collect(),
        })
    }

    fn problem(&self, package: &Value) -> Option<String> {
        let name = package["name"].as_str().unwrap_or_default();
        if self.banned.contains(name) {
            return Some(format!(
                "{name} is banned (deny.toml); cargo tree -i {name} shows who wants it"
            ));
        }
        match package["license"].as_str() {
            None => Some(format!("{name} states no licence")),
            Some(licence) if self.allows(licence) => None,
            Some(licence) => Some(format!(
                "{name} is under {licence}, which deny.toml does not allow"
            )),
        }
    }

    /// Evaluates an SPDX expression; the `/` of old manifests means `OR`.
    fn allows(&self, expression: &str) -> bool {
        let spaced = expression
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        self.either(&mut rest) && rest.is_empty()
    }

    fn either(&self, words: &mut &[&str]) -> bool {
        let mut holds = self.both(words);
        while take(words, "OR") {
            holds |= self.both(words);
        }
        holds
    }

    fn both(&self, words: &mut &[&str]) -> bool {
        let mut holds = self.term(words);
        while take(words, "AND") {
            holds &= self.term(words);
        }
        holds
    }

    fn term(&self, words: &mut &[&str]) -> bool {
        if take(words, "(") {
            let holds = self.either(words);
            return take(words, ")") && holds;
        }
        let Some((licence, rest)) = words.split_first() else {
            return false;
        };
        *words = rest;
        if !take(words, "WITH") {
            return self.allowed.contains(*licence);
        }
        let Some((exception, rest)) = words.split_first() else {
            return false;
        };
        *words = rest;
        self.allowed.contains(*licence)
            || self
                .allowed
                .contains(&format!("{licence} WITH {exception}"))
    }
}

fn take(words: &mut &[&str], wanted: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == wanted => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_understood() {
        let policy = Policy {
            allowed: ["MIT", "Apache-2.0", "Unicode-3.0"]
                .map(str::to_owned)
                .into(),
            banned: BTreeSet::new(),
        };
        for yes in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR X",
        ] {
            assert!(policy.allows(yes), "{yes}");
        }
        for no in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "",
            "MIT MIT",
            "(MIT",
            "(GPL-3.0 OR MIT) AND X",
        ] {
            assert!(!policy.allows(no), "{no}");
        }
    }
}

//! Which crate of the workspace may use which; nothing else is allowed.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::shell::metadata;

/// The arrows of ARCHITECTURE.md. Tests and tools stand outside and may look in where it says so.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "portcullis",
        &["portcullis-actors", "portcullis-rules", "portcullis-config"],
    ),
    (
        "portcullis-actors",
        &[
            "portcullis-rules",
            "portcullis-bus",
            "portcullis-storage",
            "portcullis-config",
            "portcullis-xmpp",
            "portcullis-proxy-header",
            "portcullis-multiplex",
        ],
    ),
    ("portcullis-rules", &["portcullis-xmpp"]),
    ("portcullis-bus", &["portcullis-xmpp"]),
    ("portcullis-storage", &["portcullis-xmpp"]),
    ("portcullis-config", &["portcullis-xmpp"]),
    ("portcullis-xmpp", &[]),
    ("portcullis-proxy-header", &[]),
    ("portcullis-multiplex", &[]),
    (
        "portcullis-integration-tests",
        &["portcullis", "portcullis-xmpp"],
    ),
    ("portcullis-bench", &[]),
    ("xtask", &["portcullis-rules", "portcullis-xmpp"]),
];

/// Crates that only these may name, so that the rest stays free of actors and of I/O.
const ONLY: &[(&str, &[&str])] = &[
    ("actix", &["portcullis-actors", "portcullis"]),
    ("actix-rt", &["portcullis-actors", "portcullis"]),
    ("rusqlite", &["portcullis-storage"]),
    (
        "tokio",
        &[
            "portcullis",
            "portcullis-actors",
            "portcullis-storage",
            "portcullis-bus",
            "portcullis-integration-tests",
            "portcullis-bench",
        ],
    ),
];

/// Compares `cargo metadata` with the arrows.
pub(crate) fn check() -> Result<()> {
    let wrong = problems(&direct_dependencies(&metadata()?));
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}", wrong.join("\n"))
}

/// Package name to the names that its manifest lists for the program itself, not for its tests.
fn direct_dependencies(metadata: &Value) -> BTreeMap<String, Vec<String>> {
    let members: Vec<_> = array(&metadata["workspace_members"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let packages = array(&metadata["packages"]);
    let ours = packages
        .iter()
        .filter(|p| p["id"].as_str().is_some_and(|id| members.contains(&id)));
    ours.map(|package| {
        let dependencies = array(&package["dependencies"])
            .iter()
            .filter(|d| d["kind"] != "dev");
        (
            text(&package["name"]),
            dependencies.map(|d| text(&d["name"])).collect(),
        )
    })
    .collect()
}

fn problems(dependencies: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (package, uses) in dependencies {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == package) else {
            wrong.push(format!(
                "{package} is not in the list of crates (xtask/src/directions.rs)"
            ));
            continue;
        };
        for used in uses {
            if dependencies.contains_key(used) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{package} may not use {used}"));
            }
            let only = ONLY.iter().find(|(name, _)| name == used);
            if only.is_some_and(|(_, users)| !users.contains(&package.as_str())) {
                wrong.push(format!("{package} may not name {used}"));
            }
        }
    }
    wrong
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_is_not_drawn_is_found() {
        let graph = |package: &str, uses: &str| {
            let mut graph = BTreeMap::from([
                ("portcullis-xmpp".to_owned(), vec![]),
                ("portcullis-rules".to_owned(), vec![]),
            ]);
            graph.insert(package.to_owned(), vec![uses.to_owned()]);
            graph
        };
        assert!(problems(&graph("portcullis-rules", "portcullis-xmpp")).is_empty());
        assert_eq!(
            problems(&graph("portcullis-xmpp", "portcullis-rules")),
            ["portcullis-xmpp may not use portcullis-rules"]
        );
        assert_eq!(
            problems(&graph("portcullis-rules", "actix")),
            ["portcullis-rules may not name actix"]
        );
        assert_eq!(problems(&graph("new", "serde")).len(), 1);
    }
}

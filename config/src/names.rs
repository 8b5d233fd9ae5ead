//! Finds keys and sections that nobody knows.

use std::collections::BTreeMap;

use crate::problem::{KeyPath, Problems};
use crate::schema::SectionSpec;
use crate::suggest;
use crate::tree::{Node, Value};

/// Reports every name below `table` that `spec` does not declare, and every table that is none.
pub(crate) fn check(spec: &SectionSpec, table: &BTreeMap<String, Node>, problems: &mut Problems) {
    check_table(spec, "", table, problems);
}

fn check_table(
    spec: &SectionSpec,
    pattern: &str,
    table: &BTreeMap<String, Node>,
    problems: &mut Problems,
) {
    for (name, node) in table {
        if let Some(inner) = spec.tables.iter().find(|section| section.name == name) {
            check_section(inner, &suggest::below(pattern, name), node, problems);
        } else if !spec.keys.iter().any(|key| key.name == name) {
            let reason = suggest::unknown(spec, pattern, name);
            problems.error(&node.place, &node.path, reason);
        }
    }
}

fn check_section(spec: &SectionSpec, pattern: &str, node: &Node, problems: &mut Problems) {
    let Some(table) = expect_table(node, problems) else {
        return;
    };
    if spec.named.is_none() {
        return check_table(spec, pattern, table, problems);
    }
    let pattern = suggest::below(pattern, suggest::NAME);
    for inner in table.values() {
        if let Some(table) = expect_table(inner, problems) {
            check_table(spec, &pattern, table, problems);
        }
    }
}

fn expect_table<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a BTreeMap<String, Node>> {
    let Value::Table(table) = &node.value else {
        let reason = format!(
            "expected a table, found {}: write [{}]",
            node.value.kind(),
            table_header(&node.path)
        );
        problems.error(&node.place, &node.path, reason);
        return None;
    };
    Some(table)
}

/// A header that would be right here: a list of tables (`[[listener]]`) needs names.
fn table_header(path: &KeyPath) -> String {
    match path.0.as_slice() {
        [only] if only == "listener" => "listener.<name>".to_owned(),
        [only] if only == "host" => "host.\"<domain>\"".to_owned(),
        _ => path.to_string(),
    }
}

//! The golden vectors, and the list of those that are known not to pass yet.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
#[expect(clippy::disallowed_methods, reason = "the list stands in a file")]
fn vectors_pass_except_the_listed_ones() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let listed = std::fs::read_to_string(directory.join("unsupported.txt")).expect("the list");
    let listed: BTreeSet<&str> = listed
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let summary = rules::vectors::run_directory(&directory).expect("vectors");
    let failed: BTreeSet<&str> = summary.failed().map(|(id, _)| id).collect();
    assert!(!summary.results.is_empty());
    let new: Vec<_> = failed.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&failed).collect();
    assert!(
        new.is_empty(),
        "{summary}\nfail without being listed: {new:?}"
    );
    assert!(
        stale.is_empty(),
        "pass although they are listed in unsupported.txt: {stale:?}"
    );
}

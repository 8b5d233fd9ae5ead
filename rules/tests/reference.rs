//! `docs/rules-reference.md` says what the source says. `UPDATE_GOLDEN=1` rewrites it.

use std::path::Path;

#[test]
#[expect(clippy::disallowed_methods, reason = "the reference stands in a file")]
fn reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules-reference.md");
    let rendered = rules::reference::render();
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(&path, &rendered).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the reference");
    assert!(
        written == rendered,
        "docs/rules-reference.md is stale: run this test with UPDATE_GOLDEN=1"
    );
}

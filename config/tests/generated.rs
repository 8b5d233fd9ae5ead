//! The generated documents are those in the tree; `UPDATE_GOLDEN=1` writes them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not set itself up has failed"
)]

use std::path::Path;

fn compare(path: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == generated,
        "{} is stale: run the test with UPDATE_GOLDEN=1",
        path.display()
    );
}

#[test]
fn the_reference_is_current() {
    compare("../docs/configuration.md", &portcullis_config::reference());
}

#[test]
fn the_commented_example_is_current() {
    compare("portcullis.toml", &portcullis_config::example());
}

/// Every line that is a key or a table header, without its comment mark.
fn uncommented(example: &str) -> String {
    let active = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| !rest.starts_with(' ') && !rest.is_empty())
            .map(str::to_owned)
    };
    example
        .lines()
        .filter_map(active)
        .map(|line| line + "\n")
        .collect()
}

#[test]
fn the_example_is_accepted_as_it_is_and_names_known_keys_only() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    let sources = portcullis_config::Sources {
        file: Some(file.clone()),
        ..Default::default()
    };
    std::fs::write(&file, portcullis_config::example()).unwrap();
    let loaded = portcullis_config::load(&sources).unwrap();
    assert_eq!(loaded.config.hosts.len(), 1);

    std::fs::write(&file, uncommented(&portcullis_config::example())).unwrap();
    let rejected = portcullis_config::load(&sources).unwrap_err();
    // Examples name files that do not exist here and show alternatives side by side; the names and
    // the values themselves are right.
    for problem in &rejected.problems {
        let reason = &problem.reason;
        let expected = [
            "can not be read",
            "bind stands instead of",
            "remove one of the two keys",
            "only for listeners with",
            "nothing is ordered",
        ]
        .iter()
        .any(|known| reason.contains(known));
        assert!(expected, "{problem}");
    }
}

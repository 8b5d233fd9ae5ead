//! The documents that are written by hand name files; this holds them to what is in the tree.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The words between backticks that name something below a folder of the repository.
fn paths(text: &str) -> Vec<String> {
    let is_path = |word: &&str| {
        let folder = word.split('/').next().unwrap_or_default();
        word.contains('/')
            && !word.starts_with('.')
            && !word.contains(['<', '*', '{', ' '])
            && root().join(folder).is_dir()
    };
    quoted(text).filter(is_path).map(str::to_owned).collect()
}

/// The text of a file, or of all files below a folder.
fn text_below(path: &Path) -> String {
    let mut text = String::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            text += &text_below(&entry.unwrap().path());
        }
    } else {
        text += &std::fs::read_to_string(path).unwrap_or_default();
    }
    text
}

/// The code of an entry such as `actors/src/register.rs`, with the folder of its parts.
fn code_of(path: &str) -> String {
    let file = root().join(path);
    let parts = file.with_extension("");
    let more = if parts != file && parts.is_dir() {
        text_below(&parts)
    } else {
        String::new()
    };
    text_below(&file) + &more
}

#[test]
fn every_protocol_is_where_the_table_says() {
    let table = read("docs/xeps.md");
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| RFC") || line.starts_with("| XEP"));
    let mut seen = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [document, version, state, places] = cells[..] else {
            panic!("four cells are expected: {row}");
        };
        assert!(!version.is_empty() && !state.is_empty(), "{row}");
        let places = paths(places);
        assert!(!places.is_empty(), "no file is named: {row}");
        for place in &places {
            assert!(root().join(place).exists(), "{place} is not there: {row}");
        }
        let name: String = document
            .split([' ', ','])
            .take(if document.starts_with("RFC") { 2 } else { 1 })
            .collect::<Vec<_>>()
            .join(" ");
        let code: String = places.iter().map(|place| code_of(place)).collect();
        assert!(
            code.contains(&name),
            "no file of this row names {name}: {row}"
        );
        seen += 1;
    }
    assert!(seen > 10, "the table has {seen} rows");
}

#[test]
fn every_file_that_a_document_names_exists() {
    let mut documents = vec![
        "README.md".to_owned(),
        "ARCHITECTURE.md".to_owned(),
        "CONTRIBUTING.md".to_owned(),
    ];
    for entry in std::fs::read_dir(root().join("docs/decisions")).unwrap() {
        let name = entry.unwrap().file_name();
        documents.push(format!("docs/decisions/{}", name.to_string_lossy()));
    }
    for document in documents {
        for path in paths(&read(&document)) {
            assert!(
                root().join(&path).exists(),
                "{document} names {path}, which is not there"
            );
        }
    }
}

#[test]
fn the_architecture_stays_short() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= 250, "ARCHITECTURE.md has {lines} lines");
}

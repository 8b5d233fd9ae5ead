//! The scripts of the guide and of the reference, as they are printed: each loads without a word, and its tests pass.

#![expect(clippy::expect_used, reason = "a helper of tests may stop them")]

use std::path::Path;

use rules::definitions::list::SharedContents;
use rules::definitions::list::definition::{Backend, ListDefinition};
use rules::{LoadError, Loader, Options, Report, Source, compile};

/// Every file and every list is there and empty.
struct Empty;

impl Loader for Empty {
    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(Vec::new())
    }

    fn list(&self, definition: &ListDefinition) -> Result<SharedContents, LoadError> {
        match &definition.backend {
            Backend::Http { url, .. } => assert!(url.starts_with("https://lists.example/")),
            Backend::File { path, .. } => assert!(path.starts_with("/etc/portcullis/")),
            Backend::Memory => {}
        }
        Ok(SharedContents::default())
    }
}

fn load(name: &str, script: &str) -> Report {
    let source = Source {
        name: name.into(),
        text: script.as_bytes().to_vec(),
    };
    let mut compiled = compile("example.com", &[source], &Options::default(), &Empty, None);
    compiled.reports.remove(0)
}

#[expect(clippy::disallowed_methods, reason = "the pages stand in files")]
fn page(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::read_to_string(docs.join(name)).expect("a page")
}

/// The scripts of a page, each with its heading.
fn scripts(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut heading = "";
    let mut script: Option<String> = None;
    for line in page.lines() {
        match (&mut script, line) {
            (Some(_), "```") => found.extend(script.take().map(|text| (heading.to_owned(), text))),
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, "```pfw") => script = Some(String::new()),
            (None, line) if line.starts_with('#') => heading = line.trim_start_matches(['#', ' ']),
            (None, _) => {}
        }
    }
    assert!(script.is_none(), "the last script has no end");
    found
}

#[test]
fn scripts_of_the_guide_do_what_their_tests_say() {
    let scripts = scripts(&page("rules.md"));
    assert!(scripts.len() >= 11, "{}", scripts.len());
    let mut said = String::new();
    for (heading, script) in scripts {
        let report = load(&heading, &script);
        said += &report.render(true);
        assert!(report.tests.len() >= 2, "{heading} shows too little");
    }
    assert_eq!(said, "");
}
#[test]
fn scripts_of_the_reference_do_what_their_tests_say() {
    let scripts = scripts(&page("rules-reference.md"));
    assert!(scripts.len() >= 29, "{}", scripts.len());
    let mut said = String::new();
    for (heading, script) in scripts {
        let report = load(&heading, &script);
        said += &report.render(true);
        assert!(
            !report.tests.is_empty(),
            "{heading} shows nothing:\n{script}"
        );
    }
    assert_eq!(said, "");
}

//! Scripts that are as they should be get no warnings.

#![expect(clippy::disallowed_methods, reason = "scripts stand in files")]

use std::path::Path;

use rules::{LoadError, Loader, Options, Source, compile};

/// Every list is there, and empty.
struct Empty;

impl Loader for Empty {
    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(Vec::new())
    }
}

fn shown(name: &str, text: &str) -> String {
    let source = Source {
        name: name.to_owned(),
        text: text.into(),
    };
    let compiled = compile("example.com", &[source], &Options::default(), &Empty, None);
    compiled.reports[0].render(true)
}

#[test]
fn scripts_that_ship_have_no_warnings() {
    for name in rules::SHIPPED {
        let text = rules::shipped(name).expect("a script");
        assert_eq!(shown(name, text), "", "{name}");
    }
}

#[test]
fn the_benchmark_has_no_warnings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forty.pfw");
    let text = std::fs::read_to_string(path).expect("a script");
    assert_eq!(shown("forty.pfw", &text), "");
}

#[test]
fn many_rules_are_looked_at_in_time() {
    let mut script = String::new();
    for number in 0..20_000 {
        script.push_str("KIND: message\nTYPE: chat\nFROM: spam");
        script.push_str(&number.to_string());
        script.push_str(".example\nDROP.\n\n");
    }
    script.push_str("KIND: message\nFROM: spam7.example\nTYPE: chat\nTO: a@example.com\nDROP.\n");
    let shown = shown("many.pfw", &script);
    assert!(shown.contains("unreachable-rule"), "{shown}");
    assert_eq!(shown.matches("warning[").count(), 1, "{shown}");
}

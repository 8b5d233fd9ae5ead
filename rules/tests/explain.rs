//! What operators are shown of one evaluation. `UPDATE_GOLDEN=1` rewrites the expected texts.

#![expect(clippy::expect_used, reason = "a helper of tests may stop them")]
#![expect(
    clippy::disallowed_methods,
    reason = "scripts and expected texts stand in files"
)]

use std::fs;
use std::path::Path;

use rules::context::Context;
use rules::explain::{Explanation, Trial};
use rules::{NoFiles, Options, Source, compile};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

fn explain(script: &Path) -> (Explanation, String) {
    let read = |extension: &str| {
        let path = script.with_extension(extension);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let name = script.file_name().expect("a name").to_string_lossy();
    let source = Source {
        name: name.into_owned(),
        text: read("pfw").into_bytes(),
    };
    let sources = [source];
    let compiled = compile("example.com", &sources, &Options::default(), &NoFiles, None);
    let report = &compiled.reports[0];
    assert!(!report.has_errors(), "{}", report.render(false));
    let mut context = Context::parse(&read("context")).expect("a context");
    assert!(context.bind(&compiled.ruleset).is_empty());
    let text = read("xml");
    let mut stanza =
        Stanza::from_xml(text.trim().as_bytes(), &Limits::default()).expect("a stanza");
    let place = context.place(&mut stanza);
    let ruleset = &compiled.ruleset;
    let (told, foreseen) = ruleset.explain(&place.chain, &stanza, &context.world, Trial::Dry);
    let outcome = ruleset.run(&place.chain, &stanza, &context.world);
    assert_eq!(foreseen.verdict, outcome.verdict);
    assert_eq!(foreseen.effects, outcome.effects);
    let shown = told.to_string();
    (told, shown)
}

#[test]
fn explanations_are_shown_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/explain");
    let mut count = 0;
    for entry in fs::read_dir(&directory).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "pfw") {
            continue;
        }
        count += 1;
        let (told, shown) = explain(&path);
        let expected = path.with_extension("txt");
        if std::env::var("UPDATE_GOLDEN").is_ok() {
            fs::write(&expected, &shown).expect("the text can be written");
        }
        let expected = fs::read_to_string(&expected).expect("an expected text");
        assert!(shown == expected, "{}:\n{shown}", path.display());
        assert!(!told.has_wrongly_left_out(), "{shown}");
    }
    assert!(count >= 3);
}

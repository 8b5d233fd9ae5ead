//! Scripts mean the same in their canonical layout, which is its own layout.

#![expect(clippy::disallowed_methods, reason = "scripts stand in files")]

use std::path::Path;

use proptest::prelude::*;
use rules::format::format;

/// Lays a script out; answers whether that was possible.
fn check(script: &str) -> bool {
    match format(script) {
        Ok(once) => {
            assert_eq!(format(&once).as_ref(), Ok(&once), "{script:?}\n{once}");
            // A part of a continued line may be empty.
            let is_continued = script.contains('\\');
            assert!(
                !once.contains('\r') && !once.starts_with('\n'),
                "{script:?}"
            );
            assert!(is_continued || !once.contains("\n\n\n"), "{script:?}");
            true
        }
        Err(errors) => {
            let broken = errors.iter().any(|error| error.code.name() == "layout");
            assert!(!broken, "{script:?}");
            false
        }
    }
}

#[test]
fn scripts_of_the_repository_are_laid_out() {
    for name in rules::SHIPPED {
        let text = rules::shipped(name).expect("a script");
        assert!(check(text), "{name}");
        assert_eq!(
            format(text).as_deref(),
            Ok(text),
            "{name} is not in its layout"
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forty.pfw");
    assert!(check(&std::fs::read_to_string(path).expect("a script")));
}

#[test]
fn scripts_of_the_vectors_are_laid_out() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("the vectors") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let cases = file["cases"].as_array().expect("cases");
        let scripts = cases.iter().flat_map(|case| {
            let several = case["scripts"].as_array().into_iter().flatten();
            let several = several.filter_map(|script| script["text"].as_str());
            case["script"].as_str().into_iter().chain(several)
        });
        count += scripts.filter(|script| check(script)).count();
    }
    assert!(count > 800, "{count}");
}

fn lines() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        "",
        "  ",
        "# comment",
        "; comment \\",
        "KIND: message",
        "  NOT_TYPE:chat|normal\r",
        "FROM:  a@b ",
        "FROM \\",
        "\\",
        "TO FULL NOT JID? really",
        "MAY=x",
        "INSPECT: body#/= a",
        "LIMIT r on $<@from>",
        "IN_ROSTER",
        "DROP.",
        "drop. now",
        "log=  a  b",
        "BOUNCE=",
        "JUMP_CHAIN=user/a \\",
        "::deliver",
        ":: user/a",
        "%ZONE z: a, b",
        "%ZONE  y :< /x",
        "%LIST l:   memory",
        "% RATE r: 1",
        "@@trace=on",
        "%TEST a b: pass",
        "%TEST x:",
        "<message/>",
        "   <message>",
        "  <body>x</body>",
        "</message>",
        "expect: drop",
        " by:  1",
        "host: a.example",
        "\u{feff}",
        "é \u{b}",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_lines_are_laid_out_or_refused(lines in prop::collection::vec(lines(), 0..14), ends in any::<bool>()) {
        let mut script = lines.join("\n");
        if ends {
            script.push('\n');
        }
        check(&script);
    }
}

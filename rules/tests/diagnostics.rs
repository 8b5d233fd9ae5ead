//! What operators are shown about broken scripts. `UPDATE_GOLDEN=1` rewrites the expected texts.

#![expect(
    clippy::disallowed_methods,
    reason = "scripts and expected texts stand in files"
)]

use std::fs;
use std::path::Path;

use rules::{NoFiles, Options, Source, compile};

#[test]
fn diagnostics_are_shown_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diagnostics");
    let mut count = 0;
    for entry in fs::read_dir(&directory).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "pfw") {
            continue;
        }
        count += 1;
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let source = Source {
            name,
            text: fs::read(&path).expect("a script"),
        };
        let compiled = compile(
            "example.com",
            &[source],
            &Options::default(),
            &NoFiles,
            None,
        );
        let shown = compiled.reports[0].render(true);
        let expected = path.with_extension("txt");
        if std::env::var("UPDATE_GOLDEN").is_ok() {
            fs::write(&expected, &shown).expect("the text can be written");
        }
        let expected = fs::read_to_string(&expected).expect("an expected text");
        assert!(shown == expected, "{}:\n{shown}", path.display());
    }
    assert!(count >= 4);
}

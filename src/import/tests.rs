use std::path::{Path, PathBuf};

use portcullis_config::{Sources, load};

use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/import/golden");

/// A directory with the sample and what it names.
fn directory(sample: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir(at("more")).unwrap();
    std::fs::copy(format!("{GOLDEN}/more.cfg.lua"), at("more/a.cfg.lua")).unwrap();
    std::fs::write(at("rules.pfw"), "::deliver\nDROP.\n").unwrap();
    std::fs::write(at("groups.txt"), "[Team]\na@chat.example\n").unwrap();
    std::fs::copy(format!("{GOLDEN}/{sample}"), at(sample)).unwrap();
    let file = at(sample);
    (directory, file)
}

fn assert_loads(toml: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    std::fs::write(&file, toml).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    if let Err(rejected) = load(&sources) {
        panic!("{rejected}\n{toml}");
    }
}

#[track_caller]
fn assert_golden(sample: &str) {
    let (directory, file) = directory(sample);
    let translation = translate(&file).unwrap();
    assert_loads(&translation.toml);
    let shown = directory.path().display().to_string();
    let found = translation.toml.replace(&shown, "DIR");
    let golden = Path::new(GOLDEN).join(format!("{sample}.toml"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(golden).unwrap());
}

fn of_text(name: &str, text: &str) -> Result<(String, Vec<String>), Unusable> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    std::fs::write(&file, text).unwrap();
    let translation = translate(&file)?;
    assert_loads(&translation.toml);
    let findings = translation.report.sorted().into_iter();
    let findings = findings.map(|finding| format!("{}: {}", finding.place.line, finding.text));
    Ok((translation.toml, findings.collect()))
}

#[test]
fn a_large_configuration_of_prosody() {
    assert_golden("large.cfg.lua");
}

#[test]
fn what_prosody_serves_over_http() {
    assert_golden("web.cfg.lua");
}

#[test]
fn ports_that_prosody_multiplexes() {
    assert_golden("shared.cfg.lua");
    let text = "ports = { 443 }\nVirtualHost \"a.example\"\n";
    let (toml, findings) = of_text("prosody.cfg.lua", text).unwrap();
    assert!(!toml.contains("\"multiplex\""), "{toml}");
    let is_said = |finding: &String| finding.starts_with("1: shared ports: not in force");
    assert!(findings.iter().any(is_said), "{findings:?}");
}

#[test]
fn the_configuration_in_the_style_of_a_distribution() {
    assert_golden("packaged.cfg.lua");
}

#[test]
fn the_documented_examples_of_prosody() {
    assert_golden("seed.cfg.lua");
}

#[test]
fn listeners_of_stalwart() {
    assert_golden("stalwart.json");
}

#[test]
fn what_is_computed_is_refused_by_line_and_the_rest_goes_on() {
    for computed in [
        "use_ipv4 = f(1, { 2 })",
        "use_ipv4 = os.getenv(\"X\") or true",
        "use_ipv4 = not x",
        "use_ipv4 = 1 + 2",
        "use_ipv4 = ENV_X",
        "use_ipv4 = function(a) if a then return 1 end end",
        "local function f() while x do y() end end",
        "for i = 1, 2 do use_ipv4 = i end",
        "repeat x() until true",
        "use_ipv4 = { \"a\" \"b\" }",
        "use_ipv4 = \"open",
        "use_ipv4 = = 1",
        "x.y = 1",
        "use_ipv4 = \"\\q\"",
        "use_ipv4 = 12abc",
        "local a = 1",
    ] {
        let text =
            format!("\n{computed}\nadmins = {{ \"a@b.example\" }}\nVirtualHost \"b.example\"\n");
        let (toml, findings) = of_text("p.cfg.lua", &text).unwrap();
        assert!(
            findings.iter().any(|one| one.starts_with("2: ")),
            "{computed}: {findings:?}"
        );
        assert!(
            toml.contains("\nadmins = [\"a@b.example\"]"),
            "{computed}: {toml}"
        );
        assert!(
            toml.contains("\n[host.\"b.example\"]"),
            "{computed}: {toml}"
        );
        assert!(!toml.contains("\nuse_ipv4"), "{computed}: {toml}");
    }
}

#[test]
fn nesting_and_includes_are_bounded() {
    let deep = format!(
        "x = {}{}\nadmins = {{}}\n",
        "{".repeat(100_000),
        "}".repeat(100_000)
    );
    let (_, findings) = of_text("p.cfg.lua", &deep).unwrap();
    assert!(
        findings.iter().any(|one| one.contains("nested too deep")),
        "{findings:?}"
    );
    let (_, findings) = of_text("p.cfg.lua", "Include \"p.cfg.lua\"\n").unwrap();
    assert!(
        findings.iter().any(|one| one.contains("is left out")),
        "{findings:?}"
    );
    for opened in ["x = ", "- - - - ", "(", "not "] {
        let text = format!("x = {}\n", opened.repeat(50_000));
        of_text("p.cfg.lua", &text).unwrap();
    }
}

#[test]
fn any_beginning_of_a_file_ends_in_a_translation() {
    let text = std::fs::read_to_string(format!("{GOLDEN}/large.cfg.lua")).unwrap();
    for length in (0..text.len()).step_by(97) {
        of_text("p.cfg.lua", text.get(..length).unwrap()).unwrap();
    }
}

#[test]
fn what_is_no_text_or_no_json_is_refused() {
    for (text, reason) in [
        ("[{\"name\": \"x\",}]", "1: "),
        ("{\"name\": ", "EOF"),
        (&*"x".repeat((1 << 20) + 1), "more than 1 MiB"),
    ] {
        let refused = of_text("x", text).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
    let refused = translate(Path::new("/nowhere/at/all"))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("can not be read"), "{refused}");
}

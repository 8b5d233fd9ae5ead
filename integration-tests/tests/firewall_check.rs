//! `portcullis firewall check` and `fmt`: exit statuses and what scripts of CI read.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::program_file;
use serde_json::Value;

struct Scripts(tempfile::TempDir);

impl Scripts {
    fn new(files: &[(&str, &str)]) -> Self {
        let scripts = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            std::fs::write(scripts.path(name), text).unwrap();
        }
        scripts
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// Runs a firewall command in the folder of the scripts.
    fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(program_file())
            .current_dir(self.0.path())
            .env_clear()
            .arg("firewall")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

const CLEAN: &str = "FROM: spam.example\nDROP.\n\n%TEST spam is dropped: drop\n\
                     <message from='spam.example' to='juliet@example.com'/>\n";
const WARNED: &str = "%ZONE unused: a.example\n\nDROP.\n\nKIND: mesage\nDROP.\n";

#[test]
fn exit_statuses_tell_errors_from_warnings() {
    let broken = "FORM: a\nDROP.\n\nFROM: b\nDORP.\n";
    let failing = CLEAN.replace(": drop", ": pass");
    let scripts = Scripts::new(&[
        ("clean.pfw", CLEAN),
        ("warned.pfw", WARNED),
        ("broken.pfw", broken),
        ("failing.pfw", &failing),
    ]);
    let status = |arguments: &[&str]| scripts.run(arguments).status.code().unwrap();
    assert_eq!(status(&["check", "clean.pfw", "shipped:anti-spam.pfw"]), 0);
    assert_eq!(status(&["check", "--deny-warnings", "clean.pfw"]), 0);
    assert_eq!(status(&["check", "warned.pfw"]), 0);
    assert_eq!(status(&["check", "--deny-warnings", "warned.pfw"]), 1);
    assert_eq!(status(&["check", "warned.pfw", "nosuch.pfw"]), 78);
    assert_eq!(status(&["check", "failing.pfw"]), 78);
    let output = scripts.run(&["check", "clean.pfw", "broken.pfw", "failing.pfw"]);
    assert_eq!(output.status.code(), Some(78));
    let told = text(&output.stderr);
    for part in [
        "broken.pfw:1:1",
        "broken.pfw:5:1",
        "did you mean `FROM`?",
        "failing.pfw:4:",
        "expected pass, got drop",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    assert_eq!(
        text(&output.stdout),
        "3 scripts, 1 of 2 tests passed, 3 errors, 0 warnings\n"
    );
}

#[test]
fn findings_are_json_for_programs() {
    let scripts = Scripts::new(&[("warned.pfw", WARNED), ("clean.pfw", CLEAN)]);
    let output = scripts.run(&["check", "--json", "warned.pfw", "clean.pfw", "nosuch.pfw"]);
    assert_eq!(output.status.code(), Some(78));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["version"], 1);
    assert_eq!(found["errors"], 1);
    assert_eq!(found["files"][1]["tests"][0]["name"], "spam is dropped");
    assert_eq!(found["files"][1]["tests"][0]["passed"], true);
    let all = found["diagnostics"].as_array().unwrap();
    let kind = all
        .iter()
        .find(|one| one["code"] == "unknown-kind")
        .unwrap();
    assert_eq!(kind["file"], "warned.pfw");
    assert_eq!(kind["severity"], "warning");
    assert_eq!((&kind["line"], &kind["column"]), (&5.into(), &7.into()));
    assert_eq!(
        (&kind["end_line"], &kind["end_column"]),
        (&5.into(), &13.into())
    );
    assert_eq!(kind["help"], "did you mean `message`?");
    assert!(
        all.iter()
            .any(|one| one["code"] == "unreadable" && one["file"] == "nosuch.pfw")
    );
    assert!(all.iter().any(|one| one["code"] == "unreachable-rule"));
}

#[test]
fn a_configuration_with_mistakes_does_not_hide_those_of_scripts() {
    let scripts = Scripts::new(&[("clean.pfw", CLEAN), ("p.toml", "[node]\nnonsense = 1\n")]);
    let output = scripts.run(&["check", "clean.pfw", "--config", "p.toml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).contains("nonsense"));
}

#[test]
fn scripts_are_laid_out() {
    let untidy = "\u{feff}  # why\r\n kind : message\r\n".replace("kind :", "KIND:")
        + "NOT_TYPE: chat\r\ndrop.\r\n";
    let tidy = "# why\nKIND: message\nNOT TYPE: chat\nDROP.\n";
    let scripts = Scripts::new(&[
        ("a.pfw", &untidy),
        ("bad.pfw", "  DORP.\n"),
        ("tidy.pfw", tidy),
    ]);
    let output = scripts.run(&["fmt", "--check", "a.pfw", "tidy.pfw"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(1), "a.pfw\n")
    );
    let empty = scripts.run_with_input(&["fmt", "-"], "");
    assert_eq!((empty.status.code(), &*empty.stdout), (Some(0), &b""[..]));
    let output = scripts.run_with_input(&["fmt", "-"], &untidy);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(0), tidy)
    );
    assert_eq!(
        scripts.run(&["fmt", "a.pfw", "tidy.pfw"]).status.code(),
        Some(0)
    );
    assert_eq!(read(&scripts.path("a.pfw")), tidy);
    assert_eq!(
        scripts.run(&["fmt", "--check", "a.pfw"]).status.code(),
        Some(0)
    );
    let output = scripts.run(&["fmt", "bad.pfw"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(
        text(&output.stderr).contains("did you mean `DROP`?"),
        "{output:?}"
    );
    assert_eq!(read(&scripts.path("bad.pfw")), "  DORP.\n");
}

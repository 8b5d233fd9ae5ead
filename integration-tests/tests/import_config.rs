//! Configurations of other servers, translated.

use std::path::Path;

use harness::program_file;
use tokio::process::Command;

/// Exit status, standard output and standard error.
async fn import(file: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(program_file());
    let output = command
        .arg("import-config")
        .arg(file)
        .output()
        .await
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

const PROSODY: &str = "admins = { \"alice@localhost\" }\nmodules_enabled = { \"roster\", \"mam\" }\nc2s_ports = { 0 }\n\
                       network_settings = { tcp_backlog = 7 }\nVirtualHost \"localhost\"\n\tallow_registration = true\n";

#[tokio::test]
async fn a_configuration_of_prosody_passes_the_check_and_findings_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("prosody.cfg.lua");
    std::fs::write(&file, PROSODY).unwrap();
    let (status, toml, told) = import(&file).await;
    assert_eq!(status, Some(0), "{told}");
    assert!(
        told.contains("prosody.cfg.lua:2: module mam: no equal"),
        "{told}"
    );
    assert!(
        told.contains("prosody.cfg.lua:3: listener.clients.ports"),
        "{told}"
    );
    for line in told.lines() {
        let finding = line.strip_prefix("portcullis: import: ").unwrap();
        assert!(
            toml.contains(&format!("# {finding}\n")),
            "{finding}\n{toml}"
        );
    }

    let path = directory.path().join("portcullis.toml");
    std::fs::write(&path, &toml).unwrap();
    let mut command = Command::new(program_file());
    let output = command
        .args(["check", "--offline"])
        .arg("--config")
        .arg(&path)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn listeners_of_stalwart_are_translated() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("listeners.json");
    let json = "[{\"name\": \"smtp\", \"protocol\": \"smtp\", \"bind\": [\"[::]:25\"]},\n\
                {\"name\": \"chat\", \"protocol\": \"c2s\", \"bind\": [\"[::]:5222\"], \"maxConnections\": 12}]\n";
    std::fs::write(&file, json).unwrap();
    let (status, toml, told) = import(&file).await;
    assert_eq!(status, Some(0), "{told}");
    assert!(
        told.contains("listeners.json:1: protocol: smtp has no equal"),
        "{told}"
    );
    assert!(
        toml.contains("[listener.chat]\nprotocol = \"c2s\"\n"),
        "{toml}"
    );
    assert!(
        toml.contains("max_connections = 12\n") && toml.contains("# [listener.smtp]\n"),
        "{toml}"
    );
}

#[tokio::test]
async fn what_can_not_be_read_has_a_status_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (status, toml, told) = import(&directory.path().join("none")).await;
    assert_eq!((status, toml.as_str()), (Some(65), ""), "{told}");
    let file = directory.path().join("prosody.cfg.lua");
    std::fs::write(&file, "c2s_ports = os.time()\nVirtualHost \"a.example\"\n").unwrap();
    let (status, toml, told) = import(&file).await;
    assert_eq!(status, Some(65), "{told}");
    assert!(told.contains("prosody.cfg.lua:1: os: "), "{told}");
    assert!(toml.contains("[host.\"a.example\"]"), "{toml}");
}

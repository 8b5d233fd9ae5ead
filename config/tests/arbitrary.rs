//! Whatever stands in the layers, loading ends in a configuration or in problems of one line each.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not set itself up has failed"
)]

use std::io::Write;

use portcullis_config::{Rejected, Sources, load};
use proptest::prelude::*;

fn check(text: &str, environment: Vec<(String, String)>, set: Vec<String>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let environment = environment
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let sources = Sources {
        file: Some(file.path().to_owned()),
        environment,
        set,
        ..Sources::default()
    };
    if let Err(rejected) = load(&sources) {
        assert_one_line_each(&rejected);
    }
}

fn assert_one_line_each(rejected: &Rejected) {
    assert!(!rejected.problems.is_empty());
    let text = rejected.to_string();
    assert_eq!(text.lines().count(), rejected.problems.len());
    for line in text.lines() {
        let known = line.starts_with("portcullis: config error: ")
            || line.starts_with("portcullis: config warning: ");
        assert!(known, "{line:?}");
    }
}

/// Words that the configuration knows, so that most of what is made gets past the names.
fn word() -> impl Strategy<Value = String> + Clone {
    let words = [
        "node",
        "network",
        "listener",
        "clients",
        "host",
        "\"a.b\"",
        "tls",
        "socket",
        "limits",
        "timeouts",
        "protocol",
        "bind",
        "ports",
        "interfaces",
        "certificate",
        "key",
        "scripts",
        "firewall",
        "registration",
        "rate",
        "admins",
        "read",
        "stanza",
        "keepalive",
        "filter",
        "logging",
        "storage",
        "path",
        "permissions",
        "member",
        "contact",
        "abuse",
        "host_defaults",
        "zzz",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|boolean| boolean.to_string()),
        Just("1.5".to_owned()),
        Just("nan".to_owned()),
        Just("1979-05-27".to_owned()),
        prop::sample::select(vec![
            "c2s",
            "*:5222",
            "[::]:5222",
            "3/h",
            "30s",
            "64KiB",
            "a@b",
            "::",
            "tls12",
            "info"
        ])
        .prop_map(|text| format!("{text:?}")),
        "\\PC{0,12}".prop_map(|text| format!("{text:?}")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((word(), inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .into_iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

fn line() -> impl Strategy<Value = String> {
    let path = prop::collection::vec(word(), 1..4).prop_map(|words| words.join("."));
    prop_oneof![
        path.clone().prop_map(|path| format!("[{path}]")),
        path.clone().prop_map(|path| format!("[[{path}]]")),
        (path, value()).prop_map(|(path, value)| format!("{path} = {value}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        check(&text, Vec::new(), Vec::new());
    }

    #[test]
    fn any_near_configuration_is_survived(
        lines in prop::collection::vec(line(), 0..12),
        environment in prop::collection::vec(("PORTCULLIS__[A-Z_]{0,20}", "\\PC{0,12}"), 0..3),
        set in prop::collection::vec("[a-z.\"]{0,12}=\\PC{0,12}", 0..3),
    ) {
        check(&lines.join("\n"), environment, set);
    }
}

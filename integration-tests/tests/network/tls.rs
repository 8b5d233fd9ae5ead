//! What is negotiated: N54 to N57, N61 to N64, N72, and what is never.

use std::net::SocketAddr;

use harness::{DEADLINE, Event, HOST, Item, TestClient, TestNode};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::refused;
use super::s_client::{nameless, shake, starttls};
use crate::clients::tools;
use crate::reload::change;

const STARTTLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

#[tokio::test]
async fn n054_starttls_that_is_off_is_not_offered_and_fails() {
    let node = TestNode::start("[listener.c2s.tls]\nenabled = false\n").await;
    let mut client = TestClient::connect(node.address()).await;
    let features = client.open(HOST).await;
    assert!(features.child("starttls").is_none(), "{features}");
    client
        .send(&format!("<starttls xmlns='{STARTTLS}'/>"))
        .await;
    match client.event().await {
        Event::Item(Item::Element(answer)) if answer.name == "failure" => {}
        other => client.fail(&format!("wanted a failure, got {other:?}")),
    }
    client.expect_eof().await;
}

#[tokio::test]
async fn n057_one_listener_changes_and_the_other_stays() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    for implicit in [false, true] {
        change(
            &node,
            &format!("listener.c2s_tls.tls.implicit = {implicit}"),
        )
        .await;
        let direct = nameless(&node, node.direct_address()).await;
        assert_eq!(direct.is_up, implicit, "{}", direct.said);
        if !implicit {
            starttls(&node, node.direct_address(), HOST)
                .await
                .expect_said("Verification: OK");
        }
        starttls(&node, node.address(), HOST)
            .await
            .expect_said("Verification: OK");
        alice.sync().await;
    }
}

#[tokio::test]
async fn n061_n062_versions_that_are_off_get_an_alert() {
    let only =
        |version: &str| format!("[listener.c2s_tls.tls]\ndisable_protocols = [\"{version}\"]\n");
    let node = TestNode::start(&only("tls12")).await;
    let direct = node.direct_address();
    shake(&node, direct, "-tls1_2").await.expect_alert(70);
    shake(&node, direct, "-tls1_3")
        .await
        .expect_said("New, TLSv1.3");
    let node = TestNode::start(&only("tls13")).await;
    let direct = node.direct_address();
    shake(&node, direct, "-tls1_3").await.expect_alert(70);
    shake(&node, direct, "").await.expect_said("New, TLSv1.2");
    let node = TestNode::start("[tls]\nprofile = \"modern\"\n").await;
    shake(&node, node.direct_address(), "-tls1_2")
        .await
        .expect_alert(70);
    let said = refused(
        "[listener.a]\nprotocol = \"c2s\"\ntls = { disable_protocols = [\"tls12\", \"tls13\"] }\n",
    )
    .await;
    assert!(said.contains("listener.a.tls.disable_protocols"), "{said}");
}

/// Versions and suites of the past, offered by a client that would take any.
#[tokio::test]
async fn old_versions_and_weak_suites_are_refused_on_every_way_in() {
    let node = TestNode::start("").await;
    let ways = [
        (node.direct_address(), String::new()),
        (node.address(), format!("-starttls xmpp -xmpphost {HOST}")),
    ];
    for (address, way) in ways {
        for version in ["-tls1", "-tls1_1"] {
            let arguments = format!("{way} {version} -cipher ALL:@SECLEVEL=0");
            // handshake_failure: such a client names no kind of signature, without which nothing is looked at.
            shake(&node, address, &arguments).await.expect_alert(40);
        }
        for weak in [
            "AES128-SHA",
            "AES256-GCM-SHA384",
            "DHE-RSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-AES128-SHA256",
            "aNULL",
            "ADH",
        ] {
            let arguments = format!("{way} -tls1_2 -cipher {weak}:@SECLEVEL=0");
            shake(&node, address, &arguments).await.expect_alert(40);
        }
        // And what is good is taken.
        let arguments = format!("{way} -tls1_2 -cipher ALL:@SECLEVEL=0");
        shake(&node, address, &arguments)
            .await
            .expect_said("New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384");
    }
}

#[tokio::test]
async fn n063_a_suite_that_is_off_is_never_negotiated() {
    let toml = "[listener.c2s_tls.tls]\ndisable_cipher_suites = [\"tls-ecdhe-ecdsa-with-aes-256-gcm-sha384\", \
                \"tls13-aes-256-gcm-sha384\"]\n";
    let node = TestNode::start(toml).await;
    let direct = node.direct_address();
    let only = "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384";
    shake(&node, direct, only).await.expect_alert(40);
    let only = "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384";
    shake(&node, direct, only).await.expect_alert(40);
    shake(&node, direct, "-tls1_2")
        .await
        .expect_said("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256");
    shake(&node, direct, "-tls1_3")
        .await
        .expect_said("Cipher is TLS_AES_128_GCM_SHA256");
    // The other listener has it.
    starttls(&node, node.address(), HOST)
        .await
        .expect_said("Cipher is TLS_AES_256_GCM_SHA384");
}

#[tokio::test]
async fn n064_the_order_is_ours_or_the_clients() {
    let node = TestNode::start("[listener.c2s.tls]\nignore_client_order = false\n").await;
    let opposed = "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384";
    let direct = shake(&node, node.direct_address(), opposed).await;
    direct.expect_said("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384");
    let arguments = format!("-starttls xmpp -xmpphost {HOST} {opposed}");
    let ours = shake(&node, node.address(), &arguments).await;
    ours.expect_said("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256");
}

#[tokio::test]
async fn groups_and_tickets_are_what_is_configured() {
    let toml =
        "[tls]\ntickets = false\n[listener.c2s_tls.tls]\ngroups = [\"P-384\"]\ntickets = true\n";
    let node = TestNode::start(toml).await;
    let direct = node.direct_address();
    shake(&node, direct, "")
        .await
        .expect_said("Server Temp Key: ECDH, secp384r1");
    shake(&node, direct, "-groups X25519")
        .await
        .expect_alert(40);
    let tls12 = "-tls1_2 -starttls xmpp -xmpphost localhost";
    let without = shake(&node, node.address(), tls12).await;
    without.expect_said("Server Temp Key: X25519");
    assert!(
        !without.said.contains("TLS session ticket:"),
        "{}",
        without.said
    );
    shake(&node, direct, "-tls1_2")
        .await
        .expect_said("TLS session ticket:");
}

#[tokio::test]
async fn n072_alpn_is_echoed_and_strict_where_that_is_wanted() {
    let node = TestNode::start("").await;
    for strict in [false, true] {
        change(
            &node,
            &format!("listener.c2s_tls.tls.alpn_strict = {strict}"),
        )
        .await;
        let direct = node.direct_address();
        let echoed = shake(&node, direct, "-alpn http/1.1,xmpp-client").await;
        echoed.expect_said("ALPN protocol: xmpp-client\n");
        shake(&node, direct, "")
            .await
            .expect_said("No ALPN negotiated");
        let other = shake(&node, direct, "-alpn http/1.1").await;
        match strict {
            true => other.expect_alert(120),
            false => other.expect_said("No ALPN negotiated"),
        }
    }
}

/// What sslyze finds at `address`.
async fn scan(address: SocketAddr, arguments: &[&str]) -> Value {
    let program = tools().join("venv/bin/sslyze");
    assert!(
        program.exists(),
        "run `cargo xtask test --only tools` first"
    );
    let directory = tempfile::tempdir().unwrap();
    let found = directory.path().join("found.json");
    let versions = [
        "--sslv2",
        "--sslv3",
        "--tlsv1",
        "--tlsv1_1",
        "--tlsv1_2",
        "--tlsv1_3",
    ];
    let faults = [
        "--heartbleed",
        "--openssl_ccs",
        "--robot",
        "--compression",
        "--reneg",
    ];
    let scanning = Command::new(program)
        .arg(format!("--json_out={}", found.display()))
        .arg("--quiet")
        .args(versions)
        .args(faults)
        .args(arguments)
        .arg(address.to_string())
        .kill_on_drop(true)
        .output();
    let output = timeout(DEADLINE * 4, scanning).await;
    let output = output.expect("a scan that ends").unwrap();
    let found = std::fs::read_to_string(found).unwrap_or_else(|_| panic!("{output:?}"));
    let found: Value = serde_json::from_str(&found).unwrap();
    let scan = &found["server_scan_results"][0];
    assert_eq!(scan["scan_status"], "COMPLETED", "{found}");
    scan["scan_result"].clone()
}

/// The suites of a version, sorted.
fn suites(found: &Value, version: &str) -> Vec<String> {
    let result = &found[format!("{version}_cipher_suites")]["result"];
    let accepted = result["accepted_cipher_suites"].as_array();
    let accepted = accepted
        .unwrap_or_else(|| panic!("{version}: {result}"))
        .iter();
    let mut names: Vec<_> = accepted
        .map(|suite| suite["cipher_suite"]["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_scanner_finds_what_is_safe_and_nothing_else() {
    let node = TestNode::start("").await;
    let starttls = ["--starttls", "xmpp", "--xmpp_to", HOST];
    for (address, way) in [
        (node.direct_address(), ["--sni", HOST].as_slice()),
        (node.address(), &starttls),
    ] {
        let found = scan(address, way).await;
        for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
            assert_eq!(suites(&found, old), Vec::<String>::new(), "{old}");
        }
        let end = [
            "AES_128_GCM_SHA256",
            "AES_256_GCM_SHA384",
            "CHACHA20_POLY1305_SHA256",
        ];
        for (version, begin) in [("tls_1_2", "TLS_ECDHE_ECDSA_WITH"), ("tls_1_3", "TLS")] {
            let wanted = end.map(|end| format!("{begin}_{end}"));
            assert_eq!(suites(&found, version), wanted, "{version}");
        }
        let result = |of: &str, what: &str| found[of]["result"][what].clone();
        assert_eq!(result("heartbleed", "is_vulnerable_to_heartbleed"), false);
        assert_eq!(
            result("openssl_ccs_injection", "is_vulnerable_to_ccs_injection"),
            false
        );
        assert_eq!(
            result("robot", "robot_result"),
            "NOT_VULNERABLE_RSA_NOT_SUPPORTED"
        );
        assert_eq!(result("tls_compression", "supports_compression"), false);
        let renegotiates = "is_vulnerable_to_client_renegotiation_dos";
        assert_eq!(result("session_renegotiation", renegotiates), false);
    }
}

//! What is written wrong is told before anything is opened.

use harness::{HOST, TestClient, TestNode};

use super::{free, refused, run, text};

fn c2s(name: &str, rest: &str) -> String {
    format!("[listener.{name}]\nprotocol = \"c2s\"\n{rest}\n")
}

#[tokio::test]
async fn n016_an_unknown_key_is_told_with_the_nearest_one() {
    let said = refused(&c2s(
        "a",
        "bind = [\"127.0.0.1:6222\"]\ntls = { timeuot = 3 }",
    ))
    .await;
    assert!(
        said.contains("listener.a.tls.timeuot: unknown key, did you mean `timeout`"),
        "{said}"
    );
    let said = refused(&c2s("a", "socketNoDelay = true")).await;
    assert!(said.contains("socket.no_delay"), "{said}");
}

#[tokio::test]
async fn n017_all_mistakes_are_told_at_once() {
    let said = refused(&format!(
        "{}[network]\nmax_connections = 0\n",
        c2s("a", "socket = { ttl = 0, tos_v4 = 256 }\nnonsense = 1")
    ))
    .await;
    for path in [
        "listener.a.socket.ttl",
        "listener.a.socket.tos_v4",
        "listener.a.nonsense",
        "network.max_connections",
    ] {
        assert!(
            said.contains(&format!("config error: {path}: ")),
            "{path}: {said}"
        );
    }
}

#[tokio::test]
async fn n018_a_port_is_between_1_and_65535() {
    for port in ["65536", "0", "\"abc\"", "87486", "-1"] {
        let said = refused(&c2s("a", &format!("ports = [{port}]"))).await;
        assert!(
            said.contains("listener.a.ports") && said.contains("1 to 65535"),
            "{said}"
        );
    }
    for port in ["65536", "0", "abc", ""] {
        let said = refused(&c2s("a", &format!("bind = [\"127.0.0.1:{port}\"]"))).await;
        assert!(said.contains("listener.a.bind"), "{said}");
    }
}

#[tokio::test]
async fn n019_host_names_are_not_resolved() {
    let said = refused(&c2s("a", "bind = [\"localhost:5222\"]")).await;
    assert!(
        said.contains("\"localhost\" is not a literal address"),
        "{said}"
    );
}

#[tokio::test]
async fn n020_one_address_has_one_listener() {
    let bind = "bind = [\"127.0.0.1:6222\"]";
    let said = refused(&format!("{}{}", c2s("one", bind), c2s("two", bind))).await;
    assert!(
        said.contains("listener one") && said.contains("listener two"),
        "{said}"
    );
    let bind = "bind = [\"unix:/tmp/x.sock\"]";
    let said = refused(&format!("{}{}", c2s("one", bind), c2s("two", bind))).await;
    assert!(said.contains("unix:/tmp/x.sock"), "{said}");
}

#[tokio::test]
async fn n021_a_wildcard_is_in_the_way_of_an_address() {
    let said = refused(&format!(
        "{}{}",
        c2s("all", "bind = [\"*:6222\"]"),
        c2s("one", "bind = [\"127.0.0.1:6222\"]")
    ))
    .await;
    assert!(
        said.contains("listener all") && said.contains("listener one"),
        "{said}"
    );
}

#[tokio::test]
async fn n022_a_wrong_type_is_refused_and_a_reload_with_it_changes_nothing() {
    let said = refused(&c2s("a", "timeouts = { read = \"abc\" }")).await;
    assert!(
        said.contains("listener.a.timeouts.read: expected a duration"),
        "{said}"
    );
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let file = node.directory().join("portcullis.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let bad = format!("{good}\n[listener.c2s.timeouts]\nread = \"abc\"\n");
    std::fs::write(&file, bad).unwrap();
    let output = node.reload().await;
    let said = text(&output);
    assert!(
        !output.status.success() && said.contains("listener.c2s.timeouts.read"),
        "{said}"
    );
    alice.sync().await;
    node.login("alice").await;
}

#[tokio::test]
async fn n023_a_missing_certificate_file_is_named() {
    let bind = free();
    let said = refused(&c2s(
        "a",
        &format!("bind = [\"{bind}\"]\ntls = {{ implicit = true, certificate = \"none.crt\", key = \"none.key\" }}"),
    ))
    .await;
    assert!(
        said.contains("none.crt") && said.contains("none.key"),
        "{said}"
    );
}

#[tokio::test]
async fn n024_a_key_belongs_to_its_certificate() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for directory in [&one, &two] {
        harness::Certificates::create(directory.path(), &[HOST.to_owned()]);
    }
    let config = c2s(
        "a",
        &format!(
            "bind = [\"{}\"]\ntls = {{ implicit = true, certificate = \"{}/chain.pem\", key = \"{}/key.pem\" }}",
            free(),
            one.path().display(),
            two.path().display()
        ),
    );
    let (status, said) = run(&config, &[]).await;
    assert_eq!(status, Some(78), "{said}");
    assert!(
        said.contains("listener.a.tls") && !said.contains("listening"),
        "{said}"
    );
}

#[tokio::test]
async fn n025_a_protocol_that_is_not_spoken_is_refused() {
    for protocol in ["gopher", "imap"] {
        let said = refused(&format!("[listener.a]\nprotocol = \"{protocol}\"\n")).await;
        assert!(
            said.contains(protocol) && said.contains("accepted: \"c2s\", \"component\""),
            "{said}"
        );
    }
}

#[tokio::test]
async fn n108_the_environment_beats_the_file() {
    let bind = free();
    let config = c2s(
        "clients",
        &format!("bind = [\"{bind}\"]\nmax_connections = 100"),
    );
    let misspelt = [("PORTCULLIS__LISTENER__CLIENTS__MAX_CONECTIONS", "2")];
    let (status, said) = run(&config, &misspelt).await;
    assert_eq!(status, Some(78), "{said}");
    assert!(said.contains("max_connections"), "{said}");
    let zero = [("PORTCULLIS__LISTENER__CLIENTS__MAX_CONNECTIONS", "0")];
    let (status, said) = run(&config, &zero).await;
    assert_eq!(status, Some(78), "the file has a good value: {said}");
    let node = TestNode::with_environment(
        "[listener.c2s]\nmax_connections = 100\n",
        &[("PORTCULLIS__LISTENER__C2S__MAX_CONNECTIONS", "2")],
    )
    .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
        held.push(client);
    }
    let mut third = TestClient::connect(node.address()).await;
    third.expect_stream_error("resource-constraint").await;
}

//! profanity, a full-screen client, driven through tmux as a person would.

use harness::{HOST, TestClient, TestNode, password_of};

use super::terminal::Terminal;

/// A profanity that is logged in as alice. `tls` is its word: `force` is STARTTLS, `legacy` TLS from the first byte.
async fn logged_in(node: &TestNode, tls: &str) -> Terminal {
    let home = node.directory().join(format!("profanity-{tls}"));
    std::fs::create_dir_all(&home).unwrap();
    let environment = [
        ("HOME", home.as_path()),
        ("XDG_CONFIG_HOME", home.as_path()),
        ("XDG_DATA_HOME", home.as_path()),
        // The certificate is verified, against our root.
        ("SSL_CERT_FILE", node.certificates.root_file.as_path()),
    ];
    let mut terminal = Terminal::start(&home, "profanity", &environment).await;
    terminal.see("Type '/help'").await;
    let address = if tls == "legacy" {
        node.direct_address()
    } else {
        node.address()
    };
    let connect = format!(
        "/connect alice@{HOST} server {} port {} tls {tls}",
        address.ip(),
        address.port()
    );
    terminal.type_line(&connect).await;
    terminal.see("Enter password").await;
    terminal.type_line(&password_of("alice")).await;
    terminal.see("logged in successfully").await;
    terminal
}

async fn start() -> (TestNode, TestClient, Terminal) {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let bob = node.online("bob/phone").await;
    let terminal = logged_in(&node, "force").await;
    (node, bob, terminal)
}

#[tokio::test]
async fn logs_in_over_starttls_and_direct_tls() {
    let node = TestNode::with_users("", &["alice"]).await;
    for tls in ["force", "legacy"] {
        logged_in(&node, tls).await;
    }
}

#[tokio::test]
async fn keeps_a_roster_and_subscribes() {
    let (node, mut bob, mut terminal) = start().await;
    terminal
        .type_line(&format!("/roster add bob@{HOST} Bobby"))
        .await;
    terminal.see("Roster item added").await;
    terminal
        .type_line(&format!("/sub request bob@{HOST}"))
        .await;
    bob.skip_to(&format!("<presence type='subscribe' from='alice@{HOST}'/>"))
        .await;
    bob.send(&format!("<presence type='subscribed' to='alice@{HOST}'/>"))
        .await;
    terminal.see("Bobby").await;
    bob.send(&format!("<presence type='subscribe' to='alice@{HOST}'/>"))
        .await;
    terminal.see("Received authorization request").await;
    terminal.type_line(&format!("/sub allow bob@{HOST}")).await;
    bob.skip_to(&format!(
        "<presence type='subscribed' from='alice@{HOST}'/>"
    ))
    .await;
    let mut other = node.login("alice/other").await;
    let answer = other
        .request("get", None, "<query xmlns='jabber:iq:roster'/>")
        .await;
    let item = &answer.child("query").unwrap().children[0];
    assert_eq!(
        (item.attr("name"), item.attr("subscription")),
        (Some("Bobby"), Some("both"))
    );
}

#[tokio::test]
async fn chats() {
    let (_node, mut bob, mut terminal) = start().await;
    terminal
        .type_line(&format!("/msg bob@{HOST} hello from a terminal"))
        .await;
    let message = bob
        .skip_to("<message type='chat'><body>hello from a terminal</body></message>")
        .await;
    let to = message.attr("from").unwrap();
    bob.send(&format!(
        "<message to='{to}' type='chat'><body>hello back</body></message>"
    ))
    .await;
    terminal.see("hello back").await;
}

#[tokio::test]
async fn gets_what_came_while_it_was_away() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut bob = node.online("bob").await;
    bob.send(&format!(
        "<message to='alice@{HOST}' type='chat'><body>while you were out</body></message>"
    ))
    .await;
    bob.sync().await;
    let mut terminal = logged_in(&node, "force").await;
    terminal.see(&format!("bob@{HOST}")).await;
    terminal.type_line(&format!("/msg bob@{HOST}")).await;
    terminal.see("while you were out").await;
}

#[tokio::test]
async fn blocks() {
    let (_node, mut bob, mut terminal) = start().await;
    // It asks what the server can do when it is online; a second answer comes after the first.
    terminal.type_line("/disco info").await;
    terminal.see("urn:xmpp:blocking").await;
    terminal
        .type_line(&format!("/blocked add bob@{HOST}"))
        .await;
    terminal.see("successfully blocked").await;
    bob.send(&format!(
        "<message to='alice@{HOST}' type='chat'><body>x</body></message>"
    ))
    .await;
    bob.skip_to("<message type='error'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
}

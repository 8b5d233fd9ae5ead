//! Other people's clients, unmodified, against our node: slixmpp, go-sendxmpp, profanity, xmpp.js, and Strophe.js in Chromium.
//!
//! `cargo xtask test --only tools` installs them.

mod browser;
mod go_sendxmpp;
mod profanity;
mod slixmpp;
mod strophe;
mod terminal;
mod xmpp_js;

use std::path::{Path, PathBuf};
use std::process::Output;

use harness::{HOST, TestClient, Xml, escape};

/// The folder with the clients' scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Where `cargo xtask test` puts what it installs for tests.
pub(crate) fn tools() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("tools")
}

/// Where npm has put the clients in JavaScript.
fn node_modules() -> PathBuf {
    let modules = tools().join("npm/node_modules");
    assert!(
        modules.exists(),
        "run `cargo xtask test --only tools` first"
    );
    modules
}

/// What every client in JavaScript does: alice comes, says that she is here, answers, and leaves when told so.
async fn talk_with_alice(bob: &mut TestClient) {
    let alice = meet_alice(bob).await;
    for text in ["hello", "grün & <b>", "\u{1F600}", &"long ".repeat(2000)] {
        say(bob, &alice, text).await;
        let echo = chat(bob).await;
        assert_eq!(echo.attr("from"), Some(alice.as_str()));
        assert_eq!(
            echo.child("body").unwrap().text.trim(),
            format!("echo: {text}").trim()
        );
    }
    let pong = bob
        .request("get", Some(&alice), "<ping xmlns='urn:xmpp:ping'/>")
        .await;
    assert_eq!(pong.attr("type"), Some("result"), "{pong}");
    say(bob, &alice, "leave").await;
    bob.skip_to(&format!("<presence type='unavailable' from='{alice}'/>"))
        .await;
}

/// Waits until alice says that she is online; her full JID.
async fn meet_alice(bob: &mut TestClient) -> String {
    let presence = format!("<presence type='!' from='*' to='bob@{HOST}'/>");
    let alice = bob.skip_to(&presence).await;
    let alice = alice.attr("from").unwrap().to_owned();
    assert!(alice.starts_with(&format!("alice@{HOST}/")), "{alice}");
    let here = chat(bob).await;
    assert_eq!(here.child("body").unwrap().text, "here");
    alice
}

async fn chat(bob: &mut TestClient) -> Xml {
    bob.skip_to("<message type='chat'><body/></message>").await
}

async fn say(bob: &mut TestClient, to: &str, text: &str) {
    let body = escape(text);
    bob.send(&format!(
        "<message type='chat' to='{to}'><body>{body}</body></message>"
    ))
    .await;
}

fn assert_success(what: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{what}: {}\n--- output\n{}\n--- errors\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

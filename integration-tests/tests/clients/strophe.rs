//! Strophe.js in Chromium, in a page of another origin than the node's; what the page does is in `clients/strophe.html`.

use harness::{HOST, TestNode};

use super::browser::{Browser, Page};
use super::{node_modules, scripts, talk_with_alice};
use crate::network::until;

/// What host-meta calls the transports (XEP-0156).
const WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";
const BOSH: &str = "urn:xmpp:alt-connections:xbosh";

async fn page() -> Page {
    let library = node_modules().join("strophe.js/dist/strophe.umd.min.js");
    let read = |path| std::fs::read_to_string(path).unwrap();
    let html = read(scripts().join("strophe.html"));
    Page::serve(&html.replace("STROPHE", &read(library))).await
}

/// A node with an http listener that lets pages of this origin alone use its streams.
async fn node(origin: &str) -> TestNode {
    let toml = format!(
        "[listener.web]\nprotocol = \"http\"\n\
         [listener.web_tls]\nprotocol = \"http\"\ntls = {{ implicit = true }}\n\
         [http]\ncors_origins = [\"{origin}\"]\n"
    );
    TestNode::with_users(&toml, &["alice", "bob"]).await
}

/// The page, which is to find the streams at this listener and to talk with bob as alice.
async fn open(page: &Page, node: &TestNode, listener: &str, link: &str) -> Browser {
    let scheme = match listener {
        "web_tls" => "https",
        _ => "http",
    };
    let port = node.listener(listener).port();
    let query = format!("node={scheme}://{HOST}:{port}&link={link}&user=alice&peer=bob");
    page.open(node, &query).await
}

async fn talks(listener: &str, link: &str, address: &str) {
    let mut page = page().await;
    let node = node(&page.origin()).await;
    let mut bob = node.online("bob").await;
    let browser = open(&page, &node, listener, link).await;
    talk_with_alice(&mut bob).await;
    let service = page.tells("found").await;
    assert!(service.contains(address), "{service}");
    page.tells("CONNECTED").await;
    page.tells("DISCONNECTED").await;
    drop(browser);
    until(&node, listener, |listener| listener["connections"] == 0).await;
}

#[tokio::test]
async fn talks_over_websocket() {
    talks("web", WEBSOCKET, "ws://localhost:5280/xmpp-websocket").await;
}

#[tokio::test]
async fn talks_over_websocket_with_tls() {
    talks("web_tls", WEBSOCKET, "wss://localhost:5281/xmpp-websocket").await;
}

#[tokio::test]
async fn a_page_of_an_origin_that_is_not_allowed_gets_nowhere() {
    let mut page = page().await;
    let node = node("https://chat.example").await;
    let _browser = open(&page, &node, "web", WEBSOCKET).await;
    page.tells("failed: TypeError").await;
}

#[tokio::test]
async fn talks_over_bosh() {
    talks("web", BOSH, "http://localhost:5280/http-bind").await;
}

#[tokio::test]
async fn talks_over_bosh_with_tls() {
    talks("web_tls", BOSH, "https://localhost:5281/http-bind").await;
}

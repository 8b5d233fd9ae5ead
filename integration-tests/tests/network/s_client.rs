//! `openssl s_client`, a client of TLS that is not ours.

use std::net::SocketAddr;
use std::process::Stdio;

use harness::{DEADLINE, TestNode};
use tokio::process::Command;
use tokio::time::timeout;

/// What OpenSSL says of one handshake.
pub(super) struct Shaken {
    /// Whether there was one.
    pub(super) is_up: bool,
    pub(super) said: String,
}

impl Shaken {
    /// The certificates that came, the server's own first.
    pub(super) fn chain(&self) -> Vec<String> {
        let begin = "-----BEGIN CERTIFICATE-----";
        let end = "-----END CERTIFICATE-----\n";
        let parts = self.said.split(begin).skip(1);
        let mut chain: Vec<_> = parts
            .map(|part| format!("{begin}{}{end}", part.split(end).next().unwrap()))
            .collect();
        // With `-showcerts` the first is there once; without, only it is.
        chain.dedup();
        chain
    }

    /// Asserts that this certificate was shown.
    #[track_caller]
    pub(super) fn expect(&self, certificate: &str) {
        assert!(self.is_up, "{}", self.said);
        let wanted = certificate.replace("\r\n", "\n");
        assert_eq!(self.chain()[0], wanted, "{}", self.said);
    }

    /// Asserts that the handshake ended with this alert (RFC 8446 §6).
    #[track_caller]
    pub(super) fn expect_alert(&self, number: u8) {
        let alert = format!("SSL alert number {number}\n");
        assert!(!self.is_up && self.said.contains(&alert), "{}", self.said);
    }

    #[track_caller]
    pub(super) fn expect_said(&self, wanted: &str) {
        assert!(
            self.is_up && self.said.contains(wanted),
            "{wanted} in {}",
            self.said
        );
    }
}

/// Shakes hands with `address`; `arguments` are OpenSSL's, separated by spaces. Certificates are verified against the
/// root of the node, and a failure is only told.
pub(super) async fn shake(node: &TestNode, address: SocketAddr, arguments: &str) -> Shaken {
    let child = Command::new("openssl")
        .args(["s_client", "-showcerts", "-connect", &address.to_string()])
        .arg("-CAfile")
        .arg(&node.certificates.root_file)
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(DEADLINE, child).await;
    let output = output.expect("a handshake that ends").expect("openssl");
    let said = super::text(&output);
    let is_up = said.contains("\nNew, TLSv1.") && !said.contains("no peer certificate available");
    Shaken { is_up, said }
}

/// As [`shake`], with this SNI.
pub(super) async fn named(node: &TestNode, address: SocketAddr, sni: &str) -> Shaken {
    shake(node, address, &format!("-servername {sni}")).await
}

/// As [`shake`], without SNI.
pub(super) async fn nameless(node: &TestNode, address: SocketAddr) -> Shaken {
    shake(node, address, "-noservername").await
}

/// As [`shake`], after STARTTLS on a stream to `host`, without SNI.
pub(super) async fn starttls(node: &TestNode, address: SocketAddr, host: &str) -> Shaken {
    let arguments = format!("-starttls xmpp -xmpphost {host} -noservername");
    shake(node, address, &arguments).await
}

//! Logging in: SASL, resource binding and the usual first stanzas.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::client::TestClient;
use crate::scram::{Challenge, Hash, Scram};
use crate::xml::Xml;

/// Namespace of SASL in XMPP (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// The server's answer to one step of SASL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslReply {
    /// Go on with these data.
    Challenge(String),
    /// Authenticated; SCRAM's `v=` is here.
    Success(String),
    /// Refused, with the name of the condition.
    Failure(String),
}

impl SaslReply {
    /// The condition of a failure; anything else fails the test.
    pub fn failure(self) -> String {
        match self {
            SaslReply::Failure(condition) => condition,
            other => panic!("wanted a SASL failure, got {other:?}"),
        }
    }

    /// The text of a challenge; anything else fails the test.
    pub fn challenge(self) -> String {
        match self {
            SaslReply::Challenge(text) => text,
            other => panic!("wanted a SASL challenge, got {other:?}"),
        }
    }
}

/// Names of the SASL mechanisms in stream features.
pub fn mechanisms(features: &Xml) -> Vec<String> {
    let list = features.child_ns("mechanisms", SASL);
    list.map(|m| m.children.iter().map(|c| c.text.clone()).collect())
        .unwrap_or_default()
}

impl TestClient {
    /// Sends `<auth/>` with these initial data.
    pub async fn sasl_start(&mut self, mechanism: &str, initial: &[u8]) -> SaslReply {
        let data = if initial.is_empty() {
            "=".into()
        } else {
            STANDARD.encode(initial)
        };
        self.send(&format!(
            "<auth xmlns='{SASL}' mechanism='{mechanism}'>{data}</auth>"
        ))
        .await;
        self.sasl_reply().await
    }

    /// Sends `<response/>` with these data.
    pub async fn sasl_respond(&mut self, data: &[u8]) -> SaslReply {
        self.send(&format!(
            "<response xmlns='{SASL}'>{}</response>",
            STANDARD.encode(data)
        ))
        .await;
        self.sasl_reply().await
    }

    /// Waits for the next SASL element.
    pub async fn sasl_reply(&mut self) -> SaslReply {
        let element = self.next().await;
        if element.ns != SASL {
            self.fail(&format!("wanted a SASL element, got {element}"));
        }
        let text = || String::from_utf8(STANDARD.decode(element.text.trim()).unwrap()).unwrap();
        match element.name.as_str() {
            "challenge" => SaslReply::Challenge(text()),
            "success" => SaslReply::Success(text()),
            "failure" => SaslReply::Failure(
                element
                    .children
                    .first()
                    .map(|c| c.name.clone())
                    .unwrap_or_default(),
            ),
            other => self.fail(&format!("unknown SASL element {other}")),
        }
    }

    /// Runs a SCRAM exchange to its end and checks the server's signature.
    pub async fn scram(&mut self, scram: &Scram, password: &str) -> Result<(), String> {
        let plus = if scram.gs2.starts_with("p=") {
            "-PLUS"
        } else {
            ""
        };
        let mechanism = match scram.hash {
            Hash::Sha1 => format!("SCRAM-SHA-1{plus}"),
            Hash::Sha256 => format!("SCRAM-SHA-256{plus}"),
        };
        let challenge = match self.sasl_start(&mechanism, scram.first().as_bytes()).await {
            SaslReply::Challenge(text) => Challenge::parse(&text),
            SaslReply::Failure(condition) => return Err(condition),
            SaslReply::Success(_) => self.fail("success before the proof"),
        };
        let (last, signature) = scram.last(&challenge, password);
        match self.sasl_respond(last.as_bytes()).await {
            SaslReply::Success(text) if text == signature => Ok(()),
            SaslReply::Success(text) => self.fail(&format!(
                "wrong server signature {text}, wanted {signature}"
            )),
            SaslReply::Failure(condition) => Err(condition),
            SaslReply::Challenge(_) => self.fail("challenge after the proof"),
        }
    }

    /// Authenticates with PLAIN.
    pub async fn plain(&mut self, user: &str, password: &str) -> Result<(), String> {
        match self
            .sasl_start("PLAIN", format!("\0{user}\0{password}").as_bytes())
            .await
        {
            SaslReply::Success(_) => Ok(()),
            SaslReply::Failure(condition) => Err(condition),
            SaslReply::Challenge(_) => self.fail("challenge in PLAIN"),
        }
    }

    /// Binds a resource, the server's choice if none is given; keeps and returns the full JID.
    pub async fn bind(&mut self, resource: Option<&str>) -> String {
        let wish = resource
            .map(|r| format!("<resource>{r}</resource>"))
            .unwrap_or_default();
        let payload = format!("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{wish}</bind>");
        let answer = self.request("set", None, &payload).await;
        match answer.path(&["bind", "jid"]) {
            Some(jid) => self.jid = jid.text.clone(),
            None => self.fail(&format!("no JID in {answer}")),
        }
        self.jid.clone()
    }

    /// Sends initial presence and waits for its echo.
    pub async fn go_online(&mut self) {
        self.send("<presence/>").await;
        let echo = format!("<presence from='{}' type='!'/>", self.jid);
        self.expect(&echo).await;
    }
}

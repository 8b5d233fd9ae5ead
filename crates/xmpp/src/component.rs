//! Stream negotiation of an external component, the server's side (XEP-0114 §3), without I/O.
//!
//! A component opens a stream to its own domain, gets a header with a stream id, and proves by one hash that it knows
//! the secret. There are no features: TLS is below the stream or not there.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use crate::{
    header::StreamHeader,
    jid::{DomainPart, Jid},
    stanza::Element,
    stream::system_random,
    stream_error::{StreamCondition, StreamError},
    xml::ContentNamespace,
};

/// What a component is told whose proof is right; from then on stanzas flow.
pub const ACCEPTED: &[u8] = b"<handshake/>";

/// The domain that the header of a component names.
///
/// # Errors
/// `improper-addressing` if it names none (RFC 6120 §4.7.2).
pub fn domain_of(header: &StreamHeader) -> Result<DomainPart, StreamError> {
    let domain =
        |to: &Jid| (to.node().is_none() && to.resource().is_none()).then(|| to.domain().to_owned());
    header.to().and_then(domain).ok_or_else(|| {
        let text = "the attribute 'to' must be the domain of the component";
        StreamError::with_text(StreamCondition::ImproperAddressing, text)
    })
}

/// A stream id that nobody can guess (RFC 6120 §4.7.3); `None` if the system has no randomness.
#[must_use]
pub fn random_id() -> Option<String> {
    let mut bytes = [0_u8; 15];
    system_random(&mut bytes).then(|| URL_SAFE_NO_PAD.encode(bytes))
}

/// Appends our header: `id` goes into the proof, `domain` is the one asked for, if it was one.
pub fn write_header(domain: Option<&str>, id: &str, out: &mut Vec<u8>) {
    let mut header = StreamHeader::new(ContentNamespace::Component).with("id", id);
    if let Some(domain) = domain {
        header = header.with("from", domain);
    }
    header.write_to(out);
}

/// Judges `<handshake/>`: its text is the hash of the stream id and the secret, in hexadecimal (XEP-0114 §3).
///
/// # Errors
/// `not-authorized` for another element or another hash.
pub fn check_proof(element: &Element, id: &str, secret: &str) -> Result<(), StreamError> {
    let refuse = |text: &str| Err(StreamError::with_text(StreamCondition::NotAuthorized, text));
    if element.name() != "handshake" {
        return refuse("a component proves first that it knows the secret");
    }
    let given = element.text().trim().to_ascii_lowercase();
    match proof(id, secret).as_bytes().ct_eq(given.as_bytes()).into() {
        true => Ok(()),
        false => refuse("the secret is another one"),
    }
}

/// The text of `<handshake/>` for a stream (XEP-0114 §3).
#[must_use]
pub fn proof(id: &str, secret: &str) -> String {
    let digest = Sha1::new().chain_update(id).chain_update(secret).finalize();
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        // Writing to a string does not fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, StreamEvent, StreamParser};

    fn events(stream: &str) -> Result<Vec<StreamEvent>, StreamError> {
        let mut parser =
            StreamParser::for_content(Limits::UNAUTHENTICATED, ContentNamespace::Component);
        let mut input = stream.as_bytes();
        let mut events = Vec::new();
        while let Some(event) = parser.next(&mut input)? {
            events.push(event);
        }
        Ok(events)
    }

    const HEADER: &str = "<stream:stream xmlns='jabber:component:accept' \
                          xmlns:stream='http://etherx.jabber.org/streams' to='plays.shakespeare.lit'>";

    /// The example of XEP-0114 §3.
    #[test]
    fn the_proof_is_a_hash_of_stream_id_and_secret() {
        assert_eq!(
            proof("3BF96D32", "test"),
            "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e".to_owned()
        );
    }

    #[test]
    fn a_handshake_is_judged() {
        let said = |text: &str| {
            let stream = format!("{HEADER}{text}");
            let events = events(&stream).unwrap();
            let [StreamEvent::Header(header), StreamEvent::Element(element)] = events.as_slice()
            else {
                panic!("{events:?}");
            };
            assert_eq!(domain_of(header).unwrap().as_str(), "plays.shakespeare.lit");
            check_proof(element, "3BF96D32", "test").is_ok()
        };
        let right = proof("3BF96D32", "test");
        assert!(said(&format!("<handshake>{right}</handshake>")));
        assert!(said(&format!(
            "<handshake> {} </handshake>",
            right.to_uppercase()
        )));
        assert!(!said(&format!(
            "<handshake>{}</handshake>",
            proof("3BF96D32", "tset")
        )));
        assert!(!said("<handshake/>"));
        assert!(!said(&format!("<auth xmlns='urn:x'>{right}</auth>")));
    }

    #[test]
    fn a_header_names_a_domain_and_the_right_namespace() {
        for (to, good) in [
            ("to='a.example'", true),
            ("to='u@a.example'", false),
            ("", false),
            ("to='a b'", false),
        ] {
            let events = events(&HEADER.replace("to='plays.shakespeare.lit'", to)).unwrap();
            let [StreamEvent::Header(header)] = events.as_slice() else {
                panic!("{events:?}");
            };
            let condition = domain_of(header).map_err(|error| error.condition);
            assert_eq!(condition.is_ok(), good, "{to}");
        }
        let client = HEADER.replace("component:accept", "client");
        assert_eq!(
            events(&client).unwrap_err().condition,
            StreamCondition::InvalidNamespace
        );
    }

    #[test]
    fn our_header_has_an_id_and_no_version() {
        let mut out = Vec::new();
        write_header(Some("a.example"), "x'y", &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("jabber:component:accept") && text.contains("id='x&apos;y'"),
            "{text}"
        );
        assert!(text.matches("version=").count() == 1, "{text}");
    }
}

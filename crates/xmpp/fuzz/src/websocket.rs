//! Messages of WebSocket: what is let through is one element, and what a server writes is cut the same
//! however it comes.

use portcullis_xmpp::Limits;
use portcullis_xmpp::websocket::{read_message, write_message};
use portcullis_xmpp::xml::{Cutter, StreamEvent, StreamParser};

const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>";

/// The data are a message of a client; what the parser makes of it is written as a server would.
pub fn run(data: &[u8]) {
    let mut stream = Vec::new();
    if read_message(data, &mut stream).is_err() {
        assert!(stream.is_empty(), "a refused message says something");
        return;
    }
    let is_framing = stream != data;
    assert!(
        !is_framing || stream.starts_with(b"<?xml") || stream == b"</stream:stream>",
        "a message is changed that is no framing"
    );
    let mut parser = StreamParser::new(Limits::CLIENT);
    let mut header = HEADER;
    assert!(matches!(
        parser.next(&mut header),
        Ok(Some(StreamEvent::Header(_)))
    ));
    let mut rest = stream.as_slice();
    let mut written = HEADER.to_vec();
    let mut count = 0;
    while let Ok(Some(event)) = parser.next(&mut rest) {
        match event {
            StreamEvent::Stanza(stanza) => stanza.write_to(&mut written),
            StreamEvent::Element(element) => written.extend_from_slice(element.bytes()),
            StreamEvent::Closed | StreamEvent::Header(_) => break,
        }
        count += 1;
    }
    assert!(count <= 1, "a message of {count} elements");
    let whole = messages(&written, written.len());
    assert_eq!(
        whole.len(),
        count + 1,
        "{:?}",
        String::from_utf8_lossy(&written)
    );
    assert_eq!(messages(&written, 1), whole);
    for message in whole.iter().skip(1) {
        let mut again = Vec::new();
        assert!(
            read_message(message, &mut again).is_ok(),
            "what is written can not be read"
        );
    }
}

/// What a server's stream is in messages, when it comes in steps of so many bytes.
fn messages(stream: &[u8], step: usize) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::default();
    let mut found = Vec::new();
    for bytes in stream.chunks(step.max(1)) {
        cutter.feed(bytes);
        while let Some(piece) = cutter.next_piece() {
            let mut message = Vec::new();
            write_message(piece, &mut message);
            found.push(message);
        }
    }
    found
}

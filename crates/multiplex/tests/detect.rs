//! What clients send first, and what nobody should.

use portcullis_multiplex::{Detected, MAX_SKIPPED, MAX_SPACE, Reason, Spoken, detect};
use proptest::prelude::*;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library elsewhere")]
mod fuzz;

const STREAMS: &str = "http://etherx.jabber.org/streams";

/// The answer to `input`, which is the same in however many pieces it comes and whatever follows.
fn answer(input: &[u8]) -> Detected {
    fuzz::run(input);
    fuzz::run(&[input, b"\0<>'"].concat());
    detect(input)
}

fn found(input: impl AsRef<[u8]>) -> Spoken {
    match answer(input.as_ref()) {
        Detected::Found { spoken, .. } => spoken,
        other => panic!("{other:?} of {:?}", String::from_utf8_lossy(input.as_ref())),
    }
}

fn hopeless(input: impl AsRef<[u8]>) -> Reason {
    match answer(input.as_ref()) {
        Detected::Hopeless(reason) => reason,
        other => panic!("{other:?} of {:?}", String::from_utf8_lossy(input.as_ref())),
    }
}

#[test]
fn headers_by_their_content_namespace() {
    for (namespace, spoken) in [
        ("jabber:client", Spoken::Client),
        ("jabber:server", Spoken::Server),
        ("jabber:component:accept", Spoken::Component),
        ("jabber:component:connect", Spoken::Foreign),
        ("", Spoken::Foreign),
    ] {
        for header in [
            format!("<stream:stream xmlns='{namespace}' xmlns:stream='{STREAMS}'>"),
            format!("<stream:stream xmlns:stream='{STREAMS}' to='a' xmlns='{namespace}'>"),
            format!(
                "<?xml version='1.0'?><stream:stream xmlns=\"{namespace}\" xmlns:stream=\"{STREAMS}\">"
            ),
            format!(
                "<?xml version='1.0' encoding='UTF-8'?>\r\n<s:stream\n\txmlns = '{namespace}'\n xmlns:s='{STREAMS}'\n>"
            ),
            format!(
                "<p.-\u{e9}:stream to='>' id=\"'\" xmlns='{namespace}' xmlns:p.-\u{e9}='{STREAMS}' />"
            ),
            format!(
                "<s:stream xmlns:x='jabber:server:dialback' xmlns='{namespace}' xmlns:s='{STREAMS}'>"
            ),
        ] {
            assert_eq!(found(&header), spoken, "{header}");
        }
    }
}

/// RFC 6120 §4.8.3: the content namespace may have a prefix.
#[test]
fn headers_with_a_prefix_for_the_content() {
    let own = format!("<stream xmlns='{STREAMS}' xmlns:c='jabber:client'>");
    assert_eq!(found(own), Spoken::Client);
    let both = format!("<s:stream xmlns:d='x' xmlns:c='jabber:server' xmlns:s='{STREAMS}'>");
    assert_eq!(found(both), Spoken::Server);
    // Another default namespace is the content's.
    let other = format!("<s:stream xmlns='x' xmlns:c='jabber:client' xmlns:s='{STREAMS}'>");
    assert_eq!(found(other), Spoken::Foreign);
}

#[test]
fn elements_that_begin_no_stream() {
    let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a' version='1.0'/>";
    assert_eq!(found(open), Spoken::Framing);
    let prefixed = "<f:open xmlns:f='urn:ietf:params:xml:ns:xmpp-framing'>";
    assert_eq!(found(prefixed), Spoken::Framing);
    for element in [
        "<open>",
        "<html>",
        "<message xmlns='jabber:client'>",
        "<stream xmlns='jabber:client'>",
        "<stream:stream xmlns='jabber:client'>",
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/stream'>",
        "<s:streams xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>",
        "<s:stream xmlns='jabber:client' Xmlns:s='http://etherx.jabber.org/streams'>",
    ] {
        assert_eq!(found(element), Spoken::Foreign, "{element}");
    }
}

#[test]
fn what_xml_or_a_stream_does_not_have() {
    for wrong in [
        "<>",
        "< a",
        "<1a",
        "</a>",
        "<!DOCTYPE a",
        "<!--",
        "<?xml?>",
        "<?xsl ",
        "<?xml-a ",
        "<?xml version='1.0'>",
        "<?xml <",
        "<?xml a?> x",
        "<a=",
        "<a b>",
        "<a b=c",
        "<a b='<",
        "<a b='c'd='e'>",
        "<a/ >",
        "<a//",
        "<a 'b'",
        "<a&",
        "<a\0",
        "<a:b:c>",
        "<a:>",
        "<a\"",
        "<?xml a?><?xml b?>",
    ] {
        assert_eq!(hopeless(wrong), Reason::Xml, "{wrong}");
    }
}

#[test]
fn requests() {
    for request in [
        "GET / HTTP/1.1\r\n",
        "OPTIONS * ",
        "A ",
        "UPDATEREDIRECTREF /a ",
    ] {
        assert_eq!(found(request), Spoken::Http, "{request}");
    }
    for wrong in [
        "GET\t",
        "GEt ",
        "GET\r\n",
        "Get ",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "P\0",
    ] {
        assert_eq!(hopeless(wrong), Reason::Method, "{wrong}");
    }
    assert_eq!(hopeless("get / HTTP/1.1"), Reason::Unknown);
}

#[test]
fn bytes_that_are_no_text() {
    assert_eq!(found([5]), Spoken::Socks);
    assert_eq!(found([5, 1, 0]), Spoken::Socks);
    assert_eq!(found([0x16, 3, 1, 2, 0]), Spoken::Tls);
    assert_eq!(hopeless([0x16, 2]), Reason::Version);
    for wrong in [
        &b"zzzz"[..],
        b"\0",
        b"\x04\x01",
        b"\x15\x03",
        b"\xff\xfe<",
        b"\xef\xbc",
        b"&",
    ] {
        assert_eq!(hopeless(wrong), Reason::Unknown, "{wrong:?}");
    }
}

#[test]
fn what_comes_before() {
    let header = format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}'>");
    for before in [
        "\n",
        "\r\n",
        "\u{feff}",
        " \t\u{feff}\r\n",
        &" ".repeat(MAX_SPACE),
    ] {
        let expected = Detected::Found {
            spoken: Spoken::Client,
            skipped: before.len(),
        };
        assert_eq!(answer(format!("{before}{header}").as_bytes()), expected);
        assert_eq!(found(format!("{before}GET /")), Spoken::Http);
    }
    let most = format!("{}\u{feff}{}", " ".repeat(60), "\n".repeat(4));
    assert_eq!(most.len(), MAX_SKIPPED);
    assert_eq!(answer(most.as_bytes()), Detected::Incomplete);
    assert_eq!(hopeless(format!("{most} ")), Reason::Space);
    assert_eq!(hopeless("\u{feff}\u{feff}"), Reason::Unknown);
    assert_eq!(hopeless(" ".repeat(65)), Reason::Space);
}

#[test]
fn beginnings_wait() {
    for beginning in [
        &b""[..],
        b"\n",
        b"\xef",
        b"\xef\xbb",
        b"\x16",
        b"G",
        b"GET",
        b"<",
        b"<?",
        b"<?xm",
        b"<?xml",
        b"<?xml version='1.0'?",
        b"<?xml version='1.0'?>",
        b"<?xml version='1.0'?>\n<",
        b"<a",
        b"<a ",
        b"<a b",
        b"<a b =",
        b"<a b = '",
        b"<a b = '>",
        b"<a b='c'",
        b"<a b='c'/",
    ] {
        assert_eq!(detect(beginning), Detected::Incomplete, "{beginning:?}");
    }
}

/// Pieces of which beginnings are made, right ones and wrong ones.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("<?xml version='1.0'?>"),
        Just("<stream:stream"),
        Just("<open"),
        Just(" xmlns='jabber:client'"),
        Just(" xmlns=\"jabber:server\""),
        Just(" xmlns:stream='http://etherx.jabber.org/streams'"),
        Just(" xmlns='urn:ietf:params:xml:ns:xmpp-framing'"),
        Just(" to='example.com'"),
        Just(">"),
        Just("/>"),
        Just("\n"),
        Just("\u{feff}"),
        Just("GET "),
        Just("\u{5}"),
        Just("\u{16}\u{3}"),
        Just("'"),
        Just("="),
        Just(":"),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn every_split_of_pieces_gives_the_same_answer(input in pieces()) {
        fuzz::run(&input);
    }

    #[test]
    fn every_split_of_anything_gives_the_same_answer(
        input in proptest::collection::vec(any::<u8>(), 0..40)
    ) {
        fuzz::run(&input);
    }
}

//! Headers of both versions, as proxies send them and as they must not.

#![expect(
    clippy::unwrap_used,
    reason = "a test builds what it knows to be right"
)]

use std::net::{IpAddr, SocketAddr};

use portcullis_proxy_header::{Header, MAX_LENGTH, Mistake, Parsed, crc32c, parse};
use proptest::prelude::*;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library elsewhere")]
mod fuzz;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn header(length: usize, source: Option<&str>) -> Parsed {
    let source = source.map(|source| source.parse().unwrap());
    Parsed::Header(Header { length, source })
}

/// A header of version 2.
fn binary(command: u8, kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, kind], &length, payload].concat()
}

fn payload(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let ports = [
        source.port().to_be_bytes(),
        destination.port().to_be_bytes(),
    ];
    [
        octets(source.ip()),
        octets(destination.ip()),
        ports.concat(),
    ]
    .concat()
}

fn payload_4() -> Vec<u8> {
    payload(
        "192.0.2.1:56324".parse().unwrap(),
        "198.51.100.1:5222".parse().unwrap(),
    )
}

fn value(sort: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[sort], &length[..], bytes].concat()
}

#[test]
fn lines_of_version_1() {
    for (line, source) in [
        (
            "TCP4 192.0.2.1 198.51.100.1 56324 5222",
            Some("192.0.2.1:56324"),
        ),
        (
            "TCP4 255.255.255.255 255.255.255.255 65535 65535",
            Some("255.255.255.255:65535"),
        ),
        (
            "TCP6 2001:db8::1 2001:db8::2 0 5222",
            Some("[2001:db8::1]:0"),
        ),
        ("UNKNOWN", None),
        ("UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535", None),
    ] {
        let bytes = format!("PROXY {line}\r\n");
        let with_more = format!("{bytes}<stream:stream PROXY \r\n");
        let expected = header(bytes.len(), source);
        assert_eq!(parse(with_more.as_bytes()), expected, "{line}");
        fuzz::run(with_more.as_bytes());
    }
}

#[test]
fn wrong_lines_of_version_1() {
    for line in [
        "",
        "TCP4",
        "TCP4 192.0.2.1 198.51.100.1 56324",
        "TCP4 192.0.2.1 198.51.100.1 56324 5222 1",
        "TCP4  192.0.2.1 198.51.100.1 56324 5222",
        "TCP5 192.0.2.1 198.51.100.1 56324 5222",
        "tcp4 192.0.2.1 198.51.100.1 56324 5222",
        "UNKNOWNX",
    ] {
        let bytes = format!("PROXY {line}\r\n");
        assert_eq!(
            parse(bytes.as_bytes()),
            Parsed::Wrong(Mistake::Line),
            "{line}"
        );
    }
    for line in [
        "TCP4 2001:db8::1 198.51.100.1 56324 5222",
        "TCP4 192.0.2.1 2001:db8::1 56324 5222",
        "TCP6 192.0.2.1 192.0.2.2 56324 5222",
        "TCP4 192.0.2.01 198.51.100.1 56324 5222",
        "TCP4 192.0.2.1 198.51.100.1 65536 5222",
        "TCP4 192.0.2.1 198.51.100.1 +5 5222",
        "TCP4 192.0.2.1 198.51.100.1 05 5222",
        "TCP4 192.0.2.1 198.51.100.1 5 ",
    ] {
        let bytes = format!("PROXY {line}\r\n");
        assert_eq!(
            parse(bytes.as_bytes()),
            Parsed::Wrong(Mistake::Address),
            "{line}"
        );
    }
    let bare = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 5222\n";
    assert_eq!(parse(bare), Parsed::Wrong(Mistake::Line));
}

#[test]
fn a_line_has_107_bytes_at_most() {
    let line = |length: usize| {
        let filler = "x".repeat(length - "PROXY UNKNOWN \r\n".len());
        format!("PROXY UNKNOWN {filler}\r\n").into_bytes()
    };
    assert_eq!(parse(&line(107)), header(107, None));
    assert_eq!(parse(&line(108)), Parsed::Wrong(Mistake::TooLong));
    assert_eq!(parse(&line(108)[..106]), Parsed::Incomplete);
    assert_eq!(parse(&line(108)[..107]), Parsed::Wrong(Mistake::TooLong));
}

#[test]
fn addresses_of_version_2() {
    let four = binary(0x21, 0x11, &payload_4());
    assert_eq!(parse(&four), header(28, Some("192.0.2.1:56324")));
    let source = "[2001:db8::1]:7";
    let six = payload(source.parse().unwrap(), "[2001:db8::2]:8".parse().unwrap());
    let six = binary(0x21, 0x21, &six);
    assert_eq!(parse(&six), header(52, Some(source)));
    // Datagrams, sockets of the file system, and what the proxy does not know.
    assert_eq!(parse(&binary(0x21, 0x12, &payload_4())), header(28, None));
    assert_eq!(parse(&binary(0x21, 0x31, &[b'x'; 216])), header(232, None));
    assert_eq!(parse(&binary(0x21, 0x00, b"anything")), header(24, None));
    // The proxy itself: the rest of the header says nothing.
    assert_eq!(parse(&binary(0x20, 0x00, b"")), header(16, None));
    assert_eq!(parse(&binary(0x20, 0x11, &payload_4())), header(28, None));
    assert_eq!(parse(&binary(0x20, 0xff, b"\x03")), header(17, None));
}

#[test]
fn wrong_headers_of_version_2() {
    for (command, kind) in [
        (0x11, 0x11),
        (0x31, 0x11),
        (0x22, 0x11),
        (0x21, 0x41),
        (0x21, 0x13),
    ] {
        let bytes = binary(command, kind, &payload_4());
        assert_eq!(
            parse(&bytes),
            Parsed::Wrong(Mistake::Kind),
            "{command:x} {kind:x}"
        );
    }
    for (kind, length) in [(0x11, 11), (0x21, 35), (0x31, 215)] {
        let bytes = binary(0x21, kind, &vec![0; length]);
        assert_eq!(parse(&bytes), Parsed::Wrong(Mistake::TooShort));
    }
}

#[test]
fn what_is_longer_than_the_bound_is_refused_by_its_first_bytes() {
    let longest = binary(0x20, 0, &[0; 2048]);
    assert_eq!(parse(&longest), header(MAX_LENGTH, None));
    let longer = binary(0x20, 0, &[0; 2049]);
    assert_eq!(parse(&longer[..15]), Parsed::Incomplete);
    assert_eq!(parse(&longer[..16]), Parsed::Wrong(Mistake::TooLong));
}

#[test]
fn values_are_walked_and_ignored() {
    let values = [
        value(1, b"xmpp-client"),
        value(4, b""),
        value(0xee, &[9; 300]),
    ]
    .concat();
    let bytes = binary(0x21, 0x11, &[payload_4(), values].concat());
    assert_eq!(parse(&bytes), header(bytes.len(), Some("192.0.2.1:56324")));
    for broken in [
        &b"\x01"[..],
        b"\x01\x00",
        b"\x01\x00\x02x",
        b"\x03\x00\x02xx",
    ] {
        let bytes = binary(0x21, 0x11, &[&payload_4()[..], broken].concat());
        assert_eq!(parse(&bytes), Parsed::Wrong(Mistake::Values), "{broken:?}");
    }
}

#[test]
fn a_checksum_has_to_be_right() {
    let with = |sum: u32, more: &[u8]| {
        let values = [value(5, b"id"), value(3, &sum.to_be_bytes()), more.to_vec()].concat();
        binary(0x21, 0x11, &[payload_4(), values].concat())
    };
    let more = value(1, b"behind");
    let right = crc32c(with(0, &more));
    let bytes = with(right, &more);
    assert_eq!(parse(&bytes), header(bytes.len(), Some("192.0.2.1:56324")));
    assert_eq!(
        parse(&with(right ^ 1, &more)),
        Parsed::Wrong(Mistake::Checksum)
    );
    let twice = value(3, &[0; 4]);
    let right = crc32c(with(0, &twice));
    assert_eq!(
        parse(&with(right, &twice)),
        Parsed::Wrong(Mistake::Checksum)
    );
}

#[test]
fn what_begins_otherwise_is_none() {
    for other in [
        &b"<?xml"[..],
        b"\r\n<",
        b"\x16\x03\x01",
        b"POST / HTTP/1.1",
        b"PROXY\t",
    ] {
        assert_eq!(parse(other), Parsed::Absent, "{other:?}");
    }
    for beginning in [&b""[..], b"P", b"PROXY", b"\r", b"\r\n\r\n\0\r\nQUIT"] {
        assert_eq!(parse(beginning), Parsed::Incomplete, "{beginning:?}");
    }
}

fn address() -> impl Strategy<Value = SocketAddr> {
    any::<(IpAddr, u16)>().prop_map(SocketAddr::from)
}

/// Bytes that look like a header for a while.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let rest = || proptest::collection::vec(any::<u8>(), 0..300);
    let head = (
        prop_oneof![Just(0x20), Just(0x21), any::<u8>()],
        prop_oneof![Just(0x11), Just(0x21), Just(0x31), any::<u8>()],
        0..300_u16,
    );
    prop_oneof![
        rest(),
        "PROXY (TCP[46] )?[0-9a-f:. ]{0,120}(\r\n)?".prop_map(String::into_bytes),
        (head, rest()).prop_map(|((command, kind, length), rest)| {
            let length = length.to_be_bytes();
            [SIGNATURE, &[command, kind], &length, &rest].concat()
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(source in address(), other in address(), behind: Vec<u8>) {
        let other = match source.ip() {
            IpAddr::V4(_) => SocketAddr::from(([198, 51, 100, 1], other.port())),
            IpAddr::V6(_) => SocketAddr::from(([8; 16], other.port())),
        };
        let (family, kind) = if source.is_ipv4() { ("TCP4", 0x11) } else { ("TCP6", 0x21) };
        let line = format!(
            "PROXY {family} {} {} {} {}\r\n", source.ip(), other.ip(), source.port(), other.port()
        );
        let binary = binary(0x21, kind, &payload(source, other));
        for bytes in [line.into_bytes(), binary] {
            let expected = Parsed::Header(Header { length: bytes.len(), source: Some(source) });
            let bytes = [bytes, behind.clone()].concat();
            prop_assert_eq!(parse(&bytes), expected);
            fuzz::run(&bytes);
        }
    }

    #[test]
    fn any_split_says_the_same(bytes in anything()) {
        fuzz::run(&bytes);
    }
}

//! Version 1 (section 2.1): one line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::{Header, Mistake};

pub(crate) const SIGNATURE: &[u8] = b"PROXY ";

/// With the end of the line.
const MAX_LINE: usize = 107;

/// `None` while the line has no end.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Header>, Mistake> {
    let Some(end) = input.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
        return if input.len() < MAX_LINE {
            Ok(None)
        } else {
            Err(Mistake::TooLong)
        };
    };
    let line = input.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| line.strip_prefix(SIGNATURE));
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    let source = client(line.ok_or(Mistake::Line)?)?;
    Ok(Some(Header {
        length: end + 1,
        source,
    }))
}

fn client(line: &str) -> Result<Option<SocketAddr>, Mistake> {
    let mut words = line.split(' ');
    let family = words.next().unwrap_or_default();
    // What follows is to be ignored.
    if family == "UNKNOWN" {
        return Ok(None);
    }
    let mut word = || words.next().ok_or(Mistake::Line);
    let (source, destination) = (word()?, word()?);
    let (source_port, destination_port) = (word()?, word()?);
    if words.next().is_some() {
        return Err(Mistake::Line);
    }
    let source = match family {
        "TCP4" => IpAddr::V4(address::<Ipv4Addr>(source, destination)?),
        "TCP6" => IpAddr::V6(address::<Ipv6Addr>(source, destination)?),
        _ => return Err(Mistake::Line),
    };
    port(destination_port)?;
    Ok(Some(SocketAddr::new(source, port(source_port)?)))
}

/// The first of two addresses of one family.
fn address<A: FromStr>(source: &str, destination: &str) -> Result<A, Mistake> {
    destination.parse::<A>().map_err(|_| Mistake::Address)?;
    source.parse().map_err(|_| Mistake::Address)
}

/// Decimal, without a sign and without zeros in front.
fn port(word: &str) -> Result<u16, Mistake> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain || (word.starts_with('0') && word.len() > 1) {
        return Err(Mistake::Address);
    }
    word.parse().map_err(|_| Mistake::Address)
}

//! Version 2 (section 2.2): binary.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::checksum::crc32c;
use crate::{Header, Mistake};

pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of addresses and values that are read.
pub(crate) const MAX_PAYLOAD: usize = 2048;

const HEAD: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
/// PP2_TYPE_CRC32C
const CHECKSUM: u8 = 0x03;

/// Sorts of addresses (section 2.2, families), with the bytes that source and destination take.
const INTERNET: (u8, usize) = (1, 12);
const INTERNET_6: (u8, usize) = (2, 36);
const UNIX: (u8, usize) = (3, 216);
const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;

/// `None` while bytes are missing.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Header>, Mistake> {
    let Some(&[.., command, kind, high, low]) = input.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    if command != LOCAL && command != PROXY {
        return Err(Mistake::Kind);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_PAYLOAD {
        return Err(Mistake::TooLong);
    }
    let length = HEAD + length;
    let Some(header) = input.get(..length) else {
        return Ok(None);
    };
    let source = if command == LOCAL {
        None
    } else {
        client(kind, header)?
    };
    Ok(Some(Header { length, source }))
}

fn client(kind: u8, header: &[u8]) -> Result<Option<SocketAddr>, Mistake> {
    let (family, transport) = (kind >> 4, kind & 0x0f);
    if transport > DATAGRAM {
        return Err(Mistake::Kind);
    }
    let size = match family {
        // Nothing is known, and what follows is to be ignored.
        0 => return Ok(None),
        family if family == INTERNET.0 => INTERNET.1,
        family if family == INTERNET_6.0 => INTERNET_6.1,
        family if family == UNIX.0 => UNIX.1,
        _ => return Err(Mistake::Kind),
    };
    let payload = header.get(HEAD..).ok_or(Mistake::TooShort)?;
    let (addresses, values) = payload.split_at_checked(size).ok_or(Mistake::TooShort)?;
    check_values(header, values)?;
    // Nobody comes over TCP from an address of another sort.
    Ok((transport == STREAM).then(|| source(addresses)).flatten())
}

/// The source of a pair of IPv4 or IPv6 addresses, followed by two ports.
fn source(addresses: &[u8]) -> Option<SocketAddr> {
    let (address, ports) = if addresses.len() == INTERNET.1 {
        let address = Ipv4Addr::from(*addresses.first_chunk::<4>()?);
        (IpAddr::V4(address), addresses.get(8..)?)
    } else if addresses.len() == INTERNET_6.1 {
        let address = Ipv6Addr::from(*addresses.first_chunk::<16>()?);
        (IpAddr::V6(address), addresses.get(32..)?)
    } else {
        return None;
    };
    let port = u16::from_be_bytes(*ports.first_chunk()?);
    Some(SocketAddr::new(address, port))
}

/// The values are not used, but they have to fill the header, and the checksum, of which there is one
/// at most, has to be right.
fn check_values(header: &[u8], mut values: &[u8]) -> Result<(), Mistake> {
    let mut is_checked = false;
    while let Some((&[sort, high, low], rest)) = values.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let at = header.len() - rest.len();
        let (value, rest) = rest.split_at_checked(length).ok_or(Mistake::Values)?;
        if sort == CHECKSUM {
            let value = <[u8; 4]>::try_from(value).map_err(|_| Mistake::Values)?;
            if is_checked || checksum(header, at) != u32::from_be_bytes(value) {
                return Err(Mistake::Checksum);
            }
            is_checked = true;
        }
        values = rest;
    }
    if values.is_empty() {
        Ok(())
    } else {
        Err(Mistake::Values)
    }
}

/// Of the header with the checksum, which stands at `at`, as zeros.
fn checksum(header: &[u8], at: usize) -> u32 {
    let without = header.iter().enumerate().map(|(place, byte)| {
        if (at..at + 4).contains(&place) {
            0
        } else {
            *byte
        }
    });
    crc32c(without)
}

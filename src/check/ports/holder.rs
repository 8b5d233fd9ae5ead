//! Which program listens on an address, as `/proc` tells: all of them for root, one's own for others.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// `TCP_LISTEN`, as it stands in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// Open files that are looked at before the search is given up.
const MAX_FILES: usize = 500_000;

/// A program that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: u32,
    name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Whoever listens on `address`, or on one that covers it or is covered by it.
pub(super) fn of(address: SocketAddr) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    let sockets: Vec<_> = tables
        .flat_map(|table| listening(&table, address))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    owner(&sockets)
}

/// The sockets of a table that stand in the way of `address`, by inode.
fn listening(table: &str, address: SocketAddr) -> Vec<u64> {
    let in_the_way = |line: &str| {
        let mut fields = line.split_whitespace();
        let local = parse_address(fields.nth(1)?)?;
        let is_listening = fields.nth(1)? == LISTEN;
        let inode = fields.nth(5)?.parse().ok()?;
        (is_listening && collide(local, address)).then_some(inode)
    };
    table.lines().skip(1).filter_map(in_the_way).collect()
}

fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (ip, wanted) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_any = |ip: IpAddr| ip.is_unspecified();
    one.port() == other.port() && (ip == wanted || is_any(ip) || is_any(wanted))
}

/// `0100007F:1466`: words of the address in the byte order of the machine, then the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(at..at + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The first process that has one of these open.
fn owner(sockets: &[String]) -> Option<Holder> {
    let mut left = MAX_FILES;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for file in files.flatten().take(left) {
            left = left.saturating_sub(1);
            let target = fs::read_link(file.path()).ok();
            if target.is_some_and(|it| sockets.iter().any(|socket| it == Path::new(socket))) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                let name = name.trim().to_owned();
                return Some(Holder { pid, name });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_the_kernel_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     \x20  0: 0100007F:1466 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
                     \x20  1: 0100007F:1466 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n";
        for (address, expected) in [
            ("127.0.0.1:5222", &[4711][..]),
            ("0.0.0.0:5222", &[4711]),
            ("127.0.0.2:5222", &[]),
            ("127.0.0.1:5223", &[]),
        ] {
            assert_eq!(
                listening(table, address.parse().unwrap()),
                expected,
                "{address}"
            );
        }
        let v6 = parse_address("00000000000000000000000001000000:1466").unwrap();
        assert_eq!(v6, "[::1]:5222".parse().unwrap());
    }
}

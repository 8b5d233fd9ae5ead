//! Addresses to listen on, as text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::checker::{found, integer, locate_file, text};
use crate::tree::Node;

/// An entry of `bind`, before it is known whether `[::]` leaves IPv4 alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    Unix(PathBuf),
    Systemd(String),
}

/// What the kernel takes as the path of a socket, in bytes with the one that ends it.
const MAX_SOCKET_PATH: usize = 108;

/// An entry of `bind`; relative paths start at `base`.
pub(crate) fn parse_bind(node: &Node, base: &Path) -> Result<Target, String> {
    let text = text(node).ok_or_else(|| {
        format!(
            "expected an address with port such as \"192.0.2.1:5222\", found {}",
            found(node)
        )
    })?;
    if let Some(path) = text.strip_prefix("unix:") {
        return parse_path(text, path)
            .map(|path| Target::Unix(locate_file(base, &node.place, path)));
    }
    if let Some(name) = text.strip_prefix("systemd:") {
        return parse_systemd(text, name).map(Target::Systemd);
    }
    let (address, port) = split_port(text)?;
    let address = parse_bind_address(text, address)?;
    Ok(Target::Address(SocketAddr::new(address, port)))
}

fn parse_path<'a>(text: &str, path: &'a str) -> Result<&'a str, String> {
    if path.is_empty() || path.contains('\0') || path.ends_with('/') {
        return Err(format!(
            "{text:?} names no socket: write one such as \"unix:/run/portcullis/c2s.sock\""
        ));
    }
    if path.len() >= MAX_SOCKET_PATH {
        return Err(format!(
            "the path of a socket has at most {} bytes, {text:?} has {}",
            MAX_SOCKET_PATH - 1,
            path.len()
        ));
    }
    Ok(path)
}

/// As in `FileDescriptorName=` of systemd.socket: printable ASCII without a colon.
fn parse_systemd(text: &str, name: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if name.is_empty() || name.len() > 255 || !name.bytes().all(good) {
        return Err(format!(
            "{text:?} names no socket of systemd: write the FileDescriptorName= of its unit, such as \"systemd:c2s\""
        ));
    }
    Ok(name.to_owned())
}

fn split_port(text: &str) -> Result<(&str, u16), String> {
    let missing = || {
        format!(
            "{text:?} has no port: write one such as \"{}\"",
            with_port(text)
        )
    };
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!(
            "{text:?} is an IPv6 address without brackets and port: write one such as \"[2001:db8::1]:5222\""
        ));
    }
    if text.parse::<IpAddr>().is_ok() || text.ends_with(']') {
        return Err(missing());
    }
    let (address, port) = text.rsplit_once(':').ok_or_else(missing)?;
    if let Some(port) = parse_port(port) {
        return Ok((address, port));
    }
    Err(format!(
        "{port:?} in {text:?} is not a port; accepted: 1 to 65535"
    ))
}

fn with_port(text: &str) -> String {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:5222"),
        Ok(IpAddr::V4(address)) => format!("{address}:5222"),
        Err(_) if text == "*" => "*:5222".to_owned(),
        Err(_) => "192.0.2.1:5222".to_owned(),
    }
}

fn parse_bind_address(text: &str, address: &str) -> Result<IpAddr, String> {
    if address == "*" {
        return Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    if let Some(inner) = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let address: Ipv6Addr = inner
            .parse()
            .map_err(|_| format!("{text:?}: {inner:?} is not an IPv6 address"))?;
        return plain_v6(address);
    }
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return Ok(IpAddr::V4(address));
    }
    Err(not_literal(address))
}

/// An entry of `interfaces`: a literal address, `*` or `::`.
pub(crate) fn parse_interface(node: &Node) -> Result<IpAddr, String> {
    let text = text(node).ok_or_else(|| {
        format!(
            "expected an address, \"*\" or \"::\", found {}",
            found(node)
        )
    })?;
    if text == "*" {
        return Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => plain_v6(address),
        Ok(address) => Ok(address),
        Err(_) if text.starts_with('[') => Err(format!(
            "{text:?}: an interface has no brackets and no port, such as \"::1\""
        )),
        Err(_) => Err(not_literal(text)),
    }
}

/// An entry of `ports`.
pub(crate) fn parse_port_item(node: &Node) -> Result<u16, String> {
    let port = integer(node)
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0);
    port.ok_or_else(|| format!("{} is not a port; accepted: 1 to 65535", found(node)))
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|port| *port != 0)
}

fn plain_v6(address: Ipv6Addr) -> Result<IpAddr, String> {
    match address.to_ipv4_mapped() {
        Some(v4) => Err(format!(
            "{address} is an IPv4 address in disguise: write {v4}"
        )),
        None => Ok(IpAddr::V6(address)),
    }
}

fn not_literal(text: &str) -> String {
    format!(
        "{text:?} is not a literal address: host names are not resolved, write one such as 192.0.2.1, \
         [2001:db8::1] or *"
    )
}

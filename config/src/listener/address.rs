//! Addresses to listen on, as text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::checker::{found, integer, text};
use crate::tree::Node;

/// An entry of `bind`: a literal address with its port.
pub(crate) fn parse_bind(node: &Node) -> Result<SocketAddr, String> {
    let text = text(node).ok_or_else(|| {
        format!(
            "expected an address with port such as \"192.0.2.1:5222\", found {}",
            found(node)
        )
    })?;
    for scheme in ["unix:", "systemd:"] {
        if text.starts_with(scheme) {
            return Err(format!(
                "{text:?}: {scheme} is not yet supported in this version"
            ));
        }
    }
    let (address, port) = split_port(text)?;
    Ok(SocketAddr::new(parse_bind_address(text, address)?, port))
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

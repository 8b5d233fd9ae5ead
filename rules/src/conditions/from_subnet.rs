//! `FROM SUBNET`: the network of the far end.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::diagnostic::Code;
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM SUBNET",
    parameter: Parameter::Required("Expected a subnet"),
    syntax: "FROM SUBNET: address/prefix",
    summary: "The session that sent the stanza comes from this network. Without a prefix length it is a single address. False if the address is not known.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM SUBNET: 203.0.113.0/24",
            stanza: "<message from='a@remote.example'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM SUBNET: 2001:db8::/32",
            stanza: "<message from='a@remote.example'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
enum FromSubnet {
    Network(IpNet),
    /// A prefix that is longer than any address: nothing is in it.
    Nothing,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let text = required(value).trim();
    let invalid = || {
        Refusal::invalid(format!("Invalid subnet: {text}"))
            .help("write an address, a slash and the prefix length")
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (
            address,
            Some(prefix.trim().parse::<u32>().map_err(|_| invalid())?),
        ),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().map_err(|_| invalid())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(longest);
    let Some(prefix) = u8::try_from(prefix)
        .ok()
        .filter(|prefix| u32::from(*prefix) <= longest)
    else {
        scope.warn(
            Code::Suspicious,
            format!("no address is in {text}: the prefix is longer than {longest}"),
        );
        return Ok(Box::new(FromSubnet::Nothing));
    };
    let network = match address {
        IpAddr::V4(address) => Ipv4Net::new(address, prefix).map(IpNet::V4),
        IpAddr::V6(address) => Ipv6Net::new(address, prefix).map(IpNet::V6),
    };
    Ok(Box::new(FromSubnet::Network(
        network.map_err(|_| invalid())?,
    )))
}

impl Condition for FromSubnet {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        match (self, run.origin.ip) {
            (Self::Network(network), Some(address)) => network.contains(&address.to_canonical()),
            _ => false,
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.add("address of the origin", run.origin.ip);
    }
}

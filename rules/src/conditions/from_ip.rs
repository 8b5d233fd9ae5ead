//! `FROM IP`: the address of the far end.

use std::net::IpAddr;

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM IP",
    parameter: Parameter::Required("Expected an IP address"),
    syntax: "FROM IP: address",
    summary: "The session that sent the stanza comes from this address, however it is written. False if the address is not known.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM IP: 203.0.113.9",
            stanza: "<message from='a@remote.example'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM IP: 2001:db8:0::8",
            stanza: "<message from='a@remote.example'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct FromIp {
    address: IpAddr,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let text = required(value);
    let address: IpAddr = text
        .trim()
        .parse()
        .map_err(|_| Refusal::invalid(format!("Invalid IP address: {text}")))?;
    Ok(Box::new(FromIp {
        address: address.to_canonical(),
    }))
}

impl Condition for FromIp {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.origin
            .ip
            .is_some_and(|address| address.to_canonical() == self.address)
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.add("address of the origin", run.origin.ip);
    }
}

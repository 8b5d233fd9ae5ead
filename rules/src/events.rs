//! Server events: those that chains of the configuration can be attached to, and those that rules can fire.
//!
//! Prosody has events for everything that happens in it. Here a stanza passes three points, under the names that it
//! has there: `pre-message/bare` and so on before routing, `message/bare` and so on before delivery, `route/remote`
//! before it would leave. Events of the operator's own have a name with a slash and are fired by rules alone.

use xmpp::stanza::Stanza;

use crate::options::ExtraChain;
use crate::program::ChainId;
use crate::refusal::Refusal;

/// The built-in chains, each at its point of a stanza's way.
pub(crate) const BUILT_IN: [&str; 3] = ["preroute", "deliver", "deliver_remote"];

const KINDS: [&str; 3] = ["message", "presence", "iq"];
const PARTIES: [&str; 3] = ["bare", "full", "host"];
/// Every stanza.
const ALL: u16 = (1 << 9) - 1;

/// The first words of names that the server keeps for itself.
const RESERVED: [&str; 13] = [
    "message",
    "presence",
    "iq",
    "pre-message",
    "pre-presence",
    "pre-iq",
    "iq-get",
    "iq-set",
    "iq-result",
    "iq-error",
    "route",
    "stanza",
    "firewall",
];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// A point that stanzas pass, by its built-in chain, and which of them are meant.
    At(&'static str, u16),
    /// Only rules fire it.
    Own,
}

/// A chain that runs beside a built-in one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attached {
    pub(crate) chain: ChainId,
    /// The stanzas that it sees: a bit for each kind and kind of address.
    stanzas: u16,
    pub(crate) runs_before: bool,
}

impl Attached {
    /// True if the chain is to see this stanza.
    pub(crate) fn sees(&self, stanza: &Stanza) -> bool {
        self.stanzas == ALL || self.stanzas & bit_of(stanza) != 0
    }
}

/// Attaches the chain `id` of the configuration to the built-in chain `name`, if one of its events is there.
pub(crate) fn attach(extra: &ExtraChain, id: ChainId, name: &str) -> Option<Attached> {
    let mut stanzas = 0;
    for event in &extra.events {
        if let Some(Event::At(point, meant)) = event_named(event)
            && point == name
        {
            stanzas |= meant;
        }
    }
    (stanzas != 0).then_some(Attached {
        chain: id,
        stanzas,
        runs_before: extra.runs_before,
    })
}

impl ExtraChain {
    /// Looks at name and events; what is wrong with them, in words for the operator.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), String> {
        if BUILT_IN.contains(&self.name.as_str()) || self.name.starts_with("user/") {
            return Err(format!(
                "{} is a chain that needs no configuration: choose another name",
                self.name
            ));
        }
        if self.name.is_empty() || self.name.trim() != self.name {
            return Err(format!(
                "{:?} can not stand behind `::` in a script",
                self.name
            ));
        }
        match self
            .events
            .iter()
            .find(|event| event_named(event).is_none())
        {
            Some(event) => Err(format!("there is no event {event} here: {ADVICE}")),
            None => Ok(()),
        }
    }
}

const ADVICE: &str = "a stanza passes pre-message/bare, message/bare (also presence and iq; full and host) and \
                      route/remote; events of your own have a name with a slash such as custom/thing";

/// The name of an event that a rule fires.
pub(crate) fn own(name: &str) -> Result<&str, Refusal> {
    match event_named(name) {
        Some(Event::Own) => Ok(name),
        Some(Event::At(..)) => Err(Refusal::invalid(format!(
            "rules can not fire the event {name}"
        ))
        .help("the server fires it for every stanza: use JUMP CHAIN, or an event of your own")),
        None => Err(Refusal::invalid(format!("there is no event {name} here")).help(ADVICE)),
    }
}

fn event_named(name: &str) -> Option<Event> {
    if name == "route/remote" {
        return Some(Event::At("deliver_remote", ALL));
    }
    let (first, rest) = name.split_once('/')?;
    let (point, kind) = match first.strip_prefix("pre-") {
        Some(kind) => ("preroute", kind),
        None => ("deliver", first),
    };
    let kind = KINDS.iter().position(|known| *known == kind);
    let party = PARTIES.iter().position(|known| *known == rest);
    match (kind, party) {
        (Some(kind), Some(party)) => Some(Event::At(point, 1 << (kind * 3 + party))),
        _ if RESERVED.contains(&first) || first.is_empty() || rest.is_empty() => None,
        _ => Some(Event::Own),
    }
}

fn bit_of(stanza: &Stanza) -> u16 {
    let kind = KINDS
        .iter()
        .position(|known| *known == stanza.kind().name());
    let party = match stanza.to() {
        Some(to) if to.node().is_none() => 2,
        Some(to) if to.resource().is_some() => 1,
        // What a client sends to nobody is for its own bare address.
        Some(_) | None => 0,
    };
    kind.map_or(0, |kind| 1 << (kind * 3 + party))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_the_server_are_a_closed_set() {
        assert_eq!(
            event_named("pre-message/bare"),
            Some(Event::At("preroute", 1))
        );
        assert_eq!(event_named("iq/host"), Some(Event::At("deliver", 1 << 8)));
        assert_eq!(
            event_named("route/remote"),
            Some(Event::At("deliver_remote", ALL))
        );
        assert_eq!(event_named("custom/thing"), Some(Event::Own));
        for unknown in [
            "message/self",
            "iq/self",
            "iq-get/bare",
            "iq-get/self/jabber:iq:roster:query",
            "resource-bind",
            "message/offline/handle",
            "route/local",
            "authentication-success",
            "",
            "/",
            "custom/",
        ] {
            assert_eq!(event_named(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_bad_chain_of_the_configuration_says_why() {
        let chain = |name: &str, event: &str| ExtraChain {
            name: name.into(),
            events: vec![event.into()],
            is_event_chain: true,
            runs_before: false,
        };
        assert_eq!(chain("early", "pre-iq/full").check(), Ok(()));
        for (name, event, said) in [
            ("deliver", "message/bare", "choose another name"),
            ("user/x", "message/bare", "choose another name"),
            (" x", "message/bare", "can not stand behind"),
            ("x", "resource-bind", "there is no event resource-bind here"),
        ] {
            let problem = chain(name, event).check().unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }
}

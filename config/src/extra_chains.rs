//! `[firewall.extra_chains.<name>]`: chains of the operator's, beside the built-in ones.

use crate::checker::{Checker, Section, found, text};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::tree::Node;

/// A chain of the operator's that runs beside the built-in ones, or for events that rules fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraChain {
    /// What scripts write behind `::`.
    pub name: String,
    /// The events that run it; whether there are such events the rules know.
    pub events: Vec<String>,
    /// It runs before the built-in chain of the same stanzas, and not after it.
    pub runs_before: bool,
}

static EVENTS: Key = Key {
    name: "events",
    accepts: Accepts::List("names of events"),
    preset: Preset::Required,
    reload: Reload::Live,
    doc: "The events that run the chain. A stanza of a local client passes `pre-message/bare`, `pre-presence/bare` or \
          `pre-iq/bare` (also `/full` and `/host`, by its recipient) where `preroute` runs; one for a local address \
          `message/bare` and so on where `deliver` runs; one for another server `route/remote` where \
          `deliver_remote` runs. Any other name with a slash is an event of your own, which rules fire by `EVENT` \
          and `JUMP EVENT`.",
    example: "[\"pre-message/bare\", \"custom/thing\"]",
};

static ORDER: Key = Key {
    name: "order",
    accepts: Accepts::OneOf(&["before", "after"], &[]),
    preset: Preset::Value("\"after\""),
    reload: Reload::Live,
    doc: "Whether the chain runs before or after the built-in chain of the same stanzas. Several on one side run in \
          the order of their names.",
    example: "",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "extra_chains",
    doc: "A chain that scripts fill beside the built-in ones: `::NAME` in a script switches to it.",
    named: Some("early"),
    keys: &[&EVENTS, &ORDER],
    tables: &[],
    later: &[],
};

pub(crate) fn read(checker: &mut Checker, firewall: &Section<'_>) -> Vec<ExtraChain> {
    let chains = firewall.child(SECTION.name);
    let read = |name: &str| {
        let section = chains.child(name);
        let events = checker.list(&section, &EVENTS, event);
        ExtraChain {
            name: name.to_owned(),
            events: events.unwrap_or_default(),
            runs_before: checker.word(&section, &ORDER).as_deref() == Some("before"),
        }
    };
    chains.tables().map(read).collect()
}

fn event(node: &Node) -> Result<String, String> {
    let event = text(node).filter(|event| !event.is_empty());
    let event = event.map(str::to_owned);
    event.ok_or_else(|| format!("expected the name of an event, found {}", found(node)))
}

//! The conditions of the language: one file each, and the table of all of them.
//!
//! A condition is added by writing its file and its line in [`ALL`]; the reference and the examples that run as
//! tests follow from there.

mod border;
mod check_list;
mod count;
mod crossing_groups;
mod day;
mod entering;
mod from;
mod from_admin;
mod from_admin_of;
mod from_country;
mod from_exactly;
mod from_full_jid;
mod from_group;
mod from_ip;
mod from_role;
mod from_subnet;
mod in_roster;
mod in_roster_group;
mod inspect;
mod kind;
mod leaving;
mod limit;
mod may;
pub(crate) mod on_fetched_list;
mod origin_marked;
mod payload;
mod pending_subscription;
mod scan;
mod sent_directed_presence;
mod subscribed;
mod time;
mod to;
mod to_admin;
mod to_admin_of;
mod to_exactly;
mod to_full_jid;
mod to_group;
mod to_role;
mod to_self;
mod type_;
mod user_marked;

use crate::address::Party;
use crate::explain::sight::Sight;
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::{PathId, Run};
use crate::scope::Scope;

/// All conditions, in the order of the reference.
pub(crate) const ALL: &[&Spec] = &[
    &kind::SPEC,
    &type_::SPEC,
    &payload::SPEC,
    &inspect::SPEC,
    &from::SPEC,
    &to::SPEC,
    &from_exactly::SPEC,
    &to_exactly::SPEC,
    &to_self::SPEC,
    &to_full_jid::SPEC,
    &from_full_jid::SPEC,
    &entering::SPEC,
    &leaving::SPEC,
    &in_roster::SPEC,
    &in_roster_group::SPEC,
    &subscribed::SPEC,
    &pending_subscription::SPEC,
    &sent_directed_presence::SPEC,
    &from_group::SPEC,
    &to_group::SPEC,
    &crossing_groups::SPEC,
    &may::SPEC,
    &from_role::SPEC,
    &to_role::SPEC,
    &from_admin::SPEC,
    &to_admin::SPEC,
    &from_admin_of::SPEC,
    &to_admin_of::SPEC,
    &from_ip::SPEC,
    &from_subnet::SPEC,
    &from_country::SPEC,
    &time::SPEC,
    &day::SPEC,
    &limit::SPEC,
    &origin_marked::SPEC,
    &user_marked::SPEC,
    &check_list::SPEC,
    &scan::SPEC,
    &count::SPEC,
];

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// A value must stand there; the text is the error if none does.
    Required(&'static str),
    /// A value may stand there.
    Optional,
    /// Whatever stands there is ignored.
    None,
}

/// A rule that is run against a stanza as a test, and shown in the reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example {
    /// Definitions before the rule.
    pub(crate) definitions: &'static str,
    /// The condition line.
    pub(crate) line: &'static str,
    /// The stanza.
    pub(crate) stanza: &'static str,
    /// Whether the condition holds.
    pub(crate) holds: bool,
}

/// Everything about a condition but its evaluation.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The name, with spaces.
    pub(crate) name: &'static str,
    pub(crate) parameter: Parameter,
    /// How it is written.
    pub(crate) syntax: &'static str,
    /// When it holds, in Markdown.
    pub(crate) summary: &'static str,
    pub(crate) examples: &'static [Example],
    pub(crate) parse: Parse,
}

/// Reads the value of a condition.
pub(crate) type Parse = fn(&mut Scope<'_>, Option<&str>) -> Result<Box<dyn Condition>, Refusal>;

/// The condition of that name.
pub(crate) fn named(name: &str) -> Option<&'static Spec> {
    ALL.iter().find(|spec| spec.name == name).copied()
}

/// A compiled condition.
pub(crate) trait Condition: std::fmt::Debug + Send + Sync {
    /// Whether it holds now.
    fn holds(&self, run: &mut Run<'_>) -> bool;

    /// Says what it looks at beside the facts that it asks for: what `explain` shows. Nothing is decided by it.
    fn seen(&self, _run: &mut Run<'_>, _sight: &mut Sight) {}

    /// What a stanza must have for it to hold, as far as an index can use it.
    fn guard(&self) -> Guard {
        Guard::None
    }

    /// Facts about accounts that it may ask for.
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    /// True if evaluating it changes something.
    fn has_side_effect(&self) -> bool {
        false
    }

    /// For conditions on lists: whether there is anything to look up in the list.
    fn asks_list(&self, _: &mut Run<'_>) -> bool {
        true
    }

    /// What evaluating it costs, for advice about the order of conditions.
    fn cost(&self) -> Cost {
        if self.needs() == Needs::NONE {
            Cost::Head
        } else {
            Cost::Facts
        }
    }

    /// True if remembering its outcome costs less than asking again.
    fn is_worth_sharing(&self) -> bool {
        false
    }
}

/// What evaluating a condition costs, from the cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    /// A look at kind, type, addresses or the origin.
    Head,
    /// A look into the stanza, or a look-up of a text made from it.
    Content,
    /// A question about accounts.
    Facts,
    /// A search through text, as long as the sender likes.
    Search,
}

/// What an index can use of a condition.
#[derive(Debug)]
pub(crate) enum Guard {
    /// Nothing.
    None,
    /// It holds exactly for these kinds of stanza.
    Kinds(Kinds),
    /// It can hold only if the stanza has one of these.
    Keys(Vec<Key>),
    /// It can hold only if the text at the end of a path is, or holds, a literal that is not empty.
    Text(TextGuard),
}

/// A literal and where it must be.
#[derive(Clone, Debug)]
pub(crate) struct TextGuard {
    pub(crate) path: PathId,
    pub(crate) literal: Vec<u8>,
    /// True if the literal is the whole text.
    pub(crate) is_whole: bool,
}

/// Something that a stanza has.
#[derive(Debug)]
pub(crate) enum Key {
    FromBare(String),
    FromHost(String),
    ToBare(String),
    ToHost(String),
    Payload(String),
}

/// A set of kinds of stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const MESSAGE: Self = Self(1);
    pub(crate) const PRESENCE: Self = Self(2);
    pub(crate) const IQ: Self = Self(4);
    pub(crate) const ALL: Self = Self(7);

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Whose address a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    From,
    To,
}

impl Side {
    pub(crate) fn party<'a>(self, run: &Run<'a>) -> Party<'a> {
        match self {
            Self::From => run.from,
            Self::To => run.to,
        }
    }

    fn bare_key(self, text: String) -> Key {
        match self {
            Self::From => Key::FromBare(text),
            Self::To => Key::ToBare(text),
        }
    }

    fn host_key(self, text: String) -> Key {
        match self {
            Self::From => Key::FromHost(text),
            Self::To => Key::ToHost(text),
        }
    }
}

/// The words of a list that may be separated by white space, commas or bars.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_ascii_whitespace() || c == '\u{b}' || c == ',' || c == '|')
        .filter(|word| !word.is_empty())
}

/// The value of a condition whose parameter is required: the caller has made sure that there is one.
fn required(value: Option<&str>) -> &str {
    value.unwrap_or_default()
}

/// The recipient, if it is an account of this server.
fn local_recipient<'a>(run: &Run<'a>) -> Option<&'a str> {
    run.to.node()?;
    run.to.host().filter(|host| run.facts.is_local_host(host))?;
    run.to.bare()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_holds_as_written() {
        for spec in ALL {
            assert!(!spec.examples.is_empty(), "{} has no example", spec.name);
            for example in spec.examples {
                let script = format!("{}\n{}\nDROP.\n", example.definitions, example.line);
                let dropped = crate::world::example_drops(&script, example.stanza);
                assert_eq!(
                    dropped,
                    Ok(example.holds),
                    "{}: {}",
                    spec.name,
                    example.line
                );
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for (at, spec) in ALL.iter().enumerate() {
            assert!(
                ALL.iter().skip(at + 1).all(|other| other.name != spec.name),
                "{}",
                spec.name
            );
        }
    }
}

//! Conditions of one rule that can not hold together, or not in their chain.

use super::{Seen, SeenCondition};
use crate::address::split;
use crate::conditions::{Kinds, words};
use crate::diagnostic::{Code, Diagnostic};
use xmpp::stanza::StanzaKind;

const BOTH: &str = "the conditions of a rule must all hold: write a rule for each of them";

pub(super) fn run(rule: &Seen<'_>, out: &mut Vec<Diagnostic>) {
    let found = opposites(rule)
        .or_else(|| kinds(rule))
        .or_else(|| types(rule))
        .or_else(|| addresses(rule));
    out.extend(found);
    out.extend(
        rule.conditions
            .iter()
            .filter_map(|one| in_chain(one, rule.chain)),
    );
}

fn impossible(condition: &SeenCondition<'_>, message: String) -> Diagnostic {
    Diagnostic::warning(Code::ImpossibleRule, condition.span, message)
}

fn opposites(rule: &Seen<'_>) -> Option<Diagnostic> {
    let conditions = &rule.conditions;
    let (other, condition) = conditions.iter().enumerate().find_map(|(at, one)| {
        let before = conditions.get(..at).unwrap_or_default();
        let other = before.iter().find(|other| other.id == one.opposite)?;
        Some((other, one))
    })?;
    let message = format!(
        "this rule never matches: the condition and its opposite, on line {}, can not both hold",
        other.span.line
    );
    Some(impossible(condition, message).with_help("leave one of them out"))
}

fn named(name: &str) -> Option<Kinds> {
    Some(match StanzaKind::from_name(name)? {
        StanzaKind::Message => Kinds::MESSAGE,
        StanzaKind::Presence => Kinds::PRESENCE,
        StanzaKind::Iq => Kinds::IQ,
    })
}

/// The kinds that a condition leaves, if it is about kinds.
fn kinds_of(condition: &SeenCondition<'_>) -> Option<Kinds> {
    if condition.name != "KIND" {
        return None;
    }
    let mut kinds = Kinds::NONE;
    for kind in words(condition.value).filter_map(named) {
        kinds = kinds.union(kind);
    }
    Some(if condition.is_negated {
        Kinds::ALL.without(kinds)
    } else {
        kinds
    })
}

fn kinds(rule: &Seen<'_>) -> Option<Diagnostic> {
    let mut left = Kinds::ALL;
    for (condition, kinds) in rule
        .conditions
        .iter()
        .filter_map(|one| Some((one, kinds_of(one)?)))
    {
        let before = left;
        left = left.intersection(kinds);
        if left == Kinds::NONE && before != Kinds::ALL {
            let message = "this rule never matches: no stanza is of both kinds".to_owned();
            return Some(impossible(condition, message).with_help(
                "write the kinds in one condition, as in `KIND: message, iq`, if either will do",
            ));
        }
    }
    None
}

/// The kinds of stanza that have a type (RFC 6121 §4.7.1, §5.2.2, RFC 6120 §8.2.3).
fn kinds_with(kind: &str) -> Kinds {
    match kind {
        "normal" | "chat" | "groupchat" | "headline" => Kinds::MESSAGE,
        "available" | "unavailable" | "subscribe" | "subscribed" | "unsubscribe"
        | "unsubscribed" | "probe" => Kinds::PRESENCE,
        "get" | "set" | "result" => Kinds::IQ,
        _ => Kinds::ALL,
    }
}

fn types(rule: &Seen<'_>) -> Option<Diagnostic> {
    let mut kinds = Kinds::ALL;
    for left in rule.conditions.iter().filter_map(kinds_of) {
        kinds = kinds.intersection(left);
    }
    let mut known: Option<Vec<&str>> = None;
    for condition in rule
        .conditions
        .iter()
        .filter(|one| one.name == "TYPE" && !one.is_negated)
    {
        let types: Vec<&str> = words(condition.value).collect();
        let fits = |kind: &&str| kinds_with(kind).intersection(kinds) != Kinds::NONE;
        if kinds != Kinds::NONE && !types.iter().any(fits) {
            let message = format!(
                "this rule never matches: no stanza of that kind has the type {}",
                types.join(" or ")
            );
            return Some(impossible(condition, message).with_help(
                "a message is normal, chat, groupchat, headline or error, a presence available, unavailable, subscribe, \
                 subscribed, unsubscribe, unsubscribed, probe or error, an iq get, set, result or error",
            ));
        }
        let both: Vec<&str> = match &known {
            Some(known) => types
                .iter()
                .copied()
                .filter(|one| known.contains(one))
                .collect(),
            None => types,
        };
        if both.is_empty() {
            let message = "this rule never matches: no stanza has both types".to_owned();
            return Some(impossible(condition, message).with_help(
                "write the types in one condition, as in `TYPE: chat, normal`, if either will do",
            ));
        }
        known = Some(both);
    }
    None
}

fn addresses(rule: &Seen<'_>) -> Option<Diagnostic> {
    for name in ["FROM", "TO", "FROM EXACTLY", "TO EXACTLY"] {
        let is_plain = |one: &&SeenCondition<'_>| {
            one.name == name && !one.is_negated && !one.value.contains(['<', '$'])
        };
        let mut plain = rule.conditions.iter().filter(is_plain);
        let Some(first) = plain.next() else { continue };
        let is_exact = name.ends_with("EXACTLY");
        let other = plain.find(|other| {
            if is_exact {
                other.value != first.value
            } else {
                are_apart(first.value, other.value)
            }
        });
        if let Some(other) = other {
            let side = if name.starts_with("FROM") {
                "from"
            } else {
                "for"
            };
            let message = format!(
                "this rule never matches: a stanza is not both {side} {} and {side} {}",
                first.value, other.value
            );
            return Some(impossible(other, message).with_help(BOTH));
        }
    }
    None
}

/// True if no address fits both plain patterns.
fn are_apart(left: &str, right: &str) -> bool {
    let left = crate::jid_pattern::normalised(left);
    let right = crate::jid_pattern::normalised(right);
    let (Some(left), Some(right)) = (split(&left), split(&right)) else {
        return false;
    };
    let resources = left.resource.zip(right.resource);
    left.host != right.host
        || left.node != right.node
        || resources.is_some_and(|(left, right)| left != right)
}

/// What a condition can not find in its chain.
fn in_chain(condition: &SeenCondition<'_>, chain: &str) -> Option<Diagnostic> {
    let reason = match (chain, condition.name) {
        (
            "deliver_remote",
            "IN ROSTER" | "IN ROSTER GROUP" | "PENDING SUBSCRIPTION FROM SENDER",
        ) => "the recipient has no roster here",
        ("deliver_remote", "SENT DIRECTED PRESENCE TO SENDER" | "TO FULL JID") => {
            "the recipient has no session here"
        }
        ("deliver_remote", "TO SELF") => "what leaves for another server has a recipient",
        ("preroute", "FROM FULL JID") => "only clients send here, and all of them have a full JID",
        _ => return None,
    };
    let always_holds = (condition.name == "FROM FULL JID") != condition.is_negated;
    let (how_often, help) = if always_holds {
        ("always", "leave the condition out")
    } else {
        ("never", "move the rule to another chain, or leave it out")
    };
    let message = format!("this {how_often} holds in the chain {chain}: {reason}");
    Some(Diagnostic::warning(Code::Pointless, condition.span, message).with_help(help))
}

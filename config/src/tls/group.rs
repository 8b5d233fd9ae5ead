//! The groups of the key exchange.

use crate::checker::{Checker, Section, found, text, wrong_one_of};
use crate::schema::{Accepts, Key, Preset, Reload, one_of};
use crate::tree::Node;

/// A group of the key exchange (RFC 8446 §4.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum Group {
    X25519,
    P256,
    P384,
}

const NAMES: [&str; 3] = ["X25519", "P-256", "P-384"];

/// Other names, of OpenSSL and the RFCs.
const SYNONYMS: [(&str, &str); 5] = [
    ("secp256r1", "P-256"),
    ("prime256v1", "P-256"),
    ("secp384r1", "P-384"),
    ("P256", "P-256"),
    ("P384", "P-384"),
];

/// What is passed over with a warning: a list from elsewhere usually has it as the last choice.
const UNKNOWN_HERE: [&str; 3] = ["P-521", "secp521r1", "P521"];

pub(crate) static GROUPS: Key = Key {
    name: "groups",
    accepts: Accepts::List("`\"X25519\"`, `\"P-256\"` and `\"P-384\"`"),
    preset: Preset::Value("[\"X25519\", \"P-256\", \"P-384\"]"),
    reload: Reload::NewConnections,
    doc: "Groups of the key exchange, the preferred one first. `P-521` is passed over with a warning: there \
          is no implementation of it here, nor of the hybrid `X25519MLKEM768`, which is refused.",
    example: "",
};

/// The groups that are offered, in order; at least one.
pub(crate) fn read(checker: &mut Checker, section: &Section<'_>) -> Vec<Group> {
    let named = checker.list(section, &GROUPS, group).unwrap_or_default();
    let mut groups = Vec::new();
    for group in named {
        match group {
            Some(group) if groups.contains(&group) => {}
            Some(group) => groups.push(group),
            None => {
                let reason = "P-521 is passed over: there is no implementation of it here";
                let (place, path) = (section.place_of(&GROUPS), section.path_of(&GROUPS));
                checker.problems.warning(&place, path, reason);
            }
        }
    }
    if groups.is_empty() {
        let reason = format!("no group is left: leave one of {}", one_of(&NAMES));
        checker.refuse(section, &GROUPS, reason);
    }
    groups
}

/// `None` for one that is passed over.
fn group(node: &Node) -> Result<Option<Group>, String> {
    let text =
        text(node).ok_or_else(|| format!("expected the name of a group, found {}", found(node)))?;
    let same = |name: &&str| name.eq_ignore_ascii_case(text);
    if UNKNOWN_HERE.iter().any(&same) {
        return Ok(None);
    }
    let ours = SYNONYMS.iter().find(|(theirs, _)| same(theirs));
    match ours.map_or(text, |(_, ours)| ours) {
        "X25519" => Ok(Some(Group::X25519)),
        "P-256" => Ok(Some(Group::P256)),
        "P-384" => Ok(Some(Group::P384)),
        _ if text.to_ascii_uppercase().contains("MLKEM") => Err(format!(
            "{text:?} has no implementation here (the ring library has none); accepted: {}",
            one_of(&NAMES)
        )),
        _ => Err(wrong_one_of(text, &NAMES, &[])),
    }
}

//! Rosters and presence subscriptions (RFC 6121 §2 and §3), without I/O.
//!
//! An item says what the user wrote about a contact (name, groups) and what the two servers agreed on (subscription).
//! [`subscription`] holds the state machine: a stanza or a removal goes in, the changed item and a list of effects
//! come out, and the caller carries them out.
//!
//! Invariant: a request that waits for the user's answer ("pending in") is no part of the item. It is stored beside the
//! roster together with its stanza, because RFC 6121 §3.1.3 forbids showing it in the roster of a user who has not
//! written the contact there.

use std::collections::HashSet;

use jid::BareJid;

pub mod subscription;
pub mod wire;

pub use subscription::{Audience, Effect, Pending, State, Step, SubscriptionKind};

/// Longest name of a contact, in bytes of UTF-8; a longer one is refused with `not-acceptable` (RFC 6121 §2.3.3).
pub const MAX_NAME_BYTES: usize = 1023;
/// Longest name of a group, in bytes of UTF-8; a longer one is refused with `not-acceptable` (RFC 6121 §2.3.3).
pub const MAX_GROUP_BYTES: usize = 512;
/// Most groups that one item may be in.
pub const MAX_GROUPS: usize = 32;

/// Who sees whose presence, from the user's side (RFC 6121 §2.1.2.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// Neither sees the other.
    #[default]
    None,
    /// The user sees the contact.
    To,
    /// The contact sees the user.
    From,
    /// Each sees the other.
    Both,
}

impl Subscription {
    /// Builds the value from its two halves.
    pub fn from_parts(to: bool, from: bool) -> Self {
        match (to, from) {
            (false, false) => Self::None,
            (true, false) => Self::To,
            (false, true) => Self::From,
            (true, true) => Self::Both,
        }
    }

    /// The user receives the contact's presence.
    pub fn is_to(self) -> bool {
        matches!(self, Self::To | Self::Both)
    }

    /// The contact receives the user's presence.
    pub fn is_from(self) -> bool {
        matches!(self, Self::From | Self::Both)
    }

    /// The word of the `subscription` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::To => "to",
            Self::From => "from",
            Self::Both => "both",
        }
    }

    /// Reads the word of the `subscription` attribute; `remove` is not a state and gives `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "to" => Some(Self::To),
            "from" => Some(Self::From),
            "both" => Some(Self::Both),
            _ => None,
        }
    }
}

/// One contact of a user's roster (RFC 6121 §2.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterItem {
    /// The contact.
    pub jid: BareJid,
    /// What the user calls the contact; at most [`MAX_NAME_BYTES`].
    pub name: Option<String>,
    /// The agreed subscription.
    pub subscription: Subscription,
    /// The user has asked to see the contact and waits for the answer (`ask='subscribe'`).
    pub ask: bool,
    /// The user has approved a request of the contact in advance (RFC 6121 §3.4).
    pub approved: bool,
    /// Groups in the user's order; at most [`MAX_GROUPS`] of at most [`MAX_GROUP_BYTES`], no two equal.
    pub groups: Vec<String>,
}

impl RosterItem {
    /// An item about which nothing is known but the address.
    pub fn new(jid: BareJid) -> Self {
        Self {
            jid,
            name: None,
            subscription: Subscription::None,
            ask: false,
            approved: false,
            groups: Vec::new(),
        }
    }
}

/// What a user may write about a contact: the part of a roster set that the server takes over (RFC 6121 §2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemEdit {
    /// The contact.
    pub jid: BareJid,
    /// The new name; `None` takes the old one away.
    pub name: Option<String>,
    /// The new groups, all of them.
    pub groups: Vec<String>,
}

impl ItemEdit {
    /// Checks lengths, number and uniqueness.
    pub fn check(&self) -> Result<(), EditError> {
        let name_bytes = self.name.as_ref().map_or(0, String::len);
        if name_bytes > MAX_NAME_BYTES {
            return Err(EditError::NameTooLong { bytes: name_bytes });
        }
        if self.groups.len() > MAX_GROUPS {
            return Err(EditError::TooManyGroups {
                groups: self.groups.len(),
            });
        }
        let mut seen = HashSet::new();
        for group in &self.groups {
            if group.is_empty() {
                return Err(EditError::EmptyGroup);
            }
            if group.len() > MAX_GROUP_BYTES {
                return Err(EditError::GroupTooLong { bytes: group.len() });
            }
            if !seen.insert(group) {
                return Err(EditError::DuplicateGroup);
            }
        }
        Ok(())
    }

    /// The item that results: name and groups from here, the subscription from `current`.
    pub fn apply(self, current: Option<&RosterItem>) -> RosterItem {
        RosterItem {
            jid: self.jid,
            name: self.name.filter(|name| !name.is_empty()),
            groups: self.groups,
            subscription: current.map_or(Subscription::None, |item| item.subscription),
            ask: current.is_some_and(|item| item.ask),
            approved: current.is_some_and(|item| item.approved),
        }
    }
}

/// Why a name or a group list is refused (RFC 6121 §2.3.3). [`DuplicateGroup`](Self::DuplicateGroup) is a
/// `bad-request`, all others are `not-acceptable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The name is longer than [`MAX_NAME_BYTES`].
    #[error("the name has {bytes} bytes, the limit is {MAX_NAME_BYTES}")]
    NameTooLong {
        /// Length of the name offered.
        bytes: usize,
    },
    /// More groups than [`MAX_GROUPS`].
    #[error("the item is in {groups} groups, the limit is {MAX_GROUPS}")]
    TooManyGroups {
        /// Number of groups offered.
        groups: usize,
    },
    /// A group without a name.
    #[error("a group has an empty name")]
    EmptyGroup,
    /// A group name longer than [`MAX_GROUP_BYTES`].
    #[error("a group name has {bytes} bytes, the limit is {MAX_GROUP_BYTES}")]
    GroupTooLong {
        /// Length of the group name offered.
        bytes: usize,
    },
    /// The same group twice.
    #[error("the same group is named twice")]
    DuplicateGroup,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(name: Option<&str>, groups: &[&str]) -> ItemEdit {
        ItemEdit {
            jid: BareJid::new("romeo@example.net").unwrap(),
            name: name.map(str::to_owned),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    #[test]
    fn bounds_are_checked() {
        assert_eq!(edit(Some("Romeo"), &["Friends", "friends"]).check(), Ok(()));
        assert_eq!(
            edit(None, &["a", "a"]).check(),
            Err(EditError::DuplicateGroup)
        );
        assert_eq!(edit(None, &[""]).check(), Err(EditError::EmptyGroup));
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        assert_eq!(
            edit(Some(&long), &[]).check(),
            Err(EditError::NameTooLong { bytes: 1024 })
        );
        let long = "x".repeat(MAX_GROUP_BYTES + 1);
        assert_eq!(
            edit(None, &[&long]).check(),
            Err(EditError::GroupTooLong { bytes: 513 })
        );
        let names: Vec<String> = (0..=MAX_GROUPS).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            edit(None, &names).check(),
            Err(EditError::TooManyGroups { groups: 33 })
        );
    }

    #[test]
    fn an_edit_keeps_the_subscription() {
        let mut current = RosterItem::new(BareJid::new("romeo@example.net").unwrap());
        current.subscription = Subscription::Both;
        current.approved = true;
        current.name = Some("old".into());
        let item = edit(Some("new"), &["Friends"]).apply(Some(&current));
        assert_eq!(item.subscription, Subscription::Both);
        assert!(item.approved);
        assert_eq!(item.name.as_deref(), Some("new"));
        assert_eq!(edit(Some(""), &[]).apply(None).name, None);
    }

    #[test]
    fn words_are_read_as_written() {
        for state in [
            Subscription::None,
            Subscription::To,
            Subscription::From,
            Subscription::Both,
        ] {
            assert_eq!(Subscription::from_name(state.as_str()), Some(state));
            assert_eq!(
                Subscription::from_parts(state.is_to(), state.is_from()),
                state
            );
        }
        assert_eq!(Subscription::from_name("remove"), None);
    }
}

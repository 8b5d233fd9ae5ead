//! What is kept for an account: roster, waiting requests and messages, private XML.

use bytes::Bytes;
use jid::BareJid;
use xmpp::roster::RosterItem;

/// A whole roster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// Grows by one with every change of an item; 0 for a roster that never had one.
    pub version: u64,
    /// The items, ordered by address.
    pub items: Vec<RosterItem>,
    /// Requests that the user has not answered, oldest first.
    pub requests: Vec<StoredRequest>,
}

/// A subscription request that waits for the user's answer (RFC 6121 §3.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// Who asks.
    pub from: BareJid,
    /// The presence stanza, complete, in canonical form.
    pub stanza: Bytes,
}

/// A change of one contact, applied as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterUpdate {
    /// The contact.
    pub contact: BareJid,
    /// What becomes of the item.
    pub item: ItemUpdate,
    /// What becomes of the contact's request.
    pub request: RequestUpdate,
}

impl RosterUpdate {
    /// Roughly what it holds in memory.
    pub(crate) fn bytes(&self) -> usize {
        let item = match &self.item {
            ItemUpdate::Put(item) => {
                let groups: usize = item.groups.iter().map(String::len).sum();
                groups.saturating_add(item.name.as_ref().map_or(0, String::len))
            }
            ItemUpdate::Keep | ItemUpdate::Remove => 0,
        };
        match &self.request {
            RequestUpdate::Store(stanza) => item.saturating_add(stanza.len()),
            RequestUpdate::Keep | RequestUpdate::Clear => item,
        }
    }
}

/// What becomes of a roster item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemUpdate {
    /// It stays as it is, and so does the version of the roster.
    Keep,
    /// It is added or replaced. Its address must be the contact's.
    Put(RosterItem),
    /// It is removed; if there is none, nothing changes.
    Remove,
}

/// What becomes of a stored subscription request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestUpdate {
    /// It stays as it is.
    Keep,
    /// This stanza is stored, in place of an older one.
    Store(Bytes),
    /// It is forgotten; if there is none, nothing changes.
    Clear,
}

/// Bounds that an update of the roster must respect. What is there already is never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterLimits {
    /// Items of one user.
    pub items: usize,
    /// Unanswered requests of one user.
    pub requests: usize,
}

/// Names one stored offline message of one user. Later messages of a user have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfflineId(pub i64);

/// A message that waits for its receiver (XEP-0160).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineMessage {
    /// When it was stored, in milliseconds since 1970 (UTC); the stamp of XEP-0203.
    pub stamp_ms: i64,
    /// The stanza, complete, in canonical form.
    pub stanza: Bytes,
}

/// What a rule of the firewall remembers of a user (`MARK USER`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserMark {
    /// Its name.
    pub name: String,
    /// When it was set last, in milliseconds since 1970 (UTC).
    pub marked_at_ms: i64,
}

/// A user that has a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedUser {
    /// The user.
    pub user: BareJid,
    /// When it was set last, in milliseconds since 1970 (UTC).
    pub marked_at_ms: i64,
}

/// Names one piece of private XML (XEP-0049 §2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrivateKey {
    /// Name of the element.
    pub name: String,
    /// Namespace of the element.
    pub ns: String,
}

//! What an account knows of its user, and publishes for rules and for the user's own sessions.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use storage::{Role, StoreError};
use xmpp::jid::{BareJid, Jid, bare_str};
use xmpp::roster::{RosterItem, Subscription};
use xmpp::xml::Limits;
use xmpp::{Stanza, ns};

use crate::core::Core;

/// The stored state of a user, as far as stanzas need it. Immutable once published.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Whether the store has been read; until then nothing is known.
    pub is_loaded: bool,
    /// Whether there is such an account.
    pub exists: bool,
    /// The user's role on the own host; `None` without an account.
    pub role: Option<Role>,
    /// The contacts.
    pub roster: Roster,
    /// Who may not reach the user (XEP-0191).
    pub blocklist: Blocklist,
}

impl Profile {
    /// Reads the state of `user`, after every write about the user that was called before.
    pub(crate) async fn load(core: Arc<Core>, user: BareJid) -> Result<Self, StoreError> {
        let store = &core.store;
        let account = store.account(&user);
        let roster = store.roster(&user);
        let blocklist = store.blocklist(&user);
        let (account, roster, blocklist) = tokio::join!(account, roster, blocklist);
        let Some(account) = account? else {
            return Ok(Self { is_loaded: true, ..Self::default() });
        };
        Ok(Self {
            is_loaded: true,
            exists: true,
            role: Some(core.role_of(&user, account.role)),
            roster: Roster::new(roster?, core.shared_contacts(&user)),
            blocklist: Blocklist(blocklist?),
        })
    }
}

/// The user's contacts by address: those the user keeps and those of shared groups.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    version: u64,
    /// Tells rosters with other shared contacts apart.
    shared_version: u64,
    items: HashMap<BareJid, RosterItem, RandomState>,
    requests: Vec<(BareJid, Stanza)>,
}

impl Roster {
    /// The stored roster, with the contacts of shared groups filled in: they see each other.
    pub fn new(stored: storage::Roster, shared: SharedContacts) -> Self {
        let mut items: HashMap<_, _, RandomState> =
            stored.items.into_iter().map(|item| (item.jid.clone(), item)).collect();
        for mut contact in shared.items {
            let own = items.entry(contact.jid.clone()).or_insert_with(|| RosterItem::new(contact.jid.clone()));
            own.subscription = Subscription::Both;
            own.ask = false;
            own.name = own.name.take().or(contact.name.take());
            for group in contact.groups {
                if !own.groups.contains(&group) {
                    own.groups.push(group);
                }
            }
        }
        let requests = stored.requests.into_iter().filter_map(|request| {
            let stanza = Stanza::from_xml(&request.stanza, &Limits::default());
            Some((request.from, stanza.ok()?))
        });
        Self { version: stored.version, shared_version: shared.version, items, requests: requests.collect() }
    }

    /// Number of contacts.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no contact.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The version as clients see it (RFC 6121 §2.6).
    pub fn ver(&self) -> String {
        format!("{}-{:x}", self.version, self.shared_version)
    }

    /// Every contact.
    pub fn items(&self) -> impl Iterator<Item = &RosterItem> {
        self.items.values()
    }

    /// One contact.
    pub fn item(&self, contact: &BareJid) -> Option<&RosterItem> {
        self.items.get(contact)
    }

    /// The subscription with the contact of this bare address.
    pub fn subscription_of(&self, bare: &str) -> Subscription {
        let Ok(contact) = BareJid::new(bare) else { return Subscription::None };
        self.item(&contact).map_or(Subscription::None, |item| item.subscription)
    }

    /// Contacts whose subscription fits.
    pub fn contacts(&self, fits: impl Fn(Subscription) -> bool) -> impl Iterator<Item = &BareJid> {
        self.items.values().filter(move |item| fits(item.subscription)).map(|item| &item.jid)
    }

    /// Whether the contact waits for the user's answer.
    pub fn has_request(&self, contact: &BareJid) -> bool {
        self.requests.iter().any(|(from, _)| from == contact)
    }

    /// The requests that wait for the user's answer.
    pub fn requests(&self) -> impl Iterator<Item = &Stanza> {
        self.requests.iter().map(|(_, stanza)| stanza)
    }

    pub(super) fn put(&mut self, item: RosterItem) {
        self.items.insert(item.jid.clone(), item);
    }

    pub(super) fn remove(&mut self, contact: &BareJid) {
        self.items.remove(contact);
    }

    pub(super) fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    pub(super) fn set_request(&mut self, contact: &BareJid, stanza: Option<Stanza>) {
        self.requests.retain(|(from, _)| from != contact);
        if let Some(stanza) = stanza {
            self.requests.push((contact.clone(), stanza));
        }
    }
}

/// What shared groups add to one user's roster.
#[derive(Clone, Debug, Default)]
pub struct SharedContacts {
    /// Changes when the groups do.
    pub version: u64,
    /// The other members, with the groups they share with the user.
    pub items: Vec<RosterItem>,
}

/// Blocked addresses (XEP-0191).
#[derive(Clone, Debug, Default)]
pub struct Blocklist(pub Vec<Jid>);

impl Blocklist {
    /// Whether `jid` is blocked: by its full or bare address, by its domain, or by its domain and
    /// resource (XEP-0191 §3.1 with the matching of XEP-0016).
    pub fn blocks(&self, jid: &Jid) -> bool {
        self.0.iter().any(|blocked| matches(blocked, jid))
    }
}

fn matches(blocked: &Jid, jid: &Jid) -> bool {
    match (blocked.node().is_some(), blocked.resource()) {
        (true, Some(_)) => blocked.as_str() == jid.as_str(),
        (true, None) => blocked.as_str() == bare_str(jid),
        (false, None) => blocked.domain() == jid.domain(),
        (false, resource) => blocked.domain() == jid.domain() && resource == jid.resource(),
    }
}

/// The namespace of errors about blocked addresses.
pub(crate) const BLOCKED: (&str, &str) = ("blocked", ns::BLOCKING_ERRORS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_address_covers_what_is_below_it() {
        let block = |text: &str| Blocklist(vec![Jid::new(text).unwrap()]);
        let romeo = Jid::new("romeo@example.net/orchard").unwrap();
        for blocked in ["romeo@example.net/orchard", "romeo@example.net", "example.net", "example.net/orchard"] {
            assert!(block(blocked).blocks(&romeo), "{blocked}");
        }
        for other in ["romeo@example.net/balcony", "juliet@example.net", "example.com", "example.net/balcony"] {
            assert!(!block(other).blocks(&romeo), "{other}");
        }
    }
}

//! The user's contacts: what the user keeps about them, and what shared groups grant.
//!
//! The two are kept apart. Clients and rules see both together (a granted contact is shown as
//! `both`, in the groups of either side); only what the user wrote or agreed on is ever stored, so
//! that nothing of a group outlives it.

use std::sync::Arc;

use xmpp::Stanza;
use xmpp::jid::BareJid;
use xmpp::roster::{ItemEdit, MAX_GROUPS, RosterItem, Subscription};
use xmpp::xml::Limits;

/// What shared groups say about one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedContact {
    /// Address, name and groups.
    pub item: RosterItem,
    /// Whether the contact sees the user: not so for a user who merely sees a public group.
    pub sees_user: bool,
}

/// One contact.
#[derive(Clone, Debug)]
pub struct Contact {
    shown: RosterItem,
    /// Only for contacts of shared groups.
    granted: Option<Box<Granted>>,
}

#[derive(Clone, Debug)]
struct Granted {
    /// What the user keeps about the contact, if anything.
    kept: Option<RosterItem>,
    shared: SharedContact,
}

impl Contact {
    fn new(kept: Option<RosterItem>, shared: Option<SharedContact>) -> Option<Self> {
        match (kept, shared) {
            (kept, Some(shared)) => {
                let shown = merge(kept.as_ref(), &shared.item);
                Some(Self {
                    shown,
                    granted: Some(Box::new(Granted { kept, shared })),
                })
            }
            (Some(shown), None) => Some(Self {
                shown,
                granted: None,
            }),
            (None, None) => None,
        }
    }

    /// The contact's address.
    pub fn jid(&self) -> &BareJid {
        &self.shown.jid
    }

    /// The item as clients and rules see it.
    pub fn shown(&self) -> &RosterItem {
        &self.shown
    }

    /// The item as it is stored; `None` when only a shared group knows the contact.
    pub fn kept(&self) -> Option<&RosterItem> {
        match &self.granted {
            Some(granted) => granted.kept.as_ref(),
            None => Some(&self.shown),
        }
    }

    /// Whether a shared group put the contact here.
    pub fn is_granted(&self) -> bool {
        self.granted.is_some()
    }

    /// Whether the contact receives the user's presence.
    pub fn sees_user(&self) -> bool {
        let by_grant = self
            .granted
            .as_ref()
            .is_some_and(|granted| granted.shared.sees_user);
        by_grant || self.kept().is_some_and(|item| item.subscription.is_from())
    }

    /// Whether the user receives the contact's presence.
    pub fn is_seen(&self) -> bool {
        self.shown.subscription.is_to()
    }

    fn shared(&self) -> Option<SharedContact> {
        self.granted.as_ref().map(|granted| granted.shared.clone())
    }
}

fn merge(kept: Option<&RosterItem>, shared: &RosterItem) -> RosterItem {
    let mut shown = kept
        .cloned()
        .unwrap_or_else(|| RosterItem::new(shared.jid.clone()));
    shown.subscription = Subscription::Both;
    shown.ask = false;
    shown.approved = false;
    shown.name = shown.name.take().or_else(|| shared.name.clone());
    for group in &shared.groups {
        if shown.groups.len() < MAX_GROUPS && !shown.groups.contains(group) {
            shown.groups.push(group.clone());
        }
    }
    shown
}

/// The user's contacts in the order of their addresses. Cheap to clone: contacts are shared.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    version: u64,
    /// When the account was made: another account of the same name has other versions.
    era: i64,
    /// Tells rosters with other shared contacts apart.
    shared_version: u64,
    contacts: Vec<Arc<Contact>>,
    requests: Vec<(BareJid, Arc<Stanza>)>,
}

impl Roster {
    /// The stored roster of an account made at `era`, with what shared groups grant.
    pub fn new(stored: storage::Roster, era: i64, shared: Vec<SharedContact>) -> Self {
        let shared_version = fingerprint(&shared);
        let requests = stored.requests.into_iter().filter_map(|request| {
            let stanza = Stanza::from_xml(&request.stanza, &Limits::STORED);
            Some((request.from, Arc::new(stanza.ok()?)))
        });
        let mut roster = Self {
            version: stored.version,
            era,
            shared_version,
            contacts: Vec::with_capacity(stored.items.len() + shared.len()),
            requests: requests.collect(),
        };
        let kept = stored
            .items
            .into_iter()
            .filter_map(|item| Contact::new(Some(item), None));
        roster.contacts.extend(kept.map(Arc::new));
        roster
            .contacts
            .sort_unstable_by(|one, other| one.jid().as_str().cmp(other.jid().as_str()));
        for shared in shared {
            let jid = shared.item.jid.clone();
            let kept = roster.kept(&jid).cloned();
            roster.set(&jid, Contact::new(kept, Some(shared)));
        }
        roster
    }

    /// Number of contacts.
    pub fn len(&self) -> usize {
        self.contacts.len()
    }

    /// Whether there is no contact.
    pub fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// The version as clients see it (RFC 6121 §2.6): another one whenever the roster as shown is
    /// another one.
    pub fn ver(&self) -> String {
        format!("{}-{:x}-{:x}", self.version, self.era, self.shared_version)
    }

    /// Every contact, in the order of addresses.
    pub fn contacts(&self) -> &[Arc<Contact>] {
        &self.contacts
    }

    /// The contact of this bare address.
    pub fn contact(&self, bare: &str) -> Option<&Arc<Contact>> {
        self.contacts.get(self.position(bare).ok()?)
    }

    /// One contact as clients and rules see it.
    pub fn item(&self, contact: &BareJid) -> Option<&RosterItem> {
        self.contact(contact.as_str())
            .map(|contact| contact.shown())
    }

    /// One contact as it is stored.
    pub fn kept(&self, contact: &BareJid) -> Option<&RosterItem> {
        self.contact(contact.as_str())?.kept()
    }

    /// Whether a shared group put the contact here.
    pub fn is_granted(&self, contact: &BareJid) -> bool {
        self.contact(contact.as_str())
            .is_some_and(|contact| contact.is_granted())
    }

    /// Whether whoever has this bare address receives the user's presence.
    pub fn sees_user(&self, bare: &str) -> bool {
        self.contact(bare)
            .is_some_and(|contact| contact.sees_user())
    }

    /// Whether the contact waits for the user's answer.
    pub fn has_request(&self, contact: &BareJid) -> bool {
        self.requests.iter().any(|(from, _)| from == contact)
    }

    /// The requests that wait for the user's answer.
    pub fn requests(&self) -> impl Iterator<Item = &Stanza> {
        self.requests.iter().map(|(_, stanza)| &**stanza)
    }

    /// Takes out of an edit what a shared group says anyway: clients send back what they were shown.
    pub fn without_granted(&self, mut edit: ItemEdit) -> ItemEdit {
        let contact = self.contact(edit.jid.as_str());
        let Some(granted) = contact.and_then(|contact| contact.granted.as_ref()) else {
            return edit;
        };
        let kept = granted.kept.as_ref();
        let shared = &granted.shared.item;
        edit.groups.retain(|group| {
            !shared.groups.contains(group) || kept.is_some_and(|item| item.groups.contains(group))
        });
        if edit.name == shared.name && kept.is_none_or(|item| item.name.is_none()) {
            edit.name = None;
        }
        edit
    }

    /// Replaces what the user keeps about a contact.
    pub(super) fn put(&mut self, item: RosterItem) {
        let jid = item.jid.clone();
        let shared = self
            .contact(jid.as_str())
            .and_then(|contact| contact.shared());
        self.set(&jid, Contact::new(Some(item), shared));
    }

    /// Forgets what the user keeps about a contact.
    pub(super) fn remove(&mut self, contact: &BareJid) {
        let shared = self
            .contact(contact.as_str())
            .and_then(|contact| contact.shared());
        self.set(contact, Contact::new(None, shared));
    }

    pub(super) fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    pub(super) fn set_request(&mut self, contact: &BareJid, stanza: Option<Stanza>) {
        self.requests.retain(|(from, _)| from != contact);
        if let Some(stanza) = stanza {
            self.requests.push((contact.clone(), Arc::new(stanza)));
        }
    }

    fn position(&self, bare: &str) -> Result<usize, usize> {
        self.contacts
            .binary_search_by(|contact| contact.jid().as_str().cmp(bare))
    }

    fn set(&mut self, jid: &BareJid, contact: Option<Contact>) {
        match (self.position(jid.as_str()), contact) {
            (Ok(index), Some(contact)) => {
                if let Some(place) = self.contacts.get_mut(index) {
                    *place = Arc::new(contact);
                }
            }
            (Ok(index), None) => {
                self.contacts.remove(index);
            }
            (Err(index), Some(contact)) => self.contacts.insert(index, Arc::new(contact)),
            (Err(_), None) => {}
        }
    }
}

/// FNV-1a over all that is shown of shared contacts, stable over restarts; 0 without any.
fn fingerprint(shared: &[SharedContact]) -> u64 {
    if shared.is_empty() {
        return 0;
    }
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |part: &str| {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for SharedContact { item, .. } in shared {
        add(item.jid.as_str());
        add(item.name.as_deref().unwrap_or_default());
        item.groups.iter().for_each(|group| add(group));
        add("");
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::new(text).unwrap()
    }

    fn shared(address: &str, name: Option<&str>, group: &str) -> SharedContact {
        let mut item = RosterItem::new(jid(address));
        item.name = name.map(str::to_owned);
        item.groups = vec![group.to_owned()];
        SharedContact {
            item,
            sees_user: true,
        }
    }

    fn stored(items: Vec<RosterItem>) -> storage::Roster {
        storage::Roster {
            version: 7,
            items,
            requests: Vec::new(),
        }
    }

    fn edit(address: &str, name: Option<&str>, groups: &[&str]) -> ItemEdit {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        ItemEdit {
            jid: jid(address),
            name: name.map(str::to_owned),
            groups,
        }
    }

    #[test]
    fn a_granted_contact_is_shown_as_both_and_kept_as_nothing() {
        let roster = Roster::new(
            stored(vec![]),
            1,
            vec![shared("mel@h", Some("Mel"), "Team")],
        );
        let mel = jid("mel@h");
        let shown = roster.item(&mel).unwrap();
        assert_eq!(
            (shown.subscription, shown.name.as_deref()),
            (Subscription::Both, Some("Mel"))
        );
        assert_eq!(shown.groups, ["Team"]);
        assert_eq!(roster.kept(&mel), None);
        assert!(roster.is_granted(&mel) && roster.sees_user("mel@h"));
    }

    #[test]
    fn what_the_user_keeps_is_merged_and_stays_apart() {
        let mut roster = Roster::new(
            stored(vec![]),
            1,
            vec![shared("mel@h", Some("Mel"), "Team")],
        );
        let mel = jid("mel@h");
        let back = roster.without_granted(edit("mel@h", Some("Mel"), &["Team", "Friends"]));
        assert_eq!((back.name.as_deref(), back.groups.len()), (None, 1));
        roster.put(back.apply(roster.kept(&mel)));
        assert_eq!(roster.kept(&mel).unwrap().subscription, Subscription::None);
        let shown = roster.item(&mel).unwrap();
        assert_eq!(
            (shown.groups.len(), shown.name.as_deref()),
            (2, Some("Mel"))
        );
        roster.remove(&mel);
        assert_eq!((roster.kept(&mel), roster.len()), (None, 1));
    }

    #[test]
    fn who_merely_sees_a_public_group_is_not_seen() {
        let help = SharedContact {
            sees_user: false,
            ..shared("help@h", None, "Help")
        };
        let roster = Roster::new(stored(vec![]), 1, vec![help]);
        assert!(!roster.sees_user("help@h"));
        assert!(roster.contact("help@h").unwrap().is_seen());
    }

    #[test]
    fn the_version_follows_what_is_shown() {
        let version = |era, shared| Roster::new(stored(vec![]), era, shared).ver();
        assert_eq!(
            version(1, vec![shared("a@h", None, "T")]),
            version(1, vec![shared("a@h", None, "T")])
        );
        assert_ne!(
            version(1, vec![shared("a@h", None, "T")]),
            version(1, vec![shared("a@h", None, "U")])
        );
        assert_ne!(version(1, vec![]), version(2, vec![]));
        let mut roster = Roster::new(stored(vec![]), 1, vec![]);
        let before = roster.ver();
        roster.set_version(8);
        assert_ne!(roster.ver(), before);
    }

    #[test]
    fn contacts_are_found_in_any_order() {
        let items = ["m@h", "a@h", "z@h"].map(|address| RosterItem::new(jid(address)));
        let mut roster = Roster::new(stored(items.to_vec()), 1, vec![]);
        roster.put(RosterItem::new(jid("b@h")));
        roster.remove(&jid("m@h"));
        let order: Vec<_> = roster
            .contacts()
            .iter()
            .map(|contact| contact.jid().as_str())
            .collect();
        assert_eq!(order, ["a@h", "b@h", "z@h"]);
        assert!(roster.item(&jid("m@h")).is_none() && roster.item(&jid("z@h")).is_some());
    }
}

//! What has changed in the stored state or the shared groups while nobody could tell the clients:
//! after a change of groups, and after a fault.

use std::sync::Arc;

use super::{Account, Contact, Profile};

/// Items pushed and contacts told in one go; a client that misses more sees it when it logs in, by
/// the version of the roster.
const MAX_CHANGES: usize = 256;

impl Account {
    /// Pushes what differs from `before`, and shows presence to contacts that shared groups have
    /// brought or taken.
    pub(super) fn catch_up(&self, before: &Profile) {
        if self.handle.sessions().is_empty() || self.profile.roster.ver() == before.roster.ver() {
            return;
        }
        let now = Arc::clone(&self.profile);
        let known = |contact: &Contact| before.roster.contact(contact.jid().as_str());
        let differs = |contact: &&Arc<Contact>| {
            known(contact).is_none_or(|known| known.shown() != contact.shown())
        };
        for contact in now
            .roster
            .contacts()
            .iter()
            .filter(differs)
            .take(MAX_CHANGES)
        {
            self.push_item(contact.jid());
            self.regroup(known(contact).map(AsRef::as_ref), Some(contact));
        }
        let is_lost =
            |contact: &&Arc<Contact>| now.roster.contact(contact.jid().as_str()).is_none();
        for contact in before
            .roster
            .contacts()
            .iter()
            .filter(is_lost)
            .take(MAX_CHANGES)
        {
            self.push_removal(contact.jid());
            self.regroup(Some(contact), None);
        }
    }

    /// Presence for a contact whose groups have changed; what subscriptions changed was told then.
    fn regroup(&self, before: Option<&Contact>, now: Option<&Contact>) {
        let is_granted = |contact: Option<&Contact>| contact.is_some_and(Contact::is_granted);
        let Some(jid) = now.or(before).map(Contact::jid) else {
            return;
        };
        if !is_granted(before) && !is_granted(now) {
            return;
        }
        let sees = |contact: Option<&Contact>| contact.is_some_and(Contact::sees_user);
        match (sees(before), sees(now)) {
            (false, true) => self.show_current(jid),
            (true, false) => self.hide_from(jid),
            _ => {}
        }
        let is_seen = |contact: Option<&Contact>| contact.is_some_and(Contact::is_seen);
        if is_seen(now) && !is_seen(before) {
            self.probe(jid);
        }
    }
}

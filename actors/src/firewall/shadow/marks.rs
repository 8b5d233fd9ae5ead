//! Marks that a shadow would have set: kept beside the real ones, seen by the shadow alone.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::AHashMap;
use parking_lot::Mutex;
use rules::{CountryField, Effect, Facts, Origin, Outcome, SessionName, Subscription, Timestamp};

/// Marks that are kept; the oldest are forgotten, and the real ones are seen again.
const MAX_MARKS: usize = 10_000;

/// Whose mark of which name.
type Key = (Owner, Box<str>, Box<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Session,
    User,
}

/// Marks that were set (with their time) and removed.
#[derive(Debug, Default)]
pub(super) struct Marks {
    kept: Mutex<Kept>,
    len: AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    marks: AHashMap<Key, Option<Timestamp>>,
    order: VecDeque<Key>,
}

impl Marks {
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// What the shadow made of a mark; `None` if it left it alone.
    fn find(&self, owner: Owner, whose: impl ToString, name: &str) -> Option<Option<Timestamp>> {
        if self.len() == 0 {
            return None;
        }
        let key = (owner, whose.to_string().into(), name.into());
        self.kept.lock().marks.get(&key).copied()
    }

    fn set(&self, owner: Owner, whose: &str, name: &str, at: Option<Timestamp>) {
        let key: Key = (owner, whose.into(), name.into());
        let mut kept = self.kept.lock();
        if kept.marks.insert(key.clone(), at).is_none() {
            kept.order.push_back(key);
        }
        if kept.marks.len() > MAX_MARKS
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.marks.remove(&oldest);
        }
        self.len.store(kept.marks.len(), Ordering::Relaxed);
    }
}

/// The world as a shadow sees it: the real one, with its own marks over it.
pub(super) struct Beside<'a> {
    real: &'a dyn Facts,
    marks: &'a Marks,
}

impl<'a> Beside<'a> {
    pub(super) fn new(real: &'a dyn Facts, marks: &'a Marks) -> Self {
        Self { real, marks }
    }

    /// The name of the origin's session, and its user's address.
    fn origin_names(&self) -> (Option<SessionName<'_>>, Option<&str>) {
        let origin = self.real.origin();
        let bare = origin
            .full_jid
            .map(|full| full.split_once('/').map_or(full, |(bare, _)| bare));
        (origin.id, bare)
    }

    /// Keeps the marks that a run of the shadow would have set.
    pub(super) fn take_over(&self, outcome: &Outcome) {
        for effect in &outcome.effects {
            let (owner, name, at) = match effect {
                Effect::MarkOrigin(name) => (Owner::Session, name, Some(self.real.now())),
                Effect::UnmarkOrigin(name) => (Owner::Session, name, None),
                Effect::MarkUser(name) => (Owner::User, name, Some(self.real.now())),
                Effect::UnmarkUser(name) => (Owner::User, name, None),
                _ => continue,
            };
            let (session, user) = self.origin_names();
            let whose = match owner {
                Owner::Session => session.map(|session| session.to_string()),
                Owner::User => user.map(str::to_owned),
            };
            if let Some(whose) = whose {
                self.marks.set(owner, &whose, name, at);
            }
        }
    }
}

impl Facts for Beside<'_> {
    fn now(&self) -> Timestamp {
        self.real.now()
    }

    fn stopwatch(&self) -> Option<u64> {
        self.real.stopwatch()
    }

    fn utc_offset(&self) -> i32 {
        self.real.utc_offset()
    }

    fn origin(&self) -> Origin<'_> {
        self.real.origin()
    }

    fn is_local_host(&self, host: &str) -> bool {
        self.real.is_local_host(host)
    }

    fn is_bound(&self, full: &str) -> bool {
        self.real.is_bound(full)
    }

    fn is_online(&self, bare: &str) -> bool {
        self.real.is_online(bare)
    }

    fn roster_item(&self, owner: &str, contact: &str) -> Option<Subscription> {
        self.real.roster_item(owner, contact)
    }

    fn is_in_roster_group(&self, owner: &str, contact: &str, group: &str) -> bool {
        self.real.is_in_roster_group(owner, contact, group)
    }

    fn has_pending_request(&self, owner: &str, contact: &str) -> bool {
        self.real.has_pending_request(owner, contact)
    }

    fn has_sent_directed_presence(&self, owner: &str, target: &str) -> bool {
        self.real.has_sent_directed_presence(owner, target)
    }

    fn is_in_group(&self, group: &str, bare: &str) -> bool {
        self.real.is_in_group(group, bare)
    }

    fn role(&self, bare: &str, host: &str) -> Option<Cow<'_, str>> {
        self.real.role(bare, host)
    }

    fn origin_may(&self, permission: &str) -> bool {
        self.real.origin_may(permission)
    }

    fn may(&self, bare: &str, host: &str, permission: &str) -> bool {
        self.real.may(bare, host, permission)
    }

    fn is_admin(&self, bare: &str, host: Option<&str>) -> bool {
        self.real.is_admin(bare, host)
    }

    fn origin_mark(&self, name: &str) -> Option<Timestamp> {
        let own = (self.origin_names().0).and_then(|id| self.marks.find(Owner::Session, id, name));
        own.unwrap_or_else(|| self.real.origin_mark(name))
    }

    fn user_mark(&self, name: &str) -> Option<Timestamp> {
        let own = (self.origin_names().1).and_then(|bare| self.marks.find(Owner::User, bare, name));
        own.unwrap_or_else(|| self.real.user_mark(name))
    }

    fn country(&self, ip: IpAddr, field: CountryField) -> Option<Cow<'_, str>> {
        self.real.country(ip, field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_marks_make_room() {
        let marks = Marks::default();
        for number in 0..=MAX_MARKS {
            marks.set(Owner::Session, &number.to_string(), "seen", None);
        }
        assert_eq!(marks.len(), MAX_MARKS);
        assert_eq!(marks.find(Owner::Session, "0", "seen"), None);
        assert_eq!(marks.find(Owner::Session, "1", "seen"), Some(None));
        assert_eq!(marks.find(Owner::User, "1", "seen"), None);
    }
}

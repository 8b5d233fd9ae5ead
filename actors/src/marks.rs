//! Marks of a user: what the store keeps of them, at hand for rules of the user's host that ask.
//!
//! A change takes effect here and is handed to the store in one go, so that the two never disagree about the order. What
//! is read from the store meanwhile can not undo it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::ready;
use parking_lot::Mutex;
use storage::{Store, StoreFuture, UserMark};
use xmpp::jid::BareJid;

use crate::core::Core;

/// Marks that one user carries at most (`MARK USER`); beyond it those go that were set first.
pub const MAX_USER_MARKS: usize = 64;

/// A mark set again within this time is not stored anew: a flood of stanzas is no flood of writes.
const STORE_AGAIN: i64 = 1000;

/// The marks of one active account. Empty and without memory of its own until rules ask.
#[derive(Debug, Default)]
pub struct UserMarks {
    at_hand: Mutex<Option<Box<AtHand>>>,
}

/// Times are milliseconds since 1970, as the store has them.
type Times = BTreeMap<Box<str>, i64>;

#[derive(Debug, Default)]
struct AtHand {
    /// Whether the store has been read.
    is_read: bool,
    marks: Times,
    /// While the store is being read: what has changed since; `None` for a mark that was taken off.
    changed: Option<BTreeMap<Box<str>, Option<i64>>>,
}

impl AtHand {
    fn change(&mut self, name: &str, at: Option<i64>) {
        match at {
            Some(at) => put(&mut self.marks, name, at),
            None => drop(self.marks.remove(name)),
        }
        if let Some(changed) = &mut self.changed {
            changed.insert(name.into(), at);
        }
    }

    fn take_in(&mut self, stored: Vec<UserMark>) {
        self.marks = stored
            .into_iter()
            .map(|mark| (mark.name.into(), mark.marked_at_ms))
            .collect();
        self.is_read = true;
        for (name, at) in self.changed.take().into_iter().flatten() {
            self.change(&name, at);
        }
    }
}

/// As the store does it.
fn put(marks: &mut Times, name: &str, at: i64) {
    marks.remove(name);
    while marks.len() >= MAX_USER_MARKS {
        let oldest = marks
            .iter()
            .min_by_key(|(name, at)| (**at, (*name).clone()));
        let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
            break;
        };
        marks.remove(&oldest);
    }
    marks.insert(name.into(), at);
}

impl UserMarks {
    /// Whether rules find here what the store keeps.
    pub fn are_read(&self) -> bool {
        self.at_hand
            .lock()
            .as_ref()
            .is_some_and(|marks| marks.is_read)
    }

    /// When the user was marked.
    pub fn marked_at(&self, name: &str) -> Option<SystemTime> {
        let at_hand = self.at_hand.lock();
        let at = *at_hand.as_ref()?.marks.get(name)?;
        Some(UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or_default()))
    }

    /// Begins to read what is stored of `user`; [`Self::take_in`] is to be given it.
    pub(crate) fn read(&self, store: &dyn Store, user: &BareJid) -> StoreFuture<Vec<UserMark>> {
        let mut at_hand = self.at_hand.lock();
        let marks = at_hand.get_or_insert_default();
        marks.changed = Some(BTreeMap::new());
        store.marks(user)
    }

    /// Makes what was read what rules find.
    pub(crate) fn take_in(&self, stored: Vec<UserMark>) {
        self.at_hand.lock().get_or_insert_default().take_in(stored);
    }

    /// No rule asks any more.
    pub(crate) fn forget(&self) {
        *self.at_hand.lock() = None;
    }

    /// Sets or renews a mark of `user`, here and in the store.
    pub(crate) fn mark(
        &self,
        store: &dyn Store,
        user: &BareJid,
        name: &str,
        now: SystemTime,
    ) -> StoreFuture<()> {
        let at = milliseconds(now);
        let mut at_hand = self.at_hand.lock();
        if let Some(marks) = at_hand.as_mut() {
            let stored = marks.marks.get(name).copied();
            if marks.is_read
                && stored.is_some_and(|stored| (0..STORE_AGAIN).contains(&(at - stored)))
            {
                return ready(Ok(())).boxed();
            }
            marks.change(name, Some(at));
        }
        store.set_mark(user, user_mark(name, at), MAX_USER_MARKS)
    }

    /// Takes a mark off `user`, here and in the store.
    pub(crate) fn unmark(&self, store: &dyn Store, user: &BareJid, name: &str) -> StoreFuture<()> {
        let mut at_hand = self.at_hand.lock();
        if let Some(marks) = at_hand.as_mut() {
            if marks.is_read && !marks.marks.contains_key(name) {
                return ready(Ok(())).boxed();
            }
            marks.change(name, None);
        }
        store.clear_mark(user, name.to_owned())
    }
}

/// Sets a mark of `user`, for rules at once and in the store; `None` takes it off.
pub(crate) fn change(
    core: &Arc<Core>,
    user: &BareJid,
    name: &str,
    at: Option<SystemTime>,
) -> StoreFuture<()> {
    let store = &*core.store;
    let change = |marks: &UserMarks| match at {
        Some(now) => marks.mark(store, user, name, now),
        None => marks.unmark(store, user, name),
    };
    if let Some(account) = core.tables.active(user.as_str()) {
        return change(account.marks());
    }
    let stored = change(&UserMarks::default());
    // It may have become active in between and read the store before.
    match core.tables.active(user.as_str()) {
        Some(account) => change(account.marks()),
        None => stored,
    }
}

fn user_mark(name: &str, marked_at_ms: i64) -> UserMark {
    UserMark {
        name: name.to_owned(),
        marked_at_ms,
    }
}

fn milliseconds(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use storage::{Credentials, MemoryStore, NewAccount, Role};

    use super::*;

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(ms)
    }

    async fn with_user() -> (MemoryStore, BareJid) {
        let (store, user) = (MemoryStore::new(), BareJid::new("a@localhost").unwrap());
        let account = NewAccount {
            user: user.clone(),
            credentials: Credentials::default(),
            role: Role::Member,
            created_at: 0,
        };
        store.create_account(account).await.unwrap();
        (store, user)
    }

    /// What rules find, by name, if it is what the store keeps.
    async fn agreed(marks: &UserMarks, store: &MemoryStore, user: &BareJid) -> Vec<String> {
        let stored = store.marks(user).await.unwrap();
        for mark in &stored {
            let expected = Some(at(mark.marked_at_ms.unsigned_abs()));
            assert_eq!(marks.marked_at(&mark.name), expected, "{}", mark.name);
        }
        let at_hand = marks
            .at_hand
            .lock()
            .as_ref()
            .map_or(0, |marks| marks.marks.len());
        assert_eq!(at_hand, stored.len());
        stored.into_iter().map(|mark| mark.name).collect()
    }

    #[actix_rt::test]
    async fn what_changes_while_the_store_is_read_is_not_lost() {
        let (store, user) = with_user().await;
        let marks = UserMarks::default();
        for name in ["kept", "gone", "renewed"] {
            marks.mark(&store, &user, name, at(1)).await.unwrap();
        }
        let read = marks.read(&store, &user).await.unwrap();
        assert!(!marks.are_read());
        marks.mark(&store, &user, "new", at(2)).await.unwrap();
        marks.mark(&store, &user, "renewed", at(3)).await.unwrap();
        marks.unmark(&store, &user, "gone").await.unwrap();
        marks.take_in(read);
        assert!(marks.are_read());
        assert_eq!(
            agreed(&marks, &store, &user).await,
            ["kept", "new", "renewed"]
        );
    }

    #[actix_rt::test]
    async fn marks_are_bounded_as_in_the_store() {
        let (store, user) = with_user().await;
        let marks = UserMarks::default();
        marks.take_in(marks.read(&store, &user).await.unwrap());
        for n in 0..2 * MAX_USER_MARKS as u64 {
            marks
                .mark(&store, &user, &format!("mark{n}"), at(n % 7))
                .await
                .unwrap();
        }
        assert_eq!(agreed(&marks, &store, &user).await.len(), MAX_USER_MARKS);
    }

    #[actix_rt::test]
    async fn a_flood_is_no_flood_of_writes() {
        let (store, user) = with_user().await;
        let marks = UserMarks::default();
        marks.take_in(marks.read(&store, &user).await.unwrap());
        for ms in [0, 10, 999] {
            marks.mark(&store, &user, "x", at(ms)).await.unwrap();
        }
        assert_eq!(store.marks(&user).await.unwrap()[0].marked_at_ms, 0);
        marks.mark(&store, &user, "x", at(1000)).await.unwrap();
        assert_eq!(agreed(&marks, &store, &user).await, ["x"]);
        assert_eq!(marks.marked_at("x"), Some(at(1000)));
        // A clock that was set back makes the mark younger, not older.
        marks.mark(&store, &user, "x", at(500)).await.unwrap();
        assert_eq!(marks.marked_at("x"), Some(at(500)));
    }

    #[actix_rt::test]
    async fn nothing_is_at_hand_until_rules_ask() {
        let (store, user) = with_user().await;
        let marks = UserMarks::default();
        marks.mark(&store, &user, "x", at(1)).await.unwrap();
        assert!(marks.at_hand.lock().is_none());
        assert_eq!(marks.marked_at("x"), None);
    }
}

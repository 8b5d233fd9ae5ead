//! A store in memory, for tests: the semantics of [`Store`] without a disk. Every operation happens at the call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;
use jid::{BareJid, Jid};
use parking_lot::Mutex;
use xmpp::roster::RosterItem;

use crate::{
    Account, Credentials, ItemUpdate, Kept, MarkedUser, NewAccount, OfflineId, OfflineMessage,
    PrivateKey, RequestUpdate, Role, Roster, RosterLimits, RosterUpdate, Store, StoreError,
    StoreFuture, StoredRequest, UserMark,
};

/// Keeps everything in memory; clones share it. Bounded only by the limits per user.
#[derive(Clone, Default)]
pub struct MemoryStore {
    shelf: Arc<Mutex<Shelf>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn read<T: Default + Send + 'static>(
        &self,
        user: &BareJid,
        work: impl FnOnce(&User) -> T,
    ) -> StoreFuture<T> {
        let shelf = self.shelf.lock();
        let answer = shelf
            .open()
            .map(|()| shelf.users.get(user).map(work).unwrap_or_default());
        ready(answer).boxed()
    }

    fn write<T: Send + 'static>(
        &self,
        user: &BareJid,
        work: impl FnOnce(&mut User) -> Result<T, StoreError>,
    ) -> StoreFuture<T> {
        let mut shelf = self.shelf.lock();
        let answer = shelf.open().and_then(|()| match shelf.users.get_mut(user) {
            Some(user) => work(user),
            None => Err(StoreError::NoAccount { user: user.clone() }),
        });
        ready(answer).boxed()
    }
}

#[derive(Default)]
struct Shelf {
    is_closed: bool,
    users: BTreeMap<BareJid, User>,
}

impl Shelf {
    fn open(&self) -> Result<(), StoreError> {
        if self.is_closed {
            Err(StoreError::Closed)
        } else {
            Ok(())
        }
    }
}

struct User {
    account: Account,
    credentials: Credentials,
    version: u64,
    items: BTreeMap<String, RosterItem>,
    requests: Vec<StoredRequest>,
    last_offline: i64,
    offline: BTreeMap<OfflineId, OfflineMessage>,
    blocked: BTreeSet<String>,
    private: BTreeMap<PrivateKey, Bytes>,
    vcard: Option<Bytes>,
    marks: BTreeMap<String, i64>,
}

impl User {
    fn new(new: NewAccount) -> Self {
        Self {
            account: Account {
                user: new.user,
                role: new.role,
                created_at: new.created_at,
            },
            credentials: new.credentials,
            version: 0,
            items: BTreeMap::new(),
            requests: Vec::new(),
            last_offline: 0,
            offline: BTreeMap::new(),
            blocked: BTreeSet::new(),
            private: BTreeMap::new(),
            vcard: None,
            marks: BTreeMap::new(),
        }
    }

    fn update_roster(
        &mut self,
        update: RosterUpdate,
        limits: RosterLimits,
    ) -> Result<u64, StoreError> {
        let is_new_item = !self.items.contains_key(update.contact.as_str());
        if matches!(update.item, ItemUpdate::Put(_)) && is_new_item {
            check_limit(Kept::RosterItems, self.items.len(), limits.items)?;
        }
        let place = self
            .requests
            .iter()
            .position(|request| request.from == update.contact);
        if matches!(update.request, RequestUpdate::Store(_)) && place.is_none() {
            check_limit(Kept::Requests, self.requests.len(), limits.requests)?;
        }
        match update.item {
            ItemUpdate::Keep => {}
            ItemUpdate::Put(item) => {
                self.items.insert(update.contact.as_str().to_owned(), item);
                self.version += 1;
            }
            ItemUpdate::Remove => {
                self.version += u64::from(self.items.remove(update.contact.as_str()).is_some());
            }
        }
        if update.request != RequestUpdate::Keep
            && let Some(place) = place
        {
            self.requests.remove(place);
        }
        if let RequestUpdate::Store(stanza) = update.request {
            self.requests.push(StoredRequest {
                from: update.contact,
                stanza,
            });
        }
        Ok(self.version)
    }

    fn append_offline(
        &mut self,
        message: OfflineMessage,
        limit: usize,
    ) -> Result<OfflineId, StoreError> {
        check_limit(Kept::OfflineMessages, self.offline.len(), limit)?;
        self.last_offline += 1;
        let id = OfflineId(self.last_offline);
        self.offline.insert(id, message);
        Ok(id)
    }

    fn set_mark(&mut self, mark: UserMark, limit: usize) {
        let by_age = |(name, at): (&String, &i64)| (*at, name.clone());
        let mut others: Vec<_> = self.marks.iter().map(by_age).collect();
        others.retain(|(_, name)| *name != mark.name);
        others.sort_unstable();
        let surplus = others.len().saturating_sub(limit.saturating_sub(1));
        for (_, name) in others.into_iter().take(surplus) {
            self.marks.remove(&name);
        }
        self.marks.insert(mark.name, mark.marked_at_ms);
    }

    fn block(&mut self, addresses: Vec<Jid>, limit: usize) -> Result<(), StoreError> {
        let mut blocked = self.blocked.clone();
        for address in addresses {
            if blocked.insert(address.as_str().to_owned()) {
                check_limit(Kept::Blocked, blocked.len() - 1, limit)?;
            }
        }
        self.blocked = blocked;
        Ok(())
    }
}

fn check_limit(kept: Kept, present: usize, limit: usize) -> Result<(), StoreError> {
    if present < limit {
        Ok(())
    } else {
        Err(StoreError::LimitReached { kept, limit })
    }
}

impl Store for MemoryStore {
    fn create_account(&self, account: NewAccount) -> StoreFuture<()> {
        let mut shelf = self.shelf.lock();
        let answer = shelf.open().and_then(|()| {
            if shelf.users.contains_key(&account.user) {
                return Err(StoreError::AccountExists { user: account.user });
            }
            shelf.users.insert(account.user.clone(), User::new(account));
            Ok(())
        });
        ready(answer).boxed()
    }

    fn delete_account(&self, user: &BareJid) -> StoreFuture<()> {
        let mut shelf = self.shelf.lock();
        let answer = shelf.open().and_then(|()| match shelf.users.remove(user) {
            Some(_) => Ok(()),
            None => Err(StoreError::NoAccount { user: user.clone() }),
        });
        ready(answer).boxed()
    }

    fn account(&self, user: &BareJid) -> StoreFuture<Option<Account>> {
        self.read(user, |user| Some(user.account.clone()))
    }

    fn accounts(&self, host: &str, after: Option<&str>, limit: usize) -> StoreFuture<Vec<Account>> {
        let shelf = self.shelf.lock();
        let localpart =
            |account: &Account| account.user.node().map(|node| node.as_str().to_owned());
        let mut found: Vec<Account> = shelf
            .users
            .values()
            .map(|user| user.account.clone())
            .filter(|account| account.user.domain().as_str() == host)
            .filter(|account| localpart(account).as_deref() > after)
            .collect();
        found.sort_by_key(localpart);
        found.truncate(limit);
        ready(shelf.open().map(|()| found)).boxed()
    }

    fn credentials(&self, user: &BareJid) -> StoreFuture<Option<Credentials>> {
        self.read(user, |user| Some(user.credentials.clone()))
    }

    fn set_credentials(&self, user: &BareJid, credentials: Credentials) -> StoreFuture<()> {
        self.write(user, |user| {
            user.credentials = credentials;
            Ok(())
        })
    }

    fn set_role(&self, user: &BareJid, role: Role) -> StoreFuture<()> {
        self.write(user, |user| {
            user.account.role = role;
            Ok(())
        })
    }

    fn roster(&self, user: &BareJid) -> StoreFuture<Roster> {
        self.read(user, |user| Roster {
            version: user.version,
            items: user.items.values().cloned().collect(),
            requests: user.requests.clone(),
        })
    }

    fn update_roster(
        &self,
        user: &BareJid,
        update: RosterUpdate,
        limits: RosterLimits,
    ) -> StoreFuture<u64> {
        self.write(user, |user| user.update_roster(update, limits))
    }

    fn append_offline(
        &self,
        user: &BareJid,
        message: OfflineMessage,
        limit: usize,
    ) -> StoreFuture<OfflineId> {
        self.write(user, |user| user.append_offline(message, limit))
    }

    fn offline(
        &self,
        user: &BareJid,
        after: Option<OfflineId>,
        limit: usize,
    ) -> StoreFuture<Vec<(OfflineId, OfflineMessage)>> {
        self.read(user, |user| {
            let later = user.offline.iter().filter(|(id, _)| Some(**id) > after);
            later
                .take(limit)
                .map(|(id, message)| (*id, message.clone()))
                .collect()
        })
    }

    fn delete_offline(&self, user: &BareJid, ids: Vec<OfflineId>) -> StoreFuture<usize> {
        self.write(user, |user| {
            Ok(ids
                .iter()
                .filter(|id| user.offline.remove(id).is_some())
                .count())
        })
    }

    fn count_offline(&self, user: &BareJid) -> StoreFuture<usize> {
        self.read(user, |user| user.offline.len())
    }

    fn purge_offline(&self, user: &BareJid) -> StoreFuture<usize> {
        self.write(user, |user| Ok(std::mem::take(&mut user.offline).len()))
    }

    fn blocklist(&self, user: &BareJid) -> StoreFuture<Vec<Jid>> {
        self.read(user, |user| {
            user.blocked
                .iter()
                .filter_map(|address| Jid::new(address).ok())
                .collect()
        })
    }

    fn block(&self, user: &BareJid, addresses: Vec<Jid>, limit: usize) -> StoreFuture<()> {
        self.write(user, |user| user.block(addresses, limit))
    }

    fn unblock(&self, user: &BareJid, addresses: Vec<Jid>) -> StoreFuture<()> {
        self.write(user, |user| {
            user.blocked
                .retain(|blocked| addresses.iter().all(|address| address.as_str() != blocked));
            Ok(())
        })
    }

    fn unblock_all(&self, user: &BareJid) -> StoreFuture<()> {
        self.write(user, |user| {
            user.blocked.clear();
            Ok(())
        })
    }

    fn private_xml(&self, user: &BareJid, key: PrivateKey) -> StoreFuture<Option<Bytes>> {
        self.read(user, |user| user.private.get(&key).cloned())
    }

    fn set_private_xml(
        &self,
        user: &BareJid,
        key: PrivateKey,
        xml: Bytes,
        limit: usize,
    ) -> StoreFuture<()> {
        self.write(user, |user| {
            if !user.private.contains_key(&key) {
                check_limit(Kept::PrivateItems, user.private.len(), limit)?;
            }
            user.private.insert(key, xml);
            Ok(())
        })
    }

    fn vcard(&self, user: &BareJid) -> StoreFuture<Option<Bytes>> {
        self.read(user, |user| user.vcard.clone())
    }

    fn set_vcard(&self, user: &BareJid, xml: Bytes) -> StoreFuture<()> {
        self.write(user, |user| {
            user.vcard = Some(xml);
            Ok(())
        })
    }

    fn marks(&self, user: &BareJid) -> StoreFuture<Vec<UserMark>> {
        let mark = |(name, at): (&String, &i64)| UserMark {
            name: name.clone(),
            marked_at_ms: *at,
        };
        self.read(user, |user| user.marks.iter().map(mark).collect())
    }

    fn set_mark(&self, user: &BareJid, mark: UserMark, limit: usize) -> StoreFuture<()> {
        self.write(user, |user| {
            user.set_mark(mark, limit);
            Ok(())
        })
    }

    fn clear_mark(&self, user: &BareJid, name: String) -> StoreFuture<()> {
        self.write(user, |user| {
            user.marks.remove(&name);
            Ok(())
        })
    }

    fn marked(
        &self,
        host: &str,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<Vec<MarkedUser>> {
        let shelf = self.shelf.lock();
        let localpart =
            |marked: &MarkedUser| marked.user.node().map(|node| node.as_str().to_owned());
        let mut found: Vec<MarkedUser> = shelf
            .users
            .iter()
            .filter(|(user, _)| user.domain().as_str() == host)
            .filter_map(|(user, kept)| {
                let marked_at_ms = *kept.marks.get(name)?;
                let user = user.clone();
                Some(MarkedUser { user, marked_at_ms })
            })
            .filter(|marked| localpart(marked).as_deref() > after)
            .collect();
        found.sort_by_key(localpart);
        found.truncate(limit);
        ready(shelf.open().map(|()| found)).boxed()
    }

    fn barrier(&self, _: Option<&BareJid>) -> StoreFuture<()> {
        ready(self.shelf.lock().open()).boxed()
    }

    fn close(&self) -> StoreFuture<()> {
        self.shelf.lock().is_closed = true;
        ready(Ok(())).boxed()
    }
}

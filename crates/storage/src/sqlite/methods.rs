//! The methods of [`Store`]: each queues one piece of SQL.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;
use jid::{BareJid, Jid};
use tokio::sync::oneshot;

use super::operation::answer;
use super::{SqliteStore, accounts, marks, offline, personal, roster};
use crate::{
    Account, Credentials, MarkedUser, NewAccount, OfflineId, OfflineMessage, PrivateKey, Role,
    Roster, RosterLimits, RosterUpdate, Store, StoreFuture, UserMark,
};

impl Store for SqliteStore {
    fn create_account(&self, account: NewAccount) -> StoreFuture<()> {
        let user = account.user.clone();
        self.write(&user, 0, move |connection, _| {
            accounts::create(connection, &account)
        })
    }

    fn delete_account(&self, user: &BareJid) -> StoreFuture<()> {
        self.write(user, 0, accounts::delete)
    }

    fn account(&self, user: &BareJid) -> StoreFuture<Option<Account>> {
        self.read_of(user, accounts::load)
    }

    fn accounts(&self, host: &str, after: Option<&str>, limit: usize) -> StoreFuture<Vec<Account>> {
        let (host, after) = (host.to_owned(), after.map(str::to_owned));
        self.read(None, move |connection| {
            accounts::list(connection, &host, after.as_deref(), limit)
        })
    }

    fn credentials(&self, user: &BareJid) -> StoreFuture<Option<Credentials>> {
        self.read_of(user, accounts::credentials)
    }

    fn set_credentials(&self, user: &BareJid, credentials: Credentials) -> StoreFuture<()> {
        self.write(user, 0, move |connection, user| {
            accounts::set_credentials(connection, user, &credentials)
        })
    }

    fn set_role(&self, user: &BareJid, role: Role) -> StoreFuture<()> {
        self.write(user, 0, move |connection, user| {
            accounts::set_role(connection, user, role)
        })
    }

    fn roster(&self, user: &BareJid) -> StoreFuture<Roster> {
        self.read_of(user, roster::load)
    }

    fn update_roster(
        &self,
        user: &BareJid,
        update: RosterUpdate,
        limits: RosterLimits,
    ) -> StoreFuture<u64> {
        let bytes = update.bytes();
        self.write(user, bytes, move |connection, user| {
            roster::update(connection, user, &update, limits)
        })
    }

    fn append_offline(
        &self,
        user: &BareJid,
        message: OfflineMessage,
        limit: usize,
    ) -> StoreFuture<OfflineId> {
        let bytes = message.stanza.len();
        self.write(user, bytes, move |connection, user| {
            offline::append(connection, user, &message, limit)
        })
    }

    fn offline(
        &self,
        user: &BareJid,
        after: Option<OfflineId>,
        limit: usize,
    ) -> StoreFuture<Vec<(OfflineId, OfflineMessage)>> {
        self.read_of(user, move |connection, user| {
            offline::load(connection, user, after, limit)
        })
    }

    fn delete_offline(&self, user: &BareJid, ids: Vec<OfflineId>) -> StoreFuture<usize> {
        let bytes = ids.len().saturating_mul(size_of::<OfflineId>());
        self.write(user, bytes, move |connection, user| {
            offline::delete(connection, user, &ids)
        })
    }

    fn count_offline(&self, user: &BareJid) -> StoreFuture<usize> {
        self.read_of(user, offline::count)
    }

    fn purge_offline(&self, user: &BareJid) -> StoreFuture<usize> {
        self.write(user, 0, offline::purge)
    }

    fn blocklist(&self, user: &BareJid) -> StoreFuture<Vec<Jid>> {
        self.read_of(user, personal::blocklist)
    }

    fn block(&self, user: &BareJid, addresses: Vec<Jid>, limit: usize) -> StoreFuture<()> {
        let bytes = addresses.iter().map(|address| address.as_str().len()).sum();
        self.write(user, bytes, move |connection, user| {
            personal::block(connection, user, &addresses, limit)
        })
    }

    fn unblock(&self, user: &BareJid, addresses: Vec<Jid>) -> StoreFuture<()> {
        let bytes = addresses.iter().map(|address| address.as_str().len()).sum();
        self.write(user, bytes, move |connection, user| {
            personal::unblock(connection, user, &addresses)
        })
    }

    fn unblock_all(&self, user: &BareJid) -> StoreFuture<()> {
        self.write(user, 0, personal::unblock_all)
    }

    fn private_xml(&self, user: &BareJid, key: PrivateKey) -> StoreFuture<Option<Bytes>> {
        self.read_of(user, move |connection, user| {
            personal::private_xml(connection, user, &key)
        })
    }

    fn set_private_xml(
        &self,
        user: &BareJid,
        key: PrivateKey,
        xml: Bytes,
        limit: usize,
    ) -> StoreFuture<()> {
        let bytes = xml
            .len()
            .saturating_add(key.ns.len())
            .saturating_add(key.name.len());
        self.write(user, bytes, move |connection, user| {
            personal::set_private_xml(connection, user, &key, &xml, limit)
        })
    }

    fn vcard(&self, user: &BareJid) -> StoreFuture<Option<Bytes>> {
        self.read_of(user, personal::vcard)
    }

    fn set_vcard(&self, user: &BareJid, xml: Bytes) -> StoreFuture<()> {
        self.write(user, xml.len(), move |connection, user| {
            personal::set_vcard(connection, user, &xml)
        })
    }

    fn marks(&self, user: &BareJid) -> StoreFuture<Vec<UserMark>> {
        self.read_of(user, marks::load)
    }

    fn set_mark(&self, user: &BareJid, mark: UserMark, limit: usize) -> StoreFuture<()> {
        self.write(user, mark.name.len(), move |connection, user| {
            marks::set(connection, user, &mark, limit)
        })
    }

    fn clear_mark(&self, user: &BareJid, name: String) -> StoreFuture<()> {
        self.write(user, name.len(), move |connection, user| {
            marks::clear(connection, user, &name)
        })
    }

    fn marked(
        &self,
        host: &str,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<Vec<MarkedUser>> {
        let (host, name) = (host.to_owned(), name.to_owned());
        let after = after.map(str::to_owned);
        self.read(None, move |connection| {
            marks::list(connection, (&host, &name), after.as_deref(), limit)
        })
    }

    fn barrier(&self, user: Option<&BareJid>) -> StoreFuture<()> {
        let (tell, told) = oneshot::channel();
        match self.writes.after(user, move || drop(tell.send(Ok(())))) {
            Ok(Some(_)) => ready(Ok(())).boxed(),
            Ok(None) => answer(told),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn close(&self) -> StoreFuture<()> {
        self.writes.close();
        self.writes.end().map(|_| Ok(())).boxed()
    }
}

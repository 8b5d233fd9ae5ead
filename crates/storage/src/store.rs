//! The contract of every store.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jid::{BareJid, Jid};

use crate::{
    Account, Credentials, MarkedUser, NewAccount, OfflineId, OfflineMessage, PrivateKey, Role,
    Roster, RosterLimits, RosterUpdate, StoreError, UserMark,
};

/// Answer of a [`Store`]: it needs no particular runtime and holds no borrow.
pub type StoreFuture<T> = BoxFuture<'static, Result<T, StoreError>>;

/// What a node keeps.
///
/// - A method never blocks. The operation is queued *when the method is called*; dropping the future does not call it
///   back. A full queue answers [`StoreError::Overloaded`].
/// - A write's future resolves after COMMIT, or with an error after which nothing of it is stored.
/// - Writes take effect in the order of the calls. A read sees every write about the same user that was called before it.
/// - Each operation is one transaction: all of it happens or nothing.
/// - A read about a user without an account gives the empty answer; a write gives [`StoreError::NoAccount`].
/// - A `limit` bounds what is there after the operation; where it would be passed, nothing is stored and the answer is
///   [`StoreError::LimitReached`]. What was stored under a greater limit stays.
pub trait Store: Send + Sync + 'static {
    /// Makes an account; [`StoreError::AccountExists`] if there is one.
    fn create_account(&self, account: NewAccount) -> StoreFuture<()>;

    /// Deletes the account and everything kept for it.
    fn delete_account(&self, user: &BareJid) -> StoreFuture<()>;

    /// The account, if there is one.
    fn account(&self, user: &BareJid) -> StoreFuture<Option<Account>>;

    /// At most `limit` accounts of a host whose localparts come after `after`, in the order of their bytes.
    fn accounts(&self, host: &str, after: Option<&str>, limit: usize) -> StoreFuture<Vec<Account>>;

    /// The keys of an account; `None` if there is no account.
    fn credentials(&self, user: &BareJid) -> StoreFuture<Option<Credentials>>;

    /// Replaces the keys of an account.
    fn set_credentials(&self, user: &BareJid, credentials: Credentials) -> StoreFuture<()>;

    /// Replaces the role of an account.
    fn set_role(&self, user: &BareJid, role: Role) -> StoreFuture<()>;

    /// The roster with its version and the requests that wait for an answer.
    fn roster(&self, user: &BareJid) -> StoreFuture<Roster>;

    /// Changes one contact; answers the version of the roster afterwards.
    fn update_roster(
        &self,
        user: &BareJid,
        update: RosterUpdate,
        limits: RosterLimits,
    ) -> StoreFuture<u64>;

    /// Keeps a message until it is deleted by its id.
    fn append_offline(
        &self,
        user: &BareJid,
        message: OfflineMessage,
        limit: usize,
    ) -> StoreFuture<OfflineId>;

    /// At most `limit` messages after `after`, oldest first. They stay stored: delete them once they are delivered.
    fn offline(
        &self,
        user: &BareJid,
        after: Option<OfflineId>,
        limit: usize,
    ) -> StoreFuture<Vec<(OfflineId, OfflineMessage)>>;

    /// Deletes messages by their ids; answers how many there were. Unknown ids are passed over.
    fn delete_offline(&self, user: &BareJid, ids: Vec<OfflineId>) -> StoreFuture<usize>;

    /// How many messages wait.
    fn count_offline(&self, user: &BareJid) -> StoreFuture<usize>;

    /// Deletes all messages; answers how many there were.
    fn purge_offline(&self, user: &BareJid) -> StoreFuture<usize>;

    /// The blocked addresses, in the order of their text.
    fn blocklist(&self, user: &BareJid) -> StoreFuture<Vec<Jid>>;

    /// Blocks addresses; those blocked already count once.
    fn block(&self, user: &BareJid, addresses: Vec<Jid>, limit: usize) -> StoreFuture<()>;

    /// Unblocks addresses; those not blocked are passed over.
    fn unblock(&self, user: &BareJid, addresses: Vec<Jid>) -> StoreFuture<()>;

    /// Unblocks every address.
    fn unblock_all(&self, user: &BareJid) -> StoreFuture<()>;

    /// A piece of private XML in canonical form (XEP-0049).
    fn private_xml(&self, user: &BareJid, key: PrivateKey) -> StoreFuture<Option<Bytes>>;

    /// Adds or replaces a piece of private XML; `limit` bounds the number of pieces.
    fn set_private_xml(
        &self,
        user: &BareJid,
        key: PrivateKey,
        xml: Bytes,
        limit: usize,
    ) -> StoreFuture<()>;

    /// The vCard in canonical form (XEP-0054).
    fn vcard(&self, user: &BareJid) -> StoreFuture<Option<Bytes>>;

    /// Replaces the vCard.
    fn set_vcard(&self, user: &BareJid, xml: Bytes) -> StoreFuture<()>;

    /// The marks of a user, in the order of their names.
    fn marks(&self, user: &BareJid) -> StoreFuture<Vec<UserMark>>;

    /// Sets a mark, or gives it another time. Here `limit` refuses nothing: of more marks than that, this one stays and
    /// those go that were set first.
    fn set_mark(&self, user: &BareJid, mark: UserMark, limit: usize) -> StoreFuture<()>;

    /// Takes a mark off a user; one that is not there is passed over.
    fn clear_mark(&self, user: &BareJid, name: String) -> StoreFuture<()>;

    /// At most `limit` users of a host that have a mark and whose localparts come after `after`, in the order of their
    /// bytes.
    fn marked(
        &self,
        host: &str,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<Vec<MarkedUser>>;

    /// Resolves once every write called before it has been answered: those about `user`, or all with `None`. A write that
    /// failed is told by its own future, not by this one. Cheap when nothing is under way.
    fn barrier(&self, user: Option<&BareJid>) -> StoreFuture<()>;

    /// Takes no more operations, and resolves once all that were taken are answered.
    fn close(&self) -> StoreFuture<()>;
}

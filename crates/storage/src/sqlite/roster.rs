//! Rosters and subscription requests in SQL.

use bytes::Bytes;
use jid::BareJid;
use rusqlite::{Connection, Row, params};
use xmpp::roster::{RosterItem, Subscription};

use super::accounts;
use super::failure::{WorkError, damaged};
use super::limit::check_limit;
use crate::{ItemUpdate, Kept, RequestUpdate, Roster, RosterLimits, RosterUpdate, StoredRequest};

/// Between the names of groups; XML can not carry it, so no name holds it.
const SEPARATOR: char = '\u{1f}';

pub(super) fn load(connection: &Connection, user: &BareJid) -> Result<Roster, WorkError> {
    // One snapshot: version, items and requests fit each other.
    let snapshot = connection.unchecked_transaction()?;
    let Some(account) = accounts::find(&snapshot, user)? else {
        return Ok(Roster::default());
    };
    let sql = "select contact, name, subscription, ask, approved, groups from roster_items
               where account = ?1 order by contact";
    let items = snapshot
        .prepare_cached(sql)?
        .query_map([account], item)?
        .collect::<Result<_, _>>()?;
    let sql = "select contact, stanza from subscription_requests where account = ?1 order by id";
    let requests = snapshot
        .prepare_cached(sql)?
        .query_map([account], request)?
        .collect::<Result<_, _>>()?;
    Ok(Roster {
        version: version(&snapshot, account)?,
        items,
        requests,
    })
}

fn item(row: &Row<'_>) -> rusqlite::Result<RosterItem> {
    let subscription = Subscription::from_name(row.get_ref(2)?.as_str()?);
    Ok(RosterItem {
        jid: BareJid::new(row.get_ref(0)?.as_str()?)
            .map_err(|_| damaged("roster_items.contact"))?,
        name: row.get(1)?,
        subscription: subscription.ok_or_else(|| damaged("roster_items.subscription"))?,
        ask: row.get(3)?,
        approved: row.get(4)?,
        groups: match row.get_ref(5)?.as_str()? {
            "" => Vec::new(),
            groups => groups.split(SEPARATOR).map(str::to_owned).collect(),
        },
    })
}

fn request(row: &Row<'_>) -> rusqlite::Result<StoredRequest> {
    let from = BareJid::new(row.get_ref(0)?.as_str()?)
        .map_err(|_| damaged("subscription_requests.contact"))?;
    Ok(StoredRequest {
        from,
        stanza: Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?),
    })
}

fn version(connection: &Connection, account: i64) -> rusqlite::Result<u64> {
    let sql = "select roster_version from accounts where id = ?1";
    let version: i64 = connection
        .prepare_cached(sql)?
        .query_row([account], |row| row.get(0))?;
    u64::try_from(version).map_err(|_| damaged("accounts.roster_version"))
}

pub(super) fn update(
    connection: &Connection,
    user: &BareJid,
    update: &RosterUpdate,
    limits: RosterLimits,
) -> Result<u64, WorkError> {
    let account = accounts::require(connection, user)?;
    let contact = update.contact.as_str();
    let is_changed = match &update.item {
        ItemUpdate::Keep => false,
        ItemUpdate::Put(item) => {
            put_item(connection, account, contact, item, limits.items)?;
            true
        }
        ItemUpdate::Remove => {
            let sql = "delete from roster_items where account = ?1 and contact = ?2";
            connection
                .prepare_cached(sql)?
                .execute(params![account, contact])?
                > 0
        }
    };
    if update.request != RequestUpdate::Keep {
        let sql = "delete from subscription_requests where account = ?1 and contact = ?2";
        connection
            .prepare_cached(sql)?
            .execute(params![account, contact])?;
    }
    if let RequestUpdate::Store(stanza) = &update.request {
        store_request(connection, account, contact, stanza, limits.requests)?;
    }
    if is_changed {
        let sql = "update accounts set roster_version = roster_version + 1 where id = ?1";
        connection.prepare_cached(sql)?.execute([account])?;
    }
    Ok(version(connection, account)?)
}

fn put_item(
    connection: &Connection,
    account: i64,
    contact: &str,
    item: &RosterItem,
    limit: usize,
) -> Result<(), WorkError> {
    let groups = item.groups.join(&SEPARATOR.to_string());
    let values = params![
        account,
        contact,
        item.name,
        item.subscription.as_str(),
        item.ask,
        item.approved,
        groups
    ];
    let sql =
        "update roster_items set name = ?3, subscription = ?4, ask = ?5, approved = ?6, groups = ?7
               where account = ?1 and contact = ?2";
    if connection.prepare_cached(sql)?.execute(values)? > 0 {
        return Ok(());
    }
    check_limit(connection, Kept::RosterItems, account, limit)?;
    let sql =
        "insert into roster_items (account, contact, name, subscription, ask, approved, groups)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn store_request(
    connection: &Connection,
    account: i64,
    contact: &str,
    stanza: &Bytes,
    limit: usize,
) -> Result<(), WorkError> {
    check_limit(connection, Kept::Requests, account, limit)?;
    let sql = "insert into subscription_requests (account, contact, stanza) values (?1, ?2, ?3)";
    connection
        .prepare_cached(sql)?
        .execute(params![account, contact, stanza.as_ref()])?;
    Ok(())
}

//! Blocklist, private XML and vCard in SQL.

use bytes::Bytes;
use jid::{BareJid, Jid};
use rusqlite::{Connection, OptionalExtension, params};

use super::accounts;
use super::failure::{WorkError, damaged};
use super::limit::{check_limit, count};
use crate::{Kept, PrivateKey, StoreError};

pub(super) fn blocklist(connection: &Connection, user: &BareJid) -> Result<Vec<Jid>, WorkError> {
    let Some(account) = accounts::find(connection, user)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection
        .prepare_cached("select address from blocked where account = ?1 order by address")?;
    let rows = statement.query_map([account], |row| {
        Jid::new(row.get_ref(0)?.as_str()?).map_err(|_| damaged("blocked.address"))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn block(
    connection: &Connection,
    user: &BareJid,
    addresses: &[Jid],
    limit: usize,
) -> Result<(), WorkError> {
    let account = accounts::require(connection, user)?;
    let mut known =
        connection.prepare_cached("select 1 from blocked where account = ?1 and address = ?2")?;
    let mut insert =
        connection.prepare_cached("insert into blocked (account, address) values (?1, ?2)")?;
    let mut present = count(connection, Kept::Blocked, account)?;
    for address in addresses {
        let row = params![account, address.as_str()];
        if known.exists(row)? {
            continue;
        }
        if present >= limit {
            return Err(StoreError::LimitReached {
                kept: Kept::Blocked,
                limit,
            }
            .into());
        }
        present += insert.execute(row)?;
    }
    Ok(())
}

pub(super) fn unblock(
    connection: &Connection,
    user: &BareJid,
    addresses: &[Jid],
) -> Result<(), WorkError> {
    let account = accounts::require(connection, user)?;
    let mut delete =
        connection.prepare_cached("delete from blocked where account = ?1 and address = ?2")?;
    for address in addresses {
        delete.execute(params![account, address.as_str()])?;
    }
    Ok(())
}

pub(super) fn unblock_all(connection: &Connection, user: &BareJid) -> Result<(), WorkError> {
    let account = accounts::require(connection, user)?;
    connection
        .prepare_cached("delete from blocked where account = ?1")?
        .execute([account])?;
    Ok(())
}

pub(super) fn private_xml(
    connection: &Connection,
    user: &BareJid,
    key: &PrivateKey,
) -> Result<Option<Bytes>, WorkError> {
    let Some(account) = accounts::find(connection, user)? else {
        return Ok(None);
    };
    let sql = "select xml from private_xml where account = ?1 and ns = ?2 and name = ?3";
    blob(connection, sql, params![account, key.ns, key.name])
}

pub(super) fn set_private_xml(
    connection: &Connection,
    user: &BareJid,
    key: &PrivateKey,
    xml: &Bytes,
    limit: usize,
) -> Result<(), WorkError> {
    let account = accounts::require(connection, user)?;
    let row = params![account, key.ns, key.name, xml.as_ref()];
    let sql = "update private_xml set xml = ?4 where account = ?1 and ns = ?2 and name = ?3";
    if connection.prepare_cached(sql)?.execute(row)? == 0 {
        check_limit(connection, Kept::PrivateItems, account, limit)?;
        let sql = "insert into private_xml (account, ns, name, xml) values (?1, ?2, ?3, ?4)";
        connection.prepare_cached(sql)?.execute(row)?;
    }
    Ok(())
}

pub(super) fn vcard(connection: &Connection, user: &BareJid) -> Result<Option<Bytes>, WorkError> {
    let Some(account) = accounts::find(connection, user)? else {
        return Ok(None);
    };
    blob(
        connection,
        "select xml from vcards where account = ?1",
        params![account],
    )
}

pub(super) fn set_vcard(
    connection: &Connection,
    user: &BareJid,
    xml: &Bytes,
) -> Result<(), WorkError> {
    let account = accounts::require(connection, user)?;
    let sql = "insert into vcards (account, xml) values (?1, ?2) on conflict do update set xml = excluded.xml";
    connection
        .prepare_cached(sql)?
        .execute(params![account, xml.as_ref()])?;
    Ok(())
}

fn blob(
    connection: &Connection,
    sql: &str,
    key: &[&dyn rusqlite::ToSql],
) -> Result<Option<Bytes>, WorkError> {
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok(Bytes::copy_from_slice(row.get_ref(0)?.as_blob()?));
    Ok(statement.query_row(key, read).optional()?)
}

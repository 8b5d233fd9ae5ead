//! Offline messages in SQL.

use bytes::Bytes;
use jid::BareJid;
use rusqlite::{Connection, Row, params};

use super::accounts;
use super::failure::WorkError;
use super::limit::{check_limit, count as count_rows};
use crate::{Kept, OfflineId, OfflineMessage};

pub(super) fn append(
    connection: &Connection,
    user: &BareJid,
    message: &OfflineMessage,
    limit: usize,
) -> Result<OfflineId, WorkError> {
    let account = accounts::require(connection, user)?;
    check_limit(connection, Kept::OfflineMessages, account, limit)?;
    let sql = "insert into offline_messages (account, stamp_ms, stanza) values (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![
        account,
        message.stamp_ms,
        message.stanza.as_ref()
    ])?;
    Ok(OfflineId(connection.last_insert_rowid()))
}

pub(super) fn load(
    connection: &Connection,
    user: &BareJid,
    after: Option<OfflineId>,
    limit: usize,
) -> Result<Vec<(OfflineId, OfflineMessage)>, WorkError> {
    let Some(account) = accounts::find(connection, user)? else {
        return Ok(Vec::new());
    };
    let sql = "select id, stamp_ms, stanza from offline_messages where account = ?1 and id > ?2 order by id limit ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let after = after.map_or(0, |id| id.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map([account, after, limit], message)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn message(row: &Row<'_>) -> rusqlite::Result<(OfflineId, OfflineMessage)> {
    let stanza = Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?);
    Ok((
        OfflineId(row.get(0)?),
        OfflineMessage {
            stamp_ms: row.get(1)?,
            stanza,
        },
    ))
}

pub(super) fn delete(
    connection: &Connection,
    user: &BareJid,
    ids: &[OfflineId],
) -> Result<usize, WorkError> {
    let account = accounts::require(connection, user)?;
    let mut statement =
        connection.prepare_cached("delete from offline_messages where id = ?2 and account = ?1")?;
    let mut deleted = 0;
    for id in ids {
        deleted += statement.execute([account, id.0])?;
    }
    Ok(deleted)
}

pub(super) fn count(connection: &Connection, user: &BareJid) -> Result<usize, WorkError> {
    match accounts::find(connection, user)? {
        Some(account) => count_rows(connection, Kept::OfflineMessages, account),
        None => Ok(0),
    }
}

pub(super) fn purge(connection: &Connection, user: &BareJid) -> Result<usize, WorkError> {
    let account = accounts::require(connection, user)?;
    Ok(connection
        .prepare_cached("delete from offline_messages where account = ?1")?
        .execute([account])?)
}

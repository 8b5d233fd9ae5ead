//! Marks of users in SQL.

use jid::BareJid;
use rusqlite::{Connection, params};

use super::accounts;
use super::failure::WorkError;
use crate::{MarkedUser, UserMark};

/// Sets or renews a mark; beyond `limit` those go that were set first.
pub(super) fn set(
    connection: &Connection,
    user: &BareJid,
    mark: &UserMark,
    limit: usize,
) -> Result<(), WorkError> {
    let account = accounts::require(connection, user)?;
    let sql = "insert into user_marks (account, name, marked_at_ms) values (?1, ?2, ?3)
               on conflict do update set marked_at_ms = excluded.marked_at_ms";
    let row = params![account, mark.name, mark.marked_at_ms];
    connection.prepare_cached(sql)?.execute(row)?;
    let sql = "delete from user_marks where account = ?1 and name in (
                   select name from user_marks where account = ?1 and name <> ?2
                   order by marked_at_ms desc, name desc limit -1 offset ?3)";
    let others = i64::try_from(limit.saturating_sub(1)).unwrap_or(i64::MAX);
    let row = params![account, mark.name, others];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

pub(super) fn clear(connection: &Connection, user: &BareJid, name: &str) -> Result<(), WorkError> {
    let account = accounts::require(connection, user)?;
    let sql = "delete from user_marks where account = ?1 and name = ?2";
    connection
        .prepare_cached(sql)?
        .execute(params![account, name])?;
    Ok(())
}

pub(super) fn load(connection: &Connection, user: &BareJid) -> Result<Vec<UserMark>, WorkError> {
    let Some(account) = accounts::find(connection, user)? else {
        return Ok(Vec::new());
    };
    let sql = "select name, marked_at_ms from user_marks where account = ?1 order by name";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([account], |row| {
        Ok(UserMark {
            name: row.get(0)?,
            marked_at_ms: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn list(
    connection: &Connection,
    (host, name): (&str, &str),
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<MarkedUser>, WorkError> {
    let sql = "select host, localpart, marked_at_ms from user_marks join accounts on accounts.id = account
               where name = ?1 and host = ?2 and (?3 is null or localpart > ?3) order by localpart limit ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![name, host, after, limit], |row| {
        Ok(MarkedUser {
            user: accounts::user(row)?,
            marked_at_ms: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

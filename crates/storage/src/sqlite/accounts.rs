//! Accounts and credentials in SQL.

use jid::{BareJid, DomainPart, NodePart};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::failure::{WorkError, damaged};
use crate::{Account, Credentials, NewAccount, Role, ScramKeys, StoreError};

const SHA_1: &str = "SCRAM-SHA-1";
const SHA_256: &str = "SCRAM-SHA-256";

/// The row that everything of this user refers to.
pub(super) fn find(connection: &Connection, user: &BareJid) -> rusqlite::Result<Option<i64>> {
    let sql = "select id from accounts where host = ?1 and localpart = ?2";
    connection
        .prepare_cached(sql)?
        .query_row(key(user), |row| row.get(0))
        .optional()
}

/// As [`find`], for writes.
pub(super) fn require(connection: &Connection, user: &BareJid) -> Result<i64, WorkError> {
    find(connection, user)?.ok_or_else(|| StoreError::NoAccount { user: user.clone() }.into())
}

fn key(user: &BareJid) -> (&str, &str) {
    (
        user.domain().as_str(),
        user.node().map_or("", |node| node.as_str()),
    )
}

pub(super) fn create(connection: &Connection, new: &NewAccount) -> Result<(), WorkError> {
    let (host, localpart) = key(&new.user);
    let sql = "insert into accounts (host, localpart, role, created_at) values (?1, ?2, ?3, ?4) on conflict do nothing";
    let inserted = connection.prepare_cached(sql)?.execute(params![
        host,
        localpart,
        new.role.as_str(),
        new.created_at
    ])?;
    if inserted == 0 {
        return Err(StoreError::AccountExists {
            user: new.user.clone(),
        }
        .into());
    }
    put_credentials(connection, connection.last_insert_rowid(), &new.credentials)
}

/// Everything of the user goes with the row (`on delete cascade`).
pub(super) fn delete(connection: &Connection, user: &BareJid) -> Result<(), WorkError> {
    let id = require(connection, user)?;
    connection
        .prepare_cached("delete from accounts where id = ?1")?
        .execute([id])?;
    Ok(())
}

pub(super) fn load(connection: &Connection, user: &BareJid) -> Result<Option<Account>, WorkError> {
    let sql =
        "select host, localpart, role, created_at from accounts where host = ?1 and localpart = ?2";
    Ok(connection
        .prepare_cached(sql)?
        .query_row(key(user), account)
        .optional()?)
}

pub(super) fn list(
    connection: &Connection,
    host: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Account>, WorkError> {
    let sql = "select host, localpart, role, created_at from accounts
               where host = ?1 and (?2 is null or localpart > ?2) order by localpart limit ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![host, after, limit], account)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The address in the first two columns, host and localpart.
pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<BareJid> {
    let host = DomainPart::new(row.get_ref(0)?.as_str()?)
        .map_err(|_| damaged("accounts.host"))?
        .into_owned();
    let localpart = row.get_ref(1)?.as_str()?;
    let node = match localpart {
        "" => None,
        localpart => Some(
            NodePart::new(localpart)
                .map_err(|_| damaged("accounts.localpart"))?
                .into_owned(),
        ),
    };
    Ok(BareJid::from_parts(node.as_deref(), &host))
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let role: Role = row
        .get_ref(2)?
        .as_str()?
        .parse()
        .map_err(|_| damaged("accounts.role"))?;
    Ok(Account {
        user: user(row)?,
        role,
        created_at: row.get(3)?,
    })
}

pub(super) fn set_role(
    connection: &Connection,
    user: &BareJid,
    role: Role,
) -> Result<(), WorkError> {
    let id = require(connection, user)?;
    connection
        .prepare_cached("update accounts set role = ?2 where id = ?1")?
        .execute(params![id, role.as_str()])?;
    Ok(())
}

pub(super) fn set_credentials(
    connection: &Connection,
    user: &BareJid,
    credentials: &Credentials,
) -> Result<(), WorkError> {
    let id = require(connection, user)?;
    connection
        .prepare_cached("delete from credentials where account = ?1")?
        .execute([id])?;
    put_credentials(connection, id, credentials)
}

fn put_credentials(
    connection: &Connection,
    id: i64,
    credentials: &Credentials,
) -> Result<(), WorkError> {
    let sql =
        "insert into credentials (account, mechanism, iterations, salt, stored_key, server_key)
               values (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = connection.prepare_cached(sql)?;
    for (mechanism, keys) in [
        (SHA_1, &credentials.scram_sha_1),
        (SHA_256, &credentials.scram_sha_256),
    ] {
        if let Some(keys) = keys {
            statement.execute(params![
                id,
                mechanism,
                keys.iterations,
                keys.salt,
                keys.stored_key,
                keys.server_key
            ])?;
        }
    }
    Ok(())
}

pub(super) fn credentials(
    connection: &Connection,
    user: &BareJid,
) -> Result<Option<Credentials>, WorkError> {
    let Some(id) = find(connection, user)? else {
        return Ok(None);
    };
    let sql = "select mechanism, iterations, salt, stored_key, server_key from credentials where account = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    let mut credentials = Credentials::default();
    while let Some(row) = rows.next()? {
        let keys = ScramKeys {
            iterations: row.get(1)?,
            salt: row.get(2)?,
            stored_key: row.get(3)?,
            server_key: row.get(4)?,
        };
        match row.get_ref(0)?.as_str()? {
            SHA_1 => credentials.scram_sha_1 = Some(keys),
            SHA_256 => credentials.scram_sha_256 = Some(keys),
            _ => return Err(damaged("credentials.mechanism").into()),
        }
    }
    Ok(Some(credentials))
}

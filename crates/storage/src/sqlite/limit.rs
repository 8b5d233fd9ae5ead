//! Bounds per user, checked inside the transaction.

use rusqlite::Connection;

use super::failure::WorkError;
use crate::{Kept, StoreError};

/// Refuses when the account has `limit` rows or more, so that one more would pass the bound.
pub(super) fn check_limit(
    connection: &Connection,
    kept: Kept,
    account: i64,
    limit: usize,
) -> Result<(), WorkError> {
    if count(connection, kept, account)? < limit {
        Ok(())
    } else {
        Err(StoreError::LimitReached { kept, limit }.into())
    }
}

/// How many rows the account has; reads only the index.
pub(super) fn count(connection: &Connection, kept: Kept, account: i64) -> Result<usize, WorkError> {
    let sql = match kept {
        Kept::RosterItems => "select count(*) from roster_items where account = ?1",
        Kept::Requests => "select count(*) from subscription_requests where account = ?1",
        Kept::OfflineMessages => "select count(*) from offline_messages where account = ?1",
        Kept::Blocked => "select count(*) from blocked where account = ?1",
        Kept::PrivateItems => "select count(*) from private_xml where account = ?1",
    };
    let rows: i64 = connection
        .prepare_cached(sql)?
        .query_row([account], |row| row.get(0))?;
    Ok(usize::try_from(rows).unwrap_or(0))
}

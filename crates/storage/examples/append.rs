//! What an offline message costs: the caller's thread at the call, and the whole store per message.
//!
//! `cargo run --release -p portcullis-storage --example append [DIRECTORY]`; without a directory, in the system's
//! temporary one, which may be in memory.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::join_all;
use jid::BareJid;
use portcullis_storage::{
    Credentials, NewAccount, OfflineMessage, Role, SqliteOptions, SqliteStore, Store,
};

/// Messages under way at a time.
const WINDOW: usize = 64;

/// Windows measured, and messages sent alone.
const ROUNDS: usize = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let directory = match std::env::args().nth(1) {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir()?,
    };
    let store = SqliteStore::open(SqliteOptions::new(directory.path().join("store.db")))?;
    let users = create_users(&store).await?;
    let messages = u32::try_from(WINDOW * ROUNDS)?;
    let before = store.report().commits;
    let (calling, elapsed) = in_windows(&store, &users).await?;
    let commits = store.report().commits - before;
    let alone = alone(&store, users.first().context("no user")?).await?;
    writeln!(
        std::io::stdout(),
        "call {:?}; {WINDOW} at a time {:?} per message in {commits} commits for {messages}; alone {:?}",
        calling / messages,
        elapsed / messages,
        alone / u32::try_from(ROUNDS)?,
    )?;
    Ok(())
}

async fn create_users(store: &SqliteStore) -> Result<Vec<BareJid>> {
    let mut users = Vec::new();
    for n in 0..100 {
        let user = BareJid::new(&format!("user{n}@example.com"))?;
        let credentials = Credentials::default();
        let account = NewAccount {
            user: user.clone(),
            role: Role::Member,
            credentials,
            created_at: 0,
        };
        store.create_account(account).await?;
        users.push(user);
    }
    Ok(users)
}

fn message() -> OfflineMessage {
    OfflineMessage {
        stamp_ms: 0,
        stanza: Bytes::from_static(&[b'x'; 400]),
    }
}

/// Time spent in the calls, and until the last answer.
async fn in_windows(store: &SqliteStore, users: &[BareJid]) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let mut calling = Duration::ZERO;
    for round in 0..ROUNDS {
        let mut answers = Vec::with_capacity(WINDOW);
        let call = Instant::now();
        for user in users.iter().cycle().skip(round).take(WINDOW) {
            answers.push(store.append_offline(user, message(), usize::MAX));
        }
        calling += call.elapsed();
        join_all(answers)
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
    }
    Ok((calling, start.elapsed()))
}

/// Time until the answers of messages that have no company.
async fn alone(store: &SqliteStore, user: &BareJid) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        store.append_offline(user, message(), usize::MAX).await?;
    }
    Ok(start.elapsed())
}

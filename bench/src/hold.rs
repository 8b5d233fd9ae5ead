//! Sessions that are held while others work, and must all be there in the end.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Client, Target};
use crate::crowd;
use crate::orders::{Orders, say};

/// Sessions that are asked at one time whether they live.
const CONCURRENT: usize = 64;
/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to hold.
#[derive(Debug, Clone, Args)]
pub struct Hold {
    /// How many sessions, one per user.
    #[arg(long, default_value_t = 1000)]
    pub sessions: usize,
    /// The number of the first user.
    #[arg(long, default_value_t = 0)]
    pub first: usize,
}

/// Logs in, waits for the end of standard input, and counts the sessions that do not answer a ping then.
///
/// # Errors
/// A log-in fails.
pub async fn run(target: Rc<Target>, hold: &Hold) -> Result<()> {
    let since = Instant::now();
    let users = hold.first..hold.first + hold.sessions;
    let sessions = crowd::login(&target, users).await?;
    let seconds = since.elapsed().as_secs_f64();
    let mut orders = Orders::ready(sessions.len())?;
    while orders.next().await {}
    let lost = lost(sessions).await?;
    say(&json!({ "sessions": hold.sessions, "log_in_seconds": seconds, "lost": lost }))
}

async fn lost(sessions: Vec<Client>) -> Result<usize> {
    let permits = Rc::new(Semaphore::new(CONCURRENT));
    let mut asked = JoinSet::new();
    for mut session in sessions {
        let permits = permits.clone();
        asked.spawn_local(async move {
            let _permit = permits.acquire().await?;
            let answer = tokio::time::timeout(PATIENCE, session.settle()).await;
            Ok::<_, anyhow::Error>(!matches!(answer, Ok(Ok(()))))
        });
    }
    let mut lost = 0;
    while let Some(is_lost) = asked.join_next().await {
        lost += usize::from(is_lost??);
    }
    Ok(lost)
}

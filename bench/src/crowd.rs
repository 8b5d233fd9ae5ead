//! Logging many users in at once, within a bound.

use std::ops::Range;
use std::rc::Rc;

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Client, Target, user};

/// Log-ins under way at one time.
const CONCURRENT: usize = 16;

/// Logs users in and waits until the server has handled what they sent; in order of their numbers.
pub async fn login(target: &Rc<Target>, users: Range<usize>) -> Result<Vec<Client>> {
    let permits = Rc::new(Semaphore::new(CONCURRENT));
    let mut tasks = JoinSet::new();
    for index in users {
        let (target, permits) = (target.clone(), permits.clone());
        tasks.spawn_local(async move {
            let _permit = permits.acquire().await?;
            let mut client = Client::login(&target, &user(index)).await?;
            client.settle().await.context("waiting for the server")?;
            Ok::<_, anyhow::Error>((index, client))
        });
    }
    let mut clients = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        clients.push(done??);
    }
    clients.sort_by_key(|(index, _)| *index);
    Ok(clients.into_iter().map(|(_, client)| client).collect())
}

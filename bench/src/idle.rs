//! Sessions that do nothing but exist.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::client::Target;
use crate::crowd;
use crate::procfs::resident_kib;
use crate::report::{Report, Window};

/// How to idle.
#[derive(Debug, Clone, Args)]
pub struct Idle {
    /// Sessions that are counted, one per user.
    #[arg(long, default_value_t = 1000)]
    pub sessions: usize,
    /// Sessions before them, so that what a server allocates once is not counted.
    #[arg(long, default_value_t = 100)]
    pub first: usize,
    /// Seconds to wait before each look at the memory, for servers that collect garbage.
    #[arg(long, default_value_t = 2.0)]
    pub settle: f64,
}

/// Compares resident memory before and after.
pub async fn run(target: Rc<Target>, idle: &Idle, pid: Option<u32>) -> Result<Report> {
    let pid = pid.context("memory needs --pid")?;
    ensure!(idle.sessions > 0, "needs at least one session");
    let first = crowd::login(&target, 0..idle.first).await?;
    let before = settled(pid, idle).await?;
    let window = Window::open(Some(pid), 0)?;
    let sessions = crowd::login(&target, idle.first..idle.first + idle.sessions).await?;
    let window = window.close(Some(pid), idle.sessions as u64)?;
    let after = settled(pid, idle).await?;
    let tls = first
        .iter()
        .chain(&sessions)
        .find_map(|client| client.suite());
    let kib_per_session = Some((after as f64 - before as f64) / idle.sessions as f64);
    let report = Report::new("idle", idle.first + sessions.len(), &window, Some(pid));
    Ok(Report {
        tls,
        kib_per_session,
        ..report
    })
}

async fn settled(pid: u32, idle: &Idle) -> Result<u64> {
    tokio::time::sleep(Duration::from_secs_f64(idle.settle)).await;
    resident_kib(pid).with_context(|| format!("reading the memory of process {pid}"))
}

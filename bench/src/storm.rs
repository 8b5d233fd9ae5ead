//! A storm of log-ins.

use std::rc::Rc;

use anyhow::Result;
use clap::Args;
use tokio::task::JoinSet;

use crate::client::{Client, Target, user};
use crate::report::{Meter, Report, Window};

/// How to log in.
#[derive(Debug, Clone, Args)]
pub struct Storm {
    /// Log-ins that count.
    #[arg(long, default_value_t = 1000)]
    pub logins: usize,
    /// Users that log in, in turn.
    #[arg(long, default_value_t = 200)]
    pub users: usize,
    /// The number of the first of them.
    #[arg(long, default_value_t = 0)]
    pub first: usize,
    /// Log-ins under way at one time.
    #[arg(long, default_value_t = 16)]
    pub concurrent: usize,
}

/// Logs every user in once, which does not count, and then measures; every session is closed when it stands.
pub async fn run(target: Rc<Target>, storm: &Storm, pid: Option<u32>) -> Result<Report> {
    let meter = Rc::new(Meter::default());
    let tls = Client::login(&target, &user(storm.first)).await?.suite();
    rounds(&target, storm, &Rc::new(Meter::default()), storm.users).await?;
    let window = Window::open(pid, 0)?;
    rounds(&target, storm, &meter, storm.logins).await?;
    let window = window.close(pid, storm.logins as u64)?;
    Ok(Report {
        tls,
        ..Report::new("login", storm.users, &window, pid)
    }
    .with_latencies(&meter))
}

async fn rounds(
    target: &Rc<Target>,
    storm: &Storm,
    meter: &Rc<Meter>,
    logins: usize,
) -> Result<()> {
    let mut tasks = JoinSet::new();
    for worker in 0..storm.concurrent {
        let (target, meter) = (target.clone(), meter.clone());
        let turns: Vec<usize> = (worker..logins)
            .step_by(storm.concurrent)
            .map(|turn| storm.first + turn % storm.users)
            .collect();
        tasks.spawn_local(async move {
            for index in turns {
                let start = meter.now();
                let client = Client::login(&target, &user(index)).await?;
                meter.delivered(meter.now() - start, 1);
                client.close().await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

//! Pairs that talk now and then, to see what others do to them: a message there, a message back, a pause.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Client, Target, user};
use crate::crowd;
use crate::histogram::Histogram;
use crate::orders::{Orders, say};
use crate::procfs::resident_kib;
use crate::scan;

/// Who waits longer for a message counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// How to talk.
#[derive(Debug, Clone, Args)]
pub struct Talk {
    /// Pairs of users.
    #[arg(long, default_value_t = 20)]
    pub pairs: usize,
    /// The number of the first user.
    #[arg(long, default_value_t = 0)]
    pub first: usize,
    /// Milliseconds between the round trips of a pair.
    #[arg(long, default_value_t = 20)]
    pub pause: u64,
}

#[derive(Default)]
struct Tally {
    trips: RefCell<Histogram>,
    count: Cell<u64>,
    worst_us: Cell<f64>,
    lost: Cell<u64>,
}

impl Tally {
    fn add(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.trips.borrow_mut().record(nanos, 1);
        self.count.set(self.count.get() + 1);
        self.worst_us
            .set(self.worst_us.get().max(took.as_secs_f64() * 1e6));
    }

    /// What came together since the last time. Lost pairs stay lost.
    fn report(&self, resident: Option<u64>) -> serde_json::Value {
        let report = json!({
            "round_trips": self.count.take(),
            "p50_us": self.trips.borrow().quantile_us(0.5),
            "p99_us": self.trips.borrow().quantile_us(0.99),
            "worst_us": self.worst_us.take(),
            "lost": self.lost.get(),
            "resident_kib": resident,
        });
        self.trips.borrow_mut().clear();
        report
    }
}

/// Logs the pairs in and reports whenever a line comes on standard input, and at its end.
///
/// # Errors
/// A log-in fails.
pub async fn run(target: Rc<Target>, talk: &Talk, pid: Option<u32>) -> Result<()> {
    ensure!(talk.pairs > 0, "needs at least one pair");
    let users = talk.first..talk.first + 2 * talk.pairs;
    let mut clients = crowd::login(&target, users).await?.into_iter();
    let tally = Rc::new(Tally::default());
    let mut pairs = JoinSet::new();
    let mut index = talk.first;
    while let (Some(one), Some(two)) = (clients.next(), clients.next()) {
        let names = [user(index), user(index + 1)].map(|user| target.full_jid(&user));
        let pair = Pair { one, two, names };
        let (tally, pause) = (tally.clone(), Duration::from_millis(talk.pause));
        pairs.spawn_local(async move {
            if let Err(error) = pair.talk(&tally, pause).await {
                eprintln!("a pair is lost: {error:#}");
                tally.lost.set(tally.lost.get() + 1);
            }
        });
        index += 2;
    }
    let mut orders = Orders::ready(2 * talk.pairs)?;
    loop {
        let goes_on = orders.next().await;
        say(&tally.report(pid.map(resident_kib).transpose()?))?;
        if !goes_on {
            return Ok(());
        }
    }
}

struct Pair {
    one: Client,
    two: Client,
    names: [String; 2],
}

impl Pair {
    async fn talk(mut self, tally: &Tally, pause: Duration) -> Result<()> {
        for turn in 0u64.. {
            let id = format!("talk{turn}");
            let since = Instant::now();
            tokio::time::timeout(PATIENCE, self.round_trip(&id))
                .await
                .context("a message did not come")??;
            tally.add(since.elapsed());
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    async fn round_trip(&mut self, id: &str) -> Result<()> {
        let [one, two] = &self.names;
        let came = |stanza: &str| {
            stanza.starts_with("<message") && scan::attribute(stanza, "id") == Some(id)
        };
        let message = |to: &str| {
            format!("<message to='{to}' type='chat' id='{id}'><body>hello there</body></message>")
        };
        self.one.send(&message(two)).await?;
        self.two.wait_for(came).await?;
        self.two.send(&message(one)).await?;
        self.one.wait_for(came).await?;
        Ok(())
    }
}

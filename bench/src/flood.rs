//! A flood of connections at a server that has no place left, and how soon it has one again.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::Target;
use crate::transport::Transport;

/// Who gets neither an answer nor a close within this time hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections under way at one time, whatever the rate: the generator has its own bound on open files.
const CONCURRENT: usize = 4000;
/// No answer to a stream header is longer.
const ANSWER_BYTES: usize = 4096;

/// How to flood.
#[derive(Debug, Clone, Args)]
pub struct Flood {
    /// Connections per second.
    #[arg(long, default_value_t = 5000)]
    pub rate: u32,
    /// For how many seconds.
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// The most connections that fill the server up before it; those beyond are refused.
    #[arg(long, default_value_t = 1000)]
    pub fill: usize,
    /// How many of them leave in the end.
    #[arg(long, default_value_t = 50)]
    pub leave: usize,
}

/// What became of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was told why it is refused.
    Told,
    /// It was closed.
    Closed,
    /// It was reset: closed before what it had sent was read.
    Reset,
    /// It was served.
    Served,
    /// Nothing happened.
    Hung,
}

/// What became of all.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Connections that held the places.
    pub filled: usize,
    /// Connections of the flood.
    pub tried: u64,
    /// How many seconds it took to begin them all.
    pub seconds: f64,
    told: u64,
    closed: u64,
    reset: u64,
    served: u64,
    /// Neither answered nor closed within ten seconds, or not even connected.
    pub hung: u64,
    /// The longest that any of them took to its end, in milliseconds.
    pub longest_ms: f64,
    /// Of those that held the places: closed by the server meanwhile.
    pub lost: usize,
    /// From the first leaving until a newcomer was served, in milliseconds.
    pub served_again_ms: Option<f64>,
}

impl Outcome {
    fn add(&mut self, fate: Fate, took: Duration) {
        let count = match fate {
            Fate::Told => &mut self.told,
            Fate::Closed => &mut self.closed,
            Fate::Reset => &mut self.reset,
            Fate::Served => &mut self.served,
            Fate::Hung => &mut self.hung,
        };
        *count += 1;
        self.longest_ms = self.longest_ms.max(took.as_secs_f64() * 1e3);
    }
}

/// Fills the server up, floods it, and lets some leave.
///
/// # Errors
/// The server is not full, or does not say what it is expected to.
pub async fn run(target: &Rc<Target>, flood: &Flood) -> Result<Outcome> {
    let mut held = fill(target, flood.fill).await?;
    let outcome = Rc::new(RefCell::new(Outcome {
        filled: held.len(),
        ..Outcome::default()
    }));
    let since = Instant::now();
    pour(target, flood, &outcome).await?;
    let mut outcome = outcome.take();
    outcome.seconds = since.elapsed().as_secs_f64();
    outcome.lost = held.iter_mut().filter_map(is_lost).count();
    held.truncate(held.len().saturating_sub(flood.leave));
    outcome.served_again_ms = served_again(target).await;
    Ok(outcome)
}

/// Opens streams until one is refused.
async fn fill(target: &Rc<Target>, most: usize) -> Result<Vec<Transport>> {
    let mut held = Vec::new();
    while held.len() < most {
        let (fate, transport) = try_one(target).await;
        match (fate, transport) {
            (Fate::Served, Some(transport)) => held.push(transport),
            (Fate::Told | Fate::Closed | Fate::Reset, _) => return Ok(held),
            _ => break,
        }
    }
    ensure!(
        held.len() == most,
        "the server hangs at {} connections",
        held.len()
    );
    let (fate, _) = try_one(target).await;
    ensure!(fate != Fate::Served, "the server is not full: --fill more");
    Ok(held)
}

/// Begins connections at the rate, whatever becomes of them, and waits for all.
async fn pour(target: &Rc<Target>, flood: &Flood, outcome: &Rc<RefCell<Outcome>>) -> Result<()> {
    let mut tasks = JoinSet::new();
    let since = Instant::now();
    let all = u64::from(flood.rate) * u64::from(flood.seconds);
    let mut begun = 0;
    while begun < all {
        let due = since.elapsed().as_secs_f64() * f64::from(flood.rate);
        while begun < all && (begun as f64) < due && tasks.len() < CONCURRENT {
            begun += 1;
            let (target, outcome) = (target.clone(), outcome.clone());
            tasks.spawn_local(async move {
                let since = Instant::now();
                let (fate, _) = try_one(&target).await;
                outcome.borrow_mut().add(fate, since.elapsed());
            });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        while let Some(done) = tasks.try_join_next() {
            done?;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    outcome.borrow_mut().tried = all;
    Ok(())
}

/// Connects, says hello, and reads what it comes to.
async fn try_one(target: &Target) -> (Fate, Option<Transport>) {
    match timeout(PATIENCE, greet(target)).await {
        Ok(fate) => fate,
        Err(_) => (Fate::Hung, None),
    }
}

async fn greet(target: &Target) -> (Fate, Option<Transport>) {
    let Ok(mut transport) = Transport::connect(target.address, target.source()).await else {
        return (Fate::Hung, None);
    };
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>",
        target.domain
    );
    // Who is refused may be gone before this is written, and what it was told is still there to be read.
    let _refused = transport.write_all(header.as_bytes()).await;
    let mut answer = Vec::new();
    while answer.len() < ANSWER_BYTES {
        match transport.read_buf(&mut answer).await {
            Ok(0) => return (verdict(&answer, Fate::Closed), None),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return (verdict(&answer, Fate::Reset), None);
            }
            Err(_) => return (Fate::Hung, None),
            Ok(_) if contains(&answer, b"</stream:features>") => {
                return (Fate::Served, Some(transport));
            }
            Ok(_) => {}
        }
    }
    (Fate::Hung, None)
}

/// Told, if the reason was there before the end.
fn verdict(answer: &[u8], end: Fate) -> Fate {
    match contains(answer, b"resource-constraint") {
        true => Fate::Told,
        false => end,
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// Something of a connection that the server has closed.
fn is_lost(transport: &mut Transport) -> Option<()> {
    let Transport::Plain(socket) = transport else {
        return None;
    };
    let read = socket.try_read(&mut [0; 64]);
    match read {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        _ => Some(()),
    }
}

/// How many milliseconds it takes until a newcomer is served.
async fn served_again(target: &Target) -> Option<f64> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let (Fate::Served, _) = try_one(target).await {
            return Some(since.elapsed().as_secs_f64() * 1e3);
        }
    }
    None
}

//! Pairs of sessions that exchange messages: in closed loop, or at a fixed rate.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tokio::task::JoinSet;

use crate::client::{Target, user};
use crate::crowd;
use crate::endpoint::Endpoint;
use crate::report::{Meter, Report};

/// How to chat.
#[derive(Debug, Clone, Args)]
pub struct Chat {
    /// Pairs of users; user 2n talks to user 2n+1.
    #[arg(long, default_value_t = 100)]
    pub pairs: usize,
    /// Messages in flight per pair, in closed loop.
    #[arg(long, default_value_t = 1)]
    pub window: usize,
    /// Size of a message's body in bytes.
    #[arg(long, default_value_t = 100)]
    pub body: usize,
    /// Messages per second over all pairs, sent at fixed times whatever comes back; without it the loop is closed.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Length of the measured window in seconds.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds before it that do not count.
    #[arg(long, default_value_t = 1.5)]
    pub warm_up: f64,
}

/// One of a pair: its socket, its message to the other, and when the messages on their way to it were sent.
struct Talker {
    endpoint: Endpoint,
    burst: Vec<u8>,
    message_bytes: usize,
    on_the_way: RefCell<VecDeque<(u64, usize)>>,
}

impl Talker {
    /// Sends `count` messages, at most a window, in one write; `time` is when they were due.
    async fn send(&self, to: &Self, time: u64, count: usize) -> io::Result<()> {
        to.on_the_way.borrow_mut().push_back((time, count));
        self.endpoint
            .send(
                self.burst
                    .get(..count * self.message_bytes)
                    .unwrap_or(&self.burst),
            )
            .await
    }

    /// Matches arrivals with departures; messages of a pair stay in order.
    fn arrived(&self, mut count: usize, meter: &Meter) -> io::Result<()> {
        let now = meter.now();
        let mut waiting = self.on_the_way.borrow_mut();
        while count > 0 {
            let Some((sent, left)) = waiting.front_mut() else {
                return Err(io::Error::other("more messages arrived than were sent"));
            };
            let taken = count.min(*left);
            meter.delivered(now - *sent, taken as u64);
            *left -= taken;
            count -= taken;
            if *left == 0 {
                waiting.pop_front();
            }
        }
        Ok(())
    }
}

/// Logs all pairs in, lets them talk, and reports.
pub async fn run(target: Rc<Target>, chat: &Chat, pid: Option<u32>) -> Result<Report> {
    ensure!(
        chat.pairs > 0 && chat.window > 0,
        "needs at least one pair and one message in flight"
    );
    let clients = crowd::login(&target, 0..2 * chat.pairs).await?;
    let tls = clients.first().and_then(|client| client.suite());
    let mut talkers = Vec::new();
    for (index, client) in clients.into_iter().enumerate() {
        let message = message(&target, index ^ 1, chat.body);
        talkers.push(Rc::new(Talker {
            endpoint: Endpoint::new(client.into_transport(), "</message>"),
            burst: message.repeat(chat.window),
            message_bytes: message.len(),
            on_the_way: RefCell::default(),
        }));
    }
    let meter = Rc::new(Meter::default());
    let mut tasks = start(&talkers, chat, &meter);
    let warm_up = Duration::from_secs_f64(chat.warm_up);
    let window = tokio::select! {
        window = meter.measure(pid, warm_up, chat.seconds) => window?,
        Some(ended) = tasks.join_next() => match ended? {
            Ok(()) => bail!("a session ended by itself"),
            Err(error) => return Err(error).context("a session failed"),
        },
    };
    ensure!(window.delivered > 0, "nothing was delivered");
    Ok(Report {
        tls,
        ..Report::new("chat", talkers.len(), &window, pid)
    }
    .with_latencies(&meter))
}

fn message(target: &Target, to: usize, body: usize) -> Vec<u8> {
    let to = target.full_jid(&user(to));
    let text = "the quick brown fox jumps over a lazy dog ";
    let body: String = text.chars().cycle().take(body).collect();
    format!("<message to='{to}' type='chat' id='m1'><body>{body}</body></message>").into_bytes()
}

fn start(talkers: &[Rc<Talker>], chat: &Chat, meter: &Rc<Meter>) -> JoinSet<io::Result<()>> {
    let mut tasks = JoinSet::new();
    for (index, talker) in talkers.iter().enumerate() {
        let (me, other, meter) = (talker.clone(), talkers[index ^ 1].clone(), meter.clone());
        match chat.rate {
            Some(_) => tasks.spawn_local(listen(me, meter)),
            None => tasks.spawn_local(converse(
                me,
                other,
                meter,
                if index % 2 == 0 { chat.window } else { 0 },
            )),
        };
    }
    if let Some(rate) = chat.rate {
        tasks.spawn_local(pace(talkers.to_vec(), meter.clone(), rate));
    }
    tasks
}

/// Closed loop: whatever comes in is answered at once, as many messages in one write as came in one read.
async fn converse(
    me: Rc<Talker>,
    other: Rc<Talker>,
    meter: Rc<Meter>,
    first: usize,
) -> io::Result<()> {
    if first > 0 {
        me.send(&other, meter.now(), first).await?;
    }
    loop {
        let count = me.endpoint.receive().await?;
        if count > 0 {
            me.arrived(count, &meter)?;
            me.send(&other, meter.now(), count).await?;
        }
    }
}

async fn listen(me: Rc<Talker>, meter: Rc<Meter>) -> io::Result<()> {
    loop {
        let count = me.endpoint.receive().await?;
        me.arrived(count, &meter)?;
    }
}

/// Open loop: one message at each due time, sent by all users in turn. It spins, since a timer of the runtime has
/// a resolution of a millisecond; the generator has a core of its own.
async fn pace(talkers: Vec<Rc<Talker>>, meter: Rc<Meter>, rate: f64) -> io::Result<()> {
    let start = meter.now();
    for turn in 0u64.. {
        let due = start + (turn as f64 * 1e9 / rate) as u64;
        while meter.now() < due {
            tokio::task::yield_now().await;
        }
        let index = usize::try_from(turn).unwrap_or(0) % talkers.len();
        talkers[index].send(&talkers[index ^ 1], due, 1).await?;
    }
    Ok(())
}

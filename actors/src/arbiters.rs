//! The worker threads: one arbiter each, the choice of one for a new connection, and the watch over them.
//!
//! An arbiter that blocks takes all its actors with it and nobody is told, so a [`Watchdog`] sends each a probe every
//! second and shows how long it took to run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, AsyncContext as _, Context};
use actix_rt::{Arbiter, ArbiterHandle};
use serde::Serialize;
use tokio::time::Instant;

use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// How often each arbiter is probed.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A probe that has not run for this long marks its arbiter as stalled.
pub const STALLED_AFTER: Duration = Duration::from_secs(3);

/// The worker threads of a node, to be stopped at its end.
#[derive(Debug)]
pub struct Arbiters {
    threads: Vec<Arbiter>,
    workers: Workers,
}

impl Arbiters {
    /// Starts `count` workers, at least one, whose threads show as `portcullis-w0`, `portcullis-w1` and so on.
    ///
    /// # Errors
    /// The system refuses a thread or its event loop.
    ///
    /// # Panics
    /// When the caller's thread has no actix `System`.
    pub fn start(count: usize) -> io::Result<Self> {
        let mut threads = Vec::new();
        let mut workers = Vec::new();
        for index in 0..count.max(1) {
            let thread = Arbiter::try_with_tokio_rt(move || named_runtime(index))?;
            workers.push(Worker::new(index, thread.handle()));
            threads.push(thread);
        }
        let workers = Workers(Arc::new(Pool {
            workers,
            next: AtomicUsize::new(0),
        }));
        Ok(Self { threads, workers })
    }

    /// A handle to the workers.
    pub fn workers(&self) -> Workers {
        self.workers.clone()
    }

    /// Ends all workers and waits for their threads. What still runs on them is dropped, so shut the tree down before.
    pub async fn stop(self) {
        for thread in &self.threads {
            thread.stop();
        }
        let joining = actix_rt::task::spawn_blocking(move || {
            self.threads
                .into_iter()
                .filter_map(|thread| thread.join().err())
                .count()
        });
        match joining.await {
            Ok(0) => {}
            Ok(count) => tracing::error!(count, "worker threads had panicked"),
            Err(error) => tracing::error!(%error, "waiting for the worker threads failed"),
        }
    }
}

fn named_runtime(index: usize) -> io::Result<tokio::runtime::Runtime> {
    if let Ok(name) = std::ffi::CString::new(format!("portcullis-w{index}"))
        && let Err(error) = rustix::thread::set_name(&name)
    {
        tracing::debug!(%error, "worker thread keeps its name");
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A handle to the worker threads. Clones share the same counts.
#[derive(Debug, Clone)]
pub struct Workers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    workers: Vec<Arc<Worker>>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Worker {
    index: usize,
    handle: ArbiterHandle,
    sessions: AtomicUsize,
    /// Round trip of the last probe that ran, in microseconds.
    latency: AtomicU64,
    worst: AtomicU64,
    probes_run: AtomicU64,
}

impl Worker {
    fn new(index: usize, handle: ArbiterHandle) -> Arc<Self> {
        Arc::new(Self {
            index,
            handle,
            sessions: AtomicUsize::new(0),
            latency: AtomicU64::new(0),
            worst: AtomicU64::new(0),
            probes_run: AtomicU64::new(0),
        })
    }

    fn probed(&self, sent: Instant) {
        let latency = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latency.store(latency, Ordering::Relaxed);
        self.worst.fetch_max(latency, Ordering::Relaxed);
        self.probes_run.fetch_add(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// Chooses the worker with the fewest sessions, the next in turn among equals, and counts one session there until
    /// the placement is dropped.
    pub fn place(&self) -> Placement {
        let workers = &self.0.workers;
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed) % workers.len().max(1);
        let (before, from) = workers.split_at(turn.min(workers.len()));
        let least = from
            .iter()
            .chain(before)
            .min_by_key(|worker| worker.sessions.load(Ordering::Relaxed));
        #[expect(
            clippy::expect_used,
            reason = "Arbiters::start makes at least one worker"
        )]
        let worker = Arc::clone(least.expect("there is a worker"));
        worker.sessions.fetch_add(1, Ordering::Relaxed);
        Placement(worker)
    }

    /// How many workers there are.
    pub fn count(&self) -> usize {
        self.0.workers.len()
    }

    /// The arbiter of the worker of this index, as [`Placement::index`] gives it.
    ///
    /// # Panics
    /// When there is no such worker.
    pub fn handle(&self, index: usize) -> &ArbiterHandle {
        #[expect(
            clippy::expect_used,
            reason = "an index comes from a placement on these workers"
        )]
        let worker = self.0.workers.get(index).expect("an index below count()");
        &worker.handle
    }

    /// The arbiter of each worker, in order of index.
    pub fn handles(&self) -> impl Iterator<Item = &ArbiterHandle> {
        self.0.workers.iter().map(|worker| &worker.handle)
    }

    /// Waits until every worker has begun with all that it was given before.
    pub async fn settle(&self) {
        for worker in &self.0.workers {
            let (begun, waiting) = tokio::sync::oneshot::channel::<()>();
            // Dropped when its turn has come, or with a worker that has ended.
            worker.handle.spawn_fn(move || drop(begun));
            drop(waiting.await);
        }
    }

    /// What each worker does, in order of index.
    pub fn loads(&self) -> Vec<WorkerLoad> {
        let load = |worker: &Arc<Worker>| WorkerLoad {
            sessions: worker.sessions.load(Ordering::Relaxed),
            latency: Duration::from_micros(worker.latency.load(Ordering::Relaxed)),
            worst_latency: Duration::from_micros(worker.worst.load(Ordering::Relaxed)),
        };
        self.0.workers.iter().map(load).collect()
    }
}

/// A session's place on a worker, counted until it is dropped.
#[derive(Debug)]
pub struct Placement(Arc<Worker>);

impl Placement {
    /// Where the session is to be started.
    pub fn arbiter(&self) -> &ArbiterHandle {
        &self.0.handle
    }

    /// Which worker that is.
    pub fn index(&self) -> usize {
        self.0.index
    }
}

impl Drop for Placement {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one worker does.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WorkerLoad {
    /// Sessions placed there.
    pub sessions: usize,
    /// How long the last probe waited for its turn.
    pub latency: Duration,
    /// The longest that any probe waited.
    pub worst_latency: Duration,
}

/// Probes every worker each [`PROBE_EVERY`]. It runs on another arbiter than those it watches, under the node.
#[derive(Debug)]
pub struct Watchdog {
    workers: Workers,
    watches: Vec<Watch>,
}

/// The probe that is under way to one worker.
#[derive(Debug, Clone, Copy, Default)]
struct Watch {
    sent: Option<Instant>,
    probes_run_before: u64,
    is_stalled: bool,
}

impl Watchdog {
    /// A watchdog over `workers`.
    pub fn new(workers: Workers) -> Self {
        let watches = vec![Watch::default(); workers.count()];
        Self { workers, watches }
    }

    /// One round: sees to the probes under way and sends new ones where none is.
    fn probe(&mut self) {
        for (worker, watch) in self.workers.0.workers.iter().zip(&mut self.watches) {
            let probes_run = worker.probes_run.load(Ordering::Relaxed);
            match watch.sent {
                Some(sent) if probes_run == watch.probes_run_before => {
                    watch.overdue(worker, sent.elapsed())
                }
                _ => watch.renew(worker, probes_run),
            }
        }
    }
}

impl Watch {
    fn overdue(&mut self, worker: &Worker, waited: Duration) {
        if waited >= STALLED_AFTER && !self.is_stalled {
            self.is_stalled = true;
            tracing::error!(
                worker = worker.index,
                ?waited,
                "worker is stalled: something blocks its thread"
            );
        }
    }

    fn renew(&mut self, worker: &Arc<Worker>, probes_run: u64) {
        if std::mem::take(&mut self.is_stalled) {
            tracing::warn!(worker = worker.index, "worker runs again");
        }
        let sent = Instant::now();
        let probed = Arc::clone(worker);
        let is_sent = worker.handle.spawn_fn(move || probed.probed(sent));
        *self = Self {
            sent: is_sent.then_some(sent),
            probes_run_before: probes_run,
            is_stalled: false,
        };
    }
}

impl Supervise for Watchdog {
    const KIND: &'static str = "watchdog";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: PROBE_EVERY,
            max: PROBE_EVERY * 60,
            give_up_after: 0,
            within: PROBE_EVERY * 600,
        }
    }
}

impl Actor for Watchdog {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.probe();
        ctx.run_interval(PROBE_EVERY, |watchdog, _| watchdog.probe());
    }
}

impl Observe for Watchdog {
    type Report = WatchdogReport;

    fn report(&self) -> WatchdogReport {
        WatchdogReport {
            workers: self.workers.loads(),
            stalled: self
                .watches
                .iter()
                .enumerate()
                .filter(|(_, watch)| watch.is_stalled)
                .map(|(index, _)| index)
                .collect(),
        }
    }
}

/// What the watchdog shows.
#[derive(Debug, Serialize)]
pub struct WatchdogReport {
    /// Each worker, in order of index.
    pub workers: Vec<WorkerLoad>,
    /// Indices of those that do not run their probe.
    pub stalled: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::{ActorPath, Tree};

    #[actix::test]
    async fn sessions_go_where_the_fewest_are() {
        let arbiters = Arbiters::start(3).expect("threads");
        let workers = arbiters.workers();
        let mut placed: Vec<_> = (0..30).map(|_| workers.place()).collect();
        assert!(workers.loads().iter().all(|load| load.sessions == 10));
        placed.retain(|placement| placement.index() != 1);
        placed.extend((0..10).map(|_| workers.place()));
        assert!(workers.loads().iter().all(|load| load.sessions == 10));
        drop(placed);
        assert!(workers.loads().iter().all(|load| load.sessions == 0));
        arbiters.stop().await;
    }

    #[actix::test]
    async fn threads_are_named() {
        let arbiters = Arbiters::start(1).expect("thread");
        let (sender, receiver) = tokio::sync::oneshot::channel();
        arbiters.workers().place().arbiter().spawn_fn(move || {
            let name = std::fs::read_to_string("/proc/thread-self/comm").expect("own name");
            sender.send(name).expect("test waits");
        });
        assert_eq!(receiver.await.expect("ran"), "portcullis-w0\n");
        arbiters.stop().await;
    }

    #[actix::test]
    async fn the_watchdog_sees_a_blocked_worker() {
        let arbiters = Arbiters::start(2).expect("threads");
        let (unblock, blocked) = std::sync::mpsc::channel::<()>();
        let place = arbiters.workers().place();
        let mut watchdog = Watchdog::new(arbiters.workers());
        place
            .arbiter()
            .spawn_fn(move || blocked.recv().expect("the test unblocks"));
        tokio::time::pause();
        watchdog.probe();
        tokio::time::advance(STALLED_AFTER).await;
        watchdog.probe();
        assert!(watchdog.report().stalled.contains(&place.index()));
        unblock.send(()).expect("blocked");
        while !watchdog.report().stalled.is_empty() {
            std::thread::yield_now();
            watchdog.probe();
        }
        arbiters.stop().await;
    }

    #[actix::test]
    async fn the_watchdog_runs_in_the_tree() {
        let arbiters = Arbiters::start(1).expect("thread");
        let (tree, path) = (Tree::new(), ActorPath::root("node").child("watchdog"));
        let workers = arbiters.workers();
        tree.spawn(path.clone(), &Arbiter::current(), move |_| {
            Watchdog::new(workers.clone())
        })
        .expect("free name");
        let seen = tree.observe(&path, PROBE_EVERY).await.expect("present");
        assert_eq!(
            seen.report.expect("report")["stalled"],
            serde_json::json!([])
        );
        assert!(tree.shutdown(&[], PROBE_EVERY).await.is_empty());
        arbiters.stop().await;
    }
}

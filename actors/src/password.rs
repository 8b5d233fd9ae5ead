//! Threads that derive password keys, so that no arbiter has to.
//!
//! [`PasswordWorkers`] owns a bounded queue and a fixed number of threads. A job that panics costs itself alone: its
//! thread goes on. When the queue is full the caller is told at once, and tells its client to try again later.

mod credentials;
mod secret;

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::oneshot;
use xmpp::sasl::{AccountCredentials, PasswordCheck, PasswordVerdict, PrepError, PreparedPassword};

pub use credentials::{from_stored, to_stored};
pub use secret::load_server_secret;

/// Jobs that may wait for a thread. At 10,000 rounds a thread does a few hundred a second.
pub const PASSWORD_QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&Counters) + Send>;

/// A handle to the threads. Cheap to clone; the threads end with the last handle.
#[derive(Clone)]
pub struct PasswordWorkers {
    queue: SyncSender<Job>,
    counters: Arc<Counters>,
    threads: usize,
}

#[derive(Default)]
struct Counters {
    queued: AtomicUsize,
    derivations: AtomicU64,
    refused: AtomicU64,
    panics: AtomicU64,
}

/// Why keys could not be derived.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DeriveError {
    /// Too many jobs wait, or the job failed.
    #[error("the password workers are overloaded")]
    Unavailable,
    /// The password can not be used.
    #[error("the password {0}")]
    Password(#[from] PrepError),
}

/// What the threads have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PasswordReport {
    /// How many threads there are.
    pub threads: usize,
    /// Jobs that wait or run.
    pub queued: usize,
    /// PBKDF2 derivations since the start.
    pub derivations: u64,
    /// Jobs turned away because the queue was full.
    pub refused: u64,
    /// Jobs that panicked.
    pub panics: u64,
}

impl PasswordWorkers {
    /// Starts `threads` threads (at least one) behind a queue of `capacity` jobs.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(threads: usize, capacity: usize) -> io::Result<Self> {
        let threads = threads.max(1);
        let (queue, jobs) = sync_channel(capacity);
        let jobs = Arc::new(Mutex::new(jobs));
        let counters = Arc::new(Counters::default());
        for number in 0..threads {
            let (jobs, counters) = (Arc::clone(&jobs), Arc::clone(&counters));
            std::thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&jobs, &counters))?;
        }
        Ok(Self {
            queue,
            counters,
            threads,
        })
    }

    /// Runs a check; [`PasswordVerdict::unavailable`] if the queue is full or the job failed.
    pub fn check(
        &self,
        check: PasswordCheck,
    ) -> impl Future<Output = PasswordVerdict> + Send + use<> {
        let answer = self.submit(move |counters| {
            let verdict = check.run();
            counters
                .derivations
                .fetch_add(u64::from(verdict.derivations()), Ordering::Relaxed);
            verdict
        });
        async move { answer.await.unwrap_or(PasswordVerdict::unavailable()) }
    }

    /// Derives the keys of a new password.
    pub fn derive(
        &self,
        password: PreparedPassword,
        iterations: u32,
    ) -> impl Future<Output = Result<AccountCredentials, DeriveError>> + Send + use<> {
        let answer = self.submit(move |counters| {
            let keys = AccountCredentials::derive(password.as_str(), iterations);
            counters.derivations.fetch_add(2, Ordering::Relaxed);
            keys
        });
        async move {
            answer
                .await
                .map_err(|_| DeriveError::Unavailable)?
                .map_err(DeriveError::from)
        }
    }

    /// What the threads have done so far.
    #[must_use]
    pub fn report(&self) -> PasswordReport {
        PasswordReport {
            threads: self.threads,
            queued: self.counters.queued.load(Ordering::Relaxed),
            derivations: self.counters.derivations.load(Ordering::Relaxed),
            refused: self.counters.refused.load(Ordering::Relaxed),
            panics: self.counters.panics.load(Ordering::Relaxed),
        }
    }

    /// Queues `job` at once; the receiver fails if the job does not come to an answer.
    fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Counters) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |counters| {
            // The client may have gone: then nobody waits, and nothing need be computed.
            if !sender.is_closed() {
                drop(sender.send(job(counters)));
            }
        });
        self.counters.queued.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(job).is_err() {
            self.counters.queued.fetch_sub(1, Ordering::Relaxed);
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

impl fmt::Debug for PasswordWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordWorkers")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, counters: &Counters) {
    loop {
        // The lock is held while waiting: one idle thread waits for a job, the others for the lock.
        let Ok(job) = jobs.lock().recv() else { return };
        if catch_unwind(AssertUnwindSafe(|| job(counters))).is_err() {
            counters.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!("a password job panicked");
        }
        counters.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use xmpp::sasl::ServerSecret;

    use super::*;

    fn keys() -> AccountCredentials {
        let password = PreparedPassword::new("secret").unwrap();
        AccountCredentials::derive_with(&password, b"salt one", b"salt two", 2)
    }

    fn check(password: &str, account: Option<&AccountCredentials>) -> PasswordCheck {
        PasswordCheck::against(password, account, "juliet", &ServerSecret::new([1; 32]), 2).unwrap()
    }

    #[tokio::test]
    async fn known_and_unknown_users_cost_the_same_derivations() {
        let workers = PasswordWorkers::start(2, 8).unwrap();
        assert!(
            workers
                .check(check("secret", Some(&keys())))
                .await
                .is_right()
        );
        assert_eq!(workers.report().derivations, 1);
        assert!(!workers.check(check("secret", None)).await.is_right());
        assert_eq!(workers.report().derivations, 2);
    }

    #[tokio::test]
    async fn derived_keys_open_the_account() {
        let workers = PasswordWorkers::start(1, 8).unwrap();
        let keys = workers
            .derive(PreparedPassword::new("secret").unwrap(), 4096)
            .await
            .unwrap();
        assert!(workers.check(check("secret", Some(&keys))).await.is_right());
        assert_eq!(workers.report().derivations, 3);
    }

    #[tokio::test]
    async fn a_panic_costs_one_job() {
        let workers = PasswordWorkers::start(1, 8).unwrap();
        let lost = workers.submit(|_| -> () { panic!("on purpose") }).await;
        assert!(lost.is_err());
        assert!(
            workers
                .check(check("secret", Some(&keys())))
                .await
                .is_right()
        );
        assert_eq!(workers.report().panics, 1);
    }

    #[tokio::test]
    async fn a_full_queue_answers_at_once() {
        let workers = PasswordWorkers::start(1, 1).unwrap();
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let (started, has_started) = std::sync::mpsc::channel::<()>();
        let first = workers.submit(move |_| {
            started.send(()).unwrap();
            gate.recv().unwrap();
        });
        has_started.recv().unwrap();
        let second = workers.submit(|_| ());
        let verdict = workers.check(check("secret", Some(&keys()))).await;
        assert_eq!(verdict, PasswordVerdict::unavailable());
        assert_eq!(workers.report().refused, 1);
        release.send(()).unwrap();
        assert_eq!((first.await, second.await), (Ok(()), Ok(())));
    }
}

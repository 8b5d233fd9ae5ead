//! The listener's settings as they hold for one session, and the news that they changed.
//!
//! Session, reader and writer share them on one arbiter. The reader compares a version with each
//! read, the writer when it is held up; whoever waits is woken.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use xmpp::xml::Limits;

use super::StreamKind;
use crate::listener::ListenerPolicy;

/// See the module.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) policy: Arc<ListenerPolicy>,
    /// Whose stream it is.
    pub(super) kind: StreamKind,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Terms {
    pub(super) fn new(policy: Arc<ListenerPolicy>, kind: StreamKind) -> Self {
        Self {
            policy,
            kind,
            reader: RefCell::default(),
            writer: RefCell::default(),
        }
    }

    /// The bounds of what an authenticated peer sends.
    pub(super) fn limits(&self) -> Limits {
        limits_of(self.kind, &self.policy)
    }

    /// The settings are other ones now: who waits looks again.
    pub(super) fn changed(&self) {
        for waker in [&self.reader, &self.writer] {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    /// Changes so far.
    pub(super) fn version(&self) -> u32 {
        self.policy.version()
    }

    /// For the reader: ready once there were changes after `seen`.
    pub(super) fn poll_change(&self, seen: u32, cx: &Context<'_>) -> Poll<()> {
        self.poll(&self.reader, seen, cx)
    }

    fn poll(&self, slot: &RefCell<Option<Waker>>, seen: u32, cx: &Context<'_>) -> Poll<()> {
        if self.version() != seen {
            return Poll::Ready(());
        }
        let mut slot = slot.borrow_mut();
        if !slot
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            *slot = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// For the writer: waits for `work` no longer than `timeouts.send`, whatever that becomes
    /// meanwhile. `None` when that time is over.
    pub(super) async fn while_patient<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let since = Instant::now();
        let mut work = std::pin::pin!(work);
        loop {
            let (seen, patience) = (self.version(), self.policy.load().timeouts.send);
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = poll_fn(|cx| self.poll(&self.writer, seen, cx)) => {}
                () = sleep_until(since + patience) => return None,
            }
        }
    }

    /// How long the client may take to close its side.
    pub(super) fn close(&self) -> Duration {
        self.policy.load().timeouts.close
    }
}

/// The bounds of what an authenticated peer sends.
pub(super) fn limits_of(kind: StreamKind, policy: &ListenerPolicy) -> Limits {
    let limits = match kind {
        StreamKind::Client => Limits::CLIENT,
        StreamKind::Component => Limits::SERVER,
    };
    limits.with_stanza_bytes(policy.load().limits.stanza)
}

//! One life of an actor: its value, its context, and the boundary that its panics do not pass.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use actix::dev::ContextFut;
use actix::dev::channel::AddressReceiver;
use actix::fut::ActorFuture;
use actix::{ActorContext as _, AsyncContext as _, Context};
use jiff::Timestamp;

use super::Supervise;
use super::cell::Cell;
use super::signals::{KILL, PANIC, RESTART, STOP};
use crate::observe::{Failure, State};

/// How a life ended.
pub(crate) enum End {
    /// By itself, or as it was told to.
    Stopped,
    /// As it was told to, for a fresh value.
    Restart,
    /// By a panic.
    Panicked(Failure),
}

/// The future of one life. It is polled by the actor's own task, no other task stands behind it.
pub(crate) struct Incarnation<A: Supervise> {
    life: Option<ContextFut<A, Context<A>>>,
    cell: Arc<Cell<A>>,
    is_running: bool,
    wants_restart: bool,
}

impl<A: Supervise> Incarnation<A> {
    pub(crate) fn new(cell: Arc<Cell<A>>, mailbox: AddressReceiver<A>, actor: A) -> Self {
        let mut context = Context::with_receiver(mailbox);
        context.spawn(Gauge(Arc::clone(&cell)));
        Self {
            life: Some(context.into_future(actor)),
            cell,
            is_running: false,
            wants_restart: false,
        }
    }

    /// Ends the life, through `stopping` and `stopped` unless those panic too, and drops the actor.
    fn bury(&mut self) -> Result<(), Failure> {
        let Some(mut life) = self.life.take() else {
            return Ok(());
        };
        let farewell = guarded(|| {
            if life.alive() {
                life.ctx().stop();
                let poll = Pin::new(&mut life).poll(&mut Task::from_waker(Waker::noop()));
                debug_assert!(poll.is_ready() || life.alive());
            }
        });
        // Without this, dropping would call `stopped` once more.
        life.ctx().terminate();
        let dropped = guarded(|| drop(life));
        farewell.and(dropped)
    }

    /// Applies what the tree has said; true when the life is over at once.
    fn obey(&mut self) -> bool {
        let raised = self.cell.entry.signals.take(STOP | RESTART | KILL | PANIC);
        if raised == 0 {
            return false;
        }
        if raised & PANIC != 0 {
            panic!("injected by the operator");
        }
        if raised & (STOP | RESTART) != 0 {
            self.wants_restart = raised & STOP == 0;
            self.cell.entry.set_state(State::Stopping);
            if let Some(life) = &mut self.life {
                life.ctx().stop();
            }
        }
        raised & KILL != 0
    }

    fn step(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.obey() {
            return Poll::Ready(());
        }
        let Some(life) = &mut self.life else {
            return Poll::Ready(());
        };
        let poll = Pin::new(life).poll(task);
        if poll.is_pending() && !self.is_running {
            self.is_running = true;
            self.cell.entry.set_state(State::Running);
        }
        poll
    }
}

impl<A: Supervise> Future for Incarnation<A> {
    type Output = End;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<End> {
        let this = self.get_mut();
        this.cell.entry.signals.register(task.waker());
        let step = guarded(|| this.step(task));
        if let Ok(Poll::Pending) = step {
            return Poll::Pending;
        }
        // The slot answers `Gone` before the actor is dropped: its guards may tell peers that it has ended.
        this.cell.close_mailbox();
        let burial = this.bury();
        Poll::Ready(match (step, burial) {
            (Err(failure), _) => End::Panicked(failure),
            (Ok(_), Err(failure)) => {
                tracing::error!(path = %this.cell.entry.path, panic = failure.message, "actor panicked while it stopped");
                this.cell.entry.fail(failure);
                this.ending()
            }
            (Ok(_), Ok(())) => this.ending(),
        })
    }
}

impl<A: Supervise> Incarnation<A> {
    fn ending(&self) -> End {
        if self.wants_restart {
            End::Restart
        } else {
            End::Stopped
        }
    }
}

impl<A: Supervise> Drop for Incarnation<A> {
    fn drop(&mut self) {
        // The arbiter ends before the actor does: the same order, and a panic here would take other actors with it.
        self.cell.close_mailbox();
        if let Err(failure) = self.bury() {
            self.cell.entry.fail(failure);
        }
    }
}

/// Lives in the actor's context, which polls it whenever the mailbox has just been emptied.
struct Gauge<A: Supervise>(Arc<Cell<A>>);

impl<A: Supervise> ActorFuture<A> for Gauge<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, _: &mut Context<A>, _: &mut Task<'_>) -> Poll<()> {
        let entry = &self.0.entry;
        entry.mark_drained();
        let inspectors = entry.take_inspectors();
        if !inspectors.is_empty() {
            let report = serde_json::to_value(actor.report()).unwrap_or_else(
                |error| serde_json::json!({ "unreadable-report": error.to_string() }),
            );
            for inspector in inspectors {
                // An observer that no longer waits is no failure.
                drop(inspector.send(report.clone()));
            }
        }
        Poll::Pending
    }
}

thread_local! {
    /// Where the last panic of this thread was raised, as the panic hook saw it.
    static RAISED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` behind the panic boundary.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Failure {
        message: message_of(payload),
        at: Timestamp::now(),
    })
}

fn message_of(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("a value that is no text")
            .to_owned(),
    };
    let mut message = match RAISED_AT.take() {
        Some(place) => format!("{text} ({place})"),
        None => text,
    };
    message.truncate(message.floor_char_boundary(Failure::MAX_BYTES));
    message
}

/// Makes panics carry their place in the source into [`Failure::message`], in place of the print-out on standard error:
/// whoever catches a panic logs it. Call once, before the first actor starts.
pub fn install_panic_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let is_kept = RAISED_AT.try_with(|raised| raised.replace(place)).is_ok();
        if !is_kept {
            previous(panic);
        }
    }));
}

//! The bus of a node that is alone: what it sends to itself arrives, others are gone.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::{
    AskError, Bus, BusError, BusEvent, Events, Frame, Incarnation, Lane, MAX_BODY_BYTES, NodeId,
    ReplyTo,
};

/// Frames that wait for the owner of the events.
const QUEUE: usize = 1024;

/// A cluster of one.
#[derive(Debug)]
pub struct SoloBus {
    me: (NodeId, Incarnation),
    // One queue for all lanes: stricter than the contract asks, and nothing here is slow.
    events: mpsc::Sender<BusEvent>,
}

impl SoloBus {
    /// The bus and its events, the first of which is [`BusEvent::Attached`]. [`Bus::ask`] needs a tokio runtime with a
    /// timer.
    pub fn new(me: NodeId, incarnation: Incarnation) -> (Self, Events) {
        let (events, receiver) = mpsc::channel(QUEUE);
        let bus = Self {
            me: (me, incarnation),
            events,
        };
        // An empty queue has room.
        bus.tell(BusEvent::Attached).ok();
        (bus, Events::new(receiver))
    }

    fn deliver(&self, to: NodeId, frame: Frame, reply: Option<ReplyTo>) -> Result<(), BusError> {
        check_size(&frame)?;
        if to != self.me.0 {
            return Err(BusError::Gone(to));
        }
        self.tell(BusEvent::In {
            from: self.me.0,
            frame,
            reply,
        })
    }

    fn tell(&self, event: BusEvent) -> Result<(), BusError> {
        self.events.try_send(event).map_err(|error| match error {
            TrySendError::Full(_) => BusError::Full,
            TrySendError::Closed(_) => BusError::Detached,
        })
    }
}

fn check_size(frame: &Frame) -> Result<(), BusError> {
    let bytes = frame.body.len();
    if bytes > MAX_BODY_BYTES {
        Err(BusError::TooLarge { bytes })
    } else {
        Ok(())
    }
}

impl Bus for SoloBus {
    fn send(&self, to: NodeId, _: Lane, frame: Frame) -> Result<(), BusError> {
        self.deliver(to, frame, None)
    }

    fn ask(
        &self,
        to: NodeId,
        _: Lane,
        frame: Frame,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Frame, AskError>> {
        let (tell, told) = oneshot::channel();
        // An asker that has stopped waiting gets no answer.
        let reply = ReplyTo::new(move |frame| drop(tell.send(frame)));
        if let Err(error) = self.deliver(to, frame, Some(reply)) {
            return ready(Err(error.into())).boxed();
        }
        let deadline = Instant::now() + limit;
        async move {
            let answer = async {
                match told.await {
                    Ok(frame) => frame,
                    // Dropped unanswered: on a real link nobody would notice before the limit.
                    Err(_) => std::future::pending().await,
                }
            };
            timeout_at(deadline, answer)
                .await
                .map_err(|_| AskError::Timeout)
        }
        .boxed()
    }

    fn cast(&self, frame: Frame) -> Result<(), BusError> {
        check_size(&frame)
    }

    fn gather(
        &self,
        _: Frame,
        _: Duration,
    ) -> BoxFuture<'static, Vec<(NodeId, Result<Frame, AskError>)>> {
        ready(Vec::new()).boxed()
    }

    fn me(&self) -> (NodeId, Incarnation) {
        self.me
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract;

    fn make() -> (Arc<dyn Bus>, Events) {
        let (bus, events) = SoloBus::new(NodeId(1), Incarnation(7));
        (Arc::new(bus), events)
    }

    #[test]
    fn solo_keeps_the_contract() {
        contract::run(make);
    }

    #[tokio::test]
    async fn nobody_else_is_there() {
        let (bus, _events) = make();
        let frame = Frame {
            kind: 1,
            body: "hello".into(),
        };
        assert_eq!(bus.cast(frame.clone()), Ok(()));
        assert_eq!(bus.gather(frame, Duration::from_secs(1)).await, []);
        assert_eq!(bus.me(), (NodeId(1), Incarnation(7)));
    }
}

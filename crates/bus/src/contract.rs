//! What every [`Bus`] must do: one suite, run against each.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use crate::{AskError, Bus, BusError, BusEvent, Events, Frame, Lane, MAX_BODY_BYTES, NodeId};

type Test = fn(Arc<dyn Bus>, Events) -> BoxFuture<'static, ()>;

const LIMIT: Duration = Duration::from_millis(500);

/// No node of any test has this name.
const NOBODY: NodeId = NodeId(999);

const TESTS: &[(&str, Test)] = &[
    ("frames of a lane arrive in order", |bus, events| {
        order(bus, events).boxed()
    }),
    ("a question has one answer", |bus, events| {
        one_answer(bus, events).boxed()
    }),
    (
        "gone is told at once, timeout after the limit",
        |bus, events| gone_and_timeout(bus, events).boxed(),
    ),
    ("a full queue refuses", |bus, events| {
        full_queue(bus, events).boxed()
    }),
    ("a frame that is too large is refused", |bus, events| {
        too_large(bus, events).boxed()
    }),
    (
        "without an owner of its events a bus is detached",
        |bus, events| detached(bus, events).boxed(),
    ),
];

/// Runs every test on a bus of its own, with the clock of tokio paused.
pub(crate) fn run(make: impl Fn() -> (Arc<dyn Bus>, Events)) {
    for (claim, test) in TESTS {
        println!("contract: {claim}");
        block_on(async {
            tokio::time::pause();
            let (bus, mut events) = make();
            assert!(matches!(events.next().await, Some(BusEvent::Attached)));
            test(bus, events).await;
        });
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn frame(text: &str) -> Frame {
    Frame {
        kind: 1,
        body: Bytes::copy_from_slice(text.as_bytes()),
    }
}

async fn order(bus: Arc<dyn Bus>, mut events: Events) {
    let (me, _) = bus.me();
    for n in 0..100 {
        bus.send(me, Lane::of_key(5), frame(&n.to_string()))
            .unwrap();
    }
    for n in 0..100 {
        let Some(BusEvent::In {
            from,
            frame: came,
            reply: None,
        }) = events.next().await
        else {
            panic!("no frame")
        };
        assert_eq!((from, came), (me, frame(&n.to_string())));
    }
}

async fn one_answer(bus: Arc<dyn Bus>, mut events: Events) {
    let (me, _) = bus.me();
    let asked = bus.ask(me, Lane::Control, frame("who?"), LIMIT);
    let Some(BusEvent::In {
        frame: came,
        reply: Some(reply),
        ..
    }) = events.next().await
    else {
        panic!("no question")
    };
    assert_eq!(came, frame("who?"));
    reply.answer(frame("me"));
    assert_eq!(asked.await, Ok(frame("me")));
}

async fn gone_and_timeout(bus: Arc<dyn Bus>, mut events: Events) {
    let (me, _) = bus.me();
    let start = tokio::time::Instant::now();
    assert_eq!(
        bus.send(NOBODY, Lane::Bulk, frame("x")),
        Err(BusError::Gone(NOBODY))
    );
    let gone = bus.ask(NOBODY, Lane::Bulk, frame("x"), LIMIT).await;
    assert_eq!(gone, Err(AskError::Unsent(BusError::Gone(NOBODY))));
    assert_eq!(start.elapsed(), Duration::ZERO);
    let asked = bus.ask(me, Lane::Control, frame("who?"), LIMIT);
    // Whether the question is dropped or kept makes no difference.
    drop(events.next().await);
    assert_eq!(asked.await, Err(AskError::Timeout));
    assert!((LIMIT..LIMIT * 2).contains(&start.elapsed()));
}

async fn full_queue(bus: Arc<dyn Bus>, mut events: Events) {
    let (me, _) = bus.me();
    let mut sent = 0;
    while bus.send(me, Lane::Bulk, frame("x")).is_ok() {
        sent += 1;
        assert!(sent < 1_000_000, "the queue has no bound");
    }
    assert_eq!(bus.send(me, Lane::Bulk, frame("x")), Err(BusError::Full));
    let asked = bus.ask(me, Lane::Bulk, frame("x"), LIMIT).await;
    assert_eq!(asked, Err(AskError::Unsent(BusError::Full)));
    for _ in 0..sent {
        assert!(matches!(
            events.next().await,
            Some(BusEvent::In { reply: None, .. })
        ));
    }
    bus.send(me, Lane::Bulk, frame("x")).unwrap();
}

async fn too_large(bus: Arc<dyn Bus>, _events: Events) {
    let (me, _) = bus.me();
    let bytes = MAX_BODY_BYTES + 1;
    let large = Frame {
        kind: 1,
        body: vec![0; bytes].into(),
    };
    assert_eq!(
        bus.send(me, Lane::Bulk, large.clone()),
        Err(BusError::TooLarge { bytes })
    );
    assert_eq!(bus.cast(large), Err(BusError::TooLarge { bytes }));
}

async fn detached(bus: Arc<dyn Bus>, events: Events) {
    let (me, _) = bus.me();
    drop(events);
    assert_eq!(
        bus.send(me, Lane::Control, frame("x")),
        Err(BusError::Detached)
    );
    let asked = bus.ask(me, Lane::Control, frame("x"), LIMIT).await;
    assert_eq!(asked, Err(AskError::Unsent(BusError::Detached)));
}

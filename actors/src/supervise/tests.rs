use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, ActorContext as _, AsyncContext as _, Context, Handler, Message, Running};
use actix_rt::Arbiter;

use super::{ActorPath, ChildGaveUp, RestartPolicy, Slot, SpawnError, Supervise, Tree};
use crate::observe::{Observe, State};
use crate::offer::{AskError, Refused, ask, offer};

const SECOND: Duration = Duration::from_secs(1);
/// Shorter than the shortest wait of the probe's policy.
const BEFORE_RESTART: Duration = Duration::from_millis(400);

/// Where the probe panics by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Factory,
    Started,
    Stopping,
    Stopped,
    Drop,
}

struct Probe {
    added: u32,
    fault: Fault,
    lingers: bool,
    alive: Arc<AtomicUsize>,
}

impl Probe {
    fn new(fault: Fault, alive: &Arc<AtomicUsize>) -> Self {
        assert_ne!(fault, Fault::Factory, "planned");
        alive.fetch_add(1, Ordering::SeqCst);
        Self {
            added: 0,
            fault,
            lingers: false,
            alive: Arc::clone(alive),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
        assert!(self.fault != Fault::Drop, "planned");
    }
}

impl Supervise for Probe {
    const KIND: &'static str = "probe";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: SECOND,
            max: SECOND * 8,
            give_up_after: 3,
            within: SECOND * 60,
        }
    }
}

impl Observe for Probe {
    type Report = ProbeReport;

    fn report(&self) -> ProbeReport {
        ProbeReport { added: self.added }
    }
}

#[derive(serde::Serialize)]
struct ProbeReport {
    added: u32,
}

impl Actor for Probe {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        assert_ne!(self.fault, Fault::Started, "planned");
    }

    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        assert_ne!(self.fault, Fault::Stopping, "planned");
        if self.lingers {
            Running::Continue
        } else {
            Running::Stop
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        assert_ne!(self.fault, Fault::Stopped, "planned");
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Add(u32);

#[derive(Message)]
#[rtype(result = "()")]
struct Fail;

#[derive(Message)]
#[rtype(result = "()")]
struct Finish;

#[derive(Message)]
#[rtype(result = "()")]
struct Block(Duration);

impl Handler<Add> for Probe {
    type Result = u32;

    fn handle(&mut self, Add(number): Add, _: &mut Context<Self>) -> u32 {
        self.added += number;
        self.added
    }
}

impl Handler<Fail> for Probe {
    type Result = ();

    fn handle(&mut self, _: Fail, _: &mut Context<Self>) {
        panic!("wanted by the test");
    }
}

impl Handler<Finish> for Probe {
    type Result = ();

    fn handle(&mut self, _: Finish, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Block> for Probe {
    type Result = ();

    fn handle(&mut self, Block(time): Block, ctx: &mut Context<Self>) {
        ctx.wait(actix::fut::wrap_future::<_, Self>(tokio::time::sleep(time)));
    }
}

/// A tree on the test's own arbiter with a paused clock.
struct Grove {
    tree: Tree,
    alive: Arc<AtomicUsize>,
}

impl Grove {
    fn new() -> Self {
        tokio::time::pause();
        Self {
            tree: Tree::new(),
            alive: Arc::default(),
        }
    }

    fn plant(&self, path: &str, fault: Fault) -> Slot<Probe> {
        self.plant_as(path, move |_| fault)
    }

    /// `fault_of` is told how often the factory ran before.
    fn plant_as(
        &self,
        path: &str,
        fault_of: impl Fn(usize) -> Fault + Send + 'static,
    ) -> Slot<Probe> {
        let (alive, mut runs) = (Arc::clone(&self.alive), 0);
        let factory = move |_: &Slot<Probe>| {
            runs += 1;
            Probe::new(fault_of(runs - 1), &alive)
        };
        self.tree
            .spawn(name(path), &Arbiter::current(), factory)
            .expect("free name")
    }

    async fn reach(&self, slot: &Slot<Probe>, state: State) {
        let reached = self.tree.until(|_| slot.state() == state);
        tokio::time::timeout(SECOND * 100, reached)
            .await
            .unwrap_or_else(|_| panic!("{slot:?} never was {state:?}"));
    }

    async fn running(&self, path: &str) -> Slot<Probe> {
        let slot = self.plant(path, Fault::None);
        self.settle(&slot).await;
        slot
    }

    /// Waits until the actor has handled what it has.
    async fn settle(&self, slot: &Slot<Probe>) -> u32 {
        ask(slot, Add(0), SECOND).await.expect("an answer")
    }

    fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }
}

fn name(path: &str) -> ActorPath {
    ActorPath::parse(path).expect("a path")
}

#[actix::test]
async fn a_panic_costs_the_state_and_not_the_slot() {
    let grove = Grove::new();
    let slot = grove.running("node/a").await;
    assert_eq!(ask(&slot, Add(5), SECOND).await, Ok(5));
    offer(&slot, Fail).expect("room");
    grove.reach(&slot, State::BackingOff).await;
    assert_eq!(grove.alive(), 0);
    assert!(slot.addr().is_none());
    assert_eq!(
        offer(&slot, Finish).map_err(|refused| refused.is_full()),
        Err(false)
    );
    tokio::time::advance(BEFORE_RESTART).await;
    assert_eq!(slot.state(), State::BackingOff);
    grove.reach(&slot, State::Running).await;
    assert_eq!(grove.settle(&slot).await, 0);
    let status = grove.tree.status(slot.path()).expect("present");
    assert_eq!(
        (status.restarts, status.state, status.kind),
        (1, State::Running, "probe")
    );
    assert!(
        status
            .last_failure
            .expect("kept")
            .message
            .starts_with("wanted by the test")
    );
    assert_eq!(grove.alive(), 1);
}

#[actix::test]
async fn every_place_of_a_panic_is_survived() {
    let grove = Grove::new();
    for fault in [Fault::Factory, Fault::Started] {
        let slot = grove.plant_as(&format!("{fault:?}"), move |runs| {
            if runs == 0 { fault } else { Fault::None }
        });
        grove.reach(&slot, State::BackingOff).await;
        assert_eq!(grove.alive(), 0, "{fault:?}");
        grove.reach(&slot, State::Running).await;
        assert_eq!(grove.settle(&slot).await, 0, "{fault:?}");
        slot.stop();
        grove.reach(&slot, State::Stopped).await;
    }
    for fault in [Fault::Stopping, Fault::Stopped, Fault::Drop] {
        let slot = grove.plant(&format!("{fault:?}"), fault);
        grove.settle(&slot).await;
        offer(&slot, Finish).expect("room");
        grove.reach(&slot, State::Stopped).await;
        assert_eq!(
            (grove.alive(), grove.tree.list(None).len()),
            (0, 0),
            "{fault:?}"
        );
    }
}

#[actix::test]
async fn a_second_panic_while_stopping_does_not_abort() {
    let grove = Grove::new();
    for fault in [Fault::Stopping, Fault::Stopped, Fault::Drop] {
        let slot = grove.plant(&format!("{fault:?}"), fault);
        grove.settle(&slot).await;
        offer(&slot, Fail).expect("room");
        grove.reach(&slot, State::BackingOff).await;
        let status = grove.tree.status(slot.path()).expect("present");
        assert!(
            status
                .last_failure
                .expect("kept")
                .message
                .starts_with("wanted by the test"),
            "the first panic counts"
        );
        grove.reach(&slot, State::Running).await;
        grove.settle(&slot).await;
    }
}

#[actix::test]
async fn a_panic_on_the_way_out_does_not_bring_it_back() {
    let grove = Grove::new();
    for fault in [Fault::Stopping, Fault::Stopped, Fault::Drop] {
        let slot = grove.plant(&format!("{fault:?}"), fault);
        grove.settle(&slot).await;
        grove.tree.stop(slot.path());
        grove.tree.inject_panic(slot.path());
        grove.reach(&slot, State::Stopped).await;
        let again = grove.plant(&format!("{fault:?}"), fault);
        grove.settle(&again).await;
        grove.tree.restart(again.path());
        grove
            .tree
            .until(|tree| tree.list(None).iter().all(|one| one.restarts == 1))
            .await;
        grove.settle(&again).await;
        grove.tree.stop(again.path());
        grove.reach(&again, State::Stopped).await;
    }
    assert_eq!(grove.alive(), 0);
}

#[actix::test]
async fn repeated_panics_are_given_up_and_the_parent_is_told() {
    let grove = Grove::new();
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel::<ChildGaveUp>();
    let far = told.clone();
    grove.tree.on_give_up(name("node"), move |child| {
        far.send(child.clone()).expect("test waits")
    });
    let slot = grove.plant("node/lists/a", Fault::Started);
    grove.reach(&slot, State::Failed).await;
    let child = hears.recv().await.expect("told");
    assert_eq!((child.path.as_str(), child.kind), ("node/lists/a", "probe"));
    assert_eq!(grove.tree.tallies()["probe"].panics, 3);
    assert!(matches!(offer(&slot, Fail), Err(Refused::Gone(Fail))));
    tokio::time::advance(SECOND * 3600).await;
    assert_eq!(slot.state(), State::Failed);

    grove
        .tree
        .on_give_up(name("node/lists"), |_| panic!("a broken parent"));
    assert_eq!(grove.tree.restart(&name("node/lists/a")), 1);
    grove
        .tree
        .until(|tree| tree.tallies()["probe"].gave_up == 2)
        .await;
    assert!(hears.try_recv().is_err(), "the nearer parent alone is told");

    let successor = grove.running("node/lists/a").await;
    grove.reach(&slot, State::Stopped).await;
    assert_eq!(
        grove
            .tree
            .status(successor.path())
            .map(|status| status.state),
        Some(State::Running)
    );
}

#[actix::test]
async fn old_failures_are_forgiven() {
    let grove = Grove::new();
    let slot = grove.running("a").await;
    for _ in 0..6 {
        offer(&slot, Fail).expect("room");
        grove.reach(&slot, State::BackingOff).await;
        grove.reach(&slot, State::Running).await;
        grove.settle(&slot).await;
        tokio::time::advance(SECOND * 60).await;
    }
    assert_eq!(
        grove.tree.status(slot.path()).map(|status| status.restarts),
        Some(6)
    );
}

#[actix::test]
async fn an_actor_for_one_life_ends_with_a_panic() {
    let grove = Grove::new();
    let alive = Arc::clone(&grove.alive);
    let slot = grove
        .tree
        .spawn_local(name("sessions/1"), move |_| Probe::new(Fault::None, &alive))
        .expect("free");
    grove.settle(&slot).await;
    offer(&slot, Fail).expect("room");
    grove.reach(&slot, State::Stopped).await;
    assert_eq!((grove.alive(), grove.tree.list(None).len()), (0, 0));
    let tally = grove.tree.tallies()["probe"];
    assert_eq!(
        (tally.present, tally.started, tally.panics, tally.restarts),
        (0, 1, 1, 0)
    );
}

#[actix::test]
async fn siblings_and_parents_do_not_notice() {
    let grove = Grove::new();
    let (parent, brother) = (grove.running("a").await, grove.running("a/1").await);
    let sister = grove.running("a/2").await;
    for slot in [&parent, &brother, &sister] {
        assert_eq!(ask(slot, Add(7), SECOND).await, Ok(7));
    }
    assert!(grove.tree.inject_panic(&name("a/1")));
    assert!(!grove.tree.inject_panic(&name("a/3")));
    grove.reach(&brother, State::BackingOff).await;
    let failure = grove
        .tree
        .status(brother.path())
        .and_then(|status| status.last_failure)
        .expect("kept");
    assert!(failure.message.contains("injected"), "{failure:?}");
    assert_eq!(
        (grove.settle(&parent).await, grove.settle(&sister).await),
        (7, 7)
    );
}

#[actix::test]
async fn a_subtree_restarts_by_name() {
    let grove = Grove::new();
    let mut slots = Vec::new();
    for path in ["a", "a/1", "a/1/x", "ab", "b"] {
        slots.push(grove.running(path).await);
        offer(slots.last().expect("pushed"), Block(Duration::ZERO)).expect("room");
        assert_eq!(
            ask(slots.last().expect("pushed"), Add(1), SECOND).await,
            Ok(1)
        );
    }
    assert_eq!(grove.tree.restart(&name("a")), 3);
    let restarts = |tree: &Tree| {
        tree.list(None)
            .iter()
            .map(|status| status.restarts)
            .collect::<Vec<_>>()
    };
    grove
        .tree
        .until(|tree| restarts(tree) == [1, 1, 1, 0, 0])
        .await;
    for (slot, kept) in slots.iter().zip([0, 0, 0, 1, 1]) {
        assert_eq!(grove.settle(slot).await, kept, "{slot:?}");
    }
}

#[actix::test]
async fn back_off_is_cut_short_by_name() {
    let grove = Grove::new();
    let (first, second) = (grove.running("a").await, grove.running("b").await);
    for slot in [&first, &second] {
        offer(slot, Fail).expect("room");
        grove.reach(slot, State::BackingOff).await;
    }
    assert_eq!(
        (
            grove.tree.restart(first.path()),
            grove.tree.stop(second.path())
        ),
        (1, 1)
    );
    let before = tokio::time::Instant::now();
    grove.reach(&first, State::Running).await;
    grove.reach(&second, State::Stopped).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[actix::test]
async fn a_session_told_to_restart_ends() {
    let grove = Grove::new();
    let alive = Arc::clone(&grove.alive);
    let slot = grove
        .tree
        .spawn_local(name("s"), move |_| Probe::new(Fault::None, &alive))
        .expect("free");
    grove.settle(&slot).await;
    assert_eq!(grove.tree.restart(slot.path()), 1);
    grove.reach(&slot, State::Stopped).await;
}

#[actix::test]
async fn queued_messages_die_with_the_actor() {
    let grove = Grove::new();
    let slot = grove.running("a").await;
    offer(&slot, Block(SECOND)).expect("room");
    offer(&slot, Fail).expect("room");
    let question = ask(&slot, Add(1), SECOND * 60);
    assert_eq!(question.await, Err(AskError::Gone));
    grove.reach(&slot, State::Running).await;
    assert_eq!(grove.settle(&slot).await, 0);
}

#[actix::test]
async fn a_full_mailbox_gives_the_message_back() {
    let grove = Grove::new();
    let slot = grove.running("a").await;
    offer(&slot, Block(SECOND)).expect("room");
    tokio::task::yield_now().await;
    let taken = (0..100)
        .take_while(|&number| offer(&slot, Add(number)).is_ok())
        .count();
    assert_eq!(taken, Probe::MAILBOX);
    assert!(matches!(offer(&slot, Add(77)), Err(Refused::Full(Add(77)))));
    let mailbox = grove.tree.status(slot.path()).expect("present").mailbox;
    assert_eq!(
        (
            mailbox.depth,
            mailbox.capacity,
            mailbox.full,
            mailbox.refused
        ),
        (4, 4, true, 2)
    );
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(ask(&slot, Add(0), SECOND).await, Ok(1 + 2 + 3));
    let mailbox = grove.tree.status(slot.path()).expect("present").mailbox;
    assert_eq!((mailbox.depth, mailbox.full), (0, false));
}

#[actix::test]
async fn reports_are_asked_for_with_a_deadline() {
    let grove = Grove::new();
    let slot = grove.running("node/a").await;
    grove.running("node/b").await;
    offer(&slot, Add(3)).expect("room");
    let seen = grove
        .tree
        .observe(slot.path(), SECOND)
        .await
        .expect("present");
    assert_eq!(seen.report, Some(serde_json::json!({ "added": 3 })));
    let text = serde_json::to_value(&seen).expect("serialisable");
    assert_eq!(
        (&text["path"], &text["state"]),
        (&"node/a".into(), &"running".into())
    );

    offer(&slot, Block(SECOND * 10)).expect("room");
    tokio::task::yield_now().await;
    let seen = grove.tree.observe_within(&name("node"), SECOND).await;
    assert_eq!(
        seen.iter()
            .map(|one| one.report.is_some())
            .collect::<Vec<_>>(),
        [false, true]
    );
    assert!(grove.tree.observe(&name("node/c"), SECOND).await.is_none());
}

#[actix::test]
async fn one_name_has_one_living_actor() {
    let grove = Grove::new();
    let slot = grove.running("a").await;
    let again = grove
        .tree
        .spawn_local(name("a"), |_: &Slot<Probe>| unreachable!("refused before"));
    assert_eq!(again.expect_err("taken"), SpawnError::Taken(name("a")));
    slot.stop();
    grove.reach(&slot, State::Stopped).await;
    grove.running("a").await;
}

#[actix::test]
async fn shutdown_follows_its_order_and_its_deadline() {
    let grove = Grove::new();
    for path in ["listeners/a", "sessions/1", "storage"] {
        grove.running(path).await;
    }
    let left = grove
        .tree
        .shutdown(&[name("listeners"), name("sessions")], SECOND * 5)
        .await;
    assert_eq!((left, grove.alive()), (Vec::new(), 0));
    let late = grove
        .tree
        .spawn_local(name("sessions/2"), |_: &Slot<Probe>| {
            unreachable!("refused before")
        });
    assert_eq!(
        late.expect_err("closed"),
        SpawnError::ShuttingDown(name("sessions/2"))
    );
}

#[actix::test]
async fn who_misses_the_deadline_is_ended() {
    let grove = Grove::new();
    let alive = Arc::clone(&grove.alive);
    let stubborn = move |_: &Slot<Probe>| {
        let mut probe = Probe::new(Fault::None, &alive);
        probe.lingers = true;
        probe
    };
    let slot = grove.tree.spawn_local(name("a"), stubborn).expect("free");
    grove.settle(&slot).await;
    let before = tokio::time::Instant::now();
    assert_eq!(
        grove.tree.shutdown(&[name("a")], SECOND * 5).await,
        Vec::new()
    );
    assert!((SECOND * 5..SECOND * 6).contains(&before.elapsed()));
    assert_eq!((grove.alive(), slot.state()), (0, State::Stopped));
}

#[actix::test]
async fn an_arbiter_that_ends_takes_its_actors_out_of_the_tree() {
    let (tree, alive) = (Tree::new(), Arc::new(AtomicUsize::new(0)));
    let arbiter = Arbiter::new();
    let factory_alive = Arc::clone(&alive);
    let factory = move |_: &Slot<Probe>| Probe::new(Fault::None, &factory_alive);
    let slot = tree
        .spawn(name("a"), &arbiter.handle(), factory)
        .expect("free");
    assert_eq!(ask(&slot, Add(1), SECOND * 5).await, Ok(1));
    arbiter.stop();
    tree.until(|_| slot.state() == State::Stopped).await;
    let handle = arbiter.handle();
    arbiter.join().expect("no panic");
    assert_eq!(
        (alive.load(Ordering::SeqCst), tree.list(None).len()),
        (0, 0)
    );
    let late = tree.spawn(name("a"), &handle, |_: &Slot<Probe>| {
        unreachable!("no thread")
    });
    assert_eq!(
        late.expect_err("no arbiter"),
        SpawnError::ArbiterGone(name("a"))
    );
    assert!(tree.list(None).is_empty());
}

#[actix::test]
async fn ten_thousand_actors_come_and_go() {
    let grove = Grove::new();
    for round in 0..2 {
        let sessions = name("sessions");
        let slots: Vec<_> = (0..10_000)
            .map(|number| {
                let alive = Arc::clone(&grove.alive);
                grove
                    .tree
                    .spawn_local(sessions.child(number), move |_| {
                        Probe::new(Fault::None, &alive)
                    })
                    .expect("free")
            })
            .collect();
        let weak: Vec<_> = slots.iter().map(|slot| Arc::downgrade(&slot.0)).collect();
        grove.settle(slots.last().expect("many")).await;
        assert_eq!(
            (grove.tree.list(Some(&sessions)).len(), grove.alive()),
            (10_000, 10_000)
        );
        drop(slots);
        assert_eq!(grove.tree.stop(&sessions), 10_000);
        grove.tree.until(|tree| tree.select(None).is_empty()).await;
        assert_eq!(grove.alive(), 0);
        assert_eq!(
            weak.iter().filter(|cell| cell.strong_count() > 0).count(),
            0,
            "round {round}"
        );
    }
}

#[actix::test]
async fn an_entry_and_a_task_stay_small() {
    let cell = size_of::<super::cell::Cell<Probe>>() + 2 * size_of::<usize>();
    let path = name("sessions/1234567").as_str().len() + 2 * size_of::<usize>();
    // A B-tree leaf holds five to eleven pairs of two fat pointers; half full is the worst case.
    let leaf = 2 * 4 * size_of::<usize>();
    let published = size_of::<actix::Addr<Probe>>() + 2 * size_of::<usize>();
    let entry = cell + path + leaf + published;
    assert!(
        entry < 400,
        "{cell} + {path} + {leaf} + {published} = {entry} bytes"
    );

    let (tree, alive) = (Tree::new(), Arc::default());
    let (slot, mailbox) = tree.admit::<Probe>(name("a")).expect("free");
    let factory = super::run::Once::new(move |_: &Slot<Probe>| Probe::new(Fault::None, &alive));
    let task = size_of_val(&super::run::Task::new(tree, slot.0, mailbox, factory).run());
    // With what tokio keeps beside it, 256 bytes.
    assert!(task <= 144, "{task} bytes beside the actor and its context");
}

#[actix::test]
async fn a_failure_says_where_it_was_raised() {
    super::install_panic_hook();
    let grove = Grove::new();
    let slot = grove.running("a").await;
    offer(&slot, Fail).expect("room");
    grove.reach(&slot, State::BackingOff).await;
    let failure = (grove.tree.status(slot.path())).and_then(|status| status.last_failure);
    let message = failure.expect("kept").message;
    assert!(
        message.starts_with("wanted by the test (actors/src/supervise/tests.rs:"),
        "{message}"
    );
}

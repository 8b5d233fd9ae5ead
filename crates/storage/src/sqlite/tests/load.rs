use super::*;

#[test]
fn company_gathers_while_a_commit_runs_and_only_then() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    // Alone: each its own commit.
    let before = store.report().commits;
    for _ in 0..3 {
        block_on(store.append_offline(&juliet, message("alone"), 5000)).unwrap();
    }
    assert_eq!(store.report().commits, before + 3);
    // Behind a busy writer: 300 in two batches, beside the one that was held.
    let free = hold_writer(&store);
    let writes: Vec<_> = (0..300)
        .map(|_| store.append_offline(&juliet, message("many"), 5000))
        .collect();
    drop(free);
    all_stored(block_on(join_all(writes)));
    assert_eq!(store.report().commits, before + 3 + 1 + 2);
    assert_eq!(store.report().operations, 1 + 3 + 1 + 300);
}

#[test]
fn a_failing_neighbour_does_not_matter() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let free = hold_writer(&store);
    let good = store.append_offline(&juliet, message("good"), 1);
    let full = store.append_offline(&juliet, message("too many"), 1);
    let nobody = store.append_offline(&user("nobody"), message("lost"), 1);
    let card = store.set_vcard(&juliet, Bytes::from_static(b"<vCard/>"));
    drop(free);
    block_on(async {
        good.await.unwrap();
        assert!(matches!(full.await, Err(StoreError::LimitReached { .. })));
        assert!(matches!(nobody.await, Err(StoreError::NoAccount { .. })));
        card.await.unwrap();
    });
    assert_eq!(store.report().failures, 0);
}

#[test]
fn a_full_queue_refuses_at_once_and_recovers() {
    let directory = TempDir::new().unwrap();
    let bounds = QueueBounds {
        operations: 4,
        bytes: 10_300,
    };
    let store = SqliteStore::open(SqliteOptions {
        writes: bounds,
        ..options(&directory)
    })
    .unwrap();
    block_on(store.create_account(account("juliet"))).unwrap();
    block_on(store.barrier(None)).unwrap();
    let juliet = user("juliet");
    let free = hold_writer(&store);
    let append = |bytes: usize| store.append_offline(&juliet, message(&"x".repeat(bytes)), 100);
    let large = append(9000);
    // Bytes: the next would pass the bound, a small one fits.
    let refused = append(9000);
    assert!(matches!(
        refused.now_or_never(),
        Some(Err(StoreError::Overloaded { operations: 2, .. }))
    ));
    let small = [append(10), append(10)];
    // Operations: four are under way, so that even a read behind them finds no room.
    assert!(matches!(
        append(1).now_or_never(),
        Some(Err(StoreError::Overloaded { operations: 4, .. }))
    ));
    assert!(matches!(
        store.count_offline(&juliet).now_or_never(),
        Some(Err(StoreError::Overloaded { .. }))
    ));
    assert!(matches!(
        store.barrier(None).now_or_never(),
        Some(Err(StoreError::Overloaded { .. }))
    ));
    // About others nothing is under way.
    assert_eq!(block_on(store.count_offline(&user("nurse"))), Ok(0));
    drop(free);
    block_on(async {
        large.await.unwrap();
        for small in small {
            small.await.unwrap();
        }
        assert_eq!(store.count_offline(&juliet).await, Ok(3));
    });
    // One operation larger than the bound passes when it is alone.
    while store.report().waiting_operations > 0 {
        thread::yield_now();
    }
    block_on(append(20_000)).unwrap();
}

#[test]
fn a_barrier_costs_nothing_when_nothing_is_under_way() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let free = hold_writer(&store);
    let mut waits = store.barrier(Some(&juliet));
    assert!((&mut waits).now_or_never().is_none());
    assert_eq!(
        store.barrier(Some(&user("nurse"))).now_or_never(),
        Some(Ok(()))
    );
    drop(free);
    block_on(waits).unwrap();
    while store.report().waiting_operations > 0 {
        thread::yield_now();
    }
    assert_eq!(store.barrier(None).now_or_never(), Some(Ok(())));
}

#[test]
fn many_threads_write_at_once() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    thread::scope(|scope| {
        for n in 0..4 {
            let (store, juliet) = (&store, &juliet);
            scope.spawn(move || {
                let writes = (0..250)
                    .map(|m| store.append_offline(juliet, message(&format!("{n}-{m}")), 5000));
                all_stored(block_on(join_all(writes)));
            });
        }
    });
    assert_eq!(block_on(store.count_offline(&juliet)), Ok(1000));
    assert!(store.report().commits < 1000);
}

#[test]
fn a_lock_of_another_program_is_waited_for_and_named() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let other = Connection::open(directory.path().join("store.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let refused = block_on(store.append_offline(&juliet, message("hello"), 10)).unwrap_err();
    assert!(
        matches!(refused, StoreError::Busy { waited_ms: 300, .. }),
        "{refused}"
    );
    assert_eq!(block_on(store.count_offline(&juliet)), Ok(0));
    let waiting = store.append_offline(&juliet, message("hello"), 10);
    other.execute_batch("rollback").unwrap();
    block_on(waiting).unwrap();
}

#[test]
fn a_commit_that_reports_failure_but_took_place_is_answered_once() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let free = hold_writer(&store);
    let writes: Vec<_> = (0..3)
        .map(|_| store.append_offline(&juliet, message("hello"), 10))
        .collect();
    // The held operation commits first; the fault is for the batch behind it.
    drop(free);
    block_on(store.barrier(None)).unwrap();
    all_stored(block_on(join_all(writes)));
    store
        .counters
        .faults
        .lose_answer
        .store(true, Ordering::SeqCst);
    let writes: Vec<_> = (0..3)
        .map(|_| store.append_offline(&juliet, message("again"), 10))
        .collect();
    all_stored(block_on(join_all(writes)));
    assert_eq!(block_on(store.count_offline(&juliet)), Ok(6));
    assert_eq!(store.report().failures, 0);
}

#[test]
fn a_commit_that_did_not_take_place_is_repeated_or_reported() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    // Alone: reported, and nothing is stored.
    store
        .counters
        .faults
        .lose_commit
        .store(true, Ordering::SeqCst);
    let refused = block_on(store.append_offline(&juliet, message("lost"), 10)).unwrap_err();
    assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
    assert_eq!(block_on(store.count_offline(&juliet)), Ok(0));
    // With others: each is repeated alone.
    store
        .counters
        .faults
        .lose_commit
        .store(true, Ordering::SeqCst);
    let first = hold_writer(&store);
    let writes: Vec<_> = (0..3)
        .map(|_| store.append_offline(&juliet, message("hello"), 10))
        .collect();
    drop(first);
    all_stored(block_on(join_all(writes)));
    assert_eq!(block_on(store.count_offline(&juliet)), Ok(3));
}

use super::*;

pub(super) async fn reads_see_earlier_writes(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    for round in 0..50 {
        let write = store.append_offline(&juliet, message("hello"), 1000);
        let count = store.count_offline(&juliet);
        let card = store.set_vcard(&juliet, Bytes::from(round.to_string()));
        assert_eq!(
            store.vcard(&juliet).await.unwrap(),
            Some(Bytes::from(round.to_string()))
        );
        assert_eq!(count.await, Ok(round + 1));
        write.await.unwrap();
        card.await.unwrap();
    }
    let making = store.create_account(account("nurse"));
    assert_eq!(
        store.accounts("example.com", None, 10).await.unwrap().len(),
        2
    );
    making.await.unwrap();
}

pub(super) async fn dropped_futures_are_carried_out(store: Arc<dyn Store>) {
    drop(store.create_account(account("juliet")));
    drop(store.append_offline(&user("juliet"), message("hello"), 10));
    assert_eq!(store.count_offline(&user("juliet")).await, Ok(1));
}

pub(super) async fn barrier_waits(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    store.barrier(None).await.unwrap();
    for about in [None, Some(&juliet)] {
        let mut write = store.append_offline(&juliet, message("hello"), 10);
        store.barrier(about).await.unwrap();
        assert!(
            (&mut write).now_or_never().is_some(),
            "the barrier passed before the write was answered"
        );
    }
    store.barrier(Some(&user("nobody"))).await.unwrap();
}

pub(super) async fn concurrency(store: Arc<dyn Store>) {
    let names: Vec<String> = (0..20).map(|n| format!("user{n}")).collect();
    join_all(names.iter().map(|name| store.create_account(account(name)))).await;
    let mut writes = Vec::new();
    for round in 0..30 {
        for name in &names {
            writes.push(store.append_offline(&user(name), message(&round.to_string()), 20));
        }
    }
    let answers = join_all(writes).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        20 * 20
    );
    for name in &names {
        let texts: Vec<_> = store.offline(&user(name), None, 100).await.unwrap();
        let texts: Vec<_> = texts
            .into_iter()
            .map(|(_, message)| message.stanza)
            .collect();
        assert_eq!(
            texts,
            (0..20)
                .map(|round| Bytes::from(round.to_string()))
                .collect::<Vec<_>>()
        );
    }
}

pub(super) async fn closed_store_takes_nothing(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let write = store.append_offline(&juliet, message("hello"), 10);
    store.close().await.unwrap();
    write.await.unwrap();
    assert_eq!(
        store.append_offline(&juliet, message("late"), 10).await,
        Err(StoreError::Closed)
    );
    assert_eq!(store.count_offline(&juliet).await, Err(StoreError::Closed));
    assert_eq!(store.barrier(None).await, Err(StoreError::Closed));
    store.close().await.unwrap();
}

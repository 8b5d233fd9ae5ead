use super::*;

pub(super) async fn offline_messages_wait(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(
            store
                .append_offline(&juliet, message(text), 10)
                .await
                .unwrap(),
        );
    }
    assert!(ids.is_sorted());
    let expected: Vec<_> = ids
        .iter()
        .copied()
        .zip(["one", "two", "three"].map(message))
        .collect();
    assert_eq!(store.offline(&juliet, None, 10).await.unwrap(), expected);
    assert_eq!(
        store.offline(&juliet, None, 2).await.unwrap(),
        expected[..2]
    );
    assert_eq!(
        store.offline(&juliet, Some(ids[0]), 10).await.unwrap(),
        expected[1..]
    );
    assert_eq!(
        store.delete_offline(&juliet, vec![ids[0], ids[2]]).await,
        Ok(2)
    );
    assert_eq!(store.delete_offline(&juliet, vec![ids[0]]).await, Ok(0));
    assert_eq!(
        store.offline(&juliet, None, 10).await.unwrap(),
        expected[1..2]
    );
    assert_eq!(store.purge_offline(&juliet).await, Ok(1));
    assert_eq!(store.count_offline(&juliet).await, Ok(0));
}

pub(super) async fn ids_are_never_used_again(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let first = store
        .append_offline(&juliet, message("one"), 10)
        .await
        .unwrap();
    store.delete_offline(&juliet, vec![first]).await.unwrap();
    let second = store
        .append_offline(&juliet, message("two"), 10)
        .await
        .unwrap();
    assert!(second > first);
    assert_eq!(store.delete_offline(&juliet, vec![first]).await, Ok(0));
    assert_eq!(store.count_offline(&juliet).await, Ok(1));
}

pub(super) async fn offline_bound_holds(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let first = store
        .append_offline(&juliet, message("one"), 2)
        .await
        .unwrap();
    store
        .append_offline(&juliet, message("two"), 2)
        .await
        .unwrap();
    let refused = Err(StoreError::LimitReached {
        kept: Kept::OfflineMessages,
        limit: 2,
    });
    assert_eq!(
        store.append_offline(&juliet, message("three"), 2).await,
        refused
    );
    let refused = Err(StoreError::LimitReached {
        kept: Kept::OfflineMessages,
        limit: 0,
    });
    assert_eq!(
        store.append_offline(&juliet, message("none"), 0).await,
        refused
    );
    store.delete_offline(&juliet, vec![first]).await.unwrap();
    store
        .append_offline(&juliet, message("four"), 2)
        .await
        .unwrap();
    assert_eq!(store.count_offline(&juliet).await, Ok(2));
}

pub(super) async fn messages_are_private(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let nurse = with_account(&store, "nurse").await;
    let own = store
        .append_offline(&juliet, message("one"), 10)
        .await
        .unwrap();
    for _ in 0..3 {
        store
            .append_offline(&nurse, message("two"), 10)
            .await
            .unwrap();
    }
    store.delete_offline(&nurse, vec![own]).await.unwrap();
    assert_eq!(store.count_offline(&juliet).await, Ok(1));
    assert_eq!(
        store.offline(&juliet, None, 10).await.unwrap(),
        [(own, message("one"))]
    );
}

use super::*;

pub(super) async fn roster_comes_back(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let romeo = RosterItem {
        name: Some("Romeo \"M\" 🗡\n".into()),
        subscription: Subscription::From,
        ask: true,
        approved: true,
        groups: vec!["Friends, old".into(), "Work\n".into()],
        ..item("romeo")
    };
    let nurse = RosterItem {
        subscription: Subscription::Both,
        ..item("nurse")
    };
    for item in [&romeo, &nurse] {
        store
            .update_roster(&juliet, put(item.clone()), LIMITS)
            .await
            .unwrap();
    }
    assert_eq!(
        store.roster(&juliet).await.unwrap().items,
        [nurse.clone(), romeo.clone()]
    );
    let romeo = RosterItem {
        name: None,
        groups: Vec::new(),
        ask: false,
        ..romeo
    };
    store
        .update_roster(&juliet, put(romeo.clone()), LIMITS)
        .await
        .unwrap();
    assert_eq!(store.roster(&juliet).await.unwrap().items, [nurse, romeo]);
}

pub(super) async fn version_counts_changes(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let act = |item, request| {
        store.update_roster(
            &juliet,
            RosterUpdate {
                contact: user("romeo"),
                item,
                request,
            },
            LIMITS,
        )
    };
    assert_eq!(store.roster(&juliet).await.unwrap().version, 0);
    assert_eq!(
        act(ItemUpdate::Put(item("romeo")), RequestUpdate::Keep).await,
        Ok(1)
    );
    assert_eq!(
        act(
            ItemUpdate::Keep,
            RequestUpdate::Store(Bytes::from_static(b"<p/>"))
        )
        .await,
        Ok(1)
    );
    assert_eq!(
        act(ItemUpdate::Put(item("romeo")), RequestUpdate::Clear).await,
        Ok(2)
    );
    assert_eq!(act(ItemUpdate::Remove, RequestUpdate::Keep).await, Ok(3));
    assert_eq!(act(ItemUpdate::Remove, RequestUpdate::Keep).await, Ok(3));
    assert_eq!(
        store.roster(&juliet).await.unwrap(),
        Roster {
            version: 3,
            ..Roster::default()
        }
    );
}

pub(super) async fn requests_are_kept(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let act = |name: &str, request| {
        store.update_roster(
            &juliet,
            RosterUpdate {
                contact: user(name),
                item: ItemUpdate::Keep,
                request,
            },
            LIMITS,
        )
    };
    act(
        "romeo",
        RequestUpdate::Store(Bytes::from_static(b"<presence>1</presence>")),
    )
    .await
    .unwrap();
    act(
        "paris",
        RequestUpdate::Store(Bytes::from_static(b"<presence>2</presence>")),
    )
    .await
    .unwrap();
    act(
        "romeo",
        RequestUpdate::Store(Bytes::from_static(b"<presence>3</presence>")),
    )
    .await
    .unwrap();
    let requests = store.roster(&juliet).await.unwrap().requests;
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.from.to_string(), request.stanza.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (
                "paris@example.com".to_owned(),
                Bytes::from_static(b"<presence>2</presence>")
            ),
            (
                "romeo@example.com".to_owned(),
                Bytes::from_static(b"<presence>3</presence>")
            ),
        ]
    );
    act("paris", RequestUpdate::Clear).await.unwrap();
    act("paris", RequestUpdate::Clear).await.unwrap();
    assert_eq!(store.roster(&juliet).await.unwrap().requests.len(), 1);
}

pub(super) async fn roster_bounds_hold(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let limits = RosterLimits {
        items: 2,
        requests: 1,
    };
    for name in ["a", "b"] {
        store
            .update_roster(&juliet, put(item(name)), limits)
            .await
            .unwrap();
    }
    let refused = Err(StoreError::LimitReached {
        kept: Kept::RosterItems,
        limit: 2,
    });
    assert_eq!(
        store.update_roster(&juliet, put(item("c")), limits).await,
        refused
    );
    // Changing what is there is always possible.
    assert_eq!(
        store.update_roster(&juliet, put(item("b")), limits).await,
        Ok(3)
    );
    let request = RequestUpdate::Store(Bytes::from_static(b"<p/>"));
    let update = RosterUpdate {
        request: request.clone(),
        ..put(item("a"))
    };
    assert_eq!(store.update_roster(&juliet, update, limits).await, Ok(4));
    // Item and request go together or not at all.
    let update = RosterUpdate {
        request,
        ..put(RosterItem {
            approved: true,
            ..item("b")
        })
    };
    let refused = Err(StoreError::LimitReached {
        kept: Kept::Requests,
        limit: 1,
    });
    assert_eq!(store.update_roster(&juliet, update, limits).await, refused);
    let roster = store.roster(&juliet).await.unwrap();
    assert_eq!(
        (roster.version, roster.items),
        (4, vec![item("a"), item("b")])
    );
}

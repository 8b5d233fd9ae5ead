use super::*;

pub(super) async fn blocking(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let jids = |names: &[&str]| {
        names
            .iter()
            .map(|name| Jid::new(name).unwrap())
            .collect::<Vec<_>>()
    };
    store
        .block(&juliet, jids(&["spam.example", "a@b.example/c"]), 3)
        .await
        .unwrap();
    store
        .block(&juliet, jids(&["spam.example", "a@b.example"]), 3)
        .await
        .unwrap();
    let three = jids(&["a@b.example", "a@b.example/c", "spam.example"]);
    assert_eq!(store.blocklist(&juliet).await.unwrap(), three);
    let refused = Err(StoreError::LimitReached {
        kept: Kept::Blocked,
        limit: 3,
    });
    assert_eq!(
        store
            .block(&juliet, jids(&["spam.example", "more.example"]), 3)
            .await,
        refused
    );
    store
        .unblock(&juliet, jids(&["a@b.example", "unknown.example"]))
        .await
        .unwrap();
    // All or nothing.
    assert_eq!(
        store
            .block(&juliet, jids(&["x.example", "y.example"]), 3)
            .await,
        refused
    );
    assert_eq!(store.blocklist(&juliet).await.unwrap(), three[1..]);
    store.unblock_all(&juliet).await.unwrap();
    assert_eq!(store.blocklist(&juliet).await.unwrap(), Vec::<Jid>::new());
}

pub(super) async fn private_xml(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let key = |ns: &str| PrivateKey {
        name: "storage".into(),
        ns: ns.into(),
    };
    let xml = Bytes::from_static(b"<storage xmlns='a'/>");
    store
        .set_private_xml(&juliet, key("a"), xml.clone(), 1)
        .await
        .unwrap();
    let refused = Err(StoreError::LimitReached {
        kept: Kept::PrivateItems,
        limit: 1,
    });
    assert_eq!(
        store
            .set_private_xml(&juliet, key("b"), xml.clone(), 1)
            .await,
        refused
    );
    assert_eq!(
        store.private_xml(&juliet, key("a")).await.unwrap(),
        Some(xml)
    );
    let other = Bytes::from_static(b"<storage xmlns='a'>2</storage>");
    store
        .set_private_xml(&juliet, key("a"), other.clone(), 1)
        .await
        .unwrap();
    assert_eq!(
        store.private_xml(&juliet, key("a")).await.unwrap(),
        Some(other)
    );
    assert_eq!(store.private_xml(&juliet, key("b")).await.unwrap(), None);
}

pub(super) async fn vcard(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    for card in ["<vCard>1</vCard>", "<vCard>2</vCard>"] {
        store
            .set_vcard(&juliet, Bytes::from_static(card.as_bytes()))
            .await
            .unwrap();
        assert_eq!(
            store.vcard(&juliet).await.unwrap(),
            Some(Bytes::from_static(card.as_bytes()))
        );
    }
}

use super::*;
use crate::{MarkedUser, UserMark};

fn mark(name: &str, marked_at_ms: i64) -> UserMark {
    UserMark {
        name: name.to_owned(),
        marked_at_ms,
    }
}

pub(super) async fn marks_are_kept(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let nurse = with_account(&store, "nurse").await;
    for (name, at) in [("spam", 20), ("late", 10), ("spam", 30)] {
        store.set_mark(&juliet, mark(name, at), 10).await.unwrap();
    }
    store.set_mark(&nurse, mark("spam", 5), 10).await.unwrap();
    let both = [mark("late", 10), mark("spam", 30)];
    assert_eq!(store.marks(&juliet).await.unwrap(), both);
    store.clear_mark(&juliet, "late".to_owned()).await.unwrap();
    store.clear_mark(&juliet, "other".to_owned()).await.unwrap();
    assert_eq!(store.marks(&juliet).await.unwrap(), both[1..]);
    assert_eq!(store.marks(&nurse).await.unwrap(), [mark("spam", 5)]);
}

pub(super) async fn oldest_marks_give_way(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    for (name, at) in [("a", 30), ("b", 10), ("c", 20)] {
        store.set_mark(&juliet, mark(name, at), 3).await.unwrap();
    }
    store.set_mark(&juliet, mark("b", 40), 3).await.unwrap();
    store.set_mark(&juliet, mark("d", 5), 3).await.unwrap();
    let left = [mark("a", 30), mark("b", 40), mark("d", 5)];
    assert_eq!(store.marks(&juliet).await.unwrap(), left);
    // A lower bound holds from the next mark on; the new one stays whatever its time.
    store.set_mark(&juliet, mark("e", 1), 1).await.unwrap();
    assert_eq!(store.marks(&juliet).await.unwrap(), [mark("e", 1)]);
}

pub(super) async fn marked_users_are_listed_in_pages(store: Arc<dyn Store>) {
    for (name, at) in [("carol", 3), ("alice", 1), ("bob", 2), ("dora", 4)] {
        let user = with_account(&store, name).await;
        let named = if name == "bob" { "ham" } else { "spam" };
        store.set_mark(&user, mark(named, at), 10).await.unwrap();
    }
    let other = NewAccount {
        user: BareJid::new("zoe@example.net").unwrap(),
        ..account("zoe")
    };
    let zoe = other.user.clone();
    store.create_account(other).await.unwrap();
    store.set_mark(&zoe, mark("spam", 9), 10).await.unwrap();
    let page = async |after| store.marked("example.com", "spam", after, 2).await.unwrap();
    let listed = |name: &str, marked_at_ms| MarkedUser {
        user: user(name),
        marked_at_ms,
    };
    assert_eq!(page(None).await, [listed("alice", 1), listed("carol", 3)]);
    assert_eq!(page(Some("carol")).await, [listed("dora", 4)]);
    assert_eq!(page(Some("dora")).await, []);
}

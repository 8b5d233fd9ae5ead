use super::*;

fn raw(directory: &TempDir) -> Connection {
    Connection::open(directory.path().join("store.db")).unwrap()
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = TempDir::new().unwrap();
    let (store, _) = with_juliet(&directory);
    block_on(store.close()).unwrap();
    raw(&directory)
        .execute("insert into schema_version values (99, 0)", [])
        .unwrap();
    let error = SqliteStore::open(options(&directory)).err().unwrap();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 99, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("newer"), "{error}");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    raw(&directory)
        .execute_batch("create table songs (title text)")
        .unwrap();
    let error = SqliteStore::open(options(&directory)).err().unwrap();
    assert!(matches!(error, StoreError::NotOurs { .. }), "{error}");
    let tables: i64 = raw(&directory)
        .query_row("select count(*) from sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn opening_again_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let schema = || -> Vec<String> {
        let connection = raw(&directory);
        let mut statement = connection
            .prepare("select coalesce(sql, name) from sqlite_schema order by name")
            .unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let (store, juliet) = with_juliet(&directory);
    block_on(store.close()).unwrap();
    let before = schema();
    let store = open(&directory);
    assert!(block_on(store.account(&juliet)).unwrap().is_some());
    block_on(store.close()).unwrap();
    assert_eq!(schema(), before);
    let versions: i64 = raw(&directory)
        .query_row("select count(*) from schema_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(versions, 2);
}

#[test]
fn an_older_database_is_brought_up_to_date() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    block_on(store.close()).unwrap();
    raw(&directory)
        .execute_batch("drop table user_marks; delete from schema_version where version = 2")
        .unwrap();
    let store = open(&directory);
    let mark = crate::UserMark {
        name: "seen".into(),
        marked_at_ms: 1,
    };
    block_on(store.set_mark(&juliet, mark.clone(), 10)).unwrap();
    assert_eq!(block_on(store.marks(&juliet)).unwrap(), [mark]);
}

#[test]
fn each_write_uses_an_index() {
    let directory = TempDir::new().unwrap();
    let (_store, _) = with_juliet(&directory);
    let connection = raw(&directory);
    for sql in [
        "select id from accounts where host = 'a' and localpart = 'b'",
        "select count(*) from offline_messages where account = 1",
        "select id from offline_messages where account = 1 and id > 0 order by id limit 5",
        "select contact from subscription_requests where account = 1",
        "select name from user_marks where account = 1 order by name",
        "select account from user_marks where name = 'a'",
        "delete from accounts where id = 1",
    ] {
        let mut statement = connection
            .prepare(&format!("explain query plan {sql}"))
            .unwrap();
        let plan: Vec<String> = statement
            .query_map([], |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(
            plan.iter().all(|step| !step.starts_with("SCAN")),
            "{sql}: {plan:?}"
        );
    }
}

use std::time::Duration;

use tempfile::TempDir;

use super::*;

const FIRST: &str = "create table a (x integer) strict; insert into a values (1);";
const SECOND: &str = "alter table a add column y integer not null default 7;";
const BROKEN: &str = "update a set x = 2; create table nonsense (";

fn settings(directory: &TempDir) -> Settings {
    let path = directory.path().join("store.db");
    let settings = Settings {
        path,
        busy_timeout: Duration::from_millis(300),
        size_limit: None,
    };
    create_file(&settings).unwrap();
    settings
}

#[test]
fn an_older_database_is_brought_up_to_date() {
    let directory = TempDir::new().unwrap();
    let settings = settings(&directory);
    let mut connection = writer(&settings).unwrap();
    migrate(&settings, &mut connection, &[FIRST]).unwrap();
    assert_eq!(schema_version(&connection), Ok(1));
    migrate(&settings, &mut connection, &[FIRST, SECOND]).unwrap();
    assert_eq!(schema_version(&connection), Ok(2));
    let row = connection.query_row("select x, y from a", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    assert_eq!(row, Ok((1, 7)));
}

#[test]
fn a_step_that_fails_leaves_the_database_as_it_was() {
    let directory = TempDir::new().unwrap();
    let settings = settings(&directory);
    let mut connection = writer(&settings).unwrap();
    migrate(&settings, &mut connection, &[FIRST]).unwrap();
    migrate(&settings, &mut connection, &[FIRST, BROKEN]).unwrap_err();
    assert_eq!(schema_version(&connection), Ok(1));
    assert_eq!(
        connection.query_row("select x from a", [], |row| row.get(0)),
        Ok(1)
    );
    migrate(&settings, &mut connection, &[FIRST, SECOND]).unwrap();
}

#[test]
fn two_processes_that_start_at_once_migrate_once() {
    let directory = TempDir::new().unwrap();
    let settings = settings(&directory);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = writer(&settings).unwrap();
                prepare(&settings, &mut connection).unwrap();
            });
        }
    });
    let newest = u32::try_from(MIGRATIONS.len()).unwrap();
    assert_eq!(schema_version(&writer(&settings).unwrap()), Ok(newest));
}

#[test]
fn every_commit_is_on_the_disk_before_it_returns() {
    let directory = TempDir::new().unwrap();
    let settings = settings(&directory);
    let connection = writer(&settings).unwrap();
    let pragma = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(pragma("synchronous"), 2);
    assert_eq!(pragma("foreign_keys"), 1);
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_reader_can_not_write() {
    let directory = TempDir::new().unwrap();
    let settings = settings(&directory);
    prepare(&settings, &mut writer(&settings).unwrap()).unwrap();
    reader(&settings)
        .unwrap()
        .execute("delete from accounts", [])
        .unwrap_err();
}

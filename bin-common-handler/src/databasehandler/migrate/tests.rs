//! Up, down, status, and what happens to a migration that was broken off.

use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::{databasehandler::Dsn, testing::schema};

const THINGS: &[File] = &[
    (
        "1001_things",
        "CREATE TABLE IF NOT EXISTS t_things (id {uuid} NOT NULL, PRIMARY KEY (id)) {table};\n\
         CREATE INDEX IF NOT EXISTS t_things_by_id ON t_things (id);\n\
         -- down\nDROP TABLE IF EXISTS t_things;\n",
    ),
    (
        "1002_things_named",
        "ALTER TABLE t_things ADD COLUMN IF NOT EXISTS name {varchar64} NULL;\n\
         ALTER TABLE t_things ADD COLUMN IF NOT EXISTS detail TEXT NULL;\n\
         -- down\nALTER TABLE t_things DROP COLUMN IF EXISTS detail;\n\
         ALTER TABLE t_things DROP COLUMN IF EXISTS name;\n",
    ),
];

/// An index takes the place of another, and a column goes.
const CHANGED: &[File] = &[
    THINGS[0],
    THINGS[1],
    (
        "1003_things_changed",
        "CREATE INDEX IF NOT EXISTS t_things_by_name ON t_things (name, id);\n\
         DROP INDEX IF EXISTS t_things_by_id ON t_things;\n\
         ALTER TABLE t_things DROP COLUMN IF EXISTS detail;\n\
         -- down\nALTER TABLE t_things ADD COLUMN IF NOT EXISTS detail TEXT NULL;\n\
         CREATE INDEX IF NOT EXISTS t_things_by_id ON t_things (id);\n\
         DROP INDEX IF EXISTS t_things_by_name ON t_things;\n",
    ),
    (
        "1004_things_indexed_again",
        "CREATE INDEX IF NOT EXISTS t_things_by_id ON t_things (id, name);\n\
         -- down\nDROP INDEX IF EXISTS t_things_by_id ON t_things;\n",
    ),
];

fn database() -> (Db, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::new(&Dsn::Sqlite(dir.path().join("t.db")), 1).unwrap();
    (db, dir)
}

async fn applied(migrations: Migrations, db: &Db) -> Vec<i64> {
    let states = migrations.status(db).await.unwrap();
    let applied = states.into_iter().filter(|state| state.applied);
    applied.map(|state| state.version).collect()
}

#[test]
fn common_files_are_listed() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    schema::all_are_listed(dir, COMMON);
}

#[tokio::test]
async fn migrations_broken_off_anywhere_are_gone_on_with() {
    let (db, _dir) = database();
    schema::break_off(&db, Migrations::new("t", THINGS)).await;
    assert_eq!(
        applied(Migrations::new("t", THINGS), &db).await,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1001, 1002]
    );
}

/// All at once or one after the other, the same stands there; and what was made a moment ago can be dropped.
#[tokio::test]
async fn what_an_earlier_one_made_is_dropped_in_the_same_run() {
    let (db, _dir) = database();
    let migrations = Migrations::new("t", CHANGED);
    migrations.up(&db).await.unwrap();
    let schema = schema::Schema::read(&db).await;
    let things = &schema.0["t_things"];
    let columns: Vec<&str> = things.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(columns, ["id", "name"]);
    assert_eq!(things.indexes["t_things_by_id"].columns, ["id", "name"]);
    assert_eq!(things.indexes["t_things_by_name"].columns, ["name", "id"]);

    assert_eq!(migrations.down(&db, 2).await.unwrap(), 2);
    let (other, _dir) = database();
    Migrations::new("t", THINGS).up(&other).await.unwrap();
    assert_eq!(
        schema::Schema::read(&db).await,
        schema::Schema::read(&other).await
    );

    let (db, _dir) = database();
    schema::break_off(&db, migrations).await;
    assert_eq!(schema::Schema::read(&db).await, schema);
    assert!(
        migrations
            .objects(Dialect::Sqlite)
            .contains(&"t_things_by_id".to_owned())
    );
}

#[tokio::test]
async fn steps_are_taken_back_newest_first() {
    let (db, _dir) = database();
    let migrations = Migrations::new("t", THINGS);
    assert_eq!(migrations.up(&db).await.unwrap(), 12);
    for (steps, taken_back, left) in [
        (1, 1, &[1_i64, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1001] as &[_]),
        (2, 2, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (10, 9, &[]),
        (1, 0, &[]),
    ] {
        assert_eq!(migrations.down(&db, steps).await.unwrap(), taken_back);
        assert_eq!(applied(migrations, &db).await, left);
    }
}

#[tokio::test]
async fn what_a_step_down_takes_is_told_and_nothing_is_changed() {
    let (db, _dir) = database();
    let migrations = Migrations::new("t", THINGS);
    migrations.up(&db).await.unwrap();
    for id in ["x'01'", "x'02'"] {
        let sql = format!("INSERT INTO t_things (id) VALUES ({id})");
        db.execute(&sql, vec![]).await.unwrap();
    }
    let named = Loss {
        version: 1002,
        description: "things named".to_owned(),
        tables: vec![],
        columns: vec!["t_things.detail".to_owned(), "t_things.name".to_owned()],
    };
    let things = Loss {
        version: 1001,
        description: "things".to_owned(),
        tables: vec![DroppedTable {
            table: "t_things".to_owned(),
            rows: Some(2),
        }],
        columns: vec![],
    };
    for (steps, losses) in [(1, vec![named.clone()]), (2, vec![named, things])] {
        assert_eq!(migrations.losses(&db, steps).await.unwrap(), losses);
    }
    let all = migrations.losses(&db, 1_000).await.unwrap();
    assert_eq!(all.len(), migrations.count());
    assert_eq!(applied(migrations, &db).await.len(), migrations.count());
}

/// MySQL leaves such a row when a migration was broken off; here it is made by hand.
#[rstest]
#[case::up_again(true, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1001, 1002])]
#[case::down_after_all(false, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1001])]
#[tokio::test]
async fn one_that_was_broken_off_is_missing_until_it_is_done(
    #[case] is_up: bool,
    #[case] left: &[i64],
) {
    let (db, _dir) = database();
    let migrations = Migrations::new("t", THINGS);
    migrations.up(&db).await.unwrap();
    let unfinished = "UPDATE t_migrations SET success = FALSE WHERE version = 1002";
    db.execute(unfinished, vec![]).await.unwrap();
    assert_eq!(
        applied(migrations, &db).await,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1001]
    );
    let done = if is_up {
        migrations.up(&db).await
    } else {
        migrations.down(&db, 1).await
    };
    assert_eq!(done.unwrap(), 1);
    assert_eq!(applied(migrations, &db).await, left);
}

#[tokio::test]
async fn an_applied_one_may_gain_comments_but_no_statements() {
    let (db, _dir) = database();
    Migrations::new("t", &[("1001_a", "CREATE TABLE t_a (a INT);\n-- down\n")])
        .up(&db)
        .await
        .unwrap();
    let commented = "-- Why.\nCREATE TABLE t_a (a INT);\n-- down\nDROP TABLE IF EXISTS t_a;\n";
    let same = Migrations::new("t", Vec::leak(vec![("1001_a", commented)]));
    assert_eq!(same.up(&db).await.unwrap(), 0);
    let edited = Migrations::new("t", &[("1001_a", "CREATE TABLE t_a (b INT);\n-- down\n")]);
    edited.up(&db).await.unwrap_err();
}

#[rstest]
#[case("1001_things", Some((1001, "things")))]
#[case("0001_pool_members", Some((1, "pool members")))]
#[case("things", None)]
#[case("x_things", None)]
#[case("1001", None)]
#[case("", None)]
fn a_file_has_a_number_and_says_what_it_does(
    #[case] name: &str,
    #[case] read: Option<(i64, &str)>,
) {
    let found = numbered(name).ok();
    assert_eq!(found.as_ref().map(|(n, what)| (*n, what.as_str())), read);
}

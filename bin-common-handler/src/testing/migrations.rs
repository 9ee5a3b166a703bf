//! What every manager's migrations must do, on both databases.

use std::collections::BTreeSet;

use super::{
    Installation, Kind,
    schema::{Schema, break_off},
};
use crate::{daemon::Manager, databasehandler::Dialect};

/// Up, one down and up, down to nothing, and up again. What comes back is ready to be started.
pub async fn up_down_and_up_again(kind: Kind, manager: Manager) -> Installation {
    let installation = Installation::new(kind, manager, &[]).await;
    let (db, migrations) = (installation.db(), manager.migrations);
    let count = migrations.up(&db).await.expect("up");
    assert_eq!(count, migrations.count());
    assert_eq!(migrations.up(&db).await.expect("nothing to do"), 0);
    assert_eq!(migrations.down(&db, 1).await.expect("one down"), 1);
    assert_eq!(migrations.up(&db).await.expect("one up"), 1);
    assert_eq!(migrations.down(&db, 1_000).await.expect("down"), count);
    let states = migrations.status(&db).await.expect("a status");
    assert!(states.iter().all(|state| !state.applied));
    let left = Schema::read(&db).await;
    assert_eq!(left, Schema::default(), "nothing of ours is left");
    assert_eq!(migrations.up(&db).await.expect("up again"), count);
    let states = migrations.status(&db).await.expect("a status");
    assert!(states.iter().all(|state| state.applied));
    installation
}

/// Broken off after each statement, they are gone on with.
pub async fn broken_off_and_gone_on_with(kind: Kind, manager: Manager) {
    let installation = Installation::new(kind, manager, &[]).await;
    break_off(&installation.db(), manager.migrations).await;
    installation.remove().await;
}

/// The schema that a manager's migrations make.
pub async fn schema(kind: Kind, manager: Manager) -> Schema {
    let installation = Installation::new(kind, manager, &[]).await;
    let db = installation.db();
    manager.migrations.up(&db).await.expect("up");
    let schema = Schema::read(&db).await;
    installation.remove().await;
    schema
}

/// Both databases get the same tables. Where `live_keys` names a table, an index and a column of it, MySQL has a column
/// `live_key` more, in the place of a partial index over that column.
pub async fn same_on_both(manager: Manager, live_keys: &[(&str, &str, &str)]) {
    let sqlite = schema(Kind::Embedded, manager).await.in_any_words();
    let mut mysql = schema(Kind::Full, manager).await.in_any_words();
    for (table, index, key) in live_keys {
        let table = mysql.0.get_mut(*table).expect("the table");
        table.columns.retain(|column| column.name != "live_key");
        let index = table.indexes.get_mut(*index).expect("the index");
        assert_eq!(index.columns.pop().as_deref(), Some("live_key"));
        index.columns.push((*key).to_owned());
    }
    let tables = mysql.0.iter();
    let standing: BTreeSet<&str> = tables
        .flat_map(|(name, table)| {
            let indexes = table.indexes.keys().filter(|index| *index != "PRIMARY");
            std::iter::once(name).chain(indexes)
        })
        .map(String::as_str)
        .collect();
    let objects = manager.migrations.objects(Dialect::MySql);
    let objects: BTreeSet<&str> = objects.iter().map(String::as_str).collect();
    assert_eq!(standing, objects, "what the migrations say they make");
    for (name, table) in &mysql.0 {
        assert_eq!(Some(table), sqlite.0.get(name), "{name}");
    }
    assert_eq!(mysql, sqlite);
}

//! An empty SQLite database with the tables that every manager has, for unit tests.

use super::{Db, Dsn};

const TABLES: [&str; 8] = [
    include_str!("../../migrations/sqlite/0001_outbox.up.sql"),
    include_str!("../../migrations/sqlite/0002_inbox.up.sql"),
    include_str!("../../migrations/sqlite/0003_parked.up.sql"),
    include_str!("../../migrations/sqlite/0005_timers.up.sql"),
    include_str!("../../migrations/sqlite/0006_dead_letters.up.sql"),
    include_str!("../../migrations/sqlite/0007_incoming.up.sql"),
    include_str!("../../migrations/sqlite/0008_received.up.sql"),
    include_str!("../../migrations/sqlite/0009_seen_versions.up.sql"),
];

/// The database with its tables named `t_…`; it lives as long as the folder.
pub(crate) async fn database() -> (Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::new(&Dsn::Sqlite(dir.path().join("t.db")), 1).unwrap();
    create_tables(&db).await;
    (db, dir)
}

/// The tables named `t_…`.
pub(crate) async fn create_tables(db: &Db) {
    for statement in TABLES.iter().flat_map(|file| file.split(';')) {
        if !statement.trim().is_empty() {
            db.execute(&statement.replace("{name}", "t"), vec![])
                .await
                .unwrap();
        }
    }
}

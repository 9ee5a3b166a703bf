//! An empty SQLite database with the tables that every manager has, for unit tests.

use super::{Db, Dsn, migrate::Migrations};

/// The database with its tables named `t_…`; it lives as long as the folder.
pub(crate) async fn database() -> (Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::new(&Dsn::Sqlite(dir.path().join("t.db")), 1).unwrap();
    create_tables(&db).await;
    (db, dir)
}

/// The tables named `t_…`.
pub(crate) async fn create_tables(db: &Db) {
    Migrations::new("t", &[]).up(db).await.unwrap();
}

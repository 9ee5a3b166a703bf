//! For tests: a database whose rows come in pairs, so that half a transaction shows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

/// A database of ours with a table of pairs.
pub(super) async fn database() -> (TempDir, PathBuf, SqliteConnection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tandem.db");
    let connection = open(&path).await;
    (dir, path, connection)
}

async fn open(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for sql in [
        "CREATE TABLE IF NOT EXISTS did_identity (one INTEGER)",
        "CREATE TABLE IF NOT EXISTS pairs (n INTEGER)",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection
}

pub(super) async fn add_pair(connection: &mut SqliteConnection) {
    let mut tx = connection.begin().await.unwrap();
    for _ in 0..2 {
        sqlx::query("INSERT INTO pairs (n) VALUES (1)")
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

pub(super) async fn rows(path: &Path) -> i64 {
    let mut connection = open(path).await;
    let rows = sqlx::query_scalar("SELECT COUNT(*) FROM pairs")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows
}

pub(super) fn names(dir: &TempDir) -> Vec<String> {
    let files = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

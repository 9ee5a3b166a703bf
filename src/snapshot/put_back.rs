//! A copy put in the place of the database; what it replaces stays under another name.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use bin_common_handler::files::{self, COMPANIONS, with_suffix};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    BUSY_MAX,
    check::check,
    fault::{Fault, Result, at},
    place::{beside, folder_of, private_file, sync},
};

/// Puts a copy in the place of `database`, which nobody may use meanwhile; where the replaced one is kept, if
/// there was one.
///
/// # Errors
/// When the copy is not sound or a file cannot be written; then the database is as it was.
pub async fn put_back(file: &Path, database: &Path) -> Result<Option<PathBuf>> {
    ensure_other(file, database)?;
    let part = beside(database, ".restoring");
    let placed = place(file, &part, database).await;
    if placed.is_err() {
        let _ = fs::remove_file(&part);
    }
    placed
}

async fn place(file: &Path, part: &Path, database: &Path) -> Result<Option<PathBuf>> {
    let mut to = private_file(part)?;
    let mut from = File::open(file).map_err(at(file))?;
    io::copy(&mut from, &mut to).map_err(at(part))?;
    to.sync_all().map_err(at(part))?;
    check(part).await?;
    // An empty file is what a start leaves that went no further.
    let kept = if fs::metadata(database).is_ok_and(|about| about.len() > 0) {
        Some(set_aside(database).await?)
    } else {
        None
    };
    fs::rename(part, database).map_err(at(database))?;
    sync(&folder_of(database))?;
    Ok(kept)
}

/// Gives the database a second name, under which it stays.
async fn set_aside(database: &Path) -> Result<PathBuf> {
    let kept = beside(database, ".replaced");
    // A daemon that was killed leaves commits in the log; in a sound database they go where they belong.
    let _ = fold(database).await;
    for sidecar in COMPANIONS {
        let left = with_suffix(database, sidecar);
        if left.exists() {
            fs::rename(&left, with_suffix(&kept, sidecar)).map_err(at(&left))?;
        }
    }
    fs::hard_link(database, &kept).map_err(at(&kept))?;
    Ok(kept)
}

async fn fold(database: &Path) -> std::result::Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .busy_timeout(BUSY_MAX);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await;
    connection.close().await?;
    folded.map(drop)
}

/// What is put back is a copy: never the database itself, whose last commits may lie beside it.
///
/// # Errors
/// When it is.
pub fn ensure_other(file: &Path, database: &Path) -> Result<()> {
    let ours = files::in_use(&folder_of(database), Some(database));
    if ours.iter().any(|own| files::is_same(file, own)) {
        let why =
            "is the database itself, or a file beside it; name a copy that tandem backup made";
        return Err(Fault::Wrong(file.to_owned(), why.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{
        make,
        scratch::{add_pair, database, names, rows},
    };

    #[tokio::test]
    async fn what_is_put_back_is_what_was_copied_and_the_replaced_one_stays() {
        let (dir, path, mut connection) = database().await;
        add_pair(&mut connection).await;
        let copy = dir.path().join("copy");
        make(&path, &copy, false).await.unwrap();
        add_pair(&mut connection).await;
        connection.close().await.unwrap();
        let kept = put_back(&copy, &path).await.unwrap().unwrap();
        assert_eq!((rows(&path).await, rows(&kept).await), (2, 4));
        fs::remove_file(&path).unwrap();
        assert_eq!(put_back(&copy, &path).await.unwrap(), None);
        assert_eq!(rows(&path).await, 2);
    }

    #[tokio::test]
    async fn commits_that_a_killed_daemon_left_in_the_log_are_kept() {
        let (dir, path, mut connection) = database().await;
        let copy = dir.path().join("copy");
        make(&path, &copy, false).await.unwrap();
        add_pair(&mut connection).await;
        // As a kill leaves it: the log beside the database, nobody to fold it.
        let killed = tempfile::tempdir().unwrap();
        let left = killed.path().join("tandem.db");
        fs::copy(&path, &left).unwrap();
        fs::copy(with_suffix(&path, "-wal"), with_suffix(&left, "-wal")).unwrap();
        let kept = put_back(&copy, &left).await.unwrap().unwrap();
        assert_eq!((rows(&left).await, rows(&kept).await), (0, 2));
    }

    #[tokio::test]
    async fn what_is_not_ours_or_not_sound_is_not_put_back() {
        let (dir, path, mut connection) = database().await;
        add_pair(&mut connection).await;
        connection.close().await.unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "a list of things, long enough").unwrap();
        assert!(put_back(&file, &path).await.is_err());
        fs::write(&file, "").unwrap();
        assert!(put_back(&file, &path).await.is_err());

        make(&path, &dir.path().join("copy"), false).await.unwrap();
        let mut bytes = fs::read(dir.path().join("copy")).unwrap();
        // The head of the second page.
        bytes[4_096..4_136].fill(0xa5);
        fs::write(&file, bytes).unwrap();
        assert!(put_back(&file, &path).await.is_err());

        let strange = dir.path().join("strange");
        let options = SqliteConnectOptions::new()
            .filename(&strange)
            .create_if_missing(true);
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("CREATE TABLE t (n INTEGER)")
            .execute(&mut other)
            .await
            .unwrap();
        other.close().await.unwrap();
        let fault = put_back(&strange, &path).await.unwrap_err();
        assert!(fault.to_string().contains("something else"), "{fault}");
        assert_eq!(rows(&path).await, 2);
        assert!(names(&dir).iter().all(|name| !name.contains("restoring")));
    }
}

//! A copy of the database as it is committed now, while its daemon goes on.

use std::{fs, path::Path};

use bin_common_handler::files;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    BUSY_MAX,
    check::check,
    fault::{Fault, Result, at, sql_at},
    place::{beside, folder_of, private_file, sync},
};

/// Writes a copy of `database` as it is committed now to `target`; its size in bytes. Whoever uses the database goes on.
///
/// # Errors
/// When there is no database, `target` is there and may not be replaced, or the copy is not sound.
pub async fn make(database: &Path, target: &Path, may_replace: bool) -> Result<u64> {
    ensure_file(database)?;
    let ours = files::in_use(&folder_of(database), Some(database));
    files::ensure_writable(target, &ours).map_err(Fault::Named)?;
    if !may_replace && target.exists() {
        let why = "is there already; choose another name, or add --force to replace it";
        return Err(Fault::Wrong(target.to_owned(), why.to_owned()));
    }
    // A link is followed: the copy takes the place of the file that it leads to.
    let target = &files::place(target);
    let part = beside(target, ".part");
    let made = copy(database, &part).await;
    let made = match made {
        Ok(()) => publish(&part, target, may_replace),
        Err(fault) => Err(fault),
    };
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made?;
    fs::metadata(target)
        .map(|file| file.len())
        .map_err(at(target))
}

async fn copy(database: &Path, part: &Path) -> Result<()> {
    // SQLite fills a file that is empty; made here, nobody else may read it: it holds people's numbers.
    private_file(part)?;
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .busy_timeout(BUSY_MAX);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(sql_at(database))?;
    let copied = sqlx::query("VACUUM INTO ?")
        .bind(part.to_string_lossy().into_owned())
        .execute(&mut connection)
        .await;
    let closed = connection.close().await;
    copied.map_err(sql_at(database))?;
    closed.map_err(sql_at(database))?;
    sync(part)?;
    check(part).await
}

fn ensure_file(database: &Path) -> Result<()> {
    if database.is_file() {
        return Ok(());
    }
    let why = "there is no database here; is DATA_DIR right?";
    Err(Fault::Wrong(database.to_owned(), why.to_owned()))
}

/// Gives a finished file its name.
fn publish(part: &Path, target: &Path, may_replace: bool) -> Result<()> {
    if may_replace {
        fs::rename(part, target).map_err(at(target))?;
    } else {
        // Unlike a rename, a link never replaces what somebody made meanwhile.
        fs::hard_link(part, target).map_err(at(target))?;
        fs::remove_file(part).map_err(at(part))?;
    }
    sync(&folder_of(target))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::snapshot::scratch::{add_pair, database, names, rows};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_never_holds_half_a_transaction() {
        let (dir, path, mut writer) = database().await;
        add_pair(&mut writer).await;
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        #[expect(clippy::disallowed_methods, reason = "a writer beside the copies")]
        let writing = tokio::spawn(async move {
            while stopped.try_recv().is_err() {
                add_pair(&mut writer).await;
            }
        });
        for n in 0..5 {
            let target = dir.path().join(format!("copy-{n}"));
            make(&path, &target, false).await.unwrap();
            let rows = rows(&target).await;
            assert!(rows > 0 && rows % 2 == 0, "{rows}");
        }
        stop.send(()).unwrap();
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn a_copy_is_private_and_replaces_nothing_unasked() {
        let (dir, path, mut connection) = database().await;
        let target = dir.path().join("copy");
        make(&path, &target, false).await.unwrap();
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        add_pair(&mut connection).await;
        let fault = make(&path, &target, false).await.unwrap_err();
        assert!(fault.to_string().contains("--force"), "{fault}");
        assert_eq!(rows(&target).await, 0);
        make(&path, &target, true).await.unwrap();
        assert_eq!(rows(&target).await, 2);
        let parts = names(&dir).into_iter().filter(|name| name.contains("part"));
        assert_eq!(parts.count(), 0);
    }
}

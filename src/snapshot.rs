//! Copies of the embedded database: made while it is used, checked, and put back.
//!
//! Every file appears whole under its name or not at all, and the database's own name always leads to one.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use bin_common_handler::{
    databasehandler::Dialect,
    files::{self, COMPANIONS, with_suffix},
    ids,
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tandem::managers;

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long a copy waits for a lock of the daemon's.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// Why there is no copy, or nothing was put back.
#[derive(Debug)]
pub enum Fault {
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// The database says no.
    Sql(PathBuf, sqlx::Error),
    /// A file that a person named may not be used; it is in the text.
    Named(String),
    /// The file is not what it should be.
    Wrong(PathBuf, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, fault) => write!(f, "{}: {fault}", path.display()),
            Self::Named(why) => f.write_str(why),
            Self::Sql(path, fault) => write!(f, "{}: {fault}", path.display()),
            Self::Wrong(path, why) => write!(f, "{}: {why}", path.display()),
        }
    }
}

impl std::error::Error for Fault {}

type Result<T> = std::result::Result<T, Fault>;

fn at(path: &Path) -> impl FnOnce(io::Error) -> Fault {
    move |fault| Fault::File(path.to_owned(), fault)
}

fn sql_at(path: &Path) -> impl FnOnce(sqlx::Error) -> Fault {
    move |fault| Fault::Sql(path.to_owned(), fault)
}

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

/// Checks that a file is a sound copy of a database of ours.
///
/// # Errors
/// Says what is wrong with it.
pub async fn check(file: &Path) -> Result<()> {
    let wrong = |why: String| Fault::Wrong(file.to_owned(), why);
    let mut head = [0; MAGIC.len()];
    File::open(file)
        .and_then(|mut open| open.read_exact(&mut head))
        .map_err(at(file))?;
    if head != *MAGIC {
        return Err(wrong("is no SQLite database".to_owned()));
    }
    // Nobody writes to it: so it is not touched either.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(true);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(sql_at(file))?;
    let checked = inspect(&mut connection).await;
    connection.close().await.map_err(sql_at(file))?;
    match checked.map_err(sql_at(file))? {
        Some(why) => Err(wrong(why)),
        None => Ok(()),
    }
}

/// What is wrong with a database, if anything.
async fn inspect(
    connection: &mut SqliteConnection,
) -> std::result::Result<Option<String>, sqlx::Error> {
    let faults: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_all(&mut *connection)
        .await?;
    if faults != ["ok"] {
        return Ok(Some(format!("is damaged: {}", faults.join("; "))));
    }
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&mut *connection)
            .await?;
    let code: Vec<(String, String)> = sqlx::query_as(
        "SELECT type, name FROM sqlite_master \
         WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    if let Some((kind, name)) = code.first() {
        let why = format!(
            "holds the {kind} {name:?}, which is none of ours and would act on what is written; take it away first"
        );
        return Ok(Some(why));
    }
    if let Some(why) = odd_objects(connection, &tables).await? {
        return Ok(Some(why));
    }
    let is_ours = managers::ALL
        .iter()
        .any(|manager| tables.contains(&format!("{}_identity", manager.prefix())));
    Ok((!is_ours).then(|| "is a database of something else".to_owned()))
}

/// An index of others on our tables, which may refuse what we write, or a table of ours that is missing although its
/// migration was applied.
async fn odd_objects(
    connection: &mut SqliteConnection,
    tables: &[String],
) -> std::result::Result<Option<String>, sqlx::Error> {
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    for manager in managers::ALL {
        let ours = manager.migrations.objects(Dialect::Sqlite);
        let odd = indexes
            .iter()
            .find(|(index, table)| ours.contains(table) && !ours.contains(index));
        if let Some((index, table)) = odd {
            return Ok(Some(format!(
                "has the index {index:?} on {table}, which is none of ours and may refuse what is written; drop it first"
            )));
        }
        let applied = format!("{}_migrations", manager.prefix());
        if !tables.contains(&applied) {
            continue;
        }
        let sql = format!("SELECT COUNT(*) FROM {applied} WHERE success = TRUE");
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut *connection)
            .await?;
        let is_whole =
            usize::try_from(count).is_ok_and(|count| count >= manager.migrations.count());
        let is_there =
            |name: &String| tables.contains(name) || indexes.iter().any(|(index, _)| index == name);
        if is_whole && let Some(missing) = ours.iter().find(|name| !is_there(name)) {
            return Ok(Some(format!(
                "lacks {missing}, which {} needs",
                manager.name
            )));
        }
    }
    Ok(None)
}

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

/// A new file for our eyes only.
fn private_file(path: &Path) -> Result<File> {
    files::new_private_file(path).map_err(at(path))
}

fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(at(path))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A name in the same folder that nobody has.
fn beside(path: &Path, what: &str) -> PathBuf {
    with_suffix(path, &format!("{what}-{}", ids::next().simple()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use bin_common_handler::databasehandler::{Db, Dsn};
    use tempfile::TempDir;

    use super::*;

    /// A database of ours with a table of pairs.
    async fn database() -> (TempDir, PathBuf, SqliteConnection) {
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

    async fn add_pair(connection: &mut SqliteConnection) {
        let mut tx = connection.begin().await.unwrap();
        for _ in 0..2 {
            sqlx::query("INSERT INTO pairs (n) VALUES (1)")
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    async fn rows(path: &Path) -> i64 {
        let mut connection = open(path).await;
        let rows = sqlx::query_scalar("SELECT COUNT(*) FROM pairs")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        rows
    }

    fn names(dir: &TempDir) -> Vec<String> {
        let files = fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

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

    #[tokio::test]
    async fn a_copy_that_lacks_or_has_what_would_harm_is_refused() {
        for (sql, why) in [
            ("DROP TABLE did_dids", Some("lacks did_dids")),
            ("DROP TABLE outdial_outbox", Some("lacks outdial_outbox")),
            (
                "DROP INDEX did_dids_by_time",
                Some("lacks did_dids_by_time"),
            ),
            (
                "CREATE UNIQUE INDEX ii ON did_dids (status)",
                Some("has the index \"ii\" on did_dids"),
            ),
            ("CREATE TABLE notes (a INTEGER)", None),
            ("DELETE FROM did_migrations WHERE version = 1020", None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("copy.db");
            let db = Db::new(&Dsn::Sqlite(path.clone()), 1).unwrap();
            for manager in managers::ALL {
                manager.migrations.up(&db).await.unwrap();
            }
            for sql in [sql, "PRAGMA wal_checkpoint(TRUNCATE)"] {
                db.execute(sql, vec![]).await.unwrap();
            }
            let said = check(&path).await.map_err(|fault| fault.to_string());
            match why {
                None => assert_eq!(said, Ok(()), "{sql}"),
                Some(why) => assert!(
                    said.clone().is_err_and(|said| said.contains(why)),
                    "{sql}: {said:?}"
                ),
            }
        }
    }
}

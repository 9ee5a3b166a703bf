//! Numbered changes of the schema, up and down, each manager with its own table of them.
//!
//! sqlx's migrator keeps that table and its checksums; the files are ours, see `text.rs`. MySQL commits each change of
//! the schema by itself, so a migration may have been broken off between two statements: it is run again, and what it
//! did already is left out.

mod losses;
mod present;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, SqlSafeStr, SqlStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

pub use self::losses::{DroppedTable, Loss};
pub(crate) use self::text::DOWN;
use self::{present::Present, text::Statements};
use super::{Db, Dialect, pool::Conn};
use crate::models::error::Error;

/// How long one waits for another process that migrates; a daemon asks again and again.
const LOCK_WAIT_SECONDS: u32 = 5;

/// A migration's number and name, and its text.
pub type File = (&'static str, &'static str);

/// What every manager has: outbox, inbox, parked events, its database's identity. Numbers below 1000.
const COMMON: &[File] = &[
    (
        "0001_outbox",
        include_str!("../../../migrations/0001_outbox.sql"),
    ),
    (
        "0002_inbox",
        include_str!("../../../migrations/0002_inbox.sql"),
    ),
    (
        "0003_parked",
        include_str!("../../../migrations/0003_parked.sql"),
    ),
    (
        "0004_identity",
        include_str!("../../../migrations/0004_identity.sql"),
    ),
    (
        "0005_timers",
        include_str!("../../../migrations/0005_timers.sql"),
    ),
    (
        "0006_dead_letters",
        include_str!("../../../migrations/0006_dead_letters.sql"),
    ),
    (
        "0007_incoming",
        include_str!("../../../migrations/0007_incoming.sql"),
    ),
    (
        "0008_received",
        include_str!("../../../migrations/0008_received.sql"),
    ),
    (
        "0009_seen_versions",
        include_str!("../../../migrations/0009_seen_versions.sql"),
    ),
    (
        "0010_traceparent",
        include_str!("../../../migrations/0010_traceparent.sql"),
    ),
];

/// A manager's schema. Declare it with [`migrations!`](crate::migrations).
#[derive(Clone, Copy)]
pub struct Migrations {
    prefix: &'static str,
    common: &'static [File],
    own: &'static [File],
}

/// Takes the files of the crate's folder `migrations` into the program: `migrations!("did", ["1001_customers"])`.
/// The first is what its tables start with; its own files are numbered from 1001.
#[macro_export]
macro_rules! migrations {
    ($prefix:literal, [$($name:literal),* $(,)?]) => {
        $crate::databasehandler::migrate::Migrations::new($prefix, &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $name, ".sql")),
        )),*])
    };
}

/// One migration and whether it has been applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationState {
    /// Its number.
    pub version: i64,
    /// What it does.
    pub description: String,
    /// True when it stands in the database as a whole.
    pub applied: bool,
}

impl Migrations {
    /// What every manager has, and these.
    pub const fn new(prefix: &'static str, own: &'static [File]) -> Self {
        Self {
            prefix,
            common: COMMON,
            own,
        }
    }

    /// What the tables start with, e.g. `outdial`.
    pub const fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// The manager's own files.
    pub const fn own(&self) -> &'static [File] {
        self.own
    }

    /// The names of all tables and indexes that stand when these migrations are done.
    pub fn objects(&self, dialect: Dialect) -> Vec<String> {
        let mut objects = Vec::new();
        for (name, is_made) in self.named(dialect) {
            if is_made {
                objects.push(name);
            } else {
                objects.retain(|made| *made != name);
            }
        }
        objects
    }

    /// The names of all tables and indexes that stand after any of these migrations: an older database has some that a
    /// later one drops.
    pub fn objects_ever(&self, dialect: Dialect) -> Vec<String> {
        let made = self.named(dialect).into_iter();
        made.filter_map(|(name, is_made)| is_made.then_some(name))
            .collect()
    }

    /// Each table and index that is made (true) or dropped, in order.
    fn named(&self, dialect: Dialect) -> Vec<(String, bool)> {
        let files = self.common.iter().chain(self.own);
        let statements =
            files.flat_map(|(_, text)| Statements::read(text, dialect, self.prefix).up);
        let mut named = Vec::new();
        for statement in statements {
            let words: Vec<&str> = statement.split([' ', '(']).collect();
            match *words.as_slice() {
                ["CREATE", "TABLE" | "INDEX", "IF", "NOT", "EXISTS", name, ..]
                | ["CREATE", "UNIQUE", "INDEX", "IF", "NOT", "EXISTS", name, ..] => {
                    named.push((name.to_owned(), true));
                }
                ["DROP", "TABLE" | "INDEX", "IF", "EXISTS", name, ..] => {
                    named.push((name.to_owned(), false));
                }
                _ => {}
            }
        }
        named
    }

    /// The versions after which one looks again at what is present: the last, and those before and after a migration
    /// that drops what an earlier one may have made a moment ago.
    fn stretches(&self, dialect: Dialect) -> Result<Vec<i64>, MigrateError> {
        let (mut ends, mut last) = (Vec::new(), 0);
        for (name, text) in self.common.iter().chain(self.own) {
            let (version, _) = numbered(name)?;
            let up = Statements::read(text, dialect, self.prefix).up;
            if up.iter().any(|statement| is_drop(statement)) {
                ends.extend([last, version]);
            }
            last = version;
        }
        ends.push(last);
        ends.dedup();
        Ok(ends)
    }

    /// How many there are, common ones included.
    pub const fn count(&self) -> usize {
        self.common.len() + self.own.len()
    }

    /// All files in their order, as one list.
    #[cfg(feature = "test-support")]
    pub(crate) fn files(&self) -> Vec<File> {
        self.common.iter().chain(self.own).copied().collect()
    }

    /// Some of the files, or others in their place.
    #[cfg(feature = "test-support")]
    pub(crate) fn with_files(&self, files: &'static [File]) -> Self {
        Self {
            common: &[],
            own: files,
            ..*self
        }
    }

    /// A file's statements for one database.
    #[cfg(feature = "test-support")]
    pub(crate) fn statements(&self, text: &str, dialect: Dialect) -> Statements {
        Statements::read(text, dialect, self.prefix)
    }

    /// Applies what is missing; the number of migrations applied.
    ///
    /// # Errors
    /// 503 when the database is away; 500 when a migration fails or an applied one was edited.
    pub async fn up(&self, db: &Db) -> Result<usize, Error> {
        self.locked(db, async |session| {
            // What was broken off is done again.
            session
                .execute("DELETE FROM {table} WHERE success = FALSE")
                .await?;
            let before = session.applied().await?.len();
            for target in session.migrations.stretches(session.dialect)? {
                let migrator = session.migrator().await?;
                match &mut session.conn {
                    Conn::MySql(c) => migrator.run_to(target, &mut **c).await?,
                    Conn::Sqlite(c) => migrator.run_to(target, &mut **c).await?,
                }
            }
            Ok(session.applied().await?.len().saturating_sub(before))
        })
        .await
    }

    /// Takes back the last `steps` applied migrations; the number taken back.
    ///
    /// # Errors
    /// As [`Self::up`].
    pub async fn down(&self, db: &Db, steps: usize) -> Result<usize, Error> {
        self.locked(db, async move |session| {
            // What was broken off is taken back, whichever way it went.
            session
                .execute("UPDATE {table} SET success = TRUE WHERE success = FALSE")
                .await?;
            let applied = session.applied().await?;
            let keep = applied.len().saturating_sub(steps);
            let target = keep
                .checked_sub(1)
                .and_then(|last| applied.get(last))
                .copied()
                .unwrap_or(0);
            let mut stretches = session.migrations.stretches(session.dialect)?;
            stretches.retain(|end| *end > target);
            for target in stretches.into_iter().rev().chain([target]) {
                let migrator = session.migrator().await?;
                match &mut session.conn {
                    Conn::MySql(c) => migrator.undo(&mut **c, target).await?,
                    Conn::Sqlite(c) => migrator.undo(&mut **c, target).await?,
                }
            }
            Ok(applied.len() - keep)
        })
        .await
    }

    /// Every migration in order, and whether it is applied.
    ///
    /// # Errors
    /// As [`Self::up`].
    pub async fn status(&self, db: &Db) -> Result<Vec<MigrationState>, Error> {
        self.session(db, async |session| {
            let applied = session.applied().await?;
            let files = session.migrations.common.iter();
            files
                .chain(session.migrations.own)
                .map(|(name, _)| {
                    let (version, description) = numbered(name)?;
                    Ok(MigrationState {
                        version,
                        description,
                        applied: applied.contains(&version),
                    })
                })
                .collect()
        })
        .await
    }

    /// Works while no other process migrates.
    async fn locked<T: Send + 'static>(
        &self,
        db: &Db,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.session(db, async |session| {
            session.lock().await?;
            let done = work(session).await;
            session.unlock().await;
            done
        })
        .await
    }

    async fn session<T: Send + 'static>(
        &self,
        db: &Db,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (migrations, db) = (*self, db.clone());
        apart(async move || {
            let mut session = Session {
                migrations,
                table: format!("{}_migrations", migrations.prefix),
                dialect: db.dialect(),
                conn: db.writer().await?,
            };
            let done = async {
                session.ensure_table().await?;
                work(&mut session).await
            }
            .await;
            // A migration may have left a lock or a setting behind.
            session.conn.discard();
            done
        })
        .await
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::internal(other),
        }
    }
}

/// A connection on which a manager's migrations are run.
struct Session {
    migrations: Migrations,
    table: String,
    dialect: Dialect,
    conn: Conn,
}

impl Session {
    async fn ensure_table(&mut self) -> Result<(), Error> {
        match &mut self.conn {
            Conn::MySql(c) => c.ensure_migrations_table(&self.table).await?,
            Conn::Sqlite(c) => c.ensure_migrations_table(&self.table).await?,
        }
        Ok(())
    }

    /// SQLite needs none: a migration is a transaction there, and a data folder has one daemon.
    async fn lock(&mut self) -> Result<(), Error> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        // The migrator's own lock is none on MariaDB, which does not take its endless timeout.
        let sql = format!(
            "SELECT CAST(GET_LOCK({}, {LOCK_WAIT_SECONDS}) AS SIGNED)",
            self.lock_name()
        );
        let got: Vec<(Option<i64>,)> = self.conn.fetch_all(&sql, vec![]).await?;
        match got.first() {
            Some((Some(1),)) => Ok(()),
            _ => Err(Error::unavailable(
                "database",
                "another process is changing its schema",
            )),
        }
    }

    /// The lock goes with the connection, but sooner like this.
    async fn unlock(&mut self) {
        if self.dialect == Dialect::MySql {
            let sql = format!("DO RELEASE_LOCK({})", self.lock_name());
            let _ = self.conn.execute(&sql, vec![]).await;
        }
    }

    /// Locks are the server's, not the database's, and their names are short.
    fn lock_name(&self) -> String {
        format!("SHA1(CONCAT(DATABASE(), '.{}'))", self.table)
    }

    async fn execute(&mut self, sql: &str) -> Result<(), Error> {
        let sql = sql.replace("{table}", &self.table);
        self.conn.execute(&sql, vec![]).await?;
        Ok(())
    }

    async fn applied(&mut self) -> Result<Vec<i64>, Error> {
        let sql = format!(
            "SELECT version FROM {} WHERE success = TRUE ORDER BY version",
            self.table
        );
        let rows: Vec<(i64,)> = self.conn.fetch_all(&sql, vec![]).await?;
        Ok(rows.into_iter().map(|(version,)| version).collect())
    }

    /// Common and own migrations under this manager's names, without what stands in the database already.
    async fn migrator(&mut self) -> Result<Migrator, Error> {
        let present = Present::read(&mut self.conn, self.dialect).await?;
        let mut migrations = Vec::new();
        let files = self.migrations.common.iter();
        for (name, text) in files.chain(self.migrations.own) {
            let (version, description) = numbered(name)?;
            let Statements { up, down } =
                Statements::read(text, self.dialect, self.migrations.prefix);
            for (kind, statements) in [
                (MigrationType::ReversibleUp, up),
                (MigrationType::ReversibleDown, down),
            ] {
                let description = Cow::Owned(description.clone());
                // Its checksum is that of all its statements, whichever are left to be done.
                let mut migration =
                    Migration::new(version, description, kind, joined(&statements), false);
                migration.sql = joined(&present.missing(&statements, self.dialect));
                migrations.push(migration);
            }
        }
        let mut migrator = Migrator::with_migrations(migrations);
        migrator.dangerous_set_table_name(self.table.clone());
        // The lock is ours already, since before we looked at what is there.
        migrator.set_locking(false);
        Ok(migrator)
    }
}

/// Number and description of `1001_pool_members`.
fn numbered(name: &str) -> Result<(i64, String), MigrateError> {
    name.split_once('_')
        .and_then(|(number, what)| Some((number.parse().ok()?, what.replace('_', " "))))
        .ok_or_else(|| MigrateError::Source(format!("{name} is not NUMBER_NAME").into()))
}

fn is_drop(statement: &str) -> bool {
    let mut words = statement.split_whitespace();
    match words.next() {
        Some("DROP") => true,
        Some("ALTER") => words.nth(2) == Some("DROP"), // ALTER TABLE t DROP
        _ => false,
    }
}

fn joined(statements: &[String]) -> SqlStr {
    if statements.is_empty() {
        // MySQL takes no empty text.
        return "SELECT 1".into_sql_str();
    }
    AssertSqlSafe(statements.join(";\n")).into_sql_str()
}

/// Runs on a thread of its own: the migrator's futures cannot be proven Send, and DDL may take long.
async fn apart<T: Send + 'static>(
    work: impl AsyncFnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work()))
        .await
        .map_err(Error::internal)?
}

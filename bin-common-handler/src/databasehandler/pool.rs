//! Connections: those of single statements and those of transactions for MySQL; readers and a single writer for
//! SQLite.
//!
//! The pool hands a connection out without a ping (a round trip each way would cost a third of a short
//! request); one that was idle for long is pinged, and one that failed is thrown away.

use std::{fmt, future::Future, path::Path, sync::Arc, time::Duration};

use deadpool::managed::{self, Metrics, Object, Pool, QueueMode, RecycleError, RecycleResult};
use sqlx::{
    ConnectOptions, Connection, Executor, MySqlConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Dsn, Trouble, condition::Condition, watch::Watch};
use crate::ids;

/// How long a request waits for a free connection.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// How long a connection may take to come up.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// A connection idle for longer is pinged before use.
const PING_AFTER: Duration = Duration::from_secs(10);
/// How long SQLite waits for another process's lock.
const SQLITE_BUSY_MAX: Duration = Duration::from_secs(1);
const SQLITE_READERS: usize = 4;

/// Which SQL is spoken, where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// MySQL or MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
}

impl Dialect {
    /// The database's own clock in microseconds since the Unix epoch, as an SQL expression.
    pub const fn now_micros(self) -> &'static str {
        match self {
            Self::MySql => "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)",
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        }
    }

    /// How far apart two times of that clock are at least, in microseconds.
    pub const fn tick_micros(self) -> i64 {
        match self {
            Self::MySql => 1,
            Self::Sqlite => 1_000,
        }
    }

    /// Locks the rows of a SELECT until the transaction ends; SQLite's writer holds everything already.
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::MySql => " FOR UPDATE",
            Self::Sqlite => "",
        }
    }

    /// As [`Self::for_update`], passing over rows that another transaction holds.
    pub const fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::MySql => " FOR UPDATE SKIP LOCKED",
            Self::Sqlite => "",
        }
    }
}

/// Opens connections of one kind and sets each up.
pub(super) struct Connector<C: Connection> {
    options: C::Options,
    /// Each is run on a new connection; without it there is none.
    session: &'static [&'static str],
    /// As `session`, but a server that does not know a setting keeps its own.
    optional_session_settings: &'static [&'static str],
    /// An embedded database's files; and whether this is the connection that writes.
    watch: Option<(Arc<Watch>, Role)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
}

// Two implementations from one text: a generic one would need `for<'c> &'c mut C: Executor<'c>`, with
// which the compiler cannot prove that a request's future is Send.
macro_rules! manager {
    ($connection:ty) => {
        impl managed::Manager for Connector<$connection> {
            type Type = $connection;
            type Error = sqlx::Error;

            async fn create(&self) -> Result<$connection, sqlx::Error> {
                // Boxed, as it is large and seldom: else every request would carry room for it.
                let created = async {
                    if let Some((watch, role)) = &self.watch {
                        watch.prepare()?;
                        if *role == Role::Writer {
                            watch.forget_beside();
                        }
                    }
                    let mut connection = <$connection>::connect_with(&self.options).await?;
                    for statement in self.session {
                        connection.execute(sqlx::raw_sql(*statement)).await?;
                    }
                    for statement in self.optional_session_settings {
                        if let Err(error) = connection.execute(sqlx::raw_sql(*statement)).await
                            && error.as_database_error().is_none()
                        {
                            return Err(error);
                        }
                    }
                    Ok(connection)
                };
                Box::pin(created).await
            }

            async fn recycle(
                &self,
                connection: &mut $connection,
                metrics: &Metrics,
            ) -> RecycleResult<sqlx::Error> {
                if metrics.last_used() > PING_AFTER {
                    tokio::time::timeout(WAIT_MAX, Box::pin(connection.ping()))
                        .await
                        .map_err(|_| RecycleError::message("ping timed out"))??;
                }
                Ok(())
            }
        }
    };
}

manager!(MySqlConnection);
manager!(SqliteConnection);

const MYSQL_SINGLE: &[&str] = &["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"];
/// A transaction begins with its first statement: a question less to ask for each.
const MYSQL_TRANSACTION: &[&str] = &[
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION autocommit = 0",
];
const MYSQL_OPTIONAL_SESSION_SETTINGS: &[&str] = &[
    "SET SESSION innodb_lock_wait_timeout = 1",
    // MariaDB only: a replica that stalls inside a transaction frees its rows within seconds.
    "SET SESSION idle_transaction_timeout = 5",
];
/// Of all connections to MySQL one in so many is for single statements, mostly reads.
const SINGLE_SHARE: usize = 3;

/// A handle on the database; clones share its connections.
#[derive(Clone)]
pub struct Db {
    engine: Arc<Engine>,
    condition: Arc<Condition>,
    #[cfg(feature = "test-support")]
    script: super::FaultInjector,
}

pub(super) enum Engine {
    MySql {
        single: Pool<Connector<MySqlConnection>>,
        /// Nothing is durable before its COMMIT.
        transactions: Pool<Connector<MySqlConnection>>,
    },
    Sqlite {
        readers: Pool<Connector<SqliteConnection>>,
        writer: Pool<Connector<SqliteConnection>>,
        watch: Arc<Watch>,
    },
}

/// A connection on loan.
pub(super) enum Conn {
    MySql(Object<Connector<MySqlConnection>>),
    Sqlite(Object<Connector<SqliteConnection>>),
}

impl Conn {
    /// Closes the connection instead of giving it back: its state is not known.
    pub(super) fn discard(self) {
        match self {
            Self::MySql(object) => drop(Object::take(object)),
            Self::Sqlite(object) => drop(Object::take(object)),
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.dialect()).finish()
    }
}

impl Db {
    /// Opens nothing yet: connections come with the first use, so that a daemon starts before its database.
    /// `connections_max` (at least 2: one of each kind) is MySQL's.
    ///
    /// # Errors
    /// When the pool cannot be built.
    pub fn new(dsn: &Dsn, connections_max: usize) -> Result<Self, managed::BuildError> {
        let engine = match dsn {
            Dsn::MySql(options) => {
                let options = options.as_ref().clone().disable_statement_logging();
                let pool = |session, size| {
                    let connector = Connector {
                        options: options.clone(),
                        session,
                        optional_session_settings: MYSQL_OPTIONAL_SESSION_SETTINGS,
                        watch: None,
                    };
                    build_pool(connector, size)
                };
                let single = (connections_max / SINGLE_SHARE).max(1);
                let transactions = connections_max.saturating_sub(single).max(1);
                Engine::MySql {
                    single: pool(MYSQL_SINGLE, single)?,
                    transactions: pool(MYSQL_TRANSACTION, transactions)?,
                }
            }
            Dsn::Sqlite(path) => {
                let watch = Arc::new(Watch::new(path));
                let connector = |role| sqlite_connector(path, &watch, role);
                Engine::Sqlite {
                    readers: build_pool(connector(Role::Reader), SQLITE_READERS)?,
                    writer: build_pool(connector(Role::Writer), 1)?,
                    watch: Arc::clone(&watch),
                }
            }
        };
        Ok(Self {
            engine: Arc::new(engine),
            condition: Arc::default(),
            #[cfg(feature = "test-support")]
            script: super::FaultInjector::default(),
        })
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        match *self.engine {
            Engine::MySql { .. } => Dialect::MySql,
            Engine::Sqlite { .. } => Dialect::Sqlite,
        }
    }

    /// What a simulation does to its statements.
    #[cfg(feature = "test-support")]
    pub fn script(&self) -> &super::FaultInjector {
        &self.script
    }

    /// Waits until no transaction is open: one that was given up is rolled back beside the work.
    #[cfg(feature = "test-support")]
    pub async fn settled(&self) {
        let _ = self.writer().await;
    }

    pub(super) async fn reader(&self) -> Result<Conn, sqlx::Error> {
        match &*self.engine {
            Engine::MySql { single, .. } => checkout(&self.condition, single.get())
                .await
                .map(Conn::MySql),
            Engine::Sqlite { readers, .. } => checkout(&self.condition, readers.get())
                .await
                .map(Conn::Sqlite),
        }
    }

    /// For one statement that changes something.
    pub(super) async fn writer(&self) -> Result<Conn, sqlx::Error> {
        match &*self.engine {
            Engine::MySql { .. } => self.reader().await,
            Engine::Sqlite { writer, .. } => checkout(&self.condition, writer.get())
                .await
                .map(Conn::Sqlite),
        }
    }

    /// For a transaction: on MySQL it begins with its first statement.
    pub(super) async fn changer(&self) -> Result<Conn, sqlx::Error> {
        match &*self.engine {
            Engine::MySql { transactions, .. } => checkout(&self.condition, transactions.get())
                .await
                .map(Conn::MySql),
            Engine::Sqlite { .. } => self.writer().await,
        }
    }

    /// Writes a row that nobody reads, unless somebody else has written within `period`: why nothing can be
    /// written, if so. `prefix` is that of a manager whose schema is there.
    pub(crate) async fn try_write(&self, prefix: &str, period: Duration) -> Option<Trouble> {
        if self.condition.trouble().is_some() || self.condition.is_idle(period) {
            let sql = format!("REPLACE INTO {prefix}_identity (one, id) VALUES (2, ?)");
            // What it says is noted.
            let _ = self.execute(&sql, vec![ids::next().into()]).await;
        }
        self.condition.trouble()
    }

    pub(super) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Before something is written: that it goes where it will be found.
    pub(super) fn ensure_there(&self) -> Result<(), sqlx::Error> {
        let there = self.watch().map_or(Ok(()), Watch::ensure_there);
        self.noted_files(there)
    }

    /// When something was written, and before anybody is told so.
    pub(super) fn written(&self) -> Result<(), sqlx::Error> {
        let whole = self.watch().map_or(Ok(()), Watch::ensure_whole);
        self.noted_files(whole)?;
        self.condition.worked(self.watch().map(Watch::folder));
        Ok(())
    }

    fn noted_files(&self, checked: Result<(), super::watch::Gone>) -> Result<(), sqlx::Error> {
        let checked = checked.map_err(sqlx::Error::from);
        if let Err(error) = &checked {
            self.condition.failed(error);
        }
        checked
    }

    fn watch(&self) -> Option<&Watch> {
        match &*self.engine {
            Engine::MySql { .. } => None,
            Engine::Sqlite { watch, .. } => Some(watch),
        }
    }

    /// After one lost connection the idle ones are probably lost too.
    pub(super) fn forget_idle(&self) {
        match &*self.engine {
            Engine::MySql {
                single,
                transactions,
            } => {
                drop(single.retain(|_, _| false));
                drop(transactions.retain(|_, _| false));
            }
            Engine::Sqlite {
                readers, writer, ..
            } => {
                drop(readers.retain(|_, _| false));
                drop(writer.retain(|_, _| false));
            }
        }
    }
}

fn build_pool<C>(
    connector: Connector<C>,
    size: usize,
) -> Result<Pool<Connector<C>>, managed::BuildError>
where
    C: Connection,
    Connector<C>: managed::Manager,
{
    Pool::builder(connector)
        .max_size(size)
        .wait_timeout(Some(WAIT_MAX))
        .create_timeout(Some(CONNECT_MAX))
        .recycle_timeout(Some(WAIT_MAX))
        // The one used last has its statements prepared.
        .queue_mode(QueueMode::Lifo)
        .runtime(deadpool::Runtime::Tokio1)
        .build()
}

fn sqlite_connector(path: &Path, watch: &Arc<Watch>, role: Role) -> Connector<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        // Made by us, for our eyes only; and never anew while it should be there.
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged change survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .busy_timeout(SQLITE_BUSY_MAX)
        .disable_statement_logging();
    Connector {
        options,
        session: &[],
        optional_session_settings: &[],
        watch: Some((Arc::clone(watch), role)),
    }
}

async fn checkout<T>(
    condition: &Condition,
    get: impl Future<Output = Result<T, managed::PoolError<sqlx::Error>>>,
) -> Result<T, sqlx::Error> {
    let got = get.await.map_err(|error| match error {
        managed::PoolError::Backend(error) => error,
        managed::PoolError::Closed => sqlx::Error::PoolClosed,
        _ => sqlx::Error::PoolTimedOut,
    });
    // An account without rights does not even come in.
    if let Err(error) = &got {
        condition.failed(error);
    }
    got
}

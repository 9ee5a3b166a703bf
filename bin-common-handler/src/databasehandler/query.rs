//! Running statements, on their own or in a transaction.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{
    AssertSqlSafe, Error as SqlError, FromRow, MySql, Sqlite, mysql::MySqlRow, sqlite::SqliteRow,
};

use super::{Db, Dialect, Entity, Value, entity, error::is_away, pool::Conn, value::bind};

/// How long a statement may take; each touches a batch of rows. After that its connection is taken for dead: a
/// host that lost its power, or a firewall that forgot, closes nothing.
const STATEMENT_MAX: Duration = Duration::from_secs(8);
/// How long an abandoned transaction may take to be rolled back.
const ROLLBACK_MAX: Duration = Duration::from_secs(1);

/// What can be read from a row of either database; `#[derive(bin_common_handler::FromRow)]` gives it.
pub trait Row:
    for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

impl<T> Row for T where
    T: for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}

impl Conn {
    // The only place where text becomes SQL. Callers build it from constants, entity columns and
    // whitelisted filter names; values are always bound.
    //
    // Boxed: the compiler cannot prove the driver's futures Send for every lifetime otherwise.
    pub(super) fn fetch_all<'a, T: Row + 'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<Value>,
    ) -> BoxFuture<'a, Result<Vec<T>, SqlError>> {
        let sql = AssertSqlSafe(sql);
        async move {
            match self {
                Self::MySql(c) => {
                    let query = sqlx::query_as_with::<MySql, T, _>(sql, bind::<MySql>(values)?);
                    in_time(query.fetch_all(&mut **c)).await
                }
                Self::Sqlite(c) => {
                    sqlx::query_as_with::<Sqlite, T, _>(sql, bind::<Sqlite>(values)?)
                        .fetch_all(&mut **c)
                        .await
                }
            }
        }
        .boxed()
    }

    pub(super) fn execute<'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<Value>,
    ) -> BoxFuture<'a, Result<u64, SqlError>> {
        let sql = AssertSqlSafe(sql);
        async move {
            match self {
                Self::MySql(c) => {
                    let query = sqlx::query_with::<MySql, _>(sql, bind::<MySql>(values)?);
                    let done = in_time(query.execute(&mut **c)).await;
                    done.map(|done| done.rows_affected())
                }
                Self::Sqlite(c) => sqlx::query_with::<Sqlite, _>(sql, bind::<Sqlite>(values)?)
                    .execute(&mut **c)
                    .await
                    .map(|done| done.rows_affected()),
            }
        }
        .boxed()
    }

    /// A statement without values, in the text protocol: transaction control.
    fn control(&mut self, sql: &'static str) -> BoxFuture<'_, Result<(), SqlError>> {
        async move {
            match self {
                Self::MySql(c) => in_time(sqlx::raw_sql(sql).execute(&mut **c))
                    .await
                    .map(drop),
                Self::Sqlite(c) => sqlx::raw_sql(sql).execute(&mut **c).await.map(drop),
            }
        }
        .boxed()
    }
}

/// Waits for a server's answer; the error is that of a lost connection.
async fn in_time<T>(answer: impl Future<Output = Result<T, SqlError>>) -> Result<T, SqlError> {
    tokio::time::timeout(STATEMENT_MAX, answer)
        .await
        .unwrap_or_else(|_| Err(SqlError::Io(std::io::ErrorKind::TimedOut.into())))
}

impl Db {
    /// Reads outside a transaction; tries once more when the connection turned out to be dead.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn fetch_all<T: Row>(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, SqlError> {
        let mut conn = self.reader().await?;
        match self.run(conn.fetch_all(sql, values.clone())).await {
            Err(error) if is_away(&error) => {
                conn.discard();
                self.forget_idle();
                let mut conn = self.reader().await?;
                self.run(conn.fetch_all(sql, values)).await
            }
            done => done,
        }
    }

    /// The rows of an entity that `tail` lets through, e.g. `WHERE customer_id = ? ORDER BY id`.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn select<E: Entity>(
        &self,
        tail: &str,
        values: Vec<Value>,
    ) -> Result<Vec<E>, SqlError> {
        self.fetch_all(&format!("{} {tail}", entity::select::<E>()), values)
            .await
    }

    /// As [`Self::fetch_all`] for at most one row.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn fetch_optional<T: Row>(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<T>, SqlError> {
        Ok(self.fetch_all(sql, values).await?.into_iter().next())
    }

    /// One statement that is its own transaction. Only for what may be done twice.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, SqlError> {
        self.ensure_there()?;
        let mut conn = self.writer().await?;
        let done = match self.run(conn.execute(sql, values.clone())).await {
            Err(error) if is_away(&error) => {
                conn.discard();
                self.forget_idle();
                let mut conn = self.writer().await?;
                self.run(conn.execute(sql, values)).await?
            }
            done => done?,
        };
        self.written()?;
        Ok(done)
    }

    /// Opens a transaction.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn begin(&self) -> Result<Tx, SqlError> {
        #[cfg(feature = "test-support")]
        self.script().turn().await;
        let mut tx = Tx {
            conn: Some(self.changer().await?),
            db: self.clone(),
        };
        if self.dialect() == Dialect::Sqlite {
            // A plain BEGIN that reads first cannot become a writer later.
            tx.control("BEGIN IMMEDIATE").await?;
        }
        Ok(tx)
    }

    /// Every statement goes through here, so that a simulation can make any of them fail.
    async fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, SqlError>>,
    ) -> Result<T, SqlError> {
        #[cfg(feature = "test-support")]
        let done = self.script().play(statement).await;
        #[cfg(not(feature = "test-support"))]
        let done = statement.await;
        if let Err(error) = &done {
            self.condition().failed(error);
        }
        done
    }
}

/// An open transaction. Dropped unfinished, it is rolled back, or its connection is closed where that
/// fails: a cancelled future can never leave a connection inside a transaction in the pool.
pub struct Tx {
    conn: Option<Conn>,
    db: Db,
}

impl Tx {
    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        self.db.dialect()
    }

    /// Reads rows.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn fetch_all<T: Row>(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, SqlError> {
        let (db, conn) = self.parts()?;
        let done = db.run(conn.fetch_all(sql, values)).await;
        self.noted(done)
    }

    /// Reads at most one row.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn fetch_optional<T: Row>(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<T>, SqlError> {
        Ok(self.fetch_all(sql, values).await?.into_iter().next())
    }

    /// Runs a statement; the number of rows it touched.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, SqlError> {
        let (db, conn) = self.parts()?;
        let done = db.run(conn.execute(sql, values)).await;
        self.noted(done)
    }

    /// Makes everything durable. On an error the outcome is not known.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn commit(mut self) -> Result<(), SqlError> {
        self.db.ensure_there()?;
        self.control("COMMIT").await?;
        self.conn = None;
        self.db.written()
    }

    /// Undoes everything and begins anew: whatever was locked is free.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn restart(&mut self) -> Result<(), SqlError> {
        self.control("ROLLBACK").await?;
        if self.dialect() == Dialect::Sqlite {
            self.control("BEGIN IMMEDIATE").await?;
        }
        Ok(())
    }

    /// Undoes everything. Where even that fails the connection is closed, which does the same.
    pub async fn rollback(mut self) {
        if self.control("ROLLBACK").await.is_ok() {
            self.conn = None;
        }
    }

    async fn control(&mut self, sql: &'static str) -> Result<(), SqlError> {
        let (db, conn) = self.parts()?;
        let done = db.run(conn.control(sql)).await;
        self.noted(done)
    }

    /// A lost connection is not given back, and those that idle beside it are probably lost too.
    fn noted<T>(&mut self, done: Result<T, SqlError>) -> Result<T, SqlError> {
        if done.as_ref().is_err_and(is_away) {
            if let Some(conn) = self.conn.take() {
                conn.discard();
            }
            self.db.forget_idle();
        }
        done
    }

    fn parts(&mut self) -> Result<(&Db, &mut Conn), SqlError> {
        let conn = self.conn.as_mut().ok_or(SqlError::PoolClosed)?;
        Ok((&self.db, conn))
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return conn.discard();
        };
        let mut abandoned = Abandoned(Some(conn));
        runtime.spawn(async move {
            let Some(conn) = &mut abandoned.0 else { return };
            let undone = tokio::time::timeout(ROLLBACK_MAX, conn.control("ROLLBACK")).await;
            if matches!(undone, Ok(Ok(()))) {
                // Back to the pool.
                drop(abandoned.0.take());
            }
        });
    }
}

/// A connection inside a transaction that nobody finishes: it is closed unless it is taken out. So it is when
/// the runtime ends before the rollback ran; another rollback would never run either.
struct Abandoned(Option<Conn>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(conn) = self.0.take() {
            conn.discard();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databasehandler::Dsn;

    #[test]
    fn a_runtime_may_end_while_a_transaction_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::new(&Dsn::Sqlite(dir.path().join("test.db")), 1).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let (open, opened) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let _tx = db.begin().await.unwrap();
            open.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        opened.recv().unwrap();
        drop(runtime);
    }
}

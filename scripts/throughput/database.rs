//! Databases of our own, and what is looked up in them.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::{Db, Dsn},
    testing::service,
};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};
use tokio::time::Instant;

use crate::Result;

/// How long events may take to leave after the last change.
const DRAIN_MAX: Duration = Duration::from_secs(600);
const DRAIN_PAUSE: Duration = Duration::from_millis(5);

/// A database on the test server, by name.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    server: String,
    name: String,
}

#[derive(bin_common_handler::FromRow)]
struct Number {
    n: i64,
}

impl Database {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            server: service(
                "TEST_DATABASE_DSN",
                "mysql://tandem:tandem@127.0.0.1:3306/tandem",
            ),
            name: name.to_owned(),
        }
    }

    /// The server's own database, to ask about the server.
    pub(crate) fn server() -> Result<Db> {
        let Self { server, .. } = Self::named("");
        Ok(Db::new(&server.parse::<Dsn>()?, 1)?)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn dsn(&self) -> String {
        let base = self.server.rsplit_once('/');
        let base = base.map_or(self.server.as_str(), |(base, _)| base);
        format!("{base}/{}", self.name)
    }

    pub(crate) async fn create(&self) -> Result<Db> {
        self.on_server(format!("CREATE DATABASE {}", self.name))
            .await?;
        Ok(Db::new(&self.dsn().parse::<Dsn>()?, 2)?)
    }

    pub(crate) async fn drop(&self) -> Result<()> {
        self.on_server(format!("DROP DATABASE IF EXISTS {}", self.name))
            .await
    }

    async fn on_server(&self, sql: String) -> Result<()> {
        let mut connection = MySqlConnection::connect(&self.server).await?;
        connection.execute(AssertSqlSafe(sql)).await?;
        Ok(connection.close().await?)
    }
}

/// Waits until no event of a manager waits; the broker has confirmed them all. `prefix` is its tables'.
pub(crate) async fn events_confirmed(db: &Db, prefix: &str) -> Result<()> {
    let end = Instant::now() + DRAIN_MAX;
    // The primary key, not a count: a long outbox costs nothing to look at.
    let sql = format!("SELECT id AS n FROM {prefix}_outbox ORDER BY id LIMIT 1");
    while db.fetch_optional::<Number>(&sql, vec![]).await?.is_some() {
        if Instant::now() > end {
            return Err(format!("events still wait after {DRAIN_MAX:?}").into());
        }
        tokio::time::sleep(DRAIN_PAUSE).await;
    }
    Ok(())
}

pub(crate) async fn truncate(db: &Db, table: &str) -> Result<()> {
    db.execute(&format!("TRUNCATE TABLE {table}"), vec![])
        .await?;
    Ok(())
}

pub(crate) async fn count(db: &Db, table: &str) -> Result<i64> {
    let sql = format!("SELECT COUNT(*) AS n FROM {table}");
    let row: Option<Number> = db.fetch_optional(&sql, vec![]).await?;
    Ok(row.map_or(0, |row| row.n))
}

//! The time on the database's own clock, and other rows of one column.

use sqlx::Error as SqlError;
use uuid::Uuid;

use super::{Db, Dialect, Tx};
use crate::models::time::Timestamp;

/// A row of one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bin_common_handler::FromRow)]
pub struct Id {
    /// The column `id`.
    pub id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Now {
    now: i64,
}

/// The time on the database's own clock, which all replicas share.
///
/// # Errors
/// When the database does not answer.
pub async fn database_now(db: &Db) -> Result<Timestamp, SqlError> {
    time(db.fetch_optional(&now_sql(db.dialect()), vec![]).await?)
}

/// As [`database_now`], as late as the statement is run.
///
/// # Errors
/// When the database does not answer.
pub async fn database_now_in(tx: &mut Tx) -> Result<Timestamp, SqlError> {
    let sql = now_sql(tx.dialect());
    time(tx.fetch_optional(&sql, vec![]).await?)
}

fn now_sql(dialect: Dialect) -> String {
    format!("SELECT {} AS now", dialect.now_micros())
}

fn time(row: Option<Now>) -> Result<Timestamp, SqlError> {
    row.map(|row| Timestamp::from_micros(row.now))
        .ok_or(SqlError::RowNotFound)
}

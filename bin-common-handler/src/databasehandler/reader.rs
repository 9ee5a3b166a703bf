//! Who reads: anybody from the pool, or a transaction that must see what it holds.

use super::{Db, Dialect, Row, Tx, Value};
use crate::models::error::Result;

/// Where a query runs.
pub enum Reader<'r> {
    /// On a connection of the pool.
    Db(&'r Db),
    /// In the transaction: nobody waits for a second connection while holding one.
    Tx(&'r mut Tx),
}

impl Reader<'_> {
    /// The database's dialect of SQL.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Db(db) => db.dialect(),
            Self::Tx(tx) => tx.dialect(),
        }
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// 503.
    pub async fn fetch_all<T: Row>(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<T>> {
        Ok(match self {
            Self::Db(db) => db.fetch_all(sql, values).await?,
            Self::Tx(tx) => tx.fetch_all(sql, values).await?,
        })
    }
}

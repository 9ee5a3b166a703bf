//! Who reads: anybody from the pool, or a transaction that must see what it holds.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Row, Value},
    models::error::Result,
};

/// Where a query runs.
pub(crate) enum Reader<'r, 't> {
    /// On a connection of the pool.
    Db(&'r Db),
    /// In the transaction: nobody waits for a second connection while holding one.
    Tx(&'r mut ChangeTx<'t>),
}

impl Reader<'_, '_> {
    /// All rows of a query.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn fetch_all<T: Row>(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<T>> {
        Ok(match self {
            Self::Db(db) => db.fetch_all(sql, values).await?,
            Self::Tx(tx) => tx.sql().fetch_all(sql, values).await?,
        })
    }
}

//! The version of a tenant's settings, which moves on with each change of them.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, list},
    models::error::Result,
};
use sqlx::Error as SqlError;
use uuid::Uuid;

#[derive(bin_common_handler::FromRow)]
struct Row {
    customer_id: Uuid,
    version: i64,
    now: i64,
}

/// The versions of some tenants, and the database's time.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    pub of: HashMap<Uuid, i64>,
    /// µs since the Unix epoch; all replicas go by this clock.
    pub now: i64,
}

pub(crate) async fn read(db: &Db, customers: &[Uuid]) -> Result<Versions, SqlError> {
    let (marks, values) = list(customers.iter().copied());
    let sql = format!(
        "SELECT customer_id, version, {} AS now FROM did_versions WHERE customer_id IN ({marks})",
        db.dialect().now_micros(),
    );
    let rows: Vec<Row> = db.fetch_all(&sql, values).await?;
    let mut versions = Versions::default();
    for row in rows {
        versions.now = versions.now.max(row.now);
        versions.of.insert(row.customer_id, row.version);
    }
    Ok(versions)
}

#[derive(bin_common_handler::FromRow)]
struct Version {
    version: i64,
}

/// Begins the versions of a new tenant; the first of them.
///
/// # Errors
/// 503.
pub(crate) async fn begin(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<i64> {
    let sql = "INSERT INTO did_versions (customer_id, version) VALUES (?, 1)";
    tx.sql().execute(sql, vec![customer_id.into()]).await?;
    Ok(1)
}

/// Moves a tenant's version on and holds it; none where there is no such tenant.
///
/// # Errors
/// 503.
pub(crate) async fn next(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<Option<i64>> {
    let sql = "UPDATE did_versions SET version = version + 1 WHERE customer_id = ?";
    tx.sql().execute(sql, vec![customer_id.into()]).await?;
    let sql = "SELECT version FROM did_versions WHERE customer_id = ?";
    let row: Option<Version> = tx
        .sql()
        .fetch_optional(sql, vec![customer_id.into()])
        .await?;
    Ok(row.map(|row| row.version))
}

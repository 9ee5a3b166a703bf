//! The version of a tenant's settings, which moves on with each change of them.

use std::collections::HashMap;

use bin_common_handler::databasehandler::{Db, list};
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

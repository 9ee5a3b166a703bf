//! Calls by what others call them.

use bin_common_handler::{
    databasehandler::{Db, Entity, Value, list},
    models::error::Result,
};
use uuid::Uuid;

use crate::models::call::{Call, Source};

/// The customer's calls of these sources with this reference: at most one of each.
///
/// # Errors
/// 503.
pub(crate) async fn by_reference(
    db: &Db,
    customer_id: Uuid,
    sources: &[Source],
    reference: &str,
) -> Result<Vec<Call>> {
    let (marks, sources) = list(sources.to_vec());
    let sql = format!(
        "SELECT {} FROM exchange_calls WHERE customer_id = ? AND source IN ({marks}) AND reference = ?",
        Call::COLUMNS.join(", ")
    );
    let mut values: Vec<Value> = vec![customer_id.into()];
    values.extend(sources);
    values.push(reference.into());
    Ok(db.fetch_all(&sql, values).await?)
}

//! Pings that were answered before, and those whose call is waited for.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use uuid::Uuid;

use crate::{choice::Counters, models::ping::Ping};

/// The same question, answered and not over.
///
/// # Errors
/// 503.
pub(crate) async fn same(
    db: &Db,
    customer_id: Uuid,
    digest: &str,
    now: Timestamp,
) -> Result<Option<Ping>> {
    let sql = format!(
        "SELECT {} FROM exchange_pings WHERE customer_id = ? AND digest = ? AND expires > ? \
         AND status IN ('offered', 'rejected', 'reserved') ORDER BY expires DESC LIMIT 1",
        Ping::COLUMNS.join(", ")
    );
    let values = vec![customer_id.into(), digest.into(), now.into()];
    Ok(db.fetch_optional(&sql, values).await?)
}

#[derive(sqlx::FromRow)]
struct Text {
    text: String,
}

/// Whose turn it is in a campaign, as far as it is committed.
///
/// # Errors
/// 503.
pub(crate) async fn counters(tx: &mut ChangeTx<'_>, call_campaign_id: Uuid) -> Result<Counters> {
    let sql = "SELECT counters AS text FROM exchange_rotations WHERE call_campaign_id = ?";
    let values = vec![call_campaign_id.into()];
    let found: Option<Text> = tx.sql().fetch_optional(sql, values).await?;
    found.map_or_else(
        || Ok(Counters::default()),
        |row| serde_json::from_str(&row.text).map_err(Error::internal),
    )
}

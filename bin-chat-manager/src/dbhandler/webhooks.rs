//! The inbox by whom its texts are of.

use bin_common_handler::{databasehandler::Db, models::error::Result};

use crate::models::webhook::Webhook;

/// Texts that one job works on before its own, at most: a person who sends more at a time waits for a timer.
const OLDER_MAX: i64 = 50;

/// Texts of the same person that came before this one and are not worked on yet, in their order.
///
/// # Errors
/// 503.
pub(crate) async fn older(db: &Db, row: &Webhook) -> Result<Vec<Webhook>> {
    let Some(phone_hash) = row.phone_hash.clone() else {
        return Ok(Vec::new());
    };
    let tail = "WHERE customer_id = ? AND phone_hash = ? AND seq < ? AND tm_done IS NULL ORDER BY seq LIMIT ?";
    let values = vec![
        row.customer_id.into(),
        phone_hash.into(),
        row.seq.into(),
        OLDER_MAX.into(),
    ];
    Ok(db.select(tail, values).await?)
}

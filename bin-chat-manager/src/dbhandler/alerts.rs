//! Alerts and their rules, found by what they are about.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

use crate::{
    figures::alarm::Metric,
    models::alert::{Alert, AlertStatus},
};

#[derive(bin_common_handler::FromRow)]
struct Found {
    id: Uuid,
}

/// The business's own rule of a metric. Where there are several from before there could be one only, an active one.
///
/// # Errors
/// 503.
pub(crate) async fn rule_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    metric: Metric,
) -> Result<Option<Uuid>> {
    let sql = "SELECT id FROM chat_alert_rules WHERE customer_id = ? AND metric = ? AND tm_delete IS NULL \
               ORDER BY active DESC, id LIMIT 1";
    let values = vec![customer_id.into(), metric.into()];
    let found: Option<Found> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.map(|found| found.id))
}

/// Whether the same stands of the same conversation, and nobody has looked.
///
/// # Errors
/// 503.
pub(crate) async fn is_told(tx: &mut ChangeTx<'_>, alert: &Alert) -> Result<bool> {
    let sql = "SELECT id FROM chat_alerts WHERE conversation_id = ? AND customer_id = ? AND metric = ? \
               AND reason = ? AND status = ? LIMIT 1";
    let values = vec![
        alert.conversation_id.into(),
        alert.customer_id.into(),
        alert.metric.into(),
        alert.reason.as_str().into(),
        AlertStatus::Triggered.into(),
    ];
    let found: Option<Found> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

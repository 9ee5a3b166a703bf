//! Webhook endpoints by tenant, and their deliveries by event.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use uuid::Uuid;

use super::select;
use crate::models::{delivery::Delivery, webhookendpoint::WebhookEndpoint};

/// Endpoints of one tenant that hear of one event.
const ENDPOINTS_MAX: u32 = 100;

/// The endpoints of a tenant that events are sent to.
///
/// # Errors
/// 503.
pub(crate) async fn served(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
) -> Result<Vec<WebhookEndpoint>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND enabled = ? AND tm_delete IS NULL ORDER BY tm_create LIMIT {ENDPOINTS_MAX}",
        select::<WebhookEndpoint>()
    );
    let values = vec![customer_id.into(), true.into()];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// The delivery of an event to an endpoint.
///
/// # Errors
/// 503.
pub(crate) async fn delivery(
    tx: &mut ChangeTx<'_>,
    endpoint_id: Uuid,
    webhook_id: &str,
) -> Result<Option<Delivery>> {
    let sql = format!(
        "{} WHERE webhook_endpoint_id = ? AND webhook_id = ?",
        select::<Delivery>()
    );
    let values = vec![endpoint_id.into(), webhook_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

//! Alerts: what a person of the business has to know now. They leave as events.

use bin_common_handler::{
    databasehandler::{ChangeTx, EventPayload},
    ids,
    models::error::{Error, Result},
};
use serde_json::json;
use uuid::Uuid;

use crate::models::conversation::Conversation;

/// Announced when somebody has to look.
pub(crate) const TRIGGERED: &str = "alert_triggered";

/// Tells the business; `reason` is a stable word, and never what a person wrote.
///
/// # Errors
/// 503.
pub(crate) async fn alert(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
    metric: &str,
    reason: &str,
    message_id: Option<Uuid>,
) -> Result<()> {
    let (id, now) = (ids::next(), tx.now());
    let data = json!({
        "id": id,
        "customer_id": conversation.customer_id,
        "conversation_id": conversation.id,
        "message_id": message_id,
        "metric": metric,
        "reason": reason,
        "status": "triggered",
        "tm_create": now,
    });
    let payload = EventPayload {
        resource_id: id,
        customer_id: conversation.customer_id,
        version: now,
        data: serde_json::to_string(&data).map_err(Error::internal)?,
    };
    tx.emit_payload(TRIGGERED, payload).await
}

/// Tells the business of what is about no conversation; `facts` are ids, and never what a person wrote.
///
/// # Errors
/// 503.
pub(crate) async fn notice(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    metric: &str,
    reason: &str,
    facts: serde_json::Value,
) -> Result<()> {
    let (id, now) = (ids::next(), tx.now());
    let data = json!({
        "id": id,
        "customer_id": customer_id,
        "metric": metric,
        "reason": reason,
        "details": facts,
        "status": "triggered",
        "tm_create": now,
    });
    let payload = EventPayload {
        resource_id: id,
        customer_id,
        version: now,
        data: serde_json::to_string(&data).map_err(Error::internal)?,
    };
    tx.emit_payload(TRIGGERED, payload).await
}

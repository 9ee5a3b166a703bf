//! What happens in this house: webhook endpoints hear of it, and users who subscribed.

use std::collections::BTreeSet;

use bin_common_handler::{
    daemon::ManagerContext,
    databasehandler::{ChangeTx, Db},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    sockhandler::ReceivedEvent,
};
use futures_util::future::BoxFuture;
use serde_json::{json, value::RawValue};
use tracing::warn;
use uuid::Uuid;

use super::{NotificationCreate, alerts, put};
use crate::{
    dbhandler::notifications,
    deliveryhandler::{self, Happened},
    models::{alert::Alert, eventtype, notificationsubscription::NotificationSubscription},
};

/// Those that are told to whom the alert's channels name.
const ALERTS: [&str; 2] = ["alert_triggered", "alert_escalated"];
const ALERT_TOPIC: &str = "chat-manager.alert.#";
/// Largest event that is passed on, in bytes.
const EVENT_MAX: usize = 256 * 1_024;

/// Subscribes. Most customers listen to nothing, so their events are not even kept; alerts are told without being asked for.
pub(super) fn start(ctx: &ManagerContext) {
    ctx.events.on(ALERT_TOPIC, heard);
    let others = eventtype::topics().filter(|topic| *topic != ALERT_TOPIC);
    ctx.events.on_for(others, listeners, heard);
}

fn listeners(db: &Db, customers: Vec<Uuid>) -> BoxFuture<'_, Result<BTreeSet<Uuid>>> {
    Box::pin(notifications::listeners(db, customers))
}

/// Everything that is made of an event commits with the memory of it: once, whatever dies when.
async fn heard(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let customer_id = event.customer_id.filter(|id| !id.is_nil());
    let (Some(customer_id), Some(data)) = (customer_id, &event.event.data) else {
        return Ok(());
    };
    if event.message_id.is_empty() || data.get().len() > EVENT_MAX {
        return Ok(());
    }
    let at = event
        .version
        .map_or_else(|| tx.now(), Timestamp::from_micros);
    let happened = Happened {
        id: &event.message_id,
        event_type: &event.event.kind,
        at,
        data,
    };
    deliveryhandler::fan_out(tx, customer_id, &happened).await?;
    if ALERTS.contains(&happened.event_type) {
        let alert: Alert = serde_json::from_str(data.get()).map_err(Error::internal)?;
        alerts::tell(tx, &alert, happened.event_type).await?;
    }
    subscribed(tx, customer_id, &happened).await
}

/// A notification for each user who subscribed.
async fn subscribed(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    happened: &Happened<'_>,
) -> Result<()> {
    let found = notifications::subscribed(tx, customer_id, happened.event_type).await?;
    for subscription in found {
        let id = subscription.id;
        let notified = put(tx, customer_id, wanted(subscription, happened)).await;
        match notified {
            Ok(_) => {}
            // What a customer wrote wrongly must not hold up the event for others.
            Err(error) if !error.is_fault() => {
                warn!(%id, reason = error.reason(), "a subscription could not be served");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wanted(subscription: NotificationSubscription, happened: &Happened<'_>) -> NotificationCreate {
    NotificationCreate {
        channel: subscription.channel,
        to: subscription.to,
        template: subscription.template,
        data: json!({
            "subject": happened.event_type,
            "text": happened.event_type,
            "type": happened.event_type,
            "entity_id": entity_id(happened.data),
        }),
        key: format!("sub:{}:{}", subscription.id, happened.id),
        quiet_hours: subscription.quiet_hours.0,
        timezone: subscription.timezone,
        ..NotificationCreate::default()
    }
}

fn entity_id(data: &RawValue) -> Option<Uuid> {
    #[derive(serde::Deserialize)]
    struct Entity {
        id: Uuid,
    }
    let entity: Entity = serde_json::from_str(data.get()).ok()?;
    Some(entity.id)
}

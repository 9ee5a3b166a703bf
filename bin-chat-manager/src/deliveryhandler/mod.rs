//! Deliveries of events to webhook endpoints (Standard Webhooks): written with the event, tried until they arrive, kept
//! with what became of each try.

mod attempt;
mod record;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, Store},
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    resource::{self, ResourceHooks},
};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use uuid::Uuid;

use crate::{
    app::App,
    attempthandler,
    dbhandler::endpoints,
    models::{
        delivery::{Delivery, DeliveryStatus},
        eventtype,
        webhookendpoint::WebhookEndpoint,
    },
};

/// A delivery is tried; of the delivery.
const DELIVER: &str = "chat_deliver";
/// Deliveries at the same time.
const WORKERS: usize = 16;

/// Starts the jobs.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    attempthandler::start(ctx, app, DELIVER, WORKERS, |app, id| {
        Box::pin(attempt::attempt(app, id))
    });
}

impl ResourceHooks<Delivery> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        _: &mut ChangeTx<'_>,
        _: &RequestContext,
        _: Option<&Delivery>,
        _: &mut Delivery,
    ) -> Result<()> {
        Ok(())
    }
}

/// Something that happened, as endpoints hear of it.
pub(crate) struct Happened<'h> {
    /// Names it for ever.
    pub id: &'h str,
    /// Its type, e.g. `call_missed`.
    pub event_type: &'h str,
    /// When.
    pub at: Timestamp,
    /// What it is about.
    pub data: &'h RawValue,
}

/// The body of Standard Webhooks.
#[derive(Serialize)]
struct Payload<'p> {
    #[serde(rename = "type")]
    event_type: &'p str,
    timestamp: Timestamp,
    data: &'p RawValue,
}

/// Writes a delivery for each endpoint of the tenant that hears of it.
///
/// # Errors
/// 503.
pub(crate) async fn fan_out(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    happened: &Happened<'_>,
) -> Result<()> {
    let found = endpoints::served(tx, customer_id).await?;
    for endpoint in found
        .iter()
        .filter(|found| found.hears(happened.event_type))
    {
        put(tx, endpoint, happened).await?;
    }
    Ok(())
}

/// Writes a delivery, unless the endpoint has one of the same event.
///
/// # Errors
/// 503.
pub(crate) async fn put(
    tx: &mut ChangeTx<'_>,
    endpoint: &WebhookEndpoint,
    happened: &Happened<'_>,
) -> Result<Delivery> {
    let webhook_id = format!("msg_{}", happened.id);
    if let Some(there) = endpoints::delivery(tx, endpoint.id, &webhook_id).await? {
        return Ok(there);
    }
    let payload = Payload {
        event_type: happened.event_type,
        timestamp: happened.at,
        data: happened.data,
    };
    let now = tx.now();
    let delivery = Delivery {
        id: ids::next(),
        customer_id: endpoint.customer_id,
        webhook_endpoint_id: endpoint.id,
        webhook_id,
        event_type: happened.event_type.to_owned(),
        payload: serde_json::to_string(&payload).map_err(Error::internal)?,
        status: DeliveryStatus::Pending,
        tm_next: Some(now),
        tm_create: now,
        tm_update: now,
        ..Delivery::default()
    };
    tx.insert(&delivery).await?;
    tx.schedule(DELIVER, delivery.id, now, &()).await?;
    Ok(delivery)
}

/// Sends an endpoint an event that means nothing.
///
/// # Errors
/// 404, 503.
pub(crate) async fn test(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Delivery> {
    let mut tx = app.store.begin(ctx).await?;
    let endpoint = resource::lock_live::<WebhookEndpoint>(&mut tx, ctx, id).await?;
    let data = json!({ "webhook_endpoint_id": id, "test": true });
    let data = serde_json::value::to_raw_value(&data).map_err(Error::internal)?;
    let happened = Happened {
        id: &ids::next().to_string(),
        event_type: eventtype::TEST,
        at: tx.now(),
        data: &data,
    };
    let delivery = put(&mut tx, &endpoint, &happened).await?;
    tx.commit(delivery).await
}

/// Sends it once more, under the same id; tries count anew.
///
/// # Errors
/// 404, 503.
pub(crate) async fn replay(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Delivery> {
    let mut tx = app.store.begin(ctx).await?;
    let mut delivery = resource::lock_live::<Delivery>(&mut tx, ctx, id).await?;
    let now = tx.now();
    delivery.status = DeliveryStatus::Pending;
    delivery.tries = 0;
    delivery.error_code.clear();
    delivery.tm_next = Some(now);
    delivery.tm_update = tx.next_version(delivery.tm_update);
    tx.update(&delivery).await?;
    tx.schedule(DELIVER, id, now, &()).await?;
    tx.commit(delivery).await
}

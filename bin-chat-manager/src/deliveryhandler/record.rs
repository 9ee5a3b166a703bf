//! What became of a try: the delivery's next one or its end, and what it says of the endpoint.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::{DELIVER, attempt::Outcome};
use crate::{
    alertrulehandler,
    app::App,
    conflicts::Conflicts,
    figures::alarm::Metric,
    models::{
        delivery::{Attempt, Delivery, DeliveryStatus},
        retry,
        webhookendpoint::WebhookEndpoint,
    },
};

/// When an endpoint is asked again to which too many requests were on their way.
const CROWDED: Duration = Duration::from_secs(5);
/// Why an endpoint is turned off.
const FAILING: &str = "failing";
const GONE: &str = "gone";

/// Writes down what came of a try of the delivery as it was `seen`. A conflict with other work must not lose it: what has
/// left would leave again.
///
/// # Errors
/// 503.
pub(super) async fn record(
    app: &App,
    seen: &Delivery,
    attempt: Attempt,
    outcome: Outcome,
) -> Result<()> {
    let mut conflicts = Conflicts::default();
    while let Err(error) = record_once(app, seen, attempt.clone(), outcome).await {
        conflicts.again(error).await?;
    }
    Ok(())
}

async fn record_once(app: &App, seen: &Delivery, attempt: Attempt, outcome: Outcome) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut delivery) = lock(&mut tx, seen.id).await? else {
        tx.cancel(DELIVER, seen.id).await?;
        return tx.commit(()).await;
    };
    if let Outcome::Crowded = outcome {
        let next = tx.now().plus(CROWDED);
        tx.schedule(DELIVER, seen.id, next, &()).await?;
        return tx.commit(()).await;
    }
    // Another process was faster, or somebody replayed it meanwhile.
    if delivery.tries != seen.tries || delivery.tm_next != seen.tm_next {
        return Ok(());
    }
    delivery.note(attempt);
    delivery.tries = delivery.tries.saturating_add(1);
    delivery.tm_next = None;
    match outcome {
        Outcome::Taken => taken(&mut tx, &mut delivery).await?,
        Outcome::Gone => {
            end(&mut tx, &mut delivery, "ENDPOINT_GONE").await?;
            turn_off(&mut tx, delivery.webhook_endpoint_id, GONE).await?;
        }
        Outcome::TryAgain | Outcome::Crowded => {
            try_again(&mut tx, &mut delivery).await?;
            failed(app, &mut tx, delivery.webhook_endpoint_id).await?;
        }
    }
    save(&mut tx, &mut delivery).await?;
    tx.commit(()).await
}

/// It is not tried any more.
///
/// # Errors
/// 503.
pub(super) async fn give_up(app: &App, id: Uuid, code: &str) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    match lock(&mut tx, id).await? {
        Some(mut delivery) => {
            end(&mut tx, &mut delivery, code).await?;
            save(&mut tx, &mut delivery).await?;
        }
        None => drop(tx.cancel(DELIVER, id).await?),
    }
    tx.commit(()).await
}

/// Its timer is no longer needed.
///
/// # Errors
/// 503.
pub(super) async fn forget(app: &App, id: Uuid) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    // Replayed in this very moment: then the timer is the replay's.
    if lock(&mut tx, id).await?.is_none() {
        tx.cancel(DELIVER, id).await?;
    }
    tx.commit(()).await
}

async fn lock(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Option<Delivery>> {
    let found = tx.lock::<Delivery>(id).await?;
    Ok(found.filter(|delivery| delivery.status == DeliveryStatus::Pending))
}

async fn save(tx: &mut ChangeTx<'_>, delivery: &mut Delivery) -> Result<()> {
    delivery.tm_update = tx.next_version(delivery.tm_update);
    tx.update(delivery).await
}

async fn taken(tx: &mut ChangeTx<'_>, delivery: &mut Delivery) -> Result<()> {
    delivery.status = DeliveryStatus::Delivered;
    delivery.tm_delivered = Some(tx.now());
    tx.cancel(DELIVER, delivery.id).await?;
    let endpoint = tx
        .get::<WebhookEndpoint>(delivery.webhook_endpoint_id)
        .await?;
    if endpoint.is_some_and(|endpoint| endpoint.tm_failing_since.is_some()) {
        change(tx, delivery.webhook_endpoint_id, |endpoint, _| {
            endpoint.tm_failing_since = None;
        })
        .await?;
    }
    Ok(())
}

async fn try_again(tx: &mut ChangeTx<'_>, delivery: &mut Delivery) -> Result<()> {
    let Some(pause) = retry::pause_after(delivery.tries) else {
        // An alert of an alert that did not arrive would never end.
        if delivery.event_type.starts_with("alert_") {
            return end(tx, delivery, "NOT_DELIVERED").await;
        }
        let metric = Metric::WebhookFailure;
        alertrulehandler::notice(tx, delivery.customer_id, metric, delivery.id, "undelivered")
            .await?;
        return end(tx, delivery, "NOT_DELIVERED").await;
    };
    let next = tx.now().plus(pause);
    delivery.tm_next = Some(next);
    tx.schedule(DELIVER, delivery.id, next, &()).await
}

async fn end(tx: &mut ChangeTx<'_>, delivery: &mut Delivery, code: &str) -> Result<()> {
    delivery.status = DeliveryStatus::Failed;
    delivery.tm_next = None;
    code.clone_into(&mut delivery.error_code);
    tx.cancel(DELIVER, delivery.id).await.map(drop)
}

/// Days of failure turn an endpoint off.
async fn failed(app: &App, tx: &mut ChangeTx<'_>, endpoint_id: Uuid) -> Result<()> {
    let Some(endpoint) = tx.get::<WebhookEndpoint>(endpoint_id).await? else {
        return Ok(());
    };
    match endpoint.tm_failing_since {
        None => change(tx, endpoint_id, |endpoint, now| {
            endpoint.tm_failing_since = endpoint.tm_failing_since.or(Some(now));
        })
        .await
        .map(drop),
        Some(since) if tx.now() >= since.plus(app.settings.webhook_disable_after) => {
            turn_off(tx, endpoint_id, FAILING).await
        }
        Some(_) => Ok(()),
    }
}

async fn turn_off(tx: &mut ChangeTx<'_>, endpoint_id: Uuid, reason: &str) -> Result<()> {
    let off = change(tx, endpoint_id, |endpoint, _| {
        endpoint.enabled = false;
        reason.clone_into(&mut endpoint.disabled_reason);
    });
    let Some(endpoint) = off.await? else {
        return Ok(());
    };
    let metric = Metric::WebhookFailure;
    alertrulehandler::notice(tx, endpoint.customer_id, metric, endpoint_id, reason).await
}

/// Changes an endpoint that is served, with its event; none where it is not.
async fn change(
    tx: &mut ChangeTx<'_>,
    endpoint_id: Uuid,
    work: impl FnOnce(&mut WebhookEndpoint, Timestamp),
) -> Result<Option<WebhookEndpoint>> {
    let found = tx.lock::<WebhookEndpoint>(endpoint_id).await?;
    let Some(mut endpoint) = found.filter(WebhookEndpoint::is_served) else {
        return Ok(None);
    };
    work(&mut endpoint, tx.now());
    endpoint.tm_update = tx.next_version(endpoint.tm_update);
    tx.update(&endpoint).await?;
    tx.emit("webhookendpoint_updated", &endpoint, endpoint.customer_id)
        .await?;
    Ok(Some(endpoint))
}

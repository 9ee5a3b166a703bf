//! One try: the request, with the headers of Standard Webhooks.

use std::time::Duration;

use bin_common_handler::{
    httphandler::{HttpFault, HttpRequest, Method, StatusCode},
    models::error::Result,
};
use uuid::Uuid;

use super::record;
use crate::{
    app::App,
    models::{
        delivery::{Attempt, Delivery, DeliveryStatus},
        webhookendpoint::WebhookEndpoint,
    },
    webhookendpointhandler,
};

/// How long an endpoint may take, as the standard advises.
const DEADLINE: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read; nobody looks at them.
const ANSWER_MAX: usize = 64 * 1_024;

/// What came of a try.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// The endpoint has it.
    Taken,
    /// It does not, and may later.
    TryAgain,
    /// It wants nothing any more (410).
    Gone,
    /// Nobody was asked, as so many requests are on their way there.
    Crowded,
}

/// Tries a delivery.
///
/// # Errors
/// 503; its timer comes back to it.
pub(super) async fn attempt(app: App, id: Uuid) -> Result<()> {
    let Some(delivery) = app.store.get::<Delivery>(id).await? else {
        return Ok(());
    };
    let endpoint = app
        .store
        .get::<WebhookEndpoint>(delivery.webhook_endpoint_id)
        .await?;
    let Some(endpoint) = endpoint.filter(WebhookEndpoint::is_served) else {
        return record::give_up(&app, id, "ENDPOINT_DISABLED").await;
    };
    if delivery.status != DeliveryStatus::Pending {
        return record::forget(&app, id).await;
    }
    let tm_start = app.store.clock.now();
    // It was tried meanwhile; its timer comes back to it.
    if delivery.tm_next.is_some_and(|next| next > tm_start) {
        return Ok(());
    }
    let began = tokio::time::Instant::now();
    let sent = match request(&app, &endpoint, &delivery) {
        Ok(request) => app.http.send(&request).await.map(|answer| answer.status),
        Err(fault) => Err(fault),
    };
    let attempt = Attempt {
        tm_start,
        status_code: sent.as_ref().map_or(0, StatusCode::as_u16),
        latency_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
        error: sent
            .as_ref()
            .err()
            .map_or("", |fault| fault.as_str())
            .to_owned(),
    };
    record::record(&app, &delivery, attempt, outcome(sent)).await
}

fn request(
    app: &App,
    endpoint: &WebhookEndpoint,
    delivery: &Delivery,
) -> std::result::Result<HttpRequest, HttpFault> {
    app.http.ensure_allowed(&endpoint.url)?;
    let seconds = app.store.clock.now().millis() / 1_000;
    let (id, body) = (&delivery.webhook_id, &delivery.payload);
    let signatures = webhookendpointhandler::signatures(app, endpoint, id, seconds, body)
        .map_err(|_| HttpFault::BadHeader)?;
    let request = HttpRequest::new(Method::POST, &*endpoint.url)
        .within(DEADLINE)
        .at_most(ANSWER_MAX)
        .header("webhook-id", id)?
        .header("webhook-timestamp", &seconds.to_string())?
        .header("webhook-signature", &signatures)?;
    Ok(request.body("application/json", body.clone()))
}

fn outcome(sent: std::result::Result<StatusCode, HttpFault>) -> Outcome {
    match sent {
        Ok(status) if status.is_success() => Outcome::Taken,
        Ok(StatusCode::GONE) => Outcome::Gone,
        // A whole answer is there, however long; its status is not known.
        Ok(_) => Outcome::TryAgain,
        Err(HttpFault::TooMany) => Outcome::Crowded,
        Err(_) => Outcome::TryAgain,
    }
}

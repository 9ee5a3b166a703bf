//! The rules of webhook endpoints: public addresses, secrets that are shown once, and two of them while one is replaced.

pub(crate) mod secret;

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    models::error::Result,
    redact::Secret,
    resource::{self, ResourceHooks},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    models::webhookendpoint::{WebhookEndpoint, WebhookEndpointPatch},
};

/// How long a replaced secret signs beside the new one.
const BOTH_SIGN: Duration = Duration::from_secs(24 * 3_600);

/// An endpoint with its secret, which is shown this once.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct NewSecret {
    #[serde(flatten)]
    endpoint: WebhookEndpoint,
    /// `whsec_…`; empty where a repeated request is answered.
    secret: String,
}

impl ResourceHooks<WebhookEndpoint> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&WebhookEndpoint>,
        after: &mut WebhookEndpoint,
    ) -> Result<()> {
        if before.is_none() {
            let customer_id = after.customer_id;
            self.rooms
                .webhook_endpoints
                .take(tx, customer_id, 1)
                .await?;
        }
        if before.is_none_or(|before| before.url != after.url) {
            self.http.ensure_allowed(&after.url)?;
        }
        Ok(())
    }
}

/// Makes an endpoint. The reply that is kept is the endpoint alone; its secret is added only to the one that leaves now.
///
/// # Errors
/// 400 naming the field, 409, 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &WebhookEndpointPatch,
) -> Result<NewSecret> {
    let mut endpoint = resource::build::<WebhookEndpoint, App>(app, ctx, named, patch).await?;
    let made = secret::generate();
    endpoint.secret = app.sealer.seal(&made, &endpoint.secret_place())?;
    let mut tx = app.store.begin(ctx).await?;
    let endpoint = resource::insert(app, &mut tx, ctx, endpoint).await?;
    let endpoint = tx.commit(endpoint).await?;
    Ok(shown(endpoint, &made))
}

/// Gives it another secret; for a day both sign.
///
/// # Errors
/// 404, 503.
pub(crate) async fn rotate(app: &App, ctx: &RequestContext, id: Uuid) -> Result<NewSecret> {
    let made = secret::generate();
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<WebhookEndpoint>(&mut tx, ctx, id).await?;
    let mut after = before.clone();
    after.previous_secret = std::mem::replace(
        &mut after.secret,
        app.sealer.seal(&made, &before.secret_place())?,
    );
    after.tm_previous_end = Some(tx.now().plus(BOTH_SIGN));
    let after = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    let after = tx.commit(after).await?;
    Ok(shown(after, &made))
}

fn shown(endpoint: WebhookEndpoint, secret: &Secret) -> NewSecret {
    NewSecret {
        endpoint,
        secret: secret.expose().to_owned(),
    }
}

/// The signatures of a body: of its secret, and of the one before while that counts.
///
/// # Errors
/// 500 where a secret does not open.
pub(crate) fn signatures(
    app: &App,
    endpoint: &WebhookEndpoint,
    id: &str,
    seconds: i64,
    body: &str,
) -> Result<String> {
    let place = endpoint.secret_place();
    let mut secrets = vec![&endpoint.secret];
    let now = app.store.clock.now();
    if endpoint.tm_previous_end.is_some_and(|end| now < end) {
        secrets.push(&endpoint.previous_secret);
    }
    let mut signed = Vec::new();
    for sealed in secrets {
        let secret = app.sealer.open(sealed, &place)?;
        signed.extend(secret::sign(&secret, id, seconds, body));
    }
    Ok(signed.join(" "))
}

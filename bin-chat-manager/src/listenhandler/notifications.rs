//! `/v1/notifications`, who wants any, and webhooks: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, NamedTenant, Path, Raw, Routes, State},
    models::error::Result,
    resource::PatchJson,
};

use super::{READ, WRITE};
use crate::{
    app::App,
    deliveryhandler,
    inboundemailhandler::{InboundAnswer, posted},
    models::{
        delivery::Delivery,
        notification::Notification,
        notificationsubscription::NotificationSubscription,
        pushsubscription::PushSubscription,
        webhookendpoint::{WebhookEndpoint, WebhookEndpointPatch},
    },
    notificationhandler::{self, NotificationCreate},
    pushhandler::{self, PushKey},
    webhookendpointhandler::{self, NewSecret},
};

/// What people and programs are told.
pub(super) fn routes(routes: Routes<App>) -> Routes<App> {
    let routes = routes
        .listed::<Notification>("/v1/notifications")
        .scope(READ)
        .post("/v1/notifications", notify)
        .scope(WRITE)
        .readable::<Notification>("/v1/notifications/<notification-id>")
        .scope(READ)
        .resource_for::<NotificationSubscription>(
            "/v1/notification_subscriptions",
            "/v1/notification_subscriptions/<notification-subscription-id>",
            READ,
            WRITE,
        )
        .resource_for::<PushSubscription>(
            "/v1/push_subscriptions",
            "/v1/push_subscriptions/<push-subscription-id>",
            READ,
            WRITE,
        )
        .get("/v1/push_subscriptions/key", key)
        .scope(READ);
    webhook_routes(routes)
        .post("/v1/webhooks/email", email)
        .public()
        .raw(&[posted::AUTHORIZATION])
}

async fn email(
    State(app): State<App>,
    ctx: RequestContext,
    raw: Raw,
) -> Result<Json<InboundAnswer>> {
    posted::receive(&app, &ctx, &raw).await.map(Json)
}

/// Webhooks of customers.
fn webhook_routes(routes: Routes<App>) -> Routes<App> {
    let one = "/v1/webhook_endpoints/<webhook-endpoint-id>";
    routes
        .listed::<WebhookEndpoint>("/v1/webhook_endpoints")
        .scope(READ)
        .post("/v1/webhook_endpoints", create)
        .scope(WRITE)
        .readable::<WebhookEndpoint>(one)
        .scope(READ)
        .changes::<WebhookEndpoint>(one, WRITE)
        .post("/v1/webhook_endpoints/<webhook-endpoint-id>/rotate", rotate)
        .scope(WRITE)
        .post("/v1/webhook_endpoints/<webhook-endpoint-id>/test", test)
        .scope(WRITE)
        .listed::<Delivery>("/v1/deliveries")
        .scope(READ)
        .readable::<Delivery>("/v1/deliveries/<delivery-id>")
        .scope(READ)
        .post("/v1/deliveries/<delivery-id>/replay", replay)
        .scope(WRITE)
}

async fn notify(
    State(app): State<App>,
    ctx: RequestContext,
    Json(body): Json<NotificationCreate>,
) -> Result<Json<Notification>> {
    notificationhandler::create(&app, &ctx, body)
        .await
        .map(Json)
}

async fn key(State(app): State<App>) -> Result<Json<PushKey>> {
    pushhandler::key(&app).await.map(Json)
}

async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<WebhookEndpointPatch>,
) -> Result<Json<NewSecret>> {
    webhookendpointhandler::create(&app, &ctx, named, &patch)
        .await
        .map(Json)
}

async fn rotate(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<NewSecret>> {
    webhookendpointhandler::rotate(&app, &ctx, id)
        .await
        .map(Json)
}

async fn test(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Delivery>> {
    deliveryhandler::test(&app, &ctx, id).await.map(Json)
}

async fn replay(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<Delivery>> {
    deliveryhandler::replay(&app, &ctx, id).await.map(Json)
}

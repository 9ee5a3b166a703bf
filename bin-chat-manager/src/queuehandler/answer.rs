//! Answers to offers, and what is told of them.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery},
    listenhandler::List,
    models::{
        error::{Error, Result},
        identity::optional_owner,
        role::Role,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::conversation;
use crate::{
    app::App,
    entryhandler::{
        change,
        offers::{lock, settle},
        waiting,
    },
    models::{
        offer::{Offer, OfferStatus},
        queueentry::EntryStatus,
    },
};

/// Who answers an offer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Answerer {
    /// The user; whoever has the key, where it is missing.
    #[serde(default, deserialize_with = "optional_owner")]
    pub user_id: Option<Uuid>,
}

fn not_found() -> Error {
    Error::not_found("OFFER_NOT_FOUND", "The offer was not found.")
}

fn over(offer: &Offer) -> Error {
    Error::failed_precondition("OFFER_OVER", "The offer is not pending any more.")
        .with_detail(json!({ "status": offer.status }))
}

/// The agent takes the chat. Accepting again changes nothing.
///
/// # Errors
/// 403 where it is another user's; 404; 409 where it lapsed or went elsewhere.
pub(crate) async fn accept(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    by: &Answerer,
) -> Result<Offer> {
    let mut tx = app.store.begin(ctx).await?;
    let seen = find(&mut tx, ctx, id, by).await?;
    let held = conversation::hold(&mut tx, ctx, seen.conversation_id).await?;
    let (mut entry, mut offer) = lock(&mut tx, &seen).await?.ok_or_else(not_found)?;
    if offer.status == OfferStatus::Accepted {
        return tx.commit(offer).await;
    }
    if offer.status != OfferStatus::Pending || offer.expires_at <= tx.now() {
        return Err(over(&offer));
    }
    settle(&mut tx, &mut offer, OfferStatus::Accepted).await?;
    entry.status = EntryStatus::Assigned;
    entry.offer_id = None;
    entry.tm_assigned = Some(tx.now());
    entry.tm_timeout = None;
    change::save(&mut tx, &mut entry).await?;
    conversation::hand_over(&mut tx, held, offer.user_id).await?;
    tx.commit(offer).await
}

/// The agent does not want the chat: it is offered to others. Declining again changes nothing.
///
/// # Errors
/// 403 where it is another user's; 404; 409 where it was accepted, lapsed or went elsewhere.
pub(crate) async fn decline(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    by: &Answerer,
) -> Result<Offer> {
    let mut tx = app.store.begin(ctx).await?;
    let seen = find(&mut tx, ctx, id, by).await?;
    let (mut entry, mut offer) = lock(&mut tx, &seen).await?.ok_or_else(not_found)?;
    match offer.status {
        OfferStatus::Declined => return tx.commit(offer).await,
        OfferStatus::Pending => {}
        _ => return Err(over(&offer)),
    }
    settle(&mut tx, &mut offer, OfferStatus::Declined).await?;
    entry.pass(offer.agent_id);
    waiting::wait_again(&mut tx, &mut entry).await?;
    tx.commit(offer).await
}

async fn find(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    id: Uuid,
    by: &Answerer,
) -> Result<Offer> {
    let found = tx.get::<Offer>(id).await?;
    let offer = found
        .filter(|offer| ctx.scope.allows(offer.customer_id))
        .ok_or_else(not_found)?;
    let acting = ctx.user_id.or(by.user_id);
    if acting.is_some_and(|user_id| user_id != offer.user_id) {
        return Err(Error::permission_denied(
            "NOT_YOUR_OFFER",
            "The offer is another user's.",
        ));
    }
    Ok(offer)
}

/// Offers, the newest first; an agent's own.
///
/// # Errors
/// 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Offer>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    if ctx.role == Some(Role::Agent) {
        query = query.matching("user_id", ctx.user_id.unwrap_or_default());
    }
    app.store
        .db
        .list(&query, |offer: &Offer| offer.tm_create)
        .await
}

/// One offer.
///
/// # Errors
/// 404, 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Offer> {
    let found = app.store.get::<Offer>(id).await?;
    let is_seen =
        |offer: &Offer| ctx.role != Some(Role::Agent) || ctx.user_id == Some(offer.user_id);
    found
        .filter(|offer| ctx.scope.allows(offer.customer_id) && is_seen(offer))
        .ok_or_else(not_found)
}

//! The rules of leads: one that is open for each conversation, and where it stands.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    ids,
    models::{check::in_range, error::Result, identity::Scope, text::check_name},
    resource::{self, ResourceHooks},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::leads,
    models::{
        catalogitem::{CatalogItem, PRICE_MAX},
        conversation::Conversation,
        lead::{CALLS_MAX, Lead, LeadStatus},
    },
};

impl ResourceHooks<Lead> for App {
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
        before: Option<&Lead>,
        after: &mut Lead,
    ) -> Result<()> {
        if before.is_none() {
            self.rooms.leads.take(tx, after.customer_id, 1).await?;
        }
        let names = |lead: &Lead| (lead.conversation_id, lead.catalog_item_id);
        if before.is_none_or(|before| names(before) != names(after)) {
            let (conversation_id, catalog_item_id) = names(after);
            resource::ensure_owned::<Conversation>(tx, after.customer_id, conversation_id).await?;
            resource::ensure_owned::<CatalogItem>(tx, after.customer_id, catalog_item_id).await?;
        }
        // A deleted one is nobody's open lead.
        after.settle();
        Ok(())
    }
}

/// Body of a new status.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct StatusChange {
    status: LeadStatus,
    /// Why it was lost.
    #[serde(default)]
    reason: String,
    /// What it was worth, in minor units; missing = as before.
    #[serde(default)]
    value_cents: Option<i64>,
}

/// Changes where a lead stands. The same status again changes nothing.
///
/// # Errors
/// 409 `INVALID_LEAD_STATE` where it may not follow.
pub(crate) async fn set_status(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    change: &StatusChange,
) -> Result<Lead> {
    check_name("reason", &change.reason)?;
    if let Some(value) = change.value_cents {
        in_range("value_cents", value, 0, PRICE_MAX)?;
    }
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<Lead>(&mut tx, ctx, id).await?;
    let mut after = before.with_status(change.status, &change.reason)?;
    after.value_cents = change.value_cents.unwrap_or(after.value_cents);
    if after == before {
        return tx.commit(before).await;
    }
    let after = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    tx.commit(after).await
}

/// Its appointment says where a lead stands; one that may not become that stays what it is.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn advance(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    id: Uuid,
    next: LeadStatus,
) -> Result<()> {
    let before = resource::lock_live::<Lead>(tx, ctx, id).await?;
    if !before.status.may_become(next) {
        return Ok(());
    }
    let after = before.with_status(next, "")?;
    write(tx, &before, after).await
}

async fn write(tx: &mut ChangeTx<'_>, before: &Lead, mut after: Lead) -> Result<()> {
    after.tm_update = tx.next_version(before.tm_update);
    after.settle();
    tx.update(&after).await?;
    tx.emit("lead_updated", &after, after.customer_id).await
}

/// Who wrote or called, and how.
#[derive(Debug, Clone)]
pub(crate) struct Contact<'c> {
    pub customer_id: Uuid,
    pub conversation_id: Uuid,
    /// Their number or address.
    pub person: &'c str,
    /// The call that was missed, where it was one.
    pub call_id: Option<Uuid>,
    /// Whether the business was open; none = not known.
    pub is_in_hours: Option<bool>,
}

/// The open lead of a conversation, with the call attached; a new one where there is none. In the transaction that makes or
/// finds the conversation, whose row is held.
///
/// # Errors
/// Whatever the database says.
pub(crate) async fn open(app: &App, tx: &mut ChangeTx<'_>, contact: &Contact<'_>) -> Result<Lead> {
    let found = find_open(tx, contact).await?;
    let Some(before) = found else {
        return create(app, tx, contact).await;
    };
    let Some(call_id) = contact.call_id.filter(|id| !before.call_ids.contains(id)) else {
        return Ok(before);
    };
    let mut after = before.clone();
    after.call_ids.push(call_id);
    let surplus = after.call_ids.len().saturating_sub(CALLS_MAX);
    after.call_ids.drain(..surplus);
    write(tx, &before, after.clone()).await?;
    Ok(after)
}

async fn find_open(tx: &mut ChangeTx<'_>, contact: &Contact<'_>) -> Result<Option<Lead>> {
    match leads::open_of(tx, contact.customer_id, contact.conversation_id).await? {
        Some(id) => tx.lock::<Lead>(id).await,
        None => Ok(None),
    }
}

async fn create(app: &App, tx: &mut ChangeTx<'_>, contact: &Contact<'_>) -> Result<Lead> {
    let now = tx.now();
    let lead = Lead {
        id: ids::next(),
        customer_id: contact.customer_id,
        conversation_id: contact.conversation_id,
        person: contact.person.to_owned(),
        currency: "USD".to_owned(),
        in_hours: contact.is_in_hours,
        call_ids: sqlx::types::Json(contact.call_id.into_iter().collect()),
        tm_create: now,
        tm_update: now,
        ..Lead::default()
    };
    let mut ctx = RequestContext::internal();
    ctx.scope = Scope::tenant(contact.customer_id);
    resource::insert(app, tx, &ctx, lead).await
}

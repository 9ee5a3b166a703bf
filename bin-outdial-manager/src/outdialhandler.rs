//! The rules of outdials.

use bin_common_handler::{
    config::{Config, Setting},
    context::RequestContext,
    databasehandler::{Entity, ListQuery, Store},
    ids,
    models::{
        error::{Error, Result},
        page::{Filters, Page},
    },
    quota::{self, Quota},
};
use uuid::Uuid;

use crate::{
    dbhandler,
    models::{
        outdial::{self, Outdial, OutdialChange, OutdialCreate},
        outdialtargetcall::OutdialTargetCall,
    },
};

pub(crate) use dbhandler::stats::Stats;

/// The setting that limits them.
pub(crate) const LIMIT: Setting<u64> = quota::setting(
    "OUTDIALS_PER_CUSTOMER",
    "100000",
    "Live outdials that one customer may have; 0 = no limit",
);
const LIVE: &str = "outdial_outdials WHERE customer_id = ? AND tm_delete IS NULL";

/// Creates, reads, changes and deletes outdials.
#[derive(Debug, Clone)]
pub(crate) struct OutdialHandler {
    store: Store,
    quota: Quota,
}

impl OutdialHandler {
    pub(crate) fn new(store: Store, config: &Config) -> Self {
        let quota = Quota::new("OUTDIALS", &LIMIT, LIVE, config);
        Self { store, quota }
    }

    pub(crate) async fn create(
        &self,
        ctx: &RequestContext,
        body: OutdialCreate,
    ) -> Result<Outdial> {
        body.check()?;
        let now = self.store.clock.now();
        let outdial = Outdial {
            id: ids::next(),
            customer_id: ctx.scope.owner(body.customer_id)?,
            campaign_id: body.campaign_id,
            name: body.name,
            detail: body.detail,
            data: body.data,
            tm_create: now,
            tm_update: None,
            tm_delete: None,
        };
        let mut tx = self.store.begin(ctx).await?;
        self.quota.take(&mut tx, outdial.customer_id, 1).await?;
        tx.insert(&outdial).await?;
        tx.emit(outdial::CREATED, &outdial, outdial.customer_id)
            .await?;
        tx.commit(outdial).await
    }

    /// An outdial, live or deleted, that the caller may see.
    pub(crate) async fn get(&self, ctx: &RequestContext, id: Uuid) -> Result<Outdial> {
        let found = self.store.get_cached::<Outdial>(id).await?;
        found
            .filter(|outdial| ctx.scope.allows(outdial.customer_id))
            .ok_or_else(not_found)
    }

    pub(crate) async fn list(
        &self,
        ctx: &RequestContext,
        page: Page,
        filters: &Filters,
    ) -> Result<Vec<Outdial>> {
        let mut query = ListQuery::new(filters, page_for(ctx, page));
        if let Some(customer_id) = ctx.scope.customer_id() {
            query = query.matching("customer_id", customer_id);
        }
        self.store
            .db
            .list(&query, |outdial: &Outdial| outdial.tm_create)
            .await
    }

    pub(crate) async fn update(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        change: OutdialChange,
    ) -> Result<Outdial> {
        change.check()?;
        let mut tx = self.store.begin(ctx).await?;

        let found = tx.lock::<Outdial>(id).await?;
        let mut outdial = found
            .filter(|outdial| ctx.scope.allows(outdial.customer_id) && outdial.tm_delete.is_none())
            .ok_or_else(not_found)?;
        outdial.name = change.name.clone().unwrap_or(outdial.name);
        outdial.detail = change.detail.clone().unwrap_or(outdial.detail);
        outdial.data = change.data.clone().unwrap_or(outdial.data);
        outdial.campaign_id = change.campaign_id.unwrap_or(outdial.campaign_id);
        outdial.tm_update = Some(tx.next_version(outdial.version()));
        tx.update(&outdial).await?;
        tx.emit(outdial::UPDATED, &outdial, outdial.customer_id)
            .await?;
        tx.commit(outdial).await
    }

    /// Deleting what is deleted changes nothing.
    pub(crate) async fn delete(&self, ctx: &RequestContext, id: Uuid) -> Result<Outdial> {
        let mut tx = self.store.begin(ctx).await?;

        let found = tx.lock::<Outdial>(id).await?;
        let mut outdial = found
            .filter(|outdial| ctx.scope.allows(outdial.customer_id))
            .ok_or_else(not_found)?;
        if outdial.tm_delete.is_some() {
            return tx.commit(outdial).await;
        }
        let now = tx.next_version(outdial.version());
        outdial.tm_update = Some(now);
        outdial.tm_delete = Some(now);
        tx.update(&outdial).await?;
        tx.emit(outdial::DELETED, &outdial, outdial.customer_id)
            .await?;
        tx.commit(outdial).await
    }

    /// Counts of targets by status, and of attempts.
    pub(crate) async fn stats(&self, ctx: &RequestContext, id: Uuid) -> Result<Stats> {
        let outdial = self.get(ctx, id).await?;
        dbhandler::stats::of(&self.store.db, outdial.id).await
    }

    pub(crate) async fn list_calls(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        page: Page,
        filters: &Filters,
    ) -> Result<Vec<OutdialTargetCall>> {
        let outdial = self.get(ctx, id).await?;
        let query = ListQuery::new(filters, page_for(ctx, page)).matching("outdial_id", outdial.id);
        self.store
            .db
            .list(&query, |call: &OutdialTargetCall| call.tm_create)
            .await
    }
}

/// A service that says no size gets nothing, as from voipbin.
pub(crate) fn page_for(ctx: &RequestContext, page: Page) -> Page {
    if ctx.is_service {
        page.or_nothing()
    } else {
        page
    }
}

pub(crate) fn not_found() -> Error {
    Error::not_found("OUTDIAL_NOT_FOUND", "The outdial was not found.")
}

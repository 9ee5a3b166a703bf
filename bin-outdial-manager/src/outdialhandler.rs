//! The rules of outdials.

use bin_common_handler::{
    config::{Config, Setting},
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery, Store},
    listenhandler::List,
    models::{
        error::{Error, Result},
        page::{Filters, Page},
    },
    quota::{self, Quota},
    resource::{self, Resource, ResourceHooks},
};
use uuid::Uuid;

use crate::{
    dbhandler,
    models::{
        outdial::{Outdial, OutdialPatch},
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

    pub(crate) async fn create(&self, ctx: &RequestContext, body: OutdialPatch) -> Result<Outdial> {
        // A body that names nobody's tenant is told as any other bad body.
        let named = body.customer_id.read().map_err(|_| {
            let message = "The body is not right: customer_id must be a UUID.";
            Error::invalid_argument("INVALID_BODY", message)
        })?;
        resource::create(self, ctx, named, &body).await
    }

    /// An outdial, live or deleted, that the caller may see.
    pub(crate) async fn get(&self, ctx: &RequestContext, id: Uuid) -> Result<Outdial> {
        let found = self.store.get_cached::<Outdial>(id).await?;
        found
            .filter(|outdial| ctx.scope.allows(outdial.customer_id))
            .ok_or_else(not_found)
    }

    pub(crate) async fn list(&self, ctx: &RequestContext, wanted: List) -> Result<Vec<Outdial>> {
        let page = page_for(ctx, wanted.page);
        resource::list(self, ctx, List { page, ..wanted }).await
    }

    pub(crate) async fn update(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        patch: &OutdialPatch,
    ) -> Result<Outdial> {
        // What is too long is refused before it is asked for whom.
        let now = self.store.clock.now();
        resource::patched(&Outdial::default(), patch).check(None, now)?;
        resource::update(self, ctx, id, patch).await
    }

    /// Deleting what is deleted changes nothing.
    pub(crate) async fn delete(&self, ctx: &RequestContext, id: Uuid) -> Result<Outdial> {
        resource::delete(self, ctx, id).await
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

impl ResourceHooks<Outdial> for OutdialHandler {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.owner(named.unwrap_or_default())
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&Outdial>,
        after: &mut Outdial,
    ) -> Result<()> {
        if before.is_some() {
            return Ok(());
        }
        self.quota.take(tx, after.customer_id, 1).await
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
    resource::not_found::<Outdial>()
}

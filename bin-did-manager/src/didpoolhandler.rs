//! The rules of pools, campaigns and rotation rules.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    listenhandler::List,
    models::{
        error::{Error, Result},
        patch::Patch,
    },
    resource::{self, Resource},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::members,
    models::{
        campaign::Campaign,
        check::wrong,
        didpool::{DidIdList, Didpool, DidpoolPatch},
        rotationrule::RotationRule,
    },
    tenancy::{self, AuditEntry, AuditedResource, ensure_chosen},
};

/// Numbers that one request may put into a pool or take out.
const DIDS_MAX: usize = 10_000;
/// Numbers that a pool's own answer names; the rest is listed by its own route.
const DIDS_SHOWN: u32 = 1_000;

/// A pool with its numbers.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct PoolView {
    #[serde(flatten)]
    pub pool: Didpool,
    /// How many live numbers it has.
    pub did_count: i64,
    /// The first 1,000 of them.
    pub did_ids: Vec<Uuid>,
}

/// Body of the routes that change what is in a pool.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct DidIds {
    /// At most 10,000.
    pub did_ids: Vec<Uuid>,
}

impl AuditedResource for Didpool {
    const AFFECTS_ROUTING: bool = true;

    async fn verify(&mut self, _: &mut ChangeTx<'_>, _: Option<&Self>, _: i64) -> Result<()> {
        Ok(())
    }
}

impl AuditedResource for Campaign {
    const AFFECTS_ROUTING: bool = true;

    async fn verify(&mut self, tx: &mut ChangeTx<'_>, before: Option<&Self>, _: i64) -> Result<()> {
        let (pool, rule) = before.map(|it| (it.didpool_id, it.rule_id)).unzip();
        ensure_chosen::<Didpool>(tx, self.customer_id, pool, self.didpool_id).await?;
        ensure_chosen::<RotationRule>(tx, self.customer_id, rule, self.rule_id).await
    }
}

impl AuditedResource for RotationRule {
    const AFFECTS_ROUTING: bool = true;

    async fn verify(&mut self, _: &mut ChangeTx<'_>, _: Option<&Self>, _: i64) -> Result<()> {
        Ok(())
    }
}

/// The field `did_ids` of a body, when it is there.
fn did_ids(patch: &DidpoolPatch) -> Result<Option<&[Uuid]>> {
    let Patch::Value(DidIdList(ids)) = &patch.did_ids else {
        return Ok(None);
    };
    check_count(ids)?;
    Ok(Some(ids))
}

fn check_count(ids: &[Uuid]) -> Result<()> {
    if ids.len() <= DIDS_MAX {
        return Ok(());
    }
    Err(wrong("did_ids", "has at most 10,000 entries"))
}

pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &DidpoolPatch,
) -> Result<PoolView> {
    let dids = did_ids(patch)?.unwrap_or_default();
    let pool = resource::build::<Didpool, App>(app, ctx, named, patch).await?;
    let mut tx = app.store.begin(ctx).await?;
    let pool = resource::insert(app, &mut tx, ctx, pool).await?;
    put(&mut tx, &pool, dids).await?;
    commit(tx, pool).await
}

pub(crate) async fn update(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    patch: &DidpoolPatch,
) -> Result<PoolView> {
    let dids = did_ids(patch)?;
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<Didpool>(&mut tx, ctx, id).await?;
    let after = resource::patched(&before, patch);
    let pool = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    if let Some(dids) = dids {
        members::clear(&mut tx, id).await?;
        put(&mut tx, &pool, dids).await?;
    }
    commit(tx, pool).await
}

/// What was changed, in the form that a repeated request gets, too.
async fn commit(mut tx: ChangeTx<'_>, pool: Didpool) -> Result<PoolView> {
    let (did_count, did_ids) = members::changed(&mut tx, pool.id, DIDS_SHOWN).await?;
    tx.commit(PoolView {
        pool,
        did_count,
        did_ids,
    })
    .await
}

pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<PoolView> {
    let pool = resource::get::<Didpool, App>(app, ctx, id).await?;
    view(app, pool).await
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<PoolView>> {
    let pools = resource::list::<Didpool, App>(app, ctx, wanted).await?;
    let ids: Vec<_> = pools.iter().map(|pool| pool.id).collect();
    let counts = members::counts(&app.store.db, &ids).await?;
    // A list of pools that named all their numbers would be too large for a reply.
    let view = |pool: Didpool| PoolView {
        did_count: counts.get(&pool.id).copied().unwrap_or_default(),
        did_ids: Vec::new(),
        pool,
    };
    Ok(pools.into_iter().map(view).collect())
}

async fn view(app: &App, pool: Didpool) -> Result<PoolView> {
    let did_ids = members::page(&app.store.db, pool.id, Uuid::nil(), DIDS_SHOWN).await?;
    let did_count = members::count(&app.store.db, pool.id).await?;
    Ok(PoolView {
        pool,
        did_count,
        did_ids,
    })
}

/// Puts numbers into a pool; one that is not the tenant's refuses them all.
async fn put(tx: &mut ChangeTx<'_>, pool: &Didpool, dids: &[Uuid]) -> Result<()> {
    let owned = members::owned(tx, pool.customer_id, dids).await?;
    if let Some(foreign) = dids.iter().find(|id| !owned.contains(id)) {
        return Err(Error::not_found(
            "DID_NOT_FOUND",
            format!("There is no number {foreign}."),
        ));
    }
    members::add(tx, pool.id, &owned).await
}

/// Puts numbers into a pool, or takes them out.
pub(crate) async fn change_members(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    dids: &[Uuid],
    is_in: bool,
) -> Result<PoolView> {
    check_count(dids)?;
    let mut tx = app.store.begin(ctx).await?;
    let mut pool = resource::lock_live::<Didpool>(&mut tx, ctx, id).await?;
    tenancy::next_version(&mut tx, pool.customer_id).await?;
    if is_in {
        put(&mut tx, &pool, dids).await?;
    } else {
        members::remove(&mut tx, id, dids).await?;
    }
    touch(&mut tx, &mut pool).await?;
    let action = if is_in { "dids_added" } else { "dids_removed" };
    let entry = AuditEntry {
        customer_id: pool.customer_id,
        action,
        resource: Didpool::NAME,
        resource_id: id,
        before: json!({}),
        after: json!({"did_ids": dids.iter().take(100).collect::<Vec<_>>(), "count": dids.len()}),
    };
    tenancy::record_audit(&mut tx, ctx, entry).await?;
    commit(tx, pool).await
}

/// Puts imported numbers into a pool of their tenant; who gives them out sees by its version that it changed.
pub(crate) async fn add_imported(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    customer_id: Uuid,
    pool: Uuid,
    dids: &[Uuid],
) -> Result<()> {
    let mut pool = resource::lock_live::<Didpool>(tx, ctx, pool).await?;
    if pool.customer_id != customer_id {
        return Err(resource::not_found::<Didpool>());
    }
    members::add(tx, pool.id, dids).await?;
    touch(tx, &mut pool).await
}

async fn touch(tx: &mut ChangeTx<'_>, pool: &mut Didpool) -> Result<()> {
    pool.tm_update = tx.next_version(pool.tm_update);
    tx.update(pool).await?;
    tx.emit("didpool_updated", pool, pool.customer_id).await
}

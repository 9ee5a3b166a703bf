//! Resources: entities with routes of the usual shape, so that a manager declares fields and rules only.
//!
//! `POST` makes one, `GET` lists or reads, `PUT` changes the fields that are present (null clears one back to
//! its default), `DELETE` marks it deleted. Each change, its event and what the manager keeps beside it are
//! one transaction. A foreign tenant's row is answered as an unknown one.

mod body;
mod routes;
#[cfg(test)]
mod tests;

use std::future::Future;

use uuid::Uuid;

use crate::{
    context::RequestContext,
    databasehandler::{ChangeTx, Entity, ListQuery, Store},
    ids,
    listenhandler::List,
    models::{
        error::{Error, Result},
        page::Filter,
        time::Timestamp,
    },
    quota::Quota,
};

pub use body::{
    NamedCustomer, PatchFields, PatchJson, ResourcePatch, ensure_kept, named_customer, patched,
    query_customer, read_fields,
};

/// An entity with routes of its own. Derive it: `#[derive(Resource)] #[resource(name = "didpool", table = "did_didpools")]`
/// (see [`Resource`](crate::Resource)).
pub trait Resource: Entity + Default + schemars::JsonSchema {
    /// Its name, e.g. `didpool`: in events (`didpool_created`) and reasons (`DIDPOOL_NOT_FOUND`).
    const NAME: &'static str;
    /// The fields that a caller may set.
    const FIELDS: &'static [&'static str];
    /// What its list may be filtered by.
    const FILTERS: &'static [Filter];
    /// What a caller sends of it.
    type Patch: ResourcePatch<Row = Self>;

    /// Sets what the server sets of a new row.
    fn set_created(&mut self, id: Uuid, customer_id: Uuid, now: Timestamp);
    /// Sets the time of its last change, which is also its version.
    fn set_updated(&mut self, now: Timestamp);
    /// Marks it deleted, which is a change.
    fn set_deleted(&mut self, now: Timestamp);
    /// The tenant it belongs to.
    fn customer_id(&self) -> Uuid;
    /// Creation time, by the store's clock.
    fn tm_create(&self) -> Timestamp;
    /// Deletion time; absent while the row is live.
    fn tm_delete(&self) -> Option<Timestamp>;

    /// Puts values into their one form and checks them; `before` is what they were, if anything.
    ///
    /// # Errors
    /// 400 naming the field, 409 when the change is not allowed.
    fn check(&mut self, before: Option<&Self>, now: Timestamp) -> Result<()>;
}

/// Hooks of a manager that serves the resource `R`: its store, the owner of a new row, and what goes with each change.
pub trait ResourceHooks<R: Resource>: Clone + Send + Sync + 'static {
    /// Its tables.
    fn store(&self) -> &Store;

    /// The tenant of a new row; `named` stands in the query or the body.
    fn owner(
        &self,
        ctx: &RequestContext,
        named: Option<Uuid>,
    ) -> impl Future<Output = Result<Uuid>> + Send;

    /// How many rows one customer may have; [`insert`] takes room for the new one before anything is written.
    fn quota(&self) -> Option<&Quota> {
        None
    }

    /// Called before the transaction of a creation (`id` is missing) or of a change: the place to ask a sibling, which
    /// must not happen while a transaction is open.
    fn before_begin(
        &self,
        _ctx: &RequestContext,
        _id: Option<Uuid>,
        _patch: &R::Patch,
    ) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Called in the transaction of each change, before the row is written, with the row locked: checks what
    /// needs the database, and writes what goes with the change. `before` is missing at creation.
    fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&R>,
        after: &mut R,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Makes a row of `R` from what a caller sends.
///
/// # Errors
/// 400 naming what is wrong, 409 when it conflicts with another, 503 when the database is away.
pub async fn create<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &R::Patch,
) -> Result<R> {
    let row = build::<R, S>(state, ctx, named, patch).await?;
    state.before_begin(ctx, None, patch).await?;
    let mut tx = state.store().begin(ctx).await?;
    let row = insert(state, &mut tx, ctx, row).await?;
    tx.commit(row).await
}

/// The row that [`create`] would write, checked, in nobody's database yet.
///
/// # Errors
/// 400 naming what is wrong.
pub async fn build<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &R::Patch,
) -> Result<R> {
    let in_body = patch.customer_id().read()?;
    let owner = state.owner(ctx, in_body.or(named)).await?;
    let now = state.store().clock.now();
    let mut row = patched(&R::default(), patch);
    row.set_created(ids::next(), owner, now);
    row.check(None, now)?;
    Ok(row)
}

/// Writes a row that [`build`] made, with its event.
///
/// # Errors
/// 409 when it conflicts with another or the customer's quota is used up, 503 when the database is away.
pub async fn insert<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    mut row: R,
) -> Result<R> {
    if let Some(quota) = state.quota() {
        quota.take(tx, row.customer_id(), 1).await?;
    }
    // What the hook writes may be the first to meet the conflicting row.
    let checked = state.before_write(tx, ctx, None, &mut row).await;
    checked.map_err(|error| map_conflict::<R>(error))?;
    tx.insert(&row)
        .await
        .map_err(|error| map_conflict::<R>(error))?;
    tx.emit(&event::<R>("created"), &row, row.customer_id())
        .await?;
    Ok(row)
}

/// A row, live or deleted, that the caller may see.
///
/// # Errors
/// 404, 503 when the database is away.
pub async fn get<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    ctx: &RequestContext,
    id: Uuid,
) -> Result<R> {
    let found = state.store().get::<R>(id).await?;
    found
        .filter(|row| ctx.scope.allows(row.customer_id()))
        .ok_or_else(not_found::<R>)
}

/// One page of the rows that the caller may see.
///
/// # Errors
/// 503 when the database is away.
pub async fn list<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    ctx: &RequestContext,
    wanted: List,
) -> Result<Vec<R>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    state.store().db.list(&query, R::tm_create).await
}

/// Changes the fields that are present.
///
/// # Errors
/// 404 when it is not there, deleted or foreign; 400 naming the field; 409; 503.
pub async fn update<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    ctx: &RequestContext,
    id: Uuid,
    patch: &R::Patch,
) -> Result<R> {
    state.before_begin(ctx, Some(id), patch).await?;
    let mut tx = state.store().begin(ctx).await?;
    let before = lock_live::<R>(&mut tx, ctx, id).await?;
    let after = patched(&before, patch);
    let row = update_locked(state, &mut tx, ctx, &before, after).await?;
    tx.commit(row).await
}

/// Holds a live row that the caller may see until the end of the transaction.
///
/// # Errors
/// 404 when it is not there, deleted or foreign.
pub async fn lock_live<R: Resource>(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    id: Uuid,
) -> Result<R> {
    let found = tx.lock::<R>(id).await?;
    found
        .filter(|row| ctx.scope.allows(row.customer_id()) && row.tm_delete().is_none())
        .ok_or_else(not_found::<R>)
}

/// Writes a locked row in its new form, with its event.
///
/// # Errors
/// 400, 409, 503.
pub async fn update_locked<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    before: &R,
    mut after: R,
) -> Result<R> {
    after.set_updated(tx.next_version(before.version()));
    after.check(Some(before), after.version())?;
    state
        .before_write(tx, ctx, Some(before), &mut after)
        .await?;
    tx.update(&after)
        .await
        .map_err(|error| map_conflict::<R>(error))?;
    tx.emit(&event::<R>("updated"), &after, after.customer_id())
        .await?;
    Ok(after)
}

/// Marks a row deleted; deleting what is deleted changes nothing.
///
/// # Errors
/// 404 when it is not there or foreign; 503.
pub async fn delete<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    ctx: &RequestContext,
    id: Uuid,
) -> Result<R> {
    let mut tx = state.store().begin(ctx).await?;
    let found = tx.lock::<R>(id).await?;
    let before = found
        .filter(|row| ctx.scope.allows(row.customer_id()))
        .ok_or_else(not_found::<R>)?;
    if before.tm_delete().is_some() {
        return tx.commit(before).await;
    }
    let row = soft_delete(state, &mut tx, ctx, &before).await?;
    tx.commit(row).await
}

/// Marks a locked live row deleted, with its event.
///
/// # Errors
/// Whatever the manager or the database says.
pub async fn soft_delete<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    before: &R,
) -> Result<R> {
    let mut after = before.clone();
    after.set_deleted(tx.next_version(before.version()));
    state
        .before_write(tx, ctx, Some(before), &mut after)
        .await?;
    tx.update(&after).await?;
    tx.emit(&event::<R>("deleted"), &after, after.customer_id())
        .await?;
    Ok(after)
}

/// The answer for what is not there, or not the caller's.
pub fn not_found<R: Resource>() -> Error {
    Error::not_found(
        format!("{}_NOT_FOUND", R::NAME.to_ascii_uppercase()),
        format!("The {} was not found.", R::NAME),
    )
}

/// Makes sure that a row that somebody names is there and this tenant's; nil names none. Somebody else's is as absent as
/// one that never was.
///
/// # Errors
/// 404, 503.
pub async fn ensure_owned<R: Resource>(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    id: Uuid,
) -> Result<()> {
    if id.is_nil() {
        return Ok(());
    }
    let found = tx.get::<R>(id).await?;
    found
        .filter(|row| row.customer_id() == customer_id && row.tm_delete().is_none())
        .map(drop)
        .ok_or_else(not_found::<R>)
}

fn map_conflict<R: Resource>(error: Error) -> Error {
    if error.reason() != "ALREADY_EXISTS" {
        return error;
    }
    exists::<R>()
}

/// The refusal of a row that conflicts with another.
pub fn exists<R: Resource>() -> Error {
    Error::already_exists(
        format!("{}_EXISTS", R::NAME.to_ascii_uppercase()),
        format!("A {} with these values exists already.", R::NAME),
    )
}

fn event<R: Resource>(action: &str) -> String {
    format!("{}_{action}", R::NAME)
}

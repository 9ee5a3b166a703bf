//! Resources: entities with routes of the usual shape, so that a manager declares fields and rules only.
//!
//! `POST` makes one, `GET` lists or reads, `PUT` changes the fields that are present (null clears one back to
//! its default), `DELETE` marks it deleted. Each change, its event and what the manager keeps beside it are
//! one transaction. A foreign tenant's row is answered as an unknown one.

use std::future::Future;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::{
    context::RequestContext,
    databasehandler::{ChangeTx, Entity, ListQuery, Store},
    ids,
    listenhandler::{Json as Body, List, Path, Query, Routes, State},
    models::{
        bad_json,
        error::{Error, Result},
        identity::parse_uuid,
        json,
        page::Filter,
        time::Timestamp,
    },
};

/// The system fields: what every resource has, set by the server and never by a caller.
pub struct SystemFields<'r> {
    /// UUIDv7, chosen at creation.
    pub id: &'r mut Uuid,
    /// The tenant it belongs to.
    pub customer_id: &'r mut Uuid,
    /// Creation time, by the store's clock.
    pub tm_create: &'r mut Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: &'r mut Timestamp,
    /// Deletion time; absent while the row is live.
    pub tm_delete: &'r mut Option<Timestamp>,
}

/// An entity with routes of its own. Declare it with [`resource!`](crate::resource).
pub trait Resource: Entity + DeserializeOwned + Default {
    /// Its name, e.g. `didpool`: in events (`didpool_created`) and reasons (`DIDPOOL_NOT_FOUND`).
    const NAME: &'static str;
    /// The fields that a caller may set.
    const FIELDS: &'static [&'static str];
    /// What its list may be filtered by.
    const FILTERS: &'static [Filter];

    /// Takes one of [`Self::FIELDS`] over from another row.
    fn take(&mut self, field: &str, from: &Self);
    /// The system fields, to be set.
    fn system_fields(&mut self) -> SystemFields<'_>;
    /// The tenant it belongs to.
    fn customer_id(&self) -> Uuid;
    /// Creation time.
    fn tm_create(&self) -> Timestamp;
    /// Deletion time; absent while the row is live.
    fn tm_delete(&self) -> Option<Timestamp>;

    /// Puts values into their one form and checks them; `before` is what they were, if anything.
    ///
    /// # Errors
    /// 400 naming the field, 409 when the change is not allowed.
    fn check(&mut self, before: Option<&Self>, now: Timestamp) -> Result<()>;
}

/// Declares an entity's table and columns, and itself as a resource:
/// `resource!(Didpool, "didpool", "did_didpools", [id, …], fields: [name], filters: FILTERS, check: check)`.
#[macro_export]
macro_rules! resource {
    ($type:ty, $name:literal, $table:literal, [$($column:ident),+ $(,)?],
     fields: [$($field:ident),* $(,)?], filters: $filters:expr, check: $check:path $(,)?) => {
        $crate::entity!($type, $table, [$($column),+]);

        impl $crate::resource::Resource for $type {
            const NAME: &'static str = $name;
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
            const FILTERS: &'static [$crate::models::page::Filter] = $filters;

            fn take(&mut self, field: &str, from: &Self) {
                match field {
                    $(stringify!($field) => self.$field.clone_from(&from.$field),)*
                    _ => {}
                }
            }

            fn system_fields(&mut self) -> $crate::resource::SystemFields<'_> {
                $crate::resource::SystemFields {
                    id: &mut self.id,
                    customer_id: &mut self.customer_id,
                    tm_create: &mut self.tm_create,
                    tm_update: &mut self.tm_update,
                    tm_delete: &mut self.tm_delete,
                }
            }

            fn customer_id(&self) -> uuid::Uuid {
                self.customer_id
            }

            fn tm_create(&self) -> $crate::models::time::Timestamp {
                self.tm_create
            }

            fn tm_delete(&self) -> Option<$crate::models::time::Timestamp> {
                self.tm_delete
            }

            fn check(
                &mut self,
                before: Option<&Self>,
                now: $crate::models::time::Timestamp,
            ) -> $crate::models::error::Result<()> {
                $check(self, before, now)
            }
        }
    };
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

/// Makes a row of `R` from a caller's fields.
///
/// # Errors
/// 400 naming what is wrong, 409 when it conflicts with another, 503 when the database is away.
pub async fn create<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    ctx: &RequestContext,
    named: Option<Uuid>,
    fields: &Map<String, Json>,
) -> Result<R> {
    let row = build::<R, S>(state, ctx, named, fields).await?;
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
    fields: &Map<String, Json>,
) -> Result<R> {
    let in_body = named_customer(json::field(fields, "customer_id")?)?;
    let owner = state.owner(ctx, in_body.or(named)).await?;
    let now = state.store().clock.now();
    let mut row = apply_patch(&R::default(), fields)?;
    let system_fields = row.system_fields();
    *system_fields.id = ids::next();
    *system_fields.customer_id = owner;
    *system_fields.tm_create = now;
    *system_fields.tm_update = now;
    *system_fields.tm_delete = None;
    row.check(None, now)?;
    Ok(row)
}

/// Writes a row that [`build`] made, with its event.
///
/// # Errors
/// 409 when it conflicts with another, 503 when the database is away.
pub async fn insert<R: Resource, S: ResourceHooks<R>>(
    state: &S,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    mut row: R,
) -> Result<R> {
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
    fields: &Map<String, Json>,
) -> Result<R> {
    let mut tx = state.store().begin(ctx).await?;
    let before = lock_live::<R>(&mut tx, ctx, id).await?;
    let row = update_locked(state, &mut tx, ctx, &before, apply_patch(&before, fields)?).await?;
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
    *after.system_fields().tm_update = tx.next_version(before.version());
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
    let now = tx.next_version(before.version());
    *after.system_fields().tm_update = now;
    *after.system_fields().tm_delete = Some(now);
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

fn map_conflict<R: Resource>(error: Error) -> Error {
    if error.reason() != "ALREADY_EXISTS" {
        return error;
    }
    Error::already_exists(
        format!("{}_EXISTS", R::NAME.to_ascii_uppercase()),
        format!("A {} with these values exists already.", R::NAME),
    )
}

fn event<R: Resource>(action: &str) -> String {
    format!("{}_{action}", R::NAME)
}

/// Reads the tenant that a query or a body names.
///
/// # Errors
/// 400 when it is no UUID.
pub fn named_customer(value: Option<&Json>) -> Result<Option<Uuid>> {
    let text = match value {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => text,
        Some(_) => return Err(bad_customer()),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let id = parse_uuid(text).ok_or_else(bad_customer)?;
    Ok(Some(id).filter(|id| !id.is_nil()))
}

fn bad_customer() -> Error {
    Error::invalid_argument("INVALID_CUSTOMER_ID", "customer_id must be a UUID.")
}

/// `row` with those of the given fields that a caller may set; null is the field's default. The other fields of
/// the row stay as they are, understood or not.
///
/// # Errors
/// 400 naming the field whose value has the wrong shape.
pub fn apply_patch<R: Resource>(row: &R, fields: &Map<String, Json>) -> Result<R> {
    let mut given = Vec::new();
    for name in R::FIELDS {
        if let Some(value) = json::field(fields, name)? {
            given.push((*name, value));
        }
    }
    if given.is_empty() {
        return Ok(row.clone());
    }
    let Json::Object(mut whole) = serde_json::to_value(R::default()).map_err(Error::internal)?
    else {
        return Err(Error::internal("a resource is no JSON object"));
    };
    for (name, value) in &given {
        if !value.is_null() {
            whole.insert((*name).to_owned(), (*value).clone());
        }
    }
    let read: R = bad_json::from_value(Json::Object(whole))
        .map_err(|bad| Error::invalid_argument("INVALID_FIELD", format!("{bad}.")))?;
    let mut row = row.clone();
    for (name, _) in given {
        row.take(name, &read);
    }
    Ok(row)
}

type Fields = Map<String, Json>;

async fn serve_create<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    query: Query,
    Body(fields): Body<Fields>,
) -> Result<Body<R>> {
    let named = query_customer(&query)?;
    create(&state, &ctx, named, &fields).await.map(Body)
}

async fn serve_list<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    wanted: List,
) -> Result<Body<Vec<R>>> {
    list(&state, &ctx, wanted).await.map(Body)
}

async fn serve_get<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Body<R>> {
    get(&state, &ctx, id).await.map(Body)
}

async fn serve_update<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    Path(id): Path,
    Body(fields): Body<Fields>,
) -> Result<Body<R>> {
    update(&state, &ctx, id, &fields).await.map(Body)
}

async fn serve_delete<R: Resource, S: ResourceHooks<R>>(
    State(state): State<S>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Body<R>> {
    delete(&state, &ctx, id).await.map(Body)
}

/// The tenant that the query names.
///
/// # Errors
/// 400 when it is no UUID.
pub fn query_customer(query: &Query) -> Result<Option<Uuid>> {
    let text = query.0.get("customer_id").cloned().map(Json::String);
    named_customer(text.as_ref())
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// The five routes of a resource; `many` is its list, `one` a row of it.
    #[must_use]
    pub fn resource<R: Resource>(self, many: &'static str, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.listed::<R>(many)
            .post(many, serve_create::<R, S>)
            .get(one, serve_get::<R, S>)
            .put(one, serve_update::<R, S>)
            .delete(one, serve_delete::<R, S>)
    }

    /// As [`Self::resource`], for access keys with the scope `read` or `write`.
    #[must_use]
    pub fn resource_for<R: Resource>(
        self,
        many: &'static str,
        one: &'static str,
        read: &'static str,
        write: &'static str,
    ) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.listed::<R>(many)
            .scope(read)
            .post(many, serve_create::<R, S>)
            .scope(write)
            .get(one, serve_get::<R, S>)
            .scope(read)
            .put(one, serve_update::<R, S>)
            .scope(write)
            .delete(one, serve_delete::<R, S>)
            .scope(write)
    }

    /// Making, changing and deleting a resource whose reading is the manager's own.
    #[must_use]
    pub fn changeable<R: Resource>(self, many: &'static str, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.post(many, serve_create::<R, S>)
            .put(one, serve_update::<R, S>)
            .deletable::<R>(one)
    }

    /// Only making a resource, for access keys with the scope `write`.
    #[must_use]
    pub fn creatable<R: Resource>(self, many: &'static str, write: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.post(many, serve_create::<R, S>).scope(write)
    }

    /// Changing and deleting a resource whose making and reading is the manager's own, for access keys with the
    /// scope `write`.
    #[must_use]
    pub fn changes<R: Resource>(self, one: &'static str, write: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.put(one, serve_update::<R, S>)
            .scope(write)
            .delete(one, serve_delete::<R, S>)
            .scope(write)
    }

    /// Only deleting a resource.
    #[must_use]
    pub fn deletable<R: Resource>(self, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.delete(one, serve_delete::<R, S>)
    }

    /// Only the list of a resource.
    #[must_use]
    pub fn listed<R: Resource>(self, many: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.get(many, serve_list::<R, S>).filtered_by(R::FILTERS)
    }

    /// Only reading one row of a resource.
    #[must_use]
    pub fn readable<R: Resource>(self, one: &'static str) -> Self
    where
        S: ResourceHooks<R>,
    {
        self.get(one, serve_get::<R, S>)
    }
}

//! What goes with every change of a tenant's things: the tenant's version, and a line in the audit log.
//!
//! The version is one row per tenant. A change moves it on and holds it until its commit, so the versions of
//! a tenant are in the order of their commits. Whoever gives numbers out compares the version it knows.

use std::future::Future;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    ids,
    models::error::{Error, Result},
    resource::{self, Resource, ResourceHooks},
    sealer::Sealer,
};
use serde_json::{Map, Value as Json};
use sqlx::types::Json as Column;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::{customers, versions},
    models::{auditlog::AuditLog, customer::Customer},
};

/// A resource of this manager.
pub(crate) trait AuditedResource: Resource {
    /// Whether it has a say in which numbers are given.
    const AFFECTS_ROUTING: bool;

    /// Encrypts a new secret before the row is written.
    fn seal(&mut self, _before: Option<&Self>, _sealer: &Sealer) -> Result<()> {
        Ok(())
    }

    /// Checks and writes what needs the database; `version` is the tenant's with this change.
    fn verify(
        &mut self,
        tx: &mut ChangeTx<'_>,
        before: Option<&Self>,
        version: i64,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Ends what ends with a row that is deleted.
    fn cascade(
        &self,
        _app: &App,
        _tx: &mut ChangeTx<'_>,
        _ctx: &RequestContext,
    ) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

impl<R: AuditedResource> ResourceHooks<R> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        owner(&self.store, ctx, named).await
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&R>,
        after: &mut R,
    ) -> Result<()> {
        let customer_id = after.customer_id();
        let is_new_tenant = R::NAME == Customer::NAME && before.is_none();
        if before.is_none() && !is_new_tenant {
            resource::ensure_owned::<Customer>(tx, customer_id, customer_id).await?;
        }
        let version = match (is_new_tenant, R::AFFECTS_ROUTING) {
            (true, _) => versions::begin(tx, customer_id).await?,
            (false, true) => next_version(tx, customer_id).await?,
            (false, false) => 0,
        };
        if before.is_none() {
            self.rooms.take::<R>(tx, customer_id, 1).await?;
        }
        after.seal(before, &self.sealer)?;
        after.verify(tx, before, version).await?;
        if after.tm_delete().is_some() {
            after.cascade(self, tx, ctx).await?;
        }
        audit(tx, ctx, before, after).await
    }
}

/// The tenant that a request without a scope is for: the one it names, else the only one there is.
pub(crate) async fn owner(
    store: &Store,
    ctx: &RequestContext,
    named: Option<Uuid>,
) -> Result<Uuid> {
    let owner = ctx.scope.owner(named.unwrap_or_default())?;
    if !owner.is_nil() {
        return Ok(owner);
    }
    // Boxed: those who are named do not carry room for it.
    Box::pin(only_tenant(store)).await
}

async fn only_tenant(store: &Store) -> Result<Uuid> {
    match customers::first_two(&store.db).await?.as_slice() {
        [only] => Ok(*only),
        [] => Err(Error::failed_precondition(
            "NO_CUSTOMER",
            "There is no customer yet; create one first (POST /v1/customers, or tandem customer create).",
        )),
        _ => Err(Error::invalid_argument(
            "CUSTOMER_REQUIRED",
            "There are several customers; name one with customer_id.",
        )),
    }
}

/// As [`owner`], with its row.
pub(crate) async fn customer(
    store: &Store,
    ctx: &RequestContext,
    named: Option<Uuid>,
) -> Result<Customer> {
    let id = owner(store, ctx, named).await?;
    let found = store.get::<Customer>(id).await?;
    found
        .filter(|customer| customer.tm_delete.is_none())
        .ok_or_else(resource::not_found::<Customer>)
}

/// Moves a tenant's version on and holds it.
pub(crate) async fn next_version(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<i64> {
    let version = versions::next(tx, customer_id).await?;
    version.ok_or_else(resource::not_found::<Customer>)
}

async fn audit<R: Resource>(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    before: Option<&R>,
    after: &R,
) -> Result<()> {
    let (was, is) = match before {
        None => (Map::new(), fields(after)?),
        Some(before) => difference(fields(before)?, fields(after)?),
    };
    let action = match before {
        None => "created",
        Some(_) if after.tm_delete().is_some() => "deleted",
        Some(_) => "updated",
    };
    record_audit(
        tx,
        ctx,
        AuditEntry {
            customer_id: after.customer_id(),
            action,
            resource: R::NAME,
            resource_id: after.id(),
            before: Json::Object(was),
            after: Json::Object(is),
        },
    )
    .await
}

/// One line for the audit log.
pub(crate) struct AuditEntry {
    pub customer_id: Uuid,
    pub action: &'static str,
    pub resource: &'static str,
    pub resource_id: Uuid,
    pub before: Json,
    pub after: Json,
}

/// Writes a line into the audit log.
pub(crate) async fn record_audit(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    entry: AuditEntry,
) -> Result<()> {
    let now = tx.next_version(bin_common_handler::models::time::Timestamp::default());
    let row = AuditLog {
        id: ids::next(),
        customer_id: entry.customer_id,
        accesskey_id: ctx.access_key_id.unwrap_or_default(),
        request_id: ctx.request_id.chars().take(255).collect(),
        action: entry.action.to_owned(),
        resource: entry.resource.to_owned(),
        resource_id: entry.resource_id,
        value_before: Column(entry.before),
        value_after: Column(entry.after),
        tm_create: now,
        tm_update: now,
    };
    tx.insert(&row).await
}

fn fields(row: &impl Resource) -> Result<Map<String, Json>> {
    match serde_json::to_value(row).map_err(Error::internal)? {
        Json::Object(fields) => Ok(fields),
        _ => Err(Error::internal("a resource is no JSON object")),
    }
}

/// The fields that differ, as they were and as they are.
fn difference(
    was: Map<String, Json>,
    is: Map<String, Json>,
) -> (Map<String, Json>, Map<String, Json>) {
    let changed = |name: &String| was.get(name) != is.get(name);
    let before = was.iter().filter(|(name, _)| changed(name));
    let after = is.iter().filter(|(name, _)| changed(name));
    let own = |(name, value): (&String, &Json)| (name.clone(), value.clone());
    (before.map(own).collect(), after.map(own).collect())
}

/// As [`resource::ensure_owned`], for the id that a row refers to; one that it referred to before is not looked at again:
/// what was deleted meanwhile must not keep the row from being changed.
pub(crate) async fn ensure_chosen<R: Resource>(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    before: Option<Uuid>,
    id: Uuid,
) -> Result<()> {
    if before == Some(id) {
        return Ok(());
    }
    resource::ensure_owned::<R>(tx, customer_id, id).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_noted() {
        let map = |value: Json| value.as_object().cloned().unwrap();
        let (was, is) = difference(
            map(json!({"a": 1, "b": 2, "c": null})),
            map(json!({"a": 1, "b": 3, "c": null})),
        );
        assert_eq!(
            (Json::Object(was), Json::Object(is)),
            (json!({"b": 2}), json!({"b": 3}))
        );
    }
}

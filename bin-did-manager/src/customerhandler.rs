//! The rules of customers and their users.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        error::{Error, Result},
        identity::parse_uuid,
    },
    resource::{self, Resource},
};
use serde_json::Value as Json;

use crate::{
    accesskeyhandler,
    app::App,
    dbhandler::{accesskeys, states},
    models::{
        customer::{Customer, CustomerPatch},
        didpool::Didpool,
        user::User,
    },
    phonenumberhandler,
    tenancy::{AuditedResource, ensure_chosen},
};

impl AuditedResource for Customer {
    const AFFECTS_ROUTING: bool = true;

    async fn verify(
        &mut self,
        tx: &mut ChangeTx<'_>,
        before: Option<&Self>,
        version: i64,
    ) -> Result<()> {
        let was = before.map(|before| before.didpool_id);
        ensure_chosen::<Didpool>(tx, self.id, was, self.didpool_id).await?;
        if self.tm_delete.is_some() {
            phonenumberhandler::orphan(tx, self.id).await?;
        }
        match before {
            Some(before) if before.calendar() != self.calendar() => {
                states::recount(tx, self.id, self.calendar(), version).await
            }
            _ => Ok(()),
        }
    }
}

impl AuditedResource for User {
    const AFFECTS_ROUTING: bool = false;

    async fn verify(&mut self, _: &mut ChangeTx<'_>, _: Option<&Self>, _: i64) -> Result<()> {
        Ok(())
    }

    /// Whoever is gone opens nothing any more: their keys are revoked, which closes their sockets, too.
    async fn cascade(&self, app: &App, tx: &mut ChangeTx<'_>, ctx: &RequestContext) -> Result<()> {
        let keys = accesskeys::of_user(tx, self.customer_id, self.id).await?;
        accesskeyhandler::revoke(app, tx, ctx, keys).await
    }
}

/// Makes a tenant. A trusted caller may name its id, so that it is the same in all services.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    patch: &CustomerPatch,
) -> Result<Customer> {
    let id = match patch.id.as_ref().and_then(Json::as_str) {
        None | Some("") => ids::next(),
        Some(text) => parse_uuid(text)
            .filter(|id| !id.is_nil())
            .ok_or_else(|| Error::invalid_argument("INVALID_FIELD", "id must be a UUID."))?,
    };
    let now = app.store.clock.now();
    let mut customer = resource::patched(&Customer::default(), patch);
    customer.set_created(id, id, now);
    customer.check(None, now)?;
    let mut tx = app.store.begin(ctx).await?;
    let customer = resource::insert(app, &mut tx, ctx, customer).await?;
    tx.commit(customer).await
}

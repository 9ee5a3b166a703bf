//! The rules of access keys: made, changed, and what a key may pass on to another.
//!
//! The token is in the answer to the request that made the key and nowhere else. The answer that is kept for
//! a repeated request is the key without it, so a token never rests in a table; whoever lost it revokes the
//! key and makes another.

mod bound;
mod expiry;
mod token;
pub(crate) mod verify;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Id},
    models::{
        error::{Error, Result},
        patch::Patch,
        role::Role,
    },
    resource,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::accesskeys,
    models::{
        accesskey::{Accesskey, AccesskeyPatch},
        check::ensure,
        user::User,
    },
    tenancy::{AuditedResource, ensure_chosen},
};
pub(crate) use bound::{ACCOUNT_DELETED, account_deleted};
pub(crate) use token::PREFIX as KEY_PREFIX;
use token::Token;

/// A key with its token, which is shown this once.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct NewKey {
    #[serde(flatten)]
    key: Accesskey,
    token: String,
}

impl AuditedResource for Accesskey {
    // Its number format does.
    const AFFECTS_ROUTING: bool = true;

    async fn verify(&mut self, tx: &mut ChangeTx<'_>, before: Option<&Self>, _: i64) -> Result<()> {
        let user = |key: &Self| key.user_id.unwrap_or_default();
        let (was, chosen) = (before.map(user), user(self));
        if was != Some(chosen) && !chosen.is_nil() {
            // Held, so that whoever deletes the user meanwhile sees this key.
            tx.lock::<User>(chosen).await?;
        }
        ensure_chosen::<User>(tx, self.customer_id, was, chosen).await
    }
}

pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &AccesskeyPatch,
) -> Result<NewKey> {
    let end = expiry::resolve(patch, app.store.clock.now())?;
    let mut key = resource::build::<Accesskey, App>(app, ctx, named, patch).await?;
    give_scopes_of_role(app, patch, &mut key)?;
    ensure_known(app, &key)?;
    bound::ensure_account(app, ctx, &key).await?;
    end.apply(&mut key.tm_expire, || None);
    let token = Token::draw();
    key.prefix = token.prefix();
    let mut tx = app.store.begin(ctx).await?;
    ensure_may_grant(app, &mut tx, ctx, &[], &key).await?;
    let key = resource::insert(app, &mut tx, ctx, key).await?;
    accesskeys::insert_hash(&mut tx, key.id, &token.hash()).await?;
    // The reply that is kept is the key alone; the token is added only to the one that leaves now.
    let key = tx.commit(key).await?;
    Ok(NewKey {
        key,
        token: token.expose().to_owned(),
    })
}

pub(crate) async fn update(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    patch: &AccesskeyPatch,
) -> Result<Accesskey> {
    let end = expiry::resolve(patch, app.store.clock.now())?;
    let mut tx = app.store.begin(ctx).await?;
    let before = resource::lock_live::<Accesskey>(&mut tx, ctx, id).await?;
    let mut after = resource::patched(&before, patch);
    ensure_known(app, &after)?;
    end.apply(&mut after.tm_expire, || None);
    ensure_may_grant(app, &mut tx, ctx, &before.scopes.0, &after).await?;
    let key = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    tx.commit(key).await
}

/// Who makes a key with a role and names no scopes means those of the routes that this role may use.
fn give_scopes_of_role(app: &App, patch: &AccesskeyPatch, key: &mut Accesskey) -> Result<()> {
    let role = key.role.as_deref().and_then(Role::parse);
    let is_said = matches!(patch.scopes, Patch::Value(_)) || key.account_id.is_some();
    let Some(role) = role.filter(|_| !is_said) else {
        return Ok(());
    };
    key.scopes.0 = app.scopes.of_role(role).to_vec();
    ensure(
        !key.scopes.0.is_empty(),
        "scopes",
        "must be named, as no route that is known here is open to this role; chat:read is one",
    )
}

/// Revokes keys, each with its event; those that are revoked already stay as they are.
///
/// # Errors
/// 503.
pub(crate) async fn revoke(
    app: &App,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    keys: Vec<Id>,
) -> Result<()> {
    for Id { id } in keys {
        let Some(key) = tx.lock::<Accesskey>(id).await? else {
            continue;
        };
        if key.tm_delete.is_none() {
            resource::soft_delete(app, tx, ctx, &key).await?;
        }
    }
    Ok(())
}

/// Which scopes there are is known from the route tables.
fn ensure_known(app: &App, key: &Accesskey) -> Result<()> {
    let is_bound = key.account_id.is_some();
    let mut scopes = key.scopes.0.iter();
    let (holds, known) = if is_bound {
        (
            scopes.all(|scope| app.scopes.may_be_bound(scope)),
            app.scopes.bound(),
        )
    } else {
        (
            scopes.all(|scope| app.scopes.may_be_given(scope)),
            app.scopes.known(),
        )
    };
    ensure(
        holds,
        "scopes",
        &format!("must be among {}", known.join(", ")),
    )
}

/// A key gives others no more than it has itself, and nothing outside its own tenant.
async fn ensure_may_grant(
    app: &App,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    had: &[String],
    key: &Accesskey,
) -> Result<()> {
    let Some(id) = ctx.access_key_id else {
        return Ok(());
    };
    let caller = tx.get::<Accesskey>(id).await?;
    let caller = caller
        .filter(|caller| caller.tm_delete.is_none() && caller.customer_id == key.customer_id)
        .ok_or_else(|| {
            Error::permission_denied(
                "ACCESS_KEY_NOT_ALLOWED",
                "The access key that asks is not one of this customer's.",
            )
        })?;
    let mut given = key.scopes.0.iter().filter(|scope| !had.contains(scope));
    match given.find(|scope| !caller.allows(scope) && !may_bind(app, &caller, scope)) {
        None => Ok(()),
        Some(scope) => Err(Error::permission_denied(
            "SCOPE_NOT_HELD",
            format!("An access key cannot give the scope {scope}, which it does not have itself."),
        )),
    }
}

/// Who may write in a word's name may give out keys that are bound to one account there.
fn may_bind(app: &App, caller: &Accesskey, scope: &String) -> bool {
    let word = scope.split(':').next().unwrap_or_default();
    app.scopes.bound().contains(scope) && caller.allows(&format!("{word}:write"))
}

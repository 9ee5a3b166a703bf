//! The rules of numbers that businesses are called at.

mod carried;
mod orphaned;
mod registered;
mod resolve;

pub(crate) use carried::start_jobs;
pub(crate) use orphaned::orphan;
pub(crate) use registered::register;
pub(crate) use resolve::{Resolved, resolve};

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        check::wrong,
        error::{Error, Result},
    },
    resource,
};
use uuid::Uuid;

use crate::{
    app::App,
    carriers::Offer,
    dbhandler::phonenumbers,
    models::{
        phonenumber::{NumberStatus, PhoneNumber, PhoneNumberPatch},
        provider::Provider,
    },
    phone,
    tenancy::{self, AuditedResource, ensure_chosen},
};
use carried::{PURCHASE, RELEASE};

/// Longest pattern of a search, in bytes.
const PATTERN_MAX: usize = 16;

impl AuditedResource for PhoneNumber {
    const AFFECTS_ROUTING: bool = false;

    async fn verify(&mut self, tx: &mut ChangeTx<'_>, before: Option<&Self>, _: i64) -> Result<()> {
        let was = before.map(|before| before.provider_id);
        ensure_chosen::<Provider>(tx, self.customer_id, was, self.provider_id).await?;
        let was_bought = before.is_some_and(|before| before.purchase);
        if self.tm_delete.is_some() {
            tx.cancel(PURCHASE, self.id).await?;
            tx.cancel(registered::REGISTER, self.id).await?;
            if self.purchase {
                self.status = NumberStatus::Releasing;
                let now = tx.now();
                tx.schedule(RELEASE, self.id, now, &0_u32).await?;
            }
        } else if self.purchase && !was_bought {
            begin_purchase(tx, self).await?;
        }
        Ok(())
    }
}

async fn begin_purchase(tx: &mut ChangeTx<'_>, number: &mut PhoneNumber) -> Result<()> {
    number.status = NumberStatus::Purchasing;
    number.failure.clear();
    let now = tx.now();
    tx.schedule(PURCHASE, number.id, now, &0_u32).await
}

pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &PhoneNumberPatch,
) -> Result<PhoneNumber> {
    ensure_reachable(app, patch)?;
    resource::create(app, ctx, named, patch).await
}

pub(crate) async fn update(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    patch: &PhoneNumberPatch,
) -> Result<PhoneNumber> {
    ensure_reachable(app, patch)?;
    resource::update(app, ctx, id, patch).await
}

/// A number is only bought where its webhooks would reach us.
///
/// # Errors
/// 409.
pub(crate) fn ensure_reachable(app: &App, patch: &PhoneNumberPatch) -> Result<()> {
    if resource::patched(&PhoneNumber::default(), patch).purchase {
        app.carriers.hooks()?;
    }
    Ok(())
}

/// Deletes a number. One that could not be given back is tried once more; otherwise deleting what is deleted changes nothing.
///
/// # Errors
/// 404; 503.
pub(crate) async fn delete(app: &App, ctx: &RequestContext, id: Uuid) -> Result<PhoneNumber> {
    let mut tx = app.store.begin(ctx).await?;
    let found = tx.lock::<PhoneNumber>(id).await?;
    let before = found
        .filter(|number| ctx.scope.allows(number.customer_id))
        .ok_or_else(resource::not_found::<PhoneNumber>)?;
    let row = if before.tm_delete.is_none() {
        resource::soft_delete(app, &mut tx, ctx, &before).await?
    } else if before.is_kept() {
        let mut after = before.clone();
        after.failure.clear();
        resource::update_locked(app, &mut tx, ctx, &before, after).await?
    } else {
        before
    };
    tx.commit(row).await
}

/// Tries once more to buy a number that could not be bought.
pub(crate) async fn purchase(app: &App, ctx: &RequestContext, id: Uuid) -> Result<PhoneNumber> {
    let mut tx = app.store.begin(ctx).await?;
    // Whose it is comes first, as everywhere.
    let before = resource::lock_live::<PhoneNumber>(&mut tx, ctx, id).await?;
    app.carriers.hooks()?;
    let is_bought = before.purchase && before.status == NumberStatus::Active;
    if is_bought || before.status == NumberStatus::Purchasing {
        return tx.commit(before).await;
    }
    let mut after = before.clone();
    after.purchase = true;
    begin_purchase(&mut tx, &mut after).await?;
    let row = resource::update_locked(app, &mut tx, ctx, &before, after).await?;
    tx.commit(row).await
}

/// The caller's number.
///
/// # Errors
/// 400 when it is no number, 404 when it is not there or not the caller's.
pub(crate) async fn lookup(app: &App, ctx: &RequestContext, number: &str) -> Result<PhoneNumber> {
    let number = phone::parse_query(number).map_err(|fault| wrong("number", &fault.to_string()))?;
    let customer_id = ctx.scope.customer_id();
    let found = phonenumbers::live(&app.store.db, number.as_str(), customer_id).await?;
    found.ok_or_else(resource::not_found::<PhoneNumber>)
}

/// What a search asks for.
pub(crate) struct Search {
    pub customer_id: Option<Uuid>,
    pub provider_id: Option<Uuid>,
    pub area_code: String,
    pub contains: String,
}

/// Numbers for sale at a provider of the caller's.
///
/// # Errors
/// 400 naming the parameter; 409 without a provider, or when it refuses; 503 when it is away.
pub(crate) async fn search(app: &App, ctx: &RequestContext, wanted: Search) -> Result<Vec<Offer>> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(wanted.area_code.is_empty() || (wanted.area_code.len() == 3 && digits(&wanted.area_code)))
    {
        return Err(wrong("area_code", "must have three digits"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*+".contains(&byte);
    if wanted.contains.len() > PATTERN_MAX || !wanted.contains.bytes().all(plain) {
        return Err(wrong("contains", "has at most 16 digits, letters and *"));
    }
    let provider = provider(app, ctx, wanted.customer_id, wanted.provider_id).await?;
    let offers = app
        .carriers
        .search(&provider, &wanted.area_code, &wanted.contains);
    Ok(offers.await?)
}

/// The provider that is named, else the caller's first.
async fn provider(
    app: &App,
    ctx: &RequestContext,
    customer_id: Option<Uuid>,
    id: Option<Uuid>,
) -> Result<Provider> {
    if let Some(id) = id.filter(|id| !id.is_nil()) {
        let provider = resource::get::<Provider, App>(app, ctx, id).await?;
        let lives = provider.tm_delete.is_none();
        return lives
            .then_some(provider)
            .ok_or_else(resource::not_found::<Provider>);
    }
    let customer_id = tenancy::owner(&app.store, ctx, customer_id).await?;
    let found = phonenumbers::first_provider(&app.store.db, customer_id).await?;
    found.ok_or_else(|| {
        Error::failed_precondition(
            "NO_PROVIDER",
            "There is no provider yet; create one first (POST /v1/providers).",
        )
    })
}

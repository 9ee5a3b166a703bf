//! The rules of consents: a version is never changed, the next one follows it.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery},
    ids,
    listenhandler::List,
    models::{
        check::ensure,
        error::{Error, Result},
        identity::optional_owner,
        text::null_is_default,
        time::Timestamp,
    },
};
use serde::{Deserialize, Deserializer};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    app::App,
    compliance::Purpose,
    dbhandler::{consents, law},
    models::{
        businessrelationship::number,
        consent::{self, Consent, ConsentStatus, Proof, check_channels, check_proofs},
    },
    viewer::ensure_operator,
};

/// Body of `POST /v1/consents`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct ConsentCreate {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    phone: String,
    #[serde(default, deserialize_with = "null_is_default")]
    purpose: Purpose,
    #[serde(default, deserialize_with = "null_is_default")]
    channels: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    proofs: Vec<Proof>,
    #[serde(default)]
    expires: Option<Timestamp>,
}

/// Body of `POST /v1/consents/<consent-id>/grant`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub(crate) struct Grant {
    /// Beside those that are there.
    #[serde(deserialize_with = "null_is_default")]
    proofs: Vec<Proof>,
    /// Null = never; left out, it is as before.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<Timestamp>")]
    expires: Option<Option<Timestamp>>,
}

/// What is there was said, null too.
fn said<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Makes a pending consent.
///
/// # Errors
/// 400; 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: ConsentCreate,
) -> Result<Consent> {
    ensure_operator(ctx)?;
    check_channels(&body.channels)?;
    check_proofs(&body.proofs)?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let (id, now) = (ids::next(), app.store.clock.now());
    ensure_later(body.expires, now)?;
    let consent = Consent {
        id,
        customer_id,
        consent_id: id,
        version: 1,
        phone: number("phone", &body.phone)?,
        purpose: body.purpose,
        channels: Json(body.channels),
        status: ConsentStatus::Pending,
        proofs: Json(body.proofs),
        expires: body.expires,
        tm_create: now,
        tm_update: now,
    };
    let mut tx = app.store.begin(ctx).await?;
    tx.insert(&consent).await?;
    tx.commit(consent).await
}

fn ensure_later(expires: Option<Timestamp>, now: Timestamp) -> Result<()> {
    ensure(
        expires.is_none_or(|ends| ends > now),
        "expires",
        "must be later than now",
    )
}

/// The person agrees: a new version that is active. It needs a proof, its own or an earlier one.
///
/// # Errors
/// 400; 404; 409 `CONSENT_NOT_PROVED`; 503.
pub(crate) async fn grant(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    body: Grant,
) -> Result<Consent> {
    ensure_operator(ctx)?;
    check_proofs(&body.proofs)?;
    let mut tx = app.store.begin(ctx).await?;
    let last = lock_last(&mut tx, ctx, id).await?;
    let now = tx.now();
    let expires = body.expires.unwrap_or(last.expires);
    ensure_later(expires, now)?;
    // What was taken back is not given again by what proved it before.
    let mut proofs = if law::is_revoked_since(&mut tx, &last).await? {
        Vec::new()
    } else {
        last.proofs.0.clone()
    };
    proofs.extend(body.proofs);
    check_proofs(&proofs)?;
    if proofs.is_empty() {
        return Err(Error::failed_precondition(
            "CONSENT_NOT_PROVED",
            "A consent becomes active with a proof.",
        )
        .with_detail(serde_json::json!({"status": last.status})));
    }
    let next = follow(&mut tx, last, |next| {
        next.status = ConsentStatus::Active;
        next.proofs = Json(proofs);
        next.expires = expires;
    })
    .await?;
    tx.emit(consent::GRANTED, &next, next.customer_id).await?;
    tx.commit(next).await
}

/// The person takes it back: a new version, at once. Once more changes nothing.
///
/// # Errors
/// 404; 503.
pub(crate) async fn revoke(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Consent> {
    ensure_operator(ctx)?;
    let mut tx = app.store.begin(ctx).await?;
    let last = lock_last(&mut tx, ctx, id).await?;
    if last.status == ConsentStatus::Revoked {
        return tx.commit(last).await;
    }
    let next = follow(&mut tx, last, |next| next.status = ConsentStatus::Revoked).await?;
    tx.emit(consent::REVOKED, &next, next.customer_id).await?;
    tx.commit(next).await
}

async fn follow(
    tx: &mut ChangeTx<'_>,
    last: Consent,
    change: impl FnOnce(&mut Consent),
) -> Result<Consent> {
    let now = tx.next_version(last.tm_update);
    let mut next = Consent {
        id: ids::next(),
        version: last.version.saturating_add(1),
        tm_create: now,
        tm_update: now,
        ..last
    };
    change(&mut next);
    tx.insert(&next).await?;
    Ok(next)
}

/// The last version of a consent, by the id of any.
async fn lock_last(tx: &mut ChangeTx<'_>, ctx: &RequestContext, id: Uuid) -> Result<Consent> {
    let found = tx.get::<Consent>(id).await?;
    let named = found
        .filter(|consent| ctx.scope.allows(consent.customer_id))
        .ok_or_else(not_found)?;
    let last = consents::lock_last(tx, &named).await?;
    last.ok_or_else(not_found)
}

fn not_found() -> Error {
    Error::not_found("CONSENT_NOT_FOUND", "The consent was not found.")
}

/// One version.
///
/// # Errors
/// 404; 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Consent> {
    ensure_operator(ctx)?;
    let found = app.store.get::<Consent>(id).await?;
    found
        .filter(|consent| ctx.scope.allows(consent.customer_id))
        .ok_or_else(not_found)
}

/// Versions, newest first.
///
/// # Errors
/// 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Consent>> {
    ensure_operator(ctx)?;
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    app.store
        .db
        .list(&query, |consent: &Consent| consent.tm_create)
        .await
}

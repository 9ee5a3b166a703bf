//! `/v1/phone_numbers` and `/v1/onboardings`: extract, call, wrap.

use bin_common_handler::{
    context::RequestContext,
    listenhandler::{Json, NamedTenant, Path, Query, State},
    models::{error::Result, identity::optional_owner},
    resource::PatchJson,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    carriers::Offer,
    models::{
        phonenumber::{PhoneNumber, PhoneNumberPatch},
        registration::Registration,
    },
    onboardinghandler::{self, Onboarding, Progress},
    phonenumberhandler::{self, Resolved, Search},
};

pub(super) async fn create(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    PatchJson(patch): PatchJson<PhoneNumberPatch>,
) -> Result<Json<PhoneNumber>> {
    phonenumberhandler::create(&app, &ctx, named, &patch)
        .await
        .map(Json)
}

pub(super) async fn update(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    PatchJson(patch): PatchJson<PhoneNumberPatch>,
) -> Result<Json<PhoneNumber>> {
    phonenumberhandler::update(&app, &ctx, id, &patch)
        .await
        .map(Json)
}

pub(super) async fn delete(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<PhoneNumber>> {
    phonenumberhandler::delete(&app, &ctx, id).await.map(Json)
}

pub(super) async fn purchase(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
) -> Result<Json<PhoneNumber>> {
    phonenumberhandler::purchase(&app, &ctx, id).await.map(Json)
}

pub(super) async fn register(
    State(app): State<App>,
    ctx: RequestContext,
    Path(id): Path,
    Json(wanted): Json<Registration>,
) -> Result<Json<PhoneNumber>> {
    phonenumberhandler::register(&app, &ctx, id, wanted)
        .await
        .map(Json)
}

/// Which numbers for sale are wanted.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct SearchQuery {
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// Whose account is asked; without it the business's first provider.
    #[serde(deserialize_with = "optional_owner")]
    provider_id: Option<Uuid>,
    /// Three digits.
    area_code: Option<String>,
    /// Digits that it has, with `*` for any one.
    contains: Option<String>,
}

pub(super) async fn search(
    State(app): State<App>,
    ctx: RequestContext,
    Query(wanted): Query<SearchQuery>,
) -> Result<Json<Vec<Offer>>> {
    let wanted = Search {
        customer_id: wanted.customer_id.filter(|id| !id.is_nil()),
        provider_id: wanted.provider_id,
        area_code: wanted.area_code.unwrap_or_default(),
        contains: wanted.contains.unwrap_or_default(),
    };
    phonenumberhandler::search(&app, &ctx, wanted)
        .await
        .map(Json)
}

/// A number.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Number {
    /// E.164.
    number: String,
}

pub(super) async fn lookup(
    State(app): State<App>,
    ctx: RequestContext,
    Query(wanted): Query<Number>,
) -> Result<Json<PhoneNumber>> {
    phonenumberhandler::lookup(&app, &ctx, &wanted.number)
        .await
        .map(Json)
}

pub(super) async fn resolve(
    State(app): State<App>,
    Json(wanted): Json<Number>,
) -> Result<Json<Resolved>> {
    phonenumberhandler::resolve(&app, &wanted.number)
        .await
        .map(Json)
}

pub(super) async fn onboard(
    State(app): State<App>,
    ctx: RequestContext,
    NamedTenant(named): NamedTenant,
    Json(wanted): Json<Onboarding>,
) -> Result<Json<Progress>> {
    onboardinghandler::onboard(&app, &ctx, named, wanted)
        .await
        .map(Json)
}

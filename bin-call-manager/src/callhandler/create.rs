//! A call arrives, or is about to.

use std::collections::BTreeMap;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        check::{ensure, short, wrong},
        error::{Error, Result},
        identity::{optional_owner, optional_uuid},
        text::null_is_default,
        time::Timestamp,
    },
    phone, resource,
};
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::view;
use crate::{
    app::App,
    compliance::Purpose,
    compliancehandler,
    dbhandler::numbers,
    models::{
        call::{self, Call, Direction, Source},
        callcampaign::CallCampaign,
    },
    viewer::{Viewer, owner},
};

/// Tags of one call.
const TAGS_MAX: usize = 50;
/// Longest tag value and reference, in bytes.
const TEXT_MAX: usize = 255;

/// Body of `POST /v1/calls`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct CallCreate {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// Left out, it is the one that `to_number` belongs to.
    #[serde(default, deserialize_with = "optional_uuid")]
    call_campaign_id: Option<Uuid>,
    #[serde(default, deserialize_with = "null_is_default")]
    direction: Direction,
    #[serde(default, deserialize_with = "null_is_default")]
    from_number: String,
    #[serde(default, deserialize_with = "null_is_default")]
    to_number: String,
    /// What it is for; an outbound call is a solicitation unless this says otherwise.
    #[serde(default, deserialize_with = "null_is_default")]
    purpose: Purpose,
    #[serde(default, deserialize_with = "null_is_default")]
    tags: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_default")]
    zip: String,
    #[serde(default, deserialize_with = "null_is_default")]
    state: String,
    #[serde(default, deserialize_with = "null_is_default")]
    source: Source,
    #[serde(default, deserialize_with = "null_is_default")]
    reference: String,
}

impl CallCreate {
    fn check(&mut self) -> Result<()> {
        self.from_number = number("from_number", &self.from_number)?;
        self.to_number = number("to_number", &self.to_number)?;
        short("zip", &self.zip)?;
        short("state", &self.state)?;
        ensure(
            self.tags.len() <= TAGS_MAX,
            "tags",
            "has at most 50 entries",
        )?;
        for (key, value) in &self.tags {
            short("tags", key)?;
            ensure(
                value.len() <= TEXT_MAX,
                "tags",
                "has values of at most 255 bytes",
            )?;
        }
        ensure(
            self.reference.len() <= TEXT_MAX && !self.reference.chars().any(char::is_control),
            "reference",
            "has at most 255 bytes, none of them control characters",
        )
    }
}

impl CallCreate {
    fn into_call(self, customer_id: Uuid, now: Timestamp) -> Call {
        Call {
            id: ids::next(),
            customer_id,
            direction: self.direction,
            from_number: self.from_number,
            to_number: self.to_number,
            purpose: self.purpose,
            tags: Json(self.tags),
            zip: self.zip,
            state: self.state,
            source: self.source,
            reference: Some(self.reference).filter(|text| !text.is_empty()),
            tm_create: now,
            tm_update: now,
            ..Call::default()
        }
    }
}

fn number(field: &str, text: &str) -> Result<String> {
    phone::parse(text)
        .map(|number| number.as_str().to_owned())
        .map_err(|_| wrong(field, "must be a phone number such as +14155550123"))
}

/// Makes a call; a seller's key only under its own campaigns, a buyer's none.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    mut body: CallCreate,
) -> Result<Call> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    body.check()?;
    let customer_id = owner(ctx, body.customer_id.or(named))?;
    let named_campaign = body.call_campaign_id;
    let mut call = body.into_call(customer_id, app.store.clock.now());
    // Lists are read before the transaction: a long one takes its time.
    let knowledge = compliancehandler::prepare(app, customer_id, &call).await?;
    let mut tx = app.store.begin(ctx).await?;
    let campaign = campaign_of(&mut tx, customer_id, named_campaign, &call).await?;
    if !viewer.sees(None, Some(campaign.seller_id)) {
        return Err(resource::not_found::<CallCampaign>());
    }
    call.call_campaign_id = campaign.id;
    call.seller_id = campaign.seller_id;
    call.currency.clone_from(&campaign.currency);
    if let Some(refusal) = compliancehandler::place(&mut tx, knowledge, &call, &campaign).await? {
        return tx.commit_refusal(refusal).await;
    }
    tx.insert(&call)
        .await
        .map_err(|error| match error.reason() {
            "ALREADY_EXISTS" => Error::already_exists(
                "CALL_EXISTS",
                "A call of this source and reference exists already.",
            ),
            _ => error,
        })?;
    tx.emit(call::CREATED, &call, customer_id).await?;
    tx.commit(view(call, viewer)).await
}

async fn campaign_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    named: Option<Uuid>,
    call: &Call,
) -> Result<CallCampaign> {
    let id = match named {
        Some(id) => Some(id),
        None => numbers::campaign_of(tx, customer_id, &call.to_number).await?,
    };
    let Some(id) = id else {
        return Err(wrong(
            "call_campaign_id",
            "must be there, as to_number belongs to no campaign",
        ));
    };
    let found = tx.get::<CallCampaign>(id).await?;
    found
        .filter(|campaign| campaign.customer_id == customer_id && campaign.tm_delete.is_none())
        .ok_or_else(resource::not_found::<CallCampaign>)
}

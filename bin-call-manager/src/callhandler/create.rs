//! A call arrives, or is about to.

use std::collections::BTreeMap;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        check::{ensure, not_blank, plain, short, wrong},
        error::{Error, Result},
        identity::{optional_owner, optional_uuid},
        text::null_is_default,
    },
    phone, resource,
    sealer::Sealer,
};
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::{ensure_seller, view};
use crate::{
    app::App,
    compliance::Purpose,
    compliancehandler,
    dbhandler::numbers,
    fraudhandler,
    modelhandler::Learned,
    models::{
        call::{self, Call, Direction, Source},
        callcampaign::CallCampaign,
        fraudcheck::FraudAction,
    },
    viewer::Viewer,
};

/// Tags of one call.
const TAGS_MAX: usize = 50;
/// Longest tag value and reference, in bytes.
const TEXT_MAX: usize = 255;

/// Body of `POST /v1/calls`.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub(crate) struct CallCreate {
    /// The ping that was accepted, where this is its call.
    #[serde(deserialize_with = "optional_uuid")]
    pub ping_id: Option<Uuid>,
    #[serde(deserialize_with = "optional_owner")]
    pub customer_id: Option<Uuid>,
    /// Left out, it is the one that `to_number` belongs to.
    #[serde(deserialize_with = "optional_uuid")]
    pub call_campaign_id: Option<Uuid>,
    #[serde(deserialize_with = "null_is_default")]
    pub direction: Direction,
    #[serde(deserialize_with = "null_is_default")]
    pub from_number: String,
    #[serde(deserialize_with = "null_is_default")]
    pub to_number: String,
    /// What it is for; an outbound call is a solicitation unless this says otherwise.
    #[serde(deserialize_with = "null_is_default")]
    pub purpose: Purpose,
    #[serde(deserialize_with = "null_is_default")]
    pub tags: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    pub zip: String,
    #[serde(deserialize_with = "null_is_default")]
    pub state: String,
    #[serde(deserialize_with = "null_is_default")]
    pub source: Source,
    #[serde(deserialize_with = "null_is_default")]
    pub reference: String,
}

impl CallCreate {
    /// What a request may say of where its call came from: only our own rooms speak for a carrier, as its id is unique
    /// among the calls of its source.
    ///
    /// # Errors
    /// 400 naming `source`.
    pub(crate) fn check_source(&self) -> Result<()> {
        let is_own = match self.source {
            Source::Api => true,
            Source::Ping => self.ping_id.is_some(),
            _ => false,
        };
        ensure(
            is_own,
            "source",
            "is api for a call by request, and ping for one with ping_id",
        )
    }

    /// What decides whether a person may be called is the operator's to say: with a key that is bound to an account an
    /// outbound call is a solicitation.
    ///
    /// # Errors
    /// 400 naming `purpose`.
    fn check_purpose(&self, viewer: Viewer) -> Result<()> {
        let is_outbound = self.direction == Direction::Outbound;
        let may_say = viewer == Viewer::Operator || !is_outbound;
        ensure(
            may_say || self.purpose == Purpose::Marketing,
            "purpose",
            "must be marketing for an outbound call by a key that is bound to an account",
        )
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        self.from_number = number("from_number", &self.from_number)?;
        self.to_number = number("to_number", &self.to_number)?;
        check_facts(&self.zip, &self.state, &self.tags)?;
        self.reference = reference(&self.reference)?;
        Ok(())
    }
}

/// What a seller says of a call.
///
/// # Errors
/// 400 naming the field.
pub(crate) fn check_facts(zip: &str, state: &str, tags: &BTreeMap<String, String>) -> Result<()> {
    short("zip", zip)?;
    plain("zip", zip)?;
    short("state", state)?;
    plain("state", state)?;
    ensure(tags.len() <= TAGS_MAX, "tags", "has at most 50 entries")?;
    for (key, value) in tags {
        not_blank("tags", key)?;
        short("tags", key)?;
        plain("tags", key)?;
        plain("tags", value)?;
        ensure(
            value.len() <= TEXT_MAX,
            "tags",
            "has values of at most 255 bytes",
        )?;
    }
    Ok(())
}

/// The carrier's id in its one form; empty = none.
///
/// # Errors
/// 400.
pub(crate) fn reference(given: &str) -> Result<String> {
    ensure(
        given.len() <= TEXT_MAX,
        "reference",
        "has at most 255 bytes",
    )?;
    plain("reference", given)?;
    Ok(call::reference_key(given).to_owned())
}

/// E.164 in its one form.
///
/// # Errors
/// 400 naming the field.
pub(crate) fn number(field: &str, text: &str) -> Result<String> {
    phone::parse(text)
        .map(|number| number.as_str().to_owned())
        .map_err(|_| wrong(field, "must be a phone number such as +14155550123"))
}

/// Makes a call; a seller's key only under its own campaigns, a buyer's none.
///
/// # Errors
/// 400, 404; 403 where the law or its look refuses it; 409 `CALL_EXISTS`, `INVALID_ACCOUNT_STATE`; 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    mut body: CallCreate,
) -> Result<Call> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    body.check()?;
    body.check_purpose(viewer)?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let campaign = campaign_of(app, customer_id, &body).await?;
    if !viewer.sees(None, Some(campaign.seller_id)) {
        return Err(resource::not_found::<CallCampaign>());
    }
    let mut call = Call {
        id: ids::next(),
        customer_id,
        call_campaign_id: campaign.id,
        direction: body.direction,
        from_number: body.from_number,
        to_number: body.to_number,
        purpose: body.purpose,
        seller_id: campaign.seller_id,
        currency: campaign.currency.clone(),
        tags: Json(body.tags),
        zip: body.zip,
        state: body.state,
        source: body.source,
        reference: Some(body.reference).filter(|text| !text.is_empty()),
        ..Call::default()
    };
    let learned = app.model.score(&call).await;
    // Lists are read before the transaction: a long one takes its time.
    let knowledge = compliancehandler::prepare(app, customer_id, &call).await?;
    let mut tx = app.store.begin(ctx).await?;
    ensure_seller(&mut tx, campaign.seller_id).await?;
    let verdict = compliancehandler::judge(&mut tx, knowledge, &call, &campaign).await?;
    if let Some(refusal) = compliancehandler::refusal(verdict.as_ref()) {
        return tx.commit_refusal(refusal).await;
    }
    if let Some(refusal) = add(&mut tx, &mut call, &campaign, learned, &app.sealer).await? {
        return tx.commit_refusal(refusal).await;
    }
    compliancehandler::count(&mut tx, &call, verdict).await?;
    tx.commit(view(call, viewer)).await
}

/// Writes a new call, unless it looks like a fraud; then why it is refused.
///
/// # Errors
/// 409 when one of its source and reference exists; 503.
pub(crate) async fn add(
    tx: &mut ChangeTx<'_>,
    call: &mut Call,
    campaign: &CallCampaign,
    learned: Learned,
    sealer: &Sealer,
) -> Result<Option<Error>> {
    let now = tx.now();
    (call.tm_create, call.tm_update) = (now, now);
    let check = fraudhandler::check(tx, call, campaign, learned, sealer).await?;
    if check.action == FraudAction::Block {
        return Ok(Some(fraudhandler::refusal(&check)));
    }
    tx.insert(call)
        .await
        .map_err(|error| match error.reason() {
            "ALREADY_EXISTS" => Error::already_exists(
                "CALL_EXISTS",
                "A call of this source and reference exists already.",
            ),
            _ => error,
        })?;
    tx.emit(call::CREATED, call, call.customer_id).await?;
    Ok(None)
}

async fn campaign_of(app: &App, customer_id: Uuid, body: &CallCreate) -> Result<CallCampaign> {
    let id = match body.call_campaign_id {
        Some(id) => Some(id),
        None => numbers::campaign_of(&app.store.db, customer_id, &body.to_number).await?,
    };
    let Some(id) = id else {
        return Err(wrong(
            "call_campaign_id",
            "must be there, as to_number belongs to no campaign",
        ));
    };
    let found = app.store.get::<CallCampaign>(id).await?;
    found
        .filter(|campaign| campaign.customer_id == customer_id && campaign.tm_delete.is_none())
        .ok_or_else(resource::not_found::<CallCampaign>)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual("94105", "CA", "source", "radio & tv", None)]
    #[case::nothing("", "", "k", "", None)]
    #[case::turned("", "\u{202e}", "k", "v", Some("state"))]
    #[case::nul("", "", "k", "a\0", Some("tags"))]
    #[case::key("", "", "a\0", "v", Some("tags"))]
    #[case::no_key("", "", " ", "v", Some("tags"))]
    #[case::zip("9\r", "", "k", "v", Some("zip"))]
    fn facts_are_plain_texts(
        #[case] zip: &str,
        #[case] state: &str,
        #[case] key: &str,
        #[case] value: &str,
        #[case] refused: Option<&str>,
    ) {
        let tags = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let told = check_facts(zip, state, &tags).err();
        let told = told.map(|error| error.message().to_owned());
        assert_eq!(told.is_some(), refused.is_some(), "{told:?}");
        let named = refused.unwrap_or_default();
        assert!(told.unwrap_or_default().starts_with(named));
    }
}

//! The checks that somebody asks for: one number, or many of one customer.

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::{ensure, short},
        error::{Error, Result},
        identity::{optional_owner, optional_uuid},
        text::null_is_default,
        time::Timestamp,
    },
    resource,
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Knowledge, VerdictView};
use crate::{
    app::App,
    compliance::Purpose,
    models::{businessrelationship::number, call::Direction, callcampaign::CallCampaign},
    viewer::ensure_operator,
};

/// Questions of one request.
const BULK_MAX: usize = 1_000;
/// Calls that whoever asks has placed to one number in a day.
const ATTEMPTS_MAX: usize = 100;

/// A place where a person lives.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AddressBody {
    #[serde(deserialize_with = "null_is_default")]
    zip: String,
    #[serde(deserialize_with = "null_is_default")]
    state: String,
}

/// Body of `POST /v1/compliance/checks`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[schemars(rename = "ComplianceCheck")]
pub(crate) struct CheckBody {
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// E.164 of the person.
    #[serde(deserialize_with = "null_is_default")]
    phone: String,
    /// When the call is to be placed; null = now.
    at: Option<Timestamp>,
    #[serde(deserialize_with = "null_is_default")]
    purpose: Purpose,
    /// Left out, it is outbound.
    direction: Option<Direction>,
    address: Option<AddressBody>,
    /// Its `require_consent` counts.
    #[serde(deserialize_with = "optional_uuid")]
    call_campaign_id: Option<Uuid>,
    /// When whoever asks has called the number in the last 24 hours, which may not have been heard of yet: at most 100. What
    /// is known already is not counted twice.
    #[serde(deserialize_with = "null_is_default")]
    attempts: Vec<Timestamp>,
}

/// Body of `POST /v1/compliance/checks/bulk`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "ComplianceChecks")]
pub(crate) struct ChecksBody {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// At most 1,000, of one customer.
    checks: Vec<CheckBody>,
}

/// One question, checked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub phone: String,
    pub at: Timestamp,
    pub purpose: Purpose,
    pub is_inbound: bool,
    pub zip: String,
    pub state: String,
    pub requires_consent: bool,
    /// Calls that may not have been heard of.
    pub attempts: Vec<Timestamp>,
}

impl CheckBody {
    /// The question; `place` stands before the fields that a refusal names.
    fn question(&self, place: &str, now: Timestamp, requires_consent: bool) -> Result<Question> {
        let address = self.address.clone().unwrap_or_default();
        short(&format!("{place}address.zip"), &address.zip)?;
        short(&format!("{place}address.state"), &address.state)?;
        ensure(
            self.attempts.len() <= ATTEMPTS_MAX,
            &format!("{place}attempts"),
            "has at most 100 entries",
        )?;
        Ok(Question {
            phone: number(&format!("{place}phone"), &self.phone)?,
            at: self.at.unwrap_or(now),
            purpose: self.purpose,
            is_inbound: self.direction == Some(Direction::Inbound),
            zip: address.zip,
            state: address.state,
            requires_consent,
            attempts: self.placed(now),
        })
    }

    /// The calls that whoever asks has placed. A clock that goes ahead of ours makes none uncounted.
    fn placed(&self, now: Timestamp) -> Vec<Timestamp> {
        let latest = self.at.unwrap_or(now).max(now);
        self.attempts.iter().map(|at| (*at).min(latest)).collect()
    }
}

/// Whether one call may be placed.
///
/// # Errors
/// 400; 404 for the campaign; 503.
pub(crate) async fn check_one(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: &CheckBody,
) -> Result<VerdictView> {
    ensure_operator(ctx)?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let requires_consent = requires_consent(app, ctx, customer_id, body.call_campaign_id).await?;
    let question = body.question("", app.store.clock.now(), requires_consent)?;
    let views = answers(app, customer_id, &[question]).await?;
    views
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a question without an answer"))
}

/// Whether many calls may be placed, in the order of the questions.
///
/// # Errors
/// As [`check_one`], with the `index` of the question in `details`.
pub(crate) async fn check_many(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: &ChecksBody,
) -> Result<Vec<VerdictView>> {
    ensure_operator(ctx)?;
    ensure(
        body.checks.len() <= BULK_MAX,
        "checks",
        "has at most 1000 entries",
    )?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let now = app.store.clock.now();
    let mut campaigns: Vec<(Option<Uuid>, bool)> = vec![(None, false)];
    let mut questions = Vec::with_capacity(body.checks.len());
    for (index, check) in body.checks.iter().enumerate() {
        let of_this = |error: Error| error.with_detail(json!({ "index": index }));
        let id = check.call_campaign_id;
        let known = campaigns.iter().find(|(known, _)| *known == id);
        let requires = match known {
            Some((_, requires)) => *requires,
            None => {
                let requires = requires_consent(app, ctx, customer_id, id).await;
                let requires = requires.map_err(of_this)?;
                campaigns.push((id, requires));
                requires
            }
        };
        let question = check.question(&format!("checks[{index}]."), now, requires);
        questions.push(question.map_err(of_this)?);
    }
    answers(app, customer_id, &questions).await
}

/// Whether this customer's campaign calls nobody without consent; false where none is named.
async fn requires_consent(
    app: &App,
    ctx: &RequestContext,
    customer_id: Uuid,
    id: Option<Uuid>,
) -> Result<bool> {
    let Some(id) = id else {
        return Ok(false);
    };
    let campaign = resource::get::<CallCampaign, App>(app, ctx, id).await?;
    if campaign.customer_id == customer_id {
        return Ok(campaign.require_consent);
    }
    Err(resource::not_found::<CallCampaign>())
}

async fn answers(app: &App, customer_id: Uuid, questions: &[Question]) -> Result<Vec<VerdictView>> {
    let phones: Vec<&str> = questions
        .iter()
        .map(|question| question.phone.as_str())
        .collect();
    let knowledge = Knowledge::read(app, customer_id, &phones).await?;
    Ok(questions
        .iter()
        .map(|question| knowledge.answer(question))
        .collect())
}

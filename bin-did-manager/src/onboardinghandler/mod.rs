//! Onboarding: a business step by step, from its name to a number that rings. Each request may bring any steps; what it
//! brings is written, in the order of the steps, and every answer tells what is still missing. The state is that of the
//! rows themselves, so a request that was broken off is simply sent again.

mod rules;

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::wrong,
        error::{Error, Result},
        identity::optional_owner,
    },
    resource::{self, read_fields},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::{
    app::App,
    customerhandler,
    dbhandler::phonenumbers,
    models::{
        customer::{Customer, CustomerPatch},
        phonenumber::{CampaignStatus, NumberStatus, PhoneNumber, PhoneNumberPatch},
        provider::{Provider, ProviderPatch},
    },
    phone, phonenumberhandler,
};

type Fields = Map<String, Json>;

/// What a request brings; every part may be left out.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Onboarding {
    /// The business; the operator may leave it out to make one.
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// Fields of a customer: name, trade, address, location, timezone, hours.
    business: Option<Fields>,
    /// Fields of a provider: type, account_id, secret, opt_out_replies.
    provider: Option<Fields>,
    /// Fields of a phone number: number, forward_target, purchase.
    number: Option<Fields>,
    /// Fields of the number about texts: messaging_service_id, campaign_status.
    messaging: Option<Fields>,
    /// Fields of a customer about its assistant: ai_takeover_delay_seconds, emergency.
    assistant: Option<Fields>,
    /// Asks the provider whether the number's webhooks come here.
    test: bool,
}

/// How far a business is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Progress {
    /// The business; nil while there is none.
    pub customer_id: Uuid,
    /// Nothing is missing.
    pub is_complete: bool,
    /// business, number, messaging, assistant, test, in this order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Step {
    /// Its name.
    pub step: &'static str,
    /// `done`, `missing`, or `pending` while others work on it.
    pub status: &'static str,
    /// What is missing, by field.
    pub missing: Vec<&'static str>,
    /// More about it, for people; empty for nothing.
    pub detail: String,
}

/// Writes what a request brings, and tells how far the business is. All parts are checked before the first is written.
///
/// # Errors
/// 400 naming the field, 403 where only the operator may, 409, 503.
pub(crate) async fn onboard(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    wanted: Onboarding,
) -> Result<Progress> {
    let named = wanted.customer_id.or(named).filter(|id| !id.is_nil());
    let id = new_or_named(ctx, named, &wanted)?;
    // Each step is a change of its own, and none of them the request's one effect.
    let own = RequestContext {
        operation: None,
        ..ctx.clone()
    };
    rules::check(app, &own, id, &wanted).await?;
    if let Some(fields) = wanted.business {
        business(app, &own, id, fields).await?;
    }
    if let Some(fields) = wanted.provider {
        provider(app, &own, id, fields).await?;
    }
    if let Some(fields) = wanted.number {
        number(app, &own, id, fields).await?;
    }
    if let Some(fields) = wanted.messaging {
        messaging(app, &own, id, fields).await?;
    }
    if let Some(fields) = wanted.assistant {
        change(app, &own, id, "assistant", ASSISTANT_FIELDS, fields).await?;
    }
    progress(app, id, wanted.test).await
}

/// Fields that each part may bring.
const BUSINESS_FIELDS: &[&str] = &[
    "name",
    "detail",
    "trade",
    "address",
    "location",
    "service_radius_miles",
    "timezone",
    "hours",
    "dial_timeout_seconds",
    "retention_days",
];
const ASSISTANT_FIELDS: &[&str] = &["ai_takeover_delay_seconds", "hold_ttl_seconds", "emergency"];
const NUMBER_FIELDS: &[&str] = &["number", "forward_target", "provider_id", "purchase"];
const MESSAGING_FIELDS: &[&str] = &["messaging_service_id", "campaign_status"];
const PROVIDER_FIELDS: &[&str] = &["type", "account_id", "secret", "opt_out_replies"];

/// The business of a request. A new one has an id that follows from the request's key, so that a repeated request makes no
/// second one.
fn new_or_named(ctx: &RequestContext, named: Option<Uuid>, wanted: &Onboarding) -> Result<Uuid> {
    if named.is_some() || ctx.scope.customer_id().is_some() {
        return ctx.scope.owner(named.unwrap_or_default());
    }
    if wanted.business.is_none() {
        return Err(wrong(
            "customer_id",
            "is required, or business for a new one",
        ));
    }
    let key = ctx.operation.as_ref().map(|operation| operation.key);
    let bytes = key.as_ref().and_then(|key| key.first_chunk::<16>());
    let id = bytes.map(|bytes| uuid::Builder::from_custom_bytes(*bytes).into_uuid());
    Ok(id.unwrap_or_else(bin_common_handler::ids::next))
}

fn only(part: &str, known: &[&str], fields: &Fields) -> Result<()> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(_) => {
            let rule = format!("has these fields only: {}", known.join(", "));
            Err(wrong(part, &rule))
        }
    }
}

async fn business(app: &App, ctx: &RequestContext, id: Uuid, mut fields: Fields) -> Result<()> {
    if app.store.get::<Customer>(id).await?.is_some() {
        return change(app, ctx, id, "business", BUSINESS_FIELDS, fields).await;
    }
    only("business", BUSINESS_FIELDS, &fields)?;
    if ctx.scope.customer_id().is_some() {
        return Err(resource::not_found::<Customer>());
    }
    fields.insert("id".to_owned(), Json::String(id.to_string()));
    let patch: CustomerPatch = read_fields(fields)?;
    customerhandler::create(app, ctx, &patch).await.map(drop)
}

async fn change(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    part: &str,
    known: &[&str],
    fields: Fields,
) -> Result<()> {
    only(part, known, &fields)?;
    let patch: CustomerPatch = read_fields(fields)?;
    resource::update::<Customer, App>(app, ctx, id, &patch)
        .await
        .map(drop)
}

async fn provider(app: &App, ctx: &RequestContext, id: Uuid, fields: Fields) -> Result<()> {
    only("provider", PROVIDER_FIELDS, &fields)?;
    let patch: ProviderPatch = read_fields(fields)?;
    let known = phonenumbers::first_provider(&app.store.db, id).await?;
    let kept: Result<Provider> = match known {
        Some(known) => resource::update(app, ctx, known.id, &patch).await,
        None => resource::create(app, ctx, Some(id), &patch).await,
    };
    kept.map(drop)
}

async fn number(app: &App, ctx: &RequestContext, id: Uuid, mut fields: Fields) -> Result<()> {
    only("number", NUMBER_FIELDS, &fields)?;
    let known = known_number(app, id, &fields).await?;
    if known.is_none() && !fields.contains_key("provider_id") {
        let provider = phonenumbers::first_provider(&app.store.db, id).await?;
        let provider = provider.ok_or_else(|| wrong("provider", "is missing; send it first"))?;
        let provider = Json::String(provider.id.to_string());
        fields.insert("provider_id".to_owned(), provider);
    }
    let patch: PhoneNumberPatch = read_fields(fields)?;
    match known {
        Some(known) => phonenumberhandler::update(app, ctx, known.id, &patch).await?,
        None => phonenumberhandler::create(app, ctx, Some(id), &patch).await?,
    };
    Ok(())
}

/// The number that is meant, where the business has it.
async fn known_number(app: &App, id: Uuid, fields: &Fields) -> Result<Option<PhoneNumber>> {
    let text = fields.get("number").and_then(Json::as_str);
    let db = &app.store.db;
    Ok(match text.map(phone::parse) {
        Some(Ok(number)) => phonenumbers::live(db, number.as_str(), Some(id)).await?,
        // The rules of the row say what is wrong with it.
        Some(Err(_)) => None,
        None => phonenumbers::first_of(db, id).await?,
    })
}

async fn messaging(app: &App, ctx: &RequestContext, id: Uuid, fields: Fields) -> Result<()> {
    only("messaging", MESSAGING_FIELDS, &fields)?;
    let known = phonenumbers::first_of(&app.store.db, id).await?;
    let known = known.ok_or_else(|| wrong("number", "is missing; send it first"))?;
    let patch: PhoneNumberPatch = read_fields(fields)?;
    phonenumberhandler::update(app, ctx, known.id, &patch)
        .await
        .map(drop)
}

async fn progress(app: &App, id: Uuid, is_tested: bool) -> Result<Progress> {
    let customer = app.store.get::<Customer>(id).await?;
    let customer = customer.filter(|customer| customer.tm_delete.is_none());
    let customer = customer.ok_or_else(resource::not_found::<Customer>)?;
    let provider = phonenumbers::first_provider(&app.store.db, id).await?;
    let number = phonenumbers::first_of(&app.store.db, id).await?;
    let test = test_step(app, provider.as_ref(), number.as_ref(), is_tested).await?;
    let steps = vec![
        business_step(&customer),
        number_step(provider.as_ref(), number.as_ref()),
        messaging_step(number.as_ref()),
        // Every setting of the assistant has a default that works.
        step("assistant", vec![]),
        test,
    ];
    Ok(Progress {
        customer_id: customer.id,
        is_complete: steps.iter().all(|step| step.status == DONE),
        steps,
    })
}

const DONE: &str = "done";
const MISSING: &str = "missing";
const PENDING: &str = "pending";

fn step(step: &'static str, missing: Vec<&'static str>) -> Step {
    Step {
        step,
        status: if missing.is_empty() { DONE } else { MISSING },
        missing,
        detail: String::new(),
    }
}

fn business_step(customer: &Customer) -> Step {
    let wanted = [
        ("business.name", customer.name.is_empty()),
        ("business.trade", customer.trade.is_empty()),
        ("business.address", customer.address.is_empty()),
        ("business.location", customer.location.0.is_none()),
        ("business.timezone", customer.timezone == "UTC"),
        ("business.hours", customer.hours.0.windows().is_empty()),
    ];
    step("business", lacking(&wanted))
}

fn number_step(provider: Option<&Provider>, number: Option<&PhoneNumber>) -> Step {
    let target = number.map_or("", |number| &number.forward_target);
    let wanted = [
        ("provider", provider.is_none()),
        ("number.number", number.is_none()),
        ("number.forward_target", target.is_empty()),
    ];
    let mut told = step("number", lacking(&wanted));
    match number.map(|number| (number.status, &number.failure)) {
        Some((NumberStatus::Purchasing, _)) if told.status == DONE => told.status = PENDING,
        Some((NumberStatus::Failed, failure)) => {
            told.status = MISSING;
            told.missing.push("number.number");
            told.detail.clone_from(failure);
        }
        _ => {}
    }
    told
}

fn messaging_step(number: Option<&PhoneNumber>) -> Step {
    let status = number.map(|number| number.campaign_status);
    // There is such a registry for numbers of country code 1 only.
    let needs_none = number.is_some_and(|number| !number.number.starts_with("+1"));
    let is_registered = match status {
        Some(CampaignStatus::Pending | CampaignStatus::Approved) => true,
        Some(CampaignStatus::None) => needs_none,
        _ => false,
    };
    // Texts leave by the number itself where there is no messaging service.
    let wanted = [("messaging.campaign_status", !is_registered)];
    let mut told = step("messaging", lacking(&wanted));
    match status {
        Some(CampaignStatus::Pending) if told.status == DONE => told.status = PENDING,
        Some(CampaignStatus::Rejected) => {
            "the registry rejected the campaign".clone_into(&mut told.detail);
        }
        _ => {}
    }
    told
}

async fn test_step(
    app: &App,
    provider: Option<&Provider>,
    number: Option<&PhoneNumber>,
    is_tested: bool,
) -> Result<Step> {
    let (Some(provider), Some(number), true) = (provider, number, is_tested) else {
        return Ok(step("test", vec!["test"]));
    };
    let hooks = app.carriers.hooks()?;
    let owned = app.carriers.owned(provider, &number.number).await;
    let owned = owned.map_err(Error::from)?;
    Ok(match owned {
        None => step("test", vec!["number.purchase"]),
        Some(owned) if owned.has(&hooks) => step("test", vec![]),
        Some(_) => Step {
            detail: format!(
                "set at the provider: VoiceUrl {}, SmsUrl {}, StatusCallback {}",
                hooks.voice, hooks.sms, hooks.status
            ),
            ..step("test", vec!["webhooks"])
        },
    })
}

fn lacking(wanted: &[(&'static str, bool)]) -> Vec<&'static str> {
    let lacking = wanted.iter().filter(|(_, is_lacking)| *is_lacking);
    lacking.map(|(name, _)| *name).collect()
}

//! Whose number it is, and by which account its texts leave: asked of did-manager, remembered for seconds. Secrets stay
//! in memory.

use std::sync::Arc;

use bin_common_handler::{
    context::RequestContext,
    models::{
        error::{Error, Result, Status},
        hours::Hours,
    },
    redact::Secret,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::{Account, App},
    models::business::{Business, CampaignStatus, OptOutReplies},
};

/// What did-manager tells of a number.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Found {
    customer_id: Uuid,
    number: String,
    provider_id: Option<Uuid>,
    messaging_service_id: Option<String>,
    campaign_status: CampaignStatus,
    opt_out_replies: OptOutReplies,
    business: FoundBusiness,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct FoundBusiness {
    name: String,
    trade: String,
    timezone: String,
    hours: Hours,
    ai_takeover_delay_seconds: Option<u32>,
}

/// What did-manager tells of a provider, to other services only.
#[derive(Deserialize)]
struct FoundSecret {
    account_id: String,
    secret: Secret,
}

/// Until people have answered, where the business says nothing else. Seconds.
const TAKEOVER_DELAY: u32 = 60;

/// The business of a number; none where it is nobody's.
///
/// # Errors
/// 503 when did-manager does not answer.
pub(crate) async fn of_number(app: &App, number: &str) -> Result<Option<Arc<Business>>> {
    if let Some(business) = app.numbers.get(number) {
        return Ok(Some(business));
    }
    if app.nobodys.contains_key(number) {
        return Ok(None);
    }
    let encoded = utf8_percent_encode(number, NON_ALPHANUMERIC);
    let uri = format!("/v1/phone_numbers/lookup?number={encoded}");
    let service = app.settings.numbers_service;
    let ctx = RequestContext::internal();
    let asked = app.rpc.get(service, &uri, &ctx);
    let found: Found = match asked.await {
        Ok(found) => found,
        Err(error) if error.status() == Status::NotFound => {
            app.nobodys.insert(number.to_owned(), ());
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let business = Arc::new(Business::from(found));
    app.numbers.insert(number.to_owned(), Arc::clone(&business));
    Ok(Some(business))
}

/// The same, where it must be somebody's.
///
/// # Errors
/// 404, 503.
pub(crate) async fn must_be(app: &App, number: &str) -> Result<Arc<Business>> {
    of_number(app, number).await?.ok_or_else(|| {
        Error::not_found("PHONE_NUMBER_NOT_FOUND", "The phone number was not found.")
    })
}

/// The account of a provider.
///
/// # Errors
/// 404, 503.
pub(crate) async fn account(app: &App, provider_id: Uuid) -> Result<Arc<Account>> {
    if let Some(account) = app.accounts.get(&provider_id) {
        return Ok(account);
    }
    let uri = format!("/v1/providers/{provider_id}/secret");
    let service = app.settings.numbers_service;
    let ctx = RequestContext::internal();
    let asked = app.rpc.get(service, &uri, &ctx);
    let FoundSecret { account_id, secret } = asked.await?;
    let account = Arc::new(Account { account_id, secret });
    app.accounts.insert(provider_id, Arc::clone(&account));
    Ok(account)
}

impl From<Found> for Business {
    fn from(found: Found) -> Self {
        let told = found.business;
        Self {
            customer_id: found.customer_id,
            number: found.number,
            provider_id: found.provider_id.unwrap_or_default(),
            messaging_service_id: found.messaging_service_id.unwrap_or_default(),
            campaign_status: found.campaign_status,
            name: told.name,
            trade: told.trade,
            timezone: told.timezone,
            hours: told.hours,
            ai_takeover_delay_seconds: told.ai_takeover_delay_seconds.unwrap_or(TAKEOVER_DELAY),
            opt_out_replies: found.opt_out_replies,
        }
    }
}

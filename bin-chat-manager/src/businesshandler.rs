//! Whose number it is, and what is to be known of that business: asked of did-manager, remembered for seconds. Secrets stay
//! in memory.

use std::sync::Arc;

use bin_common_handler::{
    context::RequestContext,
    listenhandler::Raw,
    models::error::{Error, Result, Status},
    webhooks::lines::Line,
};
use uuid::Uuid;

use crate::{
    app::App,
    models::business::{Business, CampaignStatus, OptOutReplies, Profile},
};

/// Who knows businesses.
const OWNER: &str = "did-manager";
/// Until people have answered, where the business says nothing else. Seconds.
const TAKEOVER_DELAY: u32 = 60;

/// The business of a number; none where it is nobody's.
///
/// # Errors
/// 503 when did-manager does not answer.
pub(crate) async fn of_number(app: &App, number: &str) -> Result<Option<Arc<Business>>> {
    let ctx = RequestContext::internal();
    match app.lines.of(&ctx, number).await? {
        Some(line) => of_line(app, &ctx, &line).await.map(Some),
        None => Ok(None),
    }
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

/// The business of a number, where a webhook is its carrier's; none where the number is nobody's, so that there is nothing
/// to prove it by.
///
/// # Errors
/// 403 `BAD_SIGNATURE`; 503.
pub(crate) async fn prove(
    app: &App,
    number: &str,
    account_id: &str,
    raw: &Raw,
) -> Result<Option<Arc<Business>>> {
    let ctx = RequestContext::internal();
    match app.lines.prove(&ctx, number, account_id, raw).await? {
        Some(line) => of_line(app, &ctx, &line).await.map(Some),
        None => Ok(None),
    }
}

async fn of_line(app: &App, ctx: &RequestContext, line: &Line) -> Result<Arc<Business>> {
    let profile = profile(app, ctx, line.customer_id).await?;
    Ok(Arc::new(Business {
        customer_id: line.customer_id,
        number: line.number.clone(),
        provider_id: line.provider_id,
        account_id: line.account_id.clone(),
        secret: line.secret.clone(),
        messaging_service_id: line.messaging_service_id.clone(),
        campaign_status: CampaignStatus::read(&line.campaign_status),
        name: line.business_name.clone(),
        trade: profile.trade.clone(),
        timezone: profile.timezone.clone(),
        hours: profile.hours.clone(),
        ai_takeover_delay_seconds: profile.ai_takeover_delay_seconds.unwrap_or(TAKEOVER_DELAY),
        opt_out_replies: OptOutReplies::read(&line.opt_out_replies),
    }))
}

async fn profile(app: &App, ctx: &RequestContext, customer_id: Uuid) -> Result<Arc<Profile>> {
    if let Some(profile) = app.profiles.get(&customer_id) {
        return Ok(profile);
    }
    let uri = format!("/v1/customers/{customer_id}");
    let profile: Profile = match app.rpc.get(OWNER, &uri, ctx).await {
        Ok(profile) => profile,
        // A tenant of whom nothing is said has numbers all the same.
        Err(error) if error.status() == Status::NotFound => Profile::default(),
        Err(error) => return Err(error),
    };
    let profile = Arc::new(profile);
    app.profiles.insert(customer_id, Arc::clone(&profile));
    Ok(profile)
}

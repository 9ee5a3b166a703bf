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
    models::business::{Business, CampaignStatus, OptOutReplies},
};

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

/// The business of a number, as long as the number is this tenant's: a number changes hands, and nothing may leave from it
/// in the name of whoever had it, nor by the new owner's account. None where it is nobody's or another's by now.
///
/// # Errors
/// 503 when did-manager does not answer.
pub(crate) async fn of_tenant(
    app: &App,
    number: &str,
    customer_id: Uuid,
) -> Result<Option<Arc<Business>>> {
    let business = of_number(app, number).await?;
    Ok(business.filter(|business| business.customer_id == customer_id))
}

/// The refusal of what would leave from such a number.
pub(crate) fn number_gone() -> Error {
    Error::failed_precondition(NUMBER_GONE, NUMBER_GONE_TEXT)
}

/// Reason of what fails as the number is not the business's any more.
pub(crate) const NUMBER_GONE: &str = "NUMBER_GONE";
/// The same, for people.
pub(crate) const NUMBER_GONE_TEXT: &str =
    "The number of this conversation is not the business's any more.";

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
    let customer = match app.businesses.get(ctx, line.customer_id).await {
        Ok(customer) => customer,
        // A tenant of whom nothing is said has numbers all the same.
        Err(error) if error.status() == Status::NotFound => Arc::default(),
        Err(error) => return Err(error),
    };
    Ok(Arc::new(Business {
        customer_id: line.customer_id,
        number: line.number.clone(),
        provider_id: line.provider_id,
        account_id: line.account_id.clone(),
        secret: line.secret.clone(),
        messaging_service_id: line.messaging_service_id.clone(),
        campaign_status: CampaignStatus::read(&line.campaign_status),
        name: line.business_name.clone(),
        trade: customer.trade().to_owned(),
        timezone: customer.zone_name().to_owned(),
        hours: customer.hours(),
        emergency: customer.emergency(),
        ai_takeover_delay_seconds: customer.takeover_delay_seconds(),
        opt_out_replies: OptOutReplies::read(&line.opt_out_replies),
        suspended: line.suspended,
    }))
}

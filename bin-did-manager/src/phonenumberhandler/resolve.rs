//! Whose number a webhook is for, and what proves it: for other managers only, as it tells a secret.

use bin_common_handler::{
    models::{error::Result, time::Timestamp},
    resource,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::phonenumbers,
    models::{
        customer::{Customer, CustomerStatus},
        phonenumber::{CampaignStatus, PhoneNumber},
        provider::{OptOutReplies, Provider},
    },
};

/// A number with its business and its provider. It has no `Debug`: it holds a secret.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Resolved {
    phone_number_id: Uuid,
    customer_id: Uuid,
    number: String,
    forward_target: String,
    messaging_service_id: String,
    campaign_status: CampaignStatus,
    dial_timeout_seconds: i32,
    business_name: String,
    provider_id: Uuid,
    account_id: String,
    secret: String,
    opt_out_replies: OptOutReplies,
    suspended: bool,
    version: Timestamp,
}

/// The number in E.164 as a carrier writes it.
///
/// # Errors
/// 404 when it is nobody's; 503 when the database is away.
pub(crate) async fn resolve(app: &App, number: &str) -> Result<Resolved> {
    let unknown = resource::not_found::<PhoneNumber>;
    let found = phonenumbers::live(&app.store.db, number, None).await?;
    let row = found.ok_or_else(unknown)?;
    let provider = app.store.get::<Provider>(row.provider_id).await?;
    let customer = app.store.get::<Customer>(row.customer_id).await?;
    let (Some(provider), Some(customer)) = (provider, customer) else {
        return Err(unknown());
    };
    if customer.tm_delete.is_some() {
        return Err(unknown());
    }
    let secret = app
        .sealer
        .open(&provider.secret, &provider.secret_place())?;
    let changes = [row.tm_update, provider.tm_update, customer.tm_update];
    Ok(Resolved {
        phone_number_id: row.id,
        customer_id: row.customer_id,
        number: row.number,
        forward_target: row.forward_target,
        messaging_service_id: row.messaging_service_id,
        campaign_status: row.campaign_status,
        dial_timeout_seconds: customer.dial_timeout_seconds,
        business_name: customer.name,
        provider_id: provider.id,
        account_id: provider.account_id,
        secret: secret.expose().to_owned(),
        opt_out_replies: provider.opt_out_replies,
        suspended: customer.status != CustomerStatus::Active,
        version: changes.into_iter().max().unwrap_or_default(),
    })
}

//! A person asks what is known about a number, or to be forgotten. call-manager takes the request; this is what it gets
//! from here, where people called are known by keyed hashes only.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::Result,
    sockhandler::ReceivedEvent,
    subjects::{Erased, Subject},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::App,
    dbhandler::subjects::{self, ROWS_MAX},
    models::{callresult::Unmatched, usage::Usage},
    phone::E164,
};

/// Everything that is known about a person.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Known {
    /// Numbers that were shown to them.
    usages: Vec<Usage>,
    /// Results whose call was not found.
    callresults: Vec<Unmatched>,
    /// There is more than an answer has.
    truncated: bool,
}

/// Everything about a number.
///
/// # Errors
/// 503.
pub(crate) async fn known(app: &App, ctx: &RequestContext, subject: &Subject) -> Result<Known> {
    let customer_id = ctx.scope.owner(subject.customer_id.unwrap_or_default())?;
    let Some(phone) = E164::parse(&subject.phone) else {
        return Ok(Known::default());
    };
    let hash = app.hasher().await?.phone(customer_id, &phone);
    let usages: Vec<Usage> = subjects::rows(&app.store.db, customer_id, hash).await?;
    let callresults: Vec<Unmatched> = subjects::rows(&app.store.db, customer_id, hash).await?;
    Ok(Known {
        truncated: usages.len().max(callresults.len()) >= ROWS_MAX,
        usages,
        callresults,
    })
}

/// A number was erased: nobody is found by it any more.
///
/// # Errors
/// 503.
pub(crate) async fn erased(app: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let told: Erased = event.data()?;
    let Some(phone) = E164::parse(&told.phone) else {
        return Ok(());
    };
    let hash = app.hasher().await?.phone(told.customer_id, &phone);
    subjects::erase(tx, told.customer_id, hash).await
}

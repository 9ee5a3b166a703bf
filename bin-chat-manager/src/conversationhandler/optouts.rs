//! What an opt-out does to the conversation with whoever it is of.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::change;
use crate::{
    alertrulehandler::{self, Incident},
    app::App,
    contacthandler,
    dbhandler::conversations,
    figures::alarm::Metric,
    models::{
        contact::Contact,
        conversation::{BlockReason, Channel, Conversation},
    },
};

/// An opt-out that somebody told otherwise than by text.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OptOutCreate {
    /// The tenant, for callers without one.
    #[serde(default)]
    pub customer_id: Option<Uuid>,
    /// The number.
    pub number: String,
}

/// Nothing may be sent from now on; false where that was so. The open conversation, if any, is blocked with it.
///
/// # Errors
/// 503.
pub(crate) async fn opt_out(
    tx: &mut ChangeTx<'_>,
    conversation: Option<&mut Conversation>,
    contact: &mut Contact,
    source: &str,
) -> Result<bool> {
    if let Some(conversation) = conversation {
        if conversation.block(BlockReason::OptedOut) {
            change::cancel_timers(tx, conversation).await?;
            change::save(tx, conversation).await?;
        }
        if !contact.opted_out {
            alertrulehandler::tell(
                tx,
                conversation,
                Incident {
                    metric: Metric::OptOut,
                    reason: source,
                    message_id: None,
                },
            )
            .await?;
        }
    }
    if contact.opted_out {
        return Ok(false);
    }
    contact.opted_out = true;
    contact.paused = false;
    contact.tm_asked = None;
    contact.tm_opted_out = Some(tx.now());
    contacthandler::announce(tx, contact, source).await?;
    Ok(true)
}

/// Texts may be sent again; false where they might.
///
/// # Errors
/// 503.
pub(crate) async fn opt_in(
    tx: &mut ChangeTx<'_>,
    conversation: Option<&mut Conversation>,
    contact: &mut Contact,
    source: &str,
) -> Result<bool> {
    if let Some(conversation) = conversation
        && conversation.lift(BlockReason::OptedOut)
    {
        change::save(tx, conversation).await?;
    }
    if !contact.opted_out && !contact.paused {
        return Ok(false);
    }
    contact.opted_out = false;
    contact.paused = false;
    contact.tm_asked = None;
    contact.tm_opted_out = None;
    contacthandler::announce(tx, contact, source).await?;
    Ok(true)
}

/// Notes an opt-out by hand, e.g. one that was told on the phone.
///
/// # Errors
/// 400 naming the number, 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    body: &OptOutCreate,
) -> Result<Contact> {
    let customer_id = ctx.scope.owner(body.customer_id.unwrap_or_default())?;
    let number = contacthandler::parse(&body.number)?;
    let hash = contacthandler::hash(app, &number).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut open = conversations::lock_open(&mut tx, customer_id, Channel::Sms, &number).await?;
    let mut contact = contacthandler::lock(&mut tx, customer_id, &hash, &number).await?;
    opt_out(&mut tx, open.as_mut(), &mut contact, "human").await?;
    tx.commit(contact).await
}

//! What an opt-out does to the conversation with whoever it is of.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::{change, timers};
use crate::{
    alertrulehandler::{self, Incident},
    app::App,
    contacthandler,
    dbhandler::conversations,
    figures::alarm::Metric,
    holdhandler,
    models::{
        contact::Contact,
        conversation::{BlockReason, Channel, Conversation},
    },
};

/// How long people have to answer first where nobody says otherwise, in seconds.
const DELAY: u32 = 60;

/// What an opt-out came from that a person of the business wrote down.
const BY_HAND: &str = "human";

/// An opt-out that somebody told otherwise than by text.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OptOutCreate {
    /// The tenant, for callers without one.
    #[serde(default)]
    pub customer_id: Option<Uuid>,
    /// The number.
    pub number: String,
}

/// Nothing may be sent from now on; false where that was so. The open conversation, if any, is blocked with it, and what is
/// held for the person is free again.
///
/// # Errors
/// 503.
pub(crate) async fn opt_out(
    tx: &mut ChangeTx<'_>,
    conversation: Option<&mut Conversation>,
    contact: &mut Contact,
    source: &str,
) -> Result<bool> {
    // The ledger forgets the number of somebody who was erased, and a conversation that is new has it.
    let person = match &conversation {
        Some(conversation) => conversation.person.clone(),
        None => contact.number.clone(),
    };
    if !person.is_empty() {
        holdhandler::give_back_all(tx, contact.customer_id, &person).await?;
    }
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

/// A person of the business has looked at what the assistant took for a wish for no more texts, and goes on.
///
/// # Errors
/// 503.
pub(crate) async fn let_go_on(tx: &mut ChangeTx<'_>, contact: &mut Contact) -> Result<()> {
    if !contact.paused {
        return Ok(());
    }
    contact.paused = false;
    contacthandler::announce(tx, contact, "human").await
}

/// What a person of the business decides about what may be an opt-out.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Decision {
    /// The tenant, for callers without one.
    #[serde(default)]
    pub customer_id: Option<Uuid>,
    /// The number.
    pub number: String,
    /// Whether it is one.
    pub opted_out: bool,
}

/// Decides whether somebody wants no texts, where the assistant only suspects it. An opt-out is lifted by nobody but who
/// told it.
///
/// # Errors
/// 400 naming the number, or `CUSTOMER_REQUIRED`; 403 `OPTED_OUT` where they did; 503.
pub(crate) async fn decide(
    app: &App,
    ctx: &RequestContext,
    decision: &Decision,
) -> Result<Contact> {
    let customer_id = ctx.scope.required_owner(decision.customer_id)?;
    let number = contacthandler::parse(&decision.number)?;
    let hash = contacthandler::hash(app, &number).await?;
    let business = app.businesses.find(ctx, customer_id).await;
    let delay = business.map_or(DELAY, |business| business.takeover_delay_seconds());
    let mut tx = app.store.begin(ctx).await?;
    let mut open = conversations::lock_open(&mut tx, customer_id, Channel::Sms, &number).await?;
    let mut contact = contacthandler::lock(&mut tx, customer_id, &hash, &number).await?;
    if decision.opted_out {
        by_hand(&mut tx, open.as_mut(), &mut contact).await?;
        return tx.commit(contact).await;
    }
    if contact.opted_out {
        return Err(contacthandler::opted_out());
    }
    if contact.paused {
        let_go_on(&mut tx, &mut contact).await?;
        if let Some(conversation) = &mut open {
            timers::open_window(&mut tx, conversation, delay).await?;
            change::save(&mut tx, conversation).await?;
        }
    }
    tx.commit(contact).await
}

/// Notes an opt-out by hand, e.g. one that was told on the phone.
///
/// # Errors
/// 400 naming the number, or `CUSTOMER_REQUIRED`; 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    body: &OptOutCreate,
) -> Result<Contact> {
    let customer_id = ctx.scope.required_owner(body.customer_id)?;
    let number = contacthandler::parse(&body.number)?;
    let hash = contacthandler::hash(app, &number).await?;
    let mut tx = app.store.begin(ctx).await?;
    let mut open = conversations::lock_open(&mut tx, customer_id, Channel::Sms, &number).await?;
    let mut contact = contacthandler::lock(&mut tx, customer_id, &hash, &number).await?;
    by_hand(&mut tx, open.as_mut(), &mut contact).await?;
    tx.commit(contact).await
}

/// An opt-out that a person of the business writes down. The others are told of it, also where no conversation is open.
async fn by_hand(
    tx: &mut ChangeTx<'_>,
    open: Option<&mut Conversation>,
    contact: &mut Contact,
) -> Result<()> {
    let is_told = open.is_some();
    let is_new = opt_out(tx, open, contact, BY_HAND).await?;
    if is_told || !is_new {
        return Ok(());
    }
    let (customer_id, metric) = (contact.customer_id, Metric::OptOut);
    alertrulehandler::notice(tx, customer_id, metric, contact.id, BY_HAND).await
}

//! The one open conversation with a person: found, or opened.

use bin_common_handler::{
    databasehandler::ChangeTx,
    ids,
    models::error::{Error, Result, Status},
};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::conversations,
    leadhandler,
    models::{
        business::Business,
        contact::Contact,
        conversation::{BlockReason, CREATED, Channel, Conversation},
    },
};

/// Who a conversation is with, and by which number.
pub(crate) struct Party<'p> {
    pub customer_id: Uuid,
    pub channel: Channel,
    pub person: &'p str,
    pub number: &'p str,
}

/// The open conversation, held; opened where there is none. It is written by whoever says something in it.
///
/// # Errors
/// 503; what may be tried again when another replica opens it at the same time.
pub(crate) async fn lock_or_open(tx: &mut ChangeTx<'_>, party: &Party<'_>) -> Result<Conversation> {
    let Party {
        customer_id,
        channel,
        person,
        ..
    } = *party;
    if let Some(open) = conversations::lock_open(tx, customer_id, channel, person).await? {
        return Ok(open);
    }
    let last = conversations::last_closed(tx, customer_id, channel, person).await?;
    let now = tx.now();
    let mut conversation = Conversation {
        id: ids::next(),
        customer_id,
        channel,
        person: person.to_owned(),
        number: party.number.to_owned(),
        person_name: last
            .as_ref()
            .map_or_else(String::new, |last| last.person_name.clone()),
        previous_id: last.map(|last| last.id),
        open_key: Some(Conversation::key(channel, person)),
        tm_create: now,
        tm_update: now,
        ..Conversation::default()
    };
    conversation.settle();
    conversation.told_state = conversation.state();
    match tx.insert(&conversation).await {
        Ok(()) => {
            tx.emit(CREATED, &conversation, customer_id).await?;
            Ok(conversation)
        }
        // Another was faster: its row is there now.
        Err(error) if error.reason() == "ALREADY_EXISTS" => {
            let open = conversations::lock_open(tx, customer_id, channel, person).await?;
            open.ok_or_else(|| Error::unavailable("database", "an open conversation is gone"))
        }
        Err(error) => Err(error),
    }
}

/// Answers go out from the number that the person used last: that is the thread on their phone, and the one before may be
/// the business's no more.
pub(crate) fn follow(conversation: &mut Conversation, number: &str) {
    if conversation.number != number {
        number.clone_into(&mut conversation.number);
    }
}

/// The conversation has an open lead, with the call attached.
///
/// # Errors
/// 503.
pub(crate) async fn attach_lead(
    app: &App,
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    call_id: Option<Uuid>,
    business: &Business,
) -> Result<()> {
    let now = tx.now();
    let person = conversation.person.clone();
    let contact = leadhandler::Contact {
        customer_id: conversation.customer_id,
        conversation_id: conversation.id,
        person: &person,
        call_id,
        is_in_hours: Some(business.is_open(now)),
    };
    match leadhandler::open(app, tx, &contact).await {
        Ok(lead) => conversation.lead_id = Some(lead.id),
        // Too many leads are no reason to leave a person without an answer.
        Err(error) if error.status() == Status::FailedPrecondition => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What the ledger, the number's registration and the business's standing say of it.
pub(crate) fn settle_blocks(
    conversation: &mut Conversation,
    contact: &Contact,
    business: &Business,
) {
    if contact.opted_out {
        conversation.block(BlockReason::OptedOut);
    } else {
        conversation.lift(BlockReason::OptedOut);
    }
    if business.campaign_status.may_send(&business.number) {
        conversation.lift(BlockReason::CampaignPending);
    } else {
        conversation.block(BlockReason::CampaignPending);
    }
    if business.suspended {
        conversation.block(BlockReason::Suspended);
    } else {
        conversation.lift(BlockReason::Suspended);
    }
}

//! A text: it is said in the person's conversation, and takes the road of everything that is said there, so that opt-outs,
//! registration and rates hold. Somebody with whom the business has no conversation has consented to nothing.

use bin_common_handler::{context::RequestContext, models::error::Result};

use super::record;
use crate::{
    app::{App, Job},
    businesshandler,
    conflicts::Conflicts,
    contacthandler,
    conversationhandler::{
        change,
        open::{self, Party},
        say::{self, Said},
    },
    dbhandler::conversations,
    models::{
        conversation::Channel,
        message::{MessageStatus, Sender},
        notification::Notification,
        retry::Outcome,
    },
};

/// Says it.
///
/// # Errors
/// 503; its timer comes back to it.
pub(super) async fn say(app: &App, row: &Notification) -> Result<()> {
    let mut conflicts = Conflicts::default();
    while let Err(error) = say_once(app, row).await {
        conflicts.again(error).await?;
    }
    Ok(())
}

async fn say_once(app: &App, row: &Notification) -> Result<()> {
    let customer_id = row.customer_id;
    let number = conversations::number_with(&app.store.db, customer_id, &row.to).await?;
    let business = match &number {
        Some(number) => businesshandler::of_tenant(app, number, customer_id).await?,
        None => None,
    };
    let Some(business) = business else {
        return record::record(app, row, Outcome::Refused("NO_CONSENT")).await;
    };
    let hash = contacthandler::hash(app, &row.to).await?;
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let party = Party {
        customer_id,
        channel: Channel::Sms,
        person: &row.to,
        number: &business.number,
    };
    let mut conversation = open::lock_or_open(&mut tx, &party).await?;
    let contact = contacthandler::lock(&mut tx, customer_id, &hash, &row.to).await?;
    let Some(mut held) = record::lock(&mut tx, row).await? else {
        return Ok(());
    };
    open::settle_blocks(&mut conversation, &contact, &business);
    let mut said = None;
    let outcome = if contact.opted_out {
        Outcome::Refused("OPTED_OUT")
    } else if contact.paused {
        Outcome::Refused("PAUSED")
    } else if conversation.is_blocked() {
        Outcome::Refused("CONVERSATION_BLOCKED")
    } else {
        let words = Said {
            sender: Sender::System,
            sender_id: None,
            body: &held.body,
            status: MessageStatus::Queued,
            cause_key: format!("ntf:{}", held.id),
        };
        said = say::say(&mut tx, &mut conversation, words).await?;
        Outcome::Sent
    };
    change::save(&mut tx, &mut conversation).await?;
    record::settle(&mut tx, &mut held, outcome).await?;
    tx.commit(()).await?;
    if let Some(said) = said {
        app.offer(Job::Send(said.id));
    }
    Ok(())
}

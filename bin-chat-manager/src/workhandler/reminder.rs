//! A person is reminded of an appointment: no answer to anything, so it obeys quiet hours, lists and opt-outs.

use bin_common_handler::{
    context::RequestContext,
    models::{error::Result, time::Timestamp},
};

use super::{read, take};
use crate::{
    app::{App, Job},
    businesshandler,
    compliancehandler::{self, May},
    contacthandler,
    conversationhandler::{
        change,
        open::{self, Party},
        say::{self, Said},
    },
    models::{
        appointment::Appointment,
        business::Business,
        conversation::Conversation,
        message::{MessageStatus, Sender},
        timers::WORK,
        webhook::{Reminder, Webhook},
    },
    templatehandler::{self, Filling},
};

/// Works on a reminder.
///
/// # Errors
/// 503.
pub(super) async fn remind(app: &App, row: &Webhook) -> Result<()> {
    let reminder: Reminder = read(row)?;
    let now = app.store.clock.now();
    let found = app
        .store
        .get::<Appointment>(reminder.appointment_id)
        .await?;
    let appointment = found
        .filter(|it| it.status.may_move() && it.tm_start == reminder.tm_start && it.tm_start > now);
    let conversation = match &appointment {
        Some(appointment) => {
            let id = appointment.conversation_id;
            let found = app.store.get::<Conversation>(id).await?;
            found.filter(|found| found.customer_id == appointment.customer_id)
        }
        None => None,
    };
    let business = match &conversation {
        Some(of) => businesshandler::of_tenant(app, &of.number, of.customer_id).await?,
        None => None,
    };
    let (Some(appointment), Some(conversation), Some(business)) =
        (appointment, conversation, business)
    else {
        return leave(app, row).await;
    };
    match compliancehandler::may(app, &business, &conversation, now).await {
        May::Now => say(app, row, &appointment, &conversation, &business).await,
        // What would come after the appointment is no reminder.
        May::At(at) if at < appointment.tm_start => later(app, row, at).await,
        May::At(_) | May::Never => leave(app, row).await,
    }
}

async fn leave(app: &App, row: &Webhook) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    take(&mut tx, row.id).await?;
    tx.commit(()).await
}

async fn later(app: &App, row: &Webhook, at: Timestamp) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    tx.schedule(WORK, row.id, at, &0_u32).await?;
    tx.commit(()).await
}

async fn say(
    app: &App,
    row: &Webhook,
    appointment: &Appointment,
    of: &Conversation,
    business: &Business,
) -> Result<()> {
    let hash = contacthandler::hash(app, &of.person).await?;
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    if !take(&mut tx, row.id).await? {
        return tx.commit(()).await;
    }
    let party = Party {
        customer_id: of.customer_id,
        channel: of.channel,
        person: &of.person,
        number: &of.number,
    };
    let mut conversation = open::lock_or_open(&mut tx, &party).await?;
    let contact = contacthandler::lock(&mut tx, of.customer_id, &hash, &of.person).await?;
    open::settle_blocks(&mut conversation, &contact, business);
    let mut said = None;
    if !conversation.is_blocked() && !contact.paused {
        let filling = Filling {
            business_name: &business.name,
            customer_name: &conversation.person_name,
            slot: &business.time_text(appointment.tm_start).unwrap_or_default(),
        };
        let customer_id = of.customer_id;
        let body = templatehandler::text(&mut tx, customer_id, "reminder", filling).await?;
        let reminder = Said {
            sender: Sender::System,
            sender_id: None,
            body: &body,
            status: MessageStatus::Queued,
            cause_key: row.event_key.clone(),
        };
        said = say::say(&mut tx, &mut conversation, reminder).await?;
    }
    change::save(&mut tx, &mut conversation).await?;
    tx.commit(()).await?;
    if let Some(said) = said {
        app.offer(Job::Send(said.id));
    }
    Ok(())
}

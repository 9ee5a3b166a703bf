//! The same for whoever is known by a mail address only: a visitor who named it, or somebody who was written to.

use bin_common_handler::{
    databasehandler::ChangeTx, models::error::Result, sockhandler::ReceivedEvent,
    subjects::EmailErased,
};
use uuid::Uuid;

use super::{Known, forget};
use crate::{
    app::App,
    dbhandler::{
        emailsubjects,
        subjects::{self, ROWS_MAX},
        visitoremails,
    },
    models::{
        appointment::Appointment,
        conversation::{Channel, Conversation},
        lead::Lead,
        message::Message,
    },
};

/// Everything about an address.
///
/// # Errors
/// 503.
pub(super) async fn known(app: &App, customer_id: Uuid, email: &str) -> Result<Known> {
    let db = &app.store.db;
    let named = visitoremails::of_email(db, customer_id, email, ROWS_MAX).await?;
    let is_confirmed = |id: &Uuid| {
        let mut rows = named.iter();
        rows.any(|row| row.conversation_id == *id && row.tm_confirmed.is_some())
    };
    let mut unconfirmed = emailsubjects::claimed(db, customer_id, email, ROWS_MAX).await?;
    unconfirmed.extend(named.iter().map(|row| row.conversation_id));
    unconfirmed.sort_unstable();
    unconfirmed.dedup();
    let (confirmed, unconfirmed): (Vec<Uuid>, Vec<Uuid>) =
        unconfirmed.into_iter().partition(is_confirmed);
    let by_mail = emailsubjects::by_mail(db, customer_id, email, ROWS_MAX).await?;
    let ids = [confirmed, unconfirmed.clone(), by_mail].concat();
    let conversations: Vec<Conversation> = subjects::by_ids(db, customer_id, &ids).await?;
    let messages: Vec<Message> = subjects::of_conversations(db, customer_id, &ids).await?;
    let attachments = subjects::file_names(db, customer_id, &ids).await?;
    let appointments: Vec<Appointment> = subjects::of_conversations(db, customer_id, &ids).await?;
    let leads: Vec<Lead> = subjects::of_conversations(db, customer_id, &ids).await?;
    let notifications = emailsubjects::notifications(db, customer_id, email, ROWS_MAX).await?;
    let counts = [
        ids.len(),
        messages.len(),
        leads.len(),
        appointments.len(),
        notifications.len(),
    ];
    Ok(Known {
        truncated: counts.into_iter().any(|rows| rows >= ROWS_MAX),
        conversations,
        unconfirmed,
        messages,
        attachments,
        leads,
        appointments,
        notifications,
        optout: None,
    })
}

/// A mail address was erased: what was said with whoever named it goes, and its pseudonym stands for it from now on.
///
/// # Errors
/// 503.
pub(crate) async fn erased(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let told: EmailErased = event.data()?;
    let EmailErased {
        customer_id,
        email,
        pseudonym,
    } = &told;
    if email.is_empty() {
        return Ok(());
    }
    for id in emailsubjects::conversations(tx, *customer_id, email).await? {
        let Some(conversation) = tx.lock::<Conversation>(id).await? else {
            continue;
        };
        // A visitor's name in the table is a random one, of which nobody is known.
        let person = match conversation.channel {
            Channel::Email => pseudonym.clone(),
            _ => conversation.person.clone(),
        };
        subjects::erase_leads(tx, *customer_id, &conversation.person, &person).await?;
        forget(tx, conversation, person).await?;
    }
    emailsubjects::erase_naming(tx, *customer_id, email).await?;
    emailsubjects::erase_to(tx, *customer_id, email, pseudonym).await?;
    emailsubjects::forget(tx, *customer_id, email).await
}

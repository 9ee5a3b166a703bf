//! The same for whoever is known by a mail address only: a visitor who named it, or somebody who was written to.

use bin_common_handler::{
    databasehandler::{ChangeTx, Entity},
    models::error::Result,
    sockhandler::ReceivedEvent,
    subjects::EmailErased,
};
use uuid::Uuid;

use super::{Known, forget, forget_appointments, joined};
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
    let leads: Vec<Lead> = subjects::of_conversations(db, customer_id, &ids).await?;
    let of_theirs = emailsubjects::leads(db, customer_id, email, ROWS_MAX).await?;
    let leads = joined(leads, of_theirs);
    let of_leads: Vec<Uuid> = leads.iter().map(Entity::id).collect();
    let mut appointments: Vec<Appointment> =
        subjects::of_conversations(db, customer_id, &ids).await?;
    for more in [
        subjects::of_leads(db, customer_id, &of_leads).await?,
        emailsubjects::appointments(db, customer_id, email, ROWS_MAX).await?,
    ] {
        appointments = joined(appointments, more);
    }
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
    let conversations = emailsubjects::conversations(tx, *customer_id, email).await?;
    let mut leads = emailsubjects::ids_of_leads(tx, *customer_id, email).await?;
    let mut appointments = emailsubjects::ids_of_appointments(tx, *customer_id, email).await?;
    let mut renamed = Vec::new();
    for id in &conversations {
        let Some(conversation) = tx.lock::<Conversation>(*id).await? else {
            continue;
        };
        // A visitor's name in the table is a random one, of which nobody is known.
        let person = match conversation.channel {
            Channel::Email => pseudonym.clone(),
            _ => conversation.person.clone(),
        };
        let before = conversation.person.clone();
        let theirs = subjects::ids_of_leads(tx, *customer_id, &before, &[*id]).await?;
        leads.extend(&theirs);
        renamed.push((theirs, person.clone()));
        forget(tx, conversation, person).await?;
    }
    let of_both = subjects::ids_of_appointments(tx, *customer_id, &conversations, &leads).await?;
    appointments.extend(of_both);
    forget_appointments(tx, *customer_id, &appointments).await?;
    // After their appointments, as everybody takes them.
    for (theirs, person) in renamed {
        subjects::erase_leads(tx, *customer_id, &theirs, &person).await?;
    }
    let theirs = emailsubjects::ids_of_leads(tx, *customer_id, email).await?;
    subjects::erase_leads(tx, *customer_id, &theirs, pseudonym).await?;
    emailsubjects::erase_naming(tx, *customer_id, email).await?;
    emailsubjects::erase_to(tx, *customer_id, email, pseudonym).await?;
    emailsubjects::forget(tx, *customer_id, email).await
}

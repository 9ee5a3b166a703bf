//! A person asks what is known about a number or a mail address, or to be forgotten. call-manager takes the request; this is what it gets
//! from here. An opt-out stays, as a hash: what is looked up before every send knows the number by it.

pub(crate) mod by_email;

use std::collections::BTreeSet;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Entity},
    models::error::Result,
    sockhandler::ReceivedEvent,
    subjects::{Erased, Subject},
};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::types::Json as Column;
use uuid::Uuid;

use crate::{
    app::App,
    calendarsynchandler, contacthandler,
    conversationhandler::{change, people},
    dbhandler::{contacts, subjects, tellings},
    models::{
        appointment::Appointment, contact::Contact, conversation::Conversation, lead::Lead,
        message::Message, notification::Notification,
    },
};

/// Everything that is known about a person.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Known {
    conversations: Vec<Conversation>,
    /// Those of them whose visitor only said that the mail address is theirs: whoever asks may be somebody else.
    unconfirmed: Vec<Uuid>,
    /// What was said in them, notes included.
    messages: Vec<Message>,
    /// The names of files that were sent.
    attachments: Vec<String>,
    leads: Vec<Lead>,
    appointments: Vec<Appointment>,
    /// What was sent to the number or address beside conversations.
    notifications: Vec<Notification>,
    /// What the ledger says of texts to them; null where it says nothing.
    optout: Option<Contact>,
    /// There is more than an answer has.
    truncated: bool,
}

/// Everything about a number, or about a mail address.
///
/// # Errors
/// 503.
pub(crate) async fn known(app: &App, ctx: &RequestContext, subject: &Subject) -> Result<Known> {
    let customer_id = ctx.scope.owner(subject.customer_id.unwrap_or_default())?;
    if !subject.email.is_empty() {
        return by_email::known(app, customer_id, &subject.email).await;
    }
    let (db, phone) = (&app.store.db, subject.phone.as_str());
    let conversations: Vec<Conversation> = subjects::of_person(db, customer_id, phone).await?;
    let ids: Vec<Uuid> = conversations.iter().map(|found| found.id).collect();
    let messages: Vec<Message> = subjects::of_conversations(db, customer_id, &ids).await?;
    let attachments = subjects::file_names(db, customer_id, &ids).await?;
    let leads: Vec<Lead> = subjects::of_person(db, customer_id, phone).await?;
    let leads = joined(
        leads,
        subjects::of_conversations(db, customer_id, &ids).await?,
    );
    let appointments: Vec<Appointment> = subjects::of_conversations(db, customer_id, &ids).await?;
    let of_leads: Vec<Uuid> = leads.iter().map(Entity::id).collect();
    let appointments = joined(
        appointments,
        subjects::of_leads(db, customer_id, &of_leads).await?,
    );
    let notifications = subjects::notifications(db, customer_id, phone).await?;
    let hash = contacthandler::hash(app, phone).await?;
    let counts = [
        conversations.len(),
        messages.len(),
        leads.len(),
        appointments.len(),
        notifications.len(),
    ];
    Ok(Known {
        truncated: counts.into_iter().any(|rows| rows >= subjects::ROWS_MAX),
        conversations,
        unconfirmed: Vec::new(),
        messages,
        attachments,
        leads,
        appointments,
        notifications,
        optout: contacts::find(db, customer_id, &hash).await?,
    })
}

/// A number was erased: what was said with it goes, and its pseudonym stands for it from now on.
///
/// # Errors
/// 503.
pub(crate) async fn erased(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let told: Erased = event.data()?;
    let Erased {
        customer_id,
        phone,
        pseudonym,
    } = &told;
    let conversations = subjects::ids_of_person(tx, *customer_id, phone).await?;
    let leads = subjects::ids_of_leads(tx, *customer_id, phone, &conversations).await?;
    let appointments =
        subjects::ids_of_appointments(tx, *customer_id, &conversations, &leads).await?;
    for id in conversations {
        if let Some(conversation) = tx.lock::<Conversation>(id).await? {
            forget(tx, conversation, pseudonym.clone()).await?;
        }
    }
    forget_appointments(tx, *customer_id, &appointments).await?;
    subjects::erase_leads(tx, *customer_id, &leads, pseudonym).await?;
    tellings::erase_naming(tx, *customer_id, phone).await?;
    tellings::erase_to(tx, *customer_id, phone, pseudonym).await?;
    tellings::erase_keys(tx, *customer_id, phone).await?;
    subjects::forget_number(tx, *customer_id, phone).await
}

/// The rows of both, each once.
fn joined<E: Entity>(mut rows: Vec<E>, more: Vec<E>) -> Vec<E> {
    let known: BTreeSet<Uuid> = rows.iter().map(Entity::id).collect();
    let others = more.into_iter().filter(|row| !known.contains(&row.id()));
    rows.extend(others);
    rows
}

/// What was said in a held conversation goes, `person` stands for who wrote, and it ends: what is told of its end names
/// nobody.
async fn forget(
    tx: &mut ChangeTx<'_>,
    mut conversation: Conversation,
    person: String,
) -> Result<()> {
    let (customer_id, id) = (conversation.customer_id, conversation.id);
    conversation.person = person;
    conversation.person_name.clear();
    conversation.findings = Column::default();
    if conversation.is_closed() {
        change::save(tx, &mut conversation).await?;
    } else {
        people::end(tx, &mut conversation).await?;
    }
    subjects::erase_words(tx, customer_id, id).await?;
    tellings::erase_naming(tx, customer_id, &id.to_string()).await
}

/// What appointments say of a person goes, here and in the calendars elsewhere that have them.
async fn forget_appointments(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    appointments: &[Uuid],
) -> Result<()> {
    if subjects::erase_appointments(tx, customer_id, appointments).await? > 0 {
        calendarsynchandler::wake(tx, customer_id).await?;
    }
    Ok(())
}

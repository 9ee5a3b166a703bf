//! A person asks what is known about a number, or to be forgotten. call-manager takes the request; this is what it gets
//! from here. An opt-out stays, as a hash: what is looked up before every send knows the number by it.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
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
    contacthandler,
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
    /// What was said in them, notes included.
    messages: Vec<Message>,
    /// The names of files that were sent.
    attachments: Vec<String>,
    leads: Vec<Lead>,
    appointments: Vec<Appointment>,
    /// Texts that were sent to the number beside conversations.
    notifications: Vec<Notification>,
    /// What the ledger says of texts to them; null where it says nothing.
    optout: Option<Contact>,
    /// There is more than an answer has.
    truncated: bool,
}

/// Everything about a number.
///
/// # Errors
/// 503.
pub(crate) async fn known(app: &App, ctx: &RequestContext, subject: &Subject) -> Result<Known> {
    let customer_id = ctx.scope.owner(subject.customer_id.unwrap_or_default())?;
    let (db, phone) = (&app.store.db, subject.phone.as_str());
    let conversations: Vec<Conversation> = subjects::of_person(db, customer_id, phone).await?;
    let ids: Vec<Uuid> = conversations.iter().map(|found| found.id).collect();
    let messages: Vec<Message> = subjects::of_conversations(db, customer_id, &ids).await?;
    let attachments = subjects::file_names(db, customer_id, &ids).await?;
    let leads: Vec<Lead> = subjects::of_person(db, customer_id, phone).await?;
    let appointments: Vec<Appointment> = subjects::of_conversations(db, customer_id, &ids).await?;
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
    for id in subjects::ids_of_person(tx, *customer_id, phone).await? {
        let Some(mut conversation) = tx.lock::<Conversation>(id).await? else {
            continue;
        };
        if !conversation.is_closed() {
            people::end(tx, &mut conversation).await?;
        }
        conversation.person.clone_from(pseudonym);
        conversation.person_name.clear();
        conversation.findings = Column::default();
        change::save(tx, &mut conversation).await?;
        subjects::erase_words(tx, *customer_id, id).await?;
        tellings::erase_naming(tx, *customer_id, &id.to_string()).await?;
    }
    tellings::erase_naming(tx, *customer_id, phone).await?;
    tellings::erase_to(tx, *customer_id, phone, pseudonym).await?;
    subjects::erase_leads(tx, *customer_id, phone, pseudonym).await?;
    subjects::forget_number(tx, *customer_id, phone).await
}

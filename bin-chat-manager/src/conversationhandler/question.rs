//! Our opt-in question: asked by a person of the business where it is not sure that somebody wants texts. A bare YES
//! answers it for a day, and nothing else that we say. It is no answer to anything, so it is asked once a day, and when the
//! law allows it.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    change,
    optouts::OptOutCreate,
    people::blocked,
    say::{self, Said},
};
use crate::{
    app::{App, Job},
    businesshandler,
    compliancehandler::{self, May},
    contacthandler,
    dbhandler::conversations,
    models::{
        contact::Contact,
        conversation::{Channel, Conversation},
        message::{Message, MessageStatus, Sender},
    },
    templatehandler::{self, Filling},
};

/// Asks whoever is at a number, in the open conversation with them.
///
/// # Errors
/// 400 naming the number, or `CUSTOMER_REQUIRED`; 403 `OPTED_OUT`: whoever wants no texts is not asked by one; 404 without a
/// conversation; 409 where nothing may be sent, `ALREADY_ASKED` within a day, or `NOT_ALLOWED_NOW` with `next_allowed`
/// where that is known.
pub(crate) async fn ask(app: &App, ctx: &RequestContext, body: &OptOutCreate) -> Result<Contact> {
    let customer_id = ctx.scope.required_owner(body.customer_id)?;
    let number = contacthandler::parse(&body.number)?;
    let hash = contacthandler::hash(app, &number).await?;
    let business = app.businesses.find(ctx, customer_id).await;
    let name = business.and_then(|business| business.name.clone());
    let name = name.unwrap_or_default();
    let law = law(app, customer_id, &number).await?;
    let mut tx = app.store.begin(ctx).await?;
    let open = conversations::lock_open(&mut tx, customer_id, Channel::Sms, &number).await?;
    let mut contact = contacthandler::lock(&mut tx, customer_id, &hash, &number).await?;
    if contact.opted_out {
        return Err(contacthandler::opted_out());
    }
    let mut conversation = open.ok_or_else(no_conversation)?;
    if conversation.is_blocked() {
        return Err(blocked());
    }
    if contacthandler::was_asked(&contact, tx.now()) {
        return Err(already_asked());
    }
    ensure_allowed(law)?;
    contact.tm_asked = Some(tx.now());
    contacthandler::save(&mut tx, &mut contact).await?;
    let said = say(&mut tx, &mut conversation, &contact, &name).await?;
    change::save(&mut tx, &mut conversation).await?;
    let contact = tx.commit(contact).await?;
    if let Some(said) = said {
        app.offer(Job::Send(said.id));
    }
    Ok(contact)
}

fn no_conversation() -> Error {
    let text = "There is no open conversation with this number.";
    Error::not_found("CONVERSATION_NOT_FOUND", text)
}

fn already_asked() -> Error {
    Error::failed_precondition(
        "ALREADY_ASKED",
        "This person was asked within the last 24 hours.",
    )
}

/// What the law says of a question to whoever is at a number; none without an open conversation.
async fn law(app: &App, customer_id: Uuid, number: &str) -> Result<Option<May>> {
    let (db, now) = (&app.store.db, app.store.clock.now());
    let found = conversations::find_open(db, customer_id, Channel::Sms, number).await?;
    let Some(conversation) = found else {
        return Ok(None);
    };
    let business = businesshandler::of_tenant(app, &conversation.number, customer_id).await?;
    let business = business.ok_or_else(businesshandler::number_gone)?;
    let may = compliancehandler::may(app, &business, &conversation, now).await;
    Ok(Some(may))
}

fn ensure_allowed(law: Option<May>) -> Result<()> {
    let not_now = Error::failed_precondition(
        "NOT_ALLOWED_NOW",
        "The law allows no such question to this person now.",
    );
    match law {
        // The conversation was opened a moment ago.
        None => Err(no_conversation()),
        Some(May::Now) => Ok(()),
        Some(May::At(at)) => Err(not_now.with_detail(json!({ "next_allowed": at }))),
        Some(May::Never) => Err(not_now),
    }
}

async fn say(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    contact: &Contact,
    name: &str,
) -> Result<Option<Message>> {
    let filling = Filling {
        business_name: name,
        customer_name: &conversation.person_name,
        ..Filling::default()
    };
    let customer_id = conversation.customer_id;
    let body = templatehandler::text(tx, customer_id, "opt_in_question", filling).await?;
    let asked = contact.tm_asked.unwrap_or_else(|| tx.now());
    let question = Said {
        sender: Sender::System,
        sender_id: None,
        body: &body,
        status: MessageStatus::Queued,
        cause_key: Message::question(contact.id, asked),
    };
    say::say(tx, conversation, question).await
}

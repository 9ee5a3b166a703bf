//! Our opt-in question: asked by a person of the business where it is not sure that somebody wants texts. A bare YES
//! answers it for a day, and nothing else that we say.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
};

use super::{
    change,
    optouts::OptOutCreate,
    people::blocked,
    say::{self, Said},
};
use crate::{
    app::{App, Job},
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
/// 400 naming the number; 403 `OPTED_OUT`: whoever wants no texts is not asked by one; 404 without a conversation; 409
/// where nothing may be sent.
pub(crate) async fn ask(app: &App, ctx: &RequestContext, body: &OptOutCreate) -> Result<Contact> {
    let customer_id = ctx.scope.owner(body.customer_id.unwrap_or_default())?;
    let number = contacthandler::parse(&body.number)?;
    let hash = contacthandler::hash(app, &number).await?;
    let business = app.businesses.find(ctx, customer_id).await;
    let name = business.and_then(|business| business.name.clone());
    let name = name.unwrap_or_default();
    let mut tx = app.store.begin(ctx).await?;
    let open = conversations::lock_open(&mut tx, customer_id, Channel::Sms, &number).await?;
    let mut contact = contacthandler::lock(&mut tx, customer_id, &hash, &number).await?;
    if contact.opted_out {
        return Err(contacthandler::opted_out());
    }
    let mut conversation = open.ok_or_else(|| {
        let text = "There is no open conversation with this number.";
        Error::not_found("CONVERSATION_NOT_FOUND", text)
    })?;
    if conversation.is_blocked() {
        return Err(blocked());
    }
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

//! What queues do to conversations.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
    resource,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    conversationhandler::{change, people, say},
    dbhandler::visitoremails,
    models::{
        conversation::{Channel, Conversation},
        notification::NotificationChannel,
    },
    notificationhandler::{self, NotificationCreate},
    templatehandler::{self, Filling},
};

/// Holds a conversation that the caller may see and that has not ended.
///
/// # Errors
/// 404; 409 where it ended.
pub(super) async fn hold(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    id: Uuid,
) -> Result<Conversation> {
    let conversation = resource::lock_live::<Conversation>(tx, ctx, id).await?;
    if conversation.is_closed() {
        return Err(Error::failed_precondition(
            "CONVERSATION_CLOSED",
            "The conversation is closed.",
        ));
    }
    Ok(conversation)
}

/// A user has it now. It is held.
///
/// # Errors
/// 503.
pub(super) async fn hand_over(
    tx: &mut ChangeTx<'_>,
    mut conversation: Conversation,
    user_id: Uuid,
) -> Result<()> {
    people::give(tx, &mut conversation, user_id).await?;
    change::save(tx, &mut conversation).await
}

/// Nobody has it now, and a human is wanted. It is held.
///
/// # Errors
/// 503.
pub(super) async fn let_go(tx: &mut ChangeTx<'_>, mut conversation: Conversation) -> Result<()> {
    if conversation.needs_human && conversation.owner_id.is_none() {
        return Ok(());
    }
    conversation.interrupt();
    conversation.owner_id = None;
    conversation.needs_human = true;
    change::cancel_timers(tx, &conversation).await?;
    change::save(tx, &mut conversation).await
}

/// Nobody was free in time: a visitor of a page is asked for a message, once for each entry. A text would need the
/// person's consent, so nothing is said elsewhere, but for a mail to an address that the visitor confirmed. The conversation
/// is held.
///
/// # Errors
/// 503.
pub(super) async fn ask_for_words(
    tx: &mut ChangeTx<'_>,
    mut conversation: Conversation,
    entry_id: Uuid,
) -> Result<()> {
    if conversation.channel != Channel::Web || conversation.owner_id.is_some() {
        return Ok(());
    }
    let (customer_id, name) = (conversation.customer_id, "chat_timed_out");
    let body = templatehandler::text(tx, customer_id, name, Filling::default()).await?;
    let cause_key = format!("timed_out:{entry_id}");
    say::say_on_page(tx, &mut conversation, &body, cause_key.clone()).await?;
    change::save(tx, &mut conversation).await?;
    mail_it(tx, &conversation, body, cause_key).await
}

/// The same by mail, whose answer comes back into the conversation: to a confirmed address only.
async fn mail_it(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
    words: String,
    key: String,
) -> Result<()> {
    let (customer_id, id) = (conversation.customer_id, conversation.id);
    let Some(to) = visitoremails::confirmed(tx, customer_id, id).await? else {
        return Ok(());
    };
    let wanted = NotificationCreate {
        channel: NotificationChannel::Email,
        to: to.email,
        data: json!({"subject": "Your conversation with us", "conversation_id": id}),
        key,
        words,
        ..NotificationCreate::default()
    };
    notificationhandler::put(tx, customer_id, wanted)
        .await
        .map(drop)
}

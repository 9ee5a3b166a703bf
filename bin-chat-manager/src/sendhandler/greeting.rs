//! A greeting that never left is none.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};

use crate::{
    contacthandler,
    conversationhandler::change,
    models::{contact::Contact, conversation::Conversation, message::Message},
};

/// Forgets a greeting that the carrier surely never had, so that whoever calls again is greeted. All three are held.
///
/// # Errors
/// 503.
pub(super) async fn forget(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    contact: &mut Contact,
    message: &Message,
) -> Result<()> {
    if !message.is_greeting() {
        return Ok(());
    }
    // One that is newer is of another greeting.
    let is_of_this = |at| at <= message.tm_create;
    if contact.tm_greeted.is_some_and(is_of_this) {
        contact.tm_greeted = None;
        contacthandler::save(tx, contact).await?;
    }
    if conversation.tm_last_message.is_some_and(is_of_this) {
        // What was said before it was said by the person, or too long ago to count.
        conversation.tm_last_message = conversation.tm_inbound;
        change::save(tx, conversation).await?;
    }
    Ok(())
}

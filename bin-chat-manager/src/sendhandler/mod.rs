//! Texts on their way out: marked under the locks of conversation and opt-out, requested outside any transaction, and
//! never requested again when nobody knows whether a request arrived.

mod follow;
mod greeting;
mod mark;
mod order;
mod provider;
mod record;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
    timerhandler::Timer,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::mark::Marked;
use crate::{
    app::{App, Job},
    businesshandler,
    conflicts::Conflicts,
    models::{
        business::Business,
        conversation::Conversation,
        message::{Message, MessageStatus},
        timers::SEND,
    },
};

pub(crate) use record::report;

/// When the process that takes a message has ended, another one comes back to it after this.
const NET: std::time::Duration = std::time::Duration::from_secs(10);

/// The timer of a message: another look is set, and a job takes this one.
pub(crate) async fn due(
    jobs: mpsc::Sender<Job>,
    tx: &mut ChangeTx<'_>,
    timer: Timer,
) -> Result<()> {
    let next = tx.now().plus(NET);
    tx.schedule(SEND, timer.entity_id, next, &()).await?;
    // Full: the next look is set already.
    tx.after_commit(move || {
        let _ = jobs.try_send(Job::Send(timer.entity_id));
    });
    Ok(())
}

/// Brings one message a step further: sends it, or finds out what became of it.
///
/// # Errors
/// 503; its timer comes back to it.
pub(crate) async fn advance(app: &App, id: Uuid) -> Result<()> {
    let Some(message) = app.store.get::<Message>(id).await? else {
        return Ok(());
    };
    if message.is_followed() {
        return follow::look(app, &message).await;
    }
    if message.status.is_over() {
        return forget(app, id).await;
    }
    let found = app
        .store
        .get::<Conversation>(message.conversation_id)
        .await?;
    let conversation = found.ok_or_else(|| Error::internal("a message without a conversation"))?;
    let (number, customer_id) = (&conversation.number, conversation.customer_id);
    let Some(business) = businesshandler::of_tenant(app, number, customer_id).await? else {
        return record::number_gone(app, &message).await;
    };
    if message.status == MessageStatus::Sending && message.tm_attempt.is_some() {
        return find_out(app, &message, &conversation, &business).await;
    }
    let (message, attempt) = match mark::mark(app, &message, &conversation, &business).await? {
        Marked::Sending(marked) => *marked,
        Marked::Left => return Ok(()),
    };
    let outcome = provider::send(app, &business, &conversation, &message).await;
    app.figures
        .sends
        .with_label_values(&[outcome.label()])
        .inc();
    let mut conflicts = Conflicts::default();
    // The answer is known now; once it is lost it would have to be looked for.
    loop {
        match record::record(app, id, attempt, outcome.clone()).await {
            Err(error) => conflicts.again(error).await?,
            done => return done,
        }
    }
}

/// A request was made, and its answer is not known: it is looked for, and never made again.
async fn find_out(
    app: &App,
    message: &Message,
    conversation: &Conversation,
    business: &Business,
) -> Result<()> {
    let Some(attempt) = message.tm_attempt else {
        return Ok(());
    };
    if app.store.clock.now() < attempt.plus(provider::DEADLINE) {
        return record::come_back(app, message.id, attempt).await;
    }
    match provider::find(app, business, conversation, message, attempt).await {
        Some(accepted) => record::record(app, message.id, attempt, accepted).await,
        None => record::come_back(app, message.id, attempt).await,
    }
}

async fn forget(app: &App, id: Uuid) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    tx.cancel(SEND, id).await?;
    tx.commit(()).await
}

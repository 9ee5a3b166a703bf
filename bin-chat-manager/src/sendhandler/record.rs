//! What came of a request, and what the provider reports later.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use rand::RngExt;
use uuid::Uuid;

use super::{
    follow, greeting, order,
    provider::{Outcome, is_of_number, meaning},
};
use crate::{
    alertrulehandler::{self, Incident},
    app::App,
    businesshandler::{NUMBER_GONE, NUMBER_GONE_TEXT},
    contacthandler,
    conversationhandler::{optouts, say},
    figures::alarm::Metric,
    models::{
        conversation::Conversation,
        message::{Message, MessageStatus},
        timers::SEND,
        webhook::StatusReport,
    },
};

/// Requests for one message that the provider surely does not have.
const TRIES_MAX: i32 = 6;
/// All of them within this.
const TRYING_MAX: Duration = Duration::from_secs(60);
/// The longest pause after the first try; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// How long an unanswered request is looked for.
const UNANSWERED_MAX: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The carrier's code for somebody who opted out there.
const UNSUBSCRIBED: &str = "21610";

/// A message with its conversation and contact, all held, in the order in which everybody takes them.
struct Held {
    conversation: Conversation,
    contact: crate::models::contact::Contact,
    message: Message,
}

async fn hold(app: &App, tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Option<Held>> {
    let Some(seen) = tx.get::<Message>(id).await? else {
        return Ok(None);
    };
    let found = tx.lock::<Conversation>(seen.conversation_id).await?;
    let conversation = found.ok_or_else(|| Error::internal("a message without a conversation"))?;
    let hash = contacthandler::hash(app, &conversation.person).await?;
    let (customer_id, person) = (conversation.customer_id, &conversation.person);
    let contact = contacthandler::lock(tx, customer_id, &hash, person).await?;
    let message = tx.lock::<Message>(id).await?;
    Ok(message.map(|message| Held {
        conversation,
        contact,
        message,
    }))
}

/// Writes down what came of the request of `attempt`.
///
/// # Errors
/// 503; its timer finds out then.
pub(super) async fn record(
    app: &App,
    id: Uuid,
    attempt: Timestamp,
    outcome: Outcome,
) -> Result<()> {
    // Not inside the transaction: the first asks the database for its key.
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut held) = hold(app, &mut tx, id).await? else {
        return Ok(());
    };
    if held.message.tm_attempt != Some(attempt) {
        return Ok(());
    }
    match outcome {
        Outcome::Accepted { sid, status } => {
            take(&mut tx, &mut held, &sid, status).await?;
        }
        Outcome::Refused { code } => refuse(&mut tx, &mut held, &code).await?,
        Outcome::TryAgain => try_again(&mut tx, &mut held).await?,
        Outcome::Unanswered => {
            let again = tx.now().plus(LOOK_AGAIN);
            tx.schedule(SEND, id, again, &()).await?;
        }
    }
    tx.commit(()).await
}

/// The provider has it.
async fn take(
    tx: &mut ChangeTx<'_>,
    held: &mut Held,
    sid: &str,
    reported: MessageStatus,
) -> Result<()> {
    let Held {
        conversation,
        message,
        ..
    } = held;
    message.status = message.status.after(reported);
    message.provider_sid = Some(sid.to_owned());
    message.tm_sent = message.tm_sent.or(Some(tx.now()));
    // Whatever comes later is reported, else asked for.
    follow::watch(tx, message).await?;
    say::rewrite(tx, conversation, message).await?;
    order::wake_next(tx, message).await
}

/// It is never tried again, and somebody is told.
async fn fail(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    message: &mut Message,
    status: MessageStatus,
    code: &str,
    text: &str,
) -> Result<()> {
    message.status = message.status.after(status);
    if status == MessageStatus::Unknown {
        message.status = status;
    }
    code.clone_into(&mut message.error_code);
    text.clone_into(&mut message.error_message);
    tx.cancel(SEND, message.id).await?;
    say::rewrite(tx, conversation, message).await?;
    order::wake_next(tx, message).await?;
    alertrulehandler::tell(
        tx,
        conversation,
        Incident {
            metric: Metric::ProviderFailure,
            reason: code,
            message_id: Some(message.id),
        },
    )
    .await
}

async fn refuse(tx: &mut ChangeTx<'_>, held: &mut Held, code: &str) -> Result<()> {
    if code == UNSUBSCRIBED {
        let conversation = Some(&mut held.conversation);
        optouts::opt_out(tx, conversation, &mut held.contact, "provider").await?;
    }
    if is_of_number(code) {
        contacthandler::note_unreachable(&mut held.contact, code, tx.now());
        contacthandler::save(tx, &mut held.contact).await?;
    }
    let text = meaning(code);
    let code = if code.is_empty() { "REFUSED" } else { code };
    let Held {
        conversation,
        contact,
        message,
    } = held;
    greeting::forget(tx, conversation, contact, message).await?;
    fail(tx, conversation, message, MessageStatus::Failed, code, text).await
}

async fn try_again(tx: &mut ChangeTx<'_>, held: &mut Held) -> Result<()> {
    let now = tx.now();
    let Held {
        conversation,
        contact,
        message,
    } = held;
    let first = message.tm_first_try.unwrap_or(now);
    let tries = message.tries;
    if tries >= TRIES_MAX || now >= first.plus(TRYING_MAX) {
        greeting::forget(tx, conversation, contact, message).await?;
        let text = "The carrier could not be reached.";
        let status = MessageStatus::Failed;
        return fail(
            tx,
            conversation,
            message,
            status,
            "PROVIDER_UNAVAILABLE",
            text,
        )
        .await;
    }
    // Its answer is known: nothing is on its way.
    message.tm_attempt = None;
    say::rewrite(tx, conversation, message).await?;
    let pause = jitter(tries, &mut rand::rng());
    tx.schedule(SEND, message.id, now.plus(pause), &()).await
}

/// Full jitter: anything up to a ceiling that doubles.
fn jitter(tries: i32, chance: &mut impl rand::Rng) -> Duration {
    let doubled = 1_u32.checked_shl(u32::try_from(tries.saturating_sub(1)).unwrap_or(0));
    let ceiling = PAUSE.saturating_mul(doubled.unwrap_or(u32::MAX));
    ceiling.mul_f64(chance.random_range(0.0..=1.0))
}

/// The request of `attempt` is not found yet: it is looked for again, and given up in the end.
///
/// # Errors
/// 503.
pub(super) async fn come_back(app: &App, id: Uuid, attempt: Timestamp) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut held) = hold(app, &mut tx, id).await? else {
        return Ok(());
    };
    if held.message.tm_attempt != Some(attempt) || held.message.status.is_over() {
        return Ok(());
    }
    if tx.now() < attempt.plus(UNANSWERED_MAX) {
        let again = tx.now().plus(LOOK_AGAIN);
        tx.schedule(SEND, id, again, &()).await?;
    } else {
        let text = "The carrier did not answer; it may or may not have been sent.";
        let Held {
            conversation,
            message,
            ..
        } = &mut held;
        let status = MessageStatus::Unknown;
        fail(&mut tx, conversation, message, status, "UNANSWERED", text).await?;
    }
    tx.commit(()).await
}

/// The number that it was to leave from is not the business's any more: it fails, unless it may have left before.
///
/// # Errors
/// 503.
pub(super) async fn number_gone(app: &App, seen: &Message) -> Result<()> {
    if let Some(attempt) = seen.tm_attempt {
        return come_back(app, seen.id, attempt).await;
    }
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut held) = hold(app, &mut tx, seen.id).await? else {
        return Ok(());
    };
    if held.message.tm_attempt.is_some() || held.message.status.is_over() {
        return Ok(());
    }
    let Held {
        conversation,
        contact,
        message,
    } = &mut held;
    greeting::forget(&mut tx, conversation, contact, message).await?;
    let (status, text) = (MessageStatus::Failed, NUMBER_GONE_TEXT);
    fail(&mut tx, conversation, message, status, NUMBER_GONE, text).await?;
    tx.commit(()).await
}

/// Writes down what the provider reports of a message, inside the transaction of the report.
///
/// # Errors
/// 503.
pub(crate) async fn report(
    app: &App,
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    told: &StatusReport,
) -> Result<()> {
    let Some(mut held) = hold(app, tx, told.message_id).await? else {
        return Ok(());
    };
    if held.message.customer_id != customer_id {
        return Ok(());
    }
    // A report of another text says nothing of this one, whatever its address says.
    let known = held.message.provider_sid.as_deref();
    if known.is_some_and(|known| known != told.sid) {
        return Ok(());
    }
    let Some(reported) = MessageStatus::reported(&told.status) else {
        return Ok(());
    };
    let now = tx.now();
    let before = held.message.clone();
    let message = &mut held.message;
    message.status = message.status.after(reported);
    if message.provider_sid.is_none() && !told.sid.is_empty() {
        message.provider_sid = Some(told.sid.clone());
        message.tm_sent = message.tm_sent.or(Some(now));
    }
    match reported {
        MessageStatus::Delivered => message.delivered_at = message.delivered_at.or(Some(now)),
        MessageStatus::Read => message.read_at = message.read_at.or(Some(now)),
        _ => {}
    }
    let is_bad = matches!(
        message.status,
        MessageStatus::Failed | MessageStatus::Undelivered
    );
    if is_bad {
        message.error_code.clone_from(&told.error_code);
        meaning(&told.error_code).clone_into(&mut message.error_message);
    } else if before.error_code == "UNANSWERED" {
        message.error_code.clear();
        message.error_message.clear();
    }
    if *message == before {
        return Ok(());
    }
    // The provider has it: it is looked for no more, only asked of while this is not the last word.
    follow::watch(tx, message).await?;
    say::rewrite(tx, &mut held.conversation, message).await?;
    if is_bad && told.error_code == UNSUBSCRIBED {
        let conversation = Some(&mut held.conversation);
        optouts::opt_out(tx, conversation, &mut held.contact, "provider").await?;
    }
    let is_told = is_bad && is_of_number(&told.error_code);
    if is_told {
        contacthandler::note_unreachable(&mut held.contact, &told.error_code, now);
    }
    let has_arrived = reported == MessageStatus::Delivered;
    if is_told || (has_arrived && contacthandler::note_reachable(&mut held.contact)) {
        contacthandler::save(tx, &mut held.contact).await?;
    }
    if is_bad && before.status != held.message.status {
        let (conversation, id) = (&held.conversation, held.message.id);
        alertrulehandler::tell(
            tx,
            conversation,
            Incident {
                metric: Metric::ProviderFailure,
                reason: "undelivered",
                message_id: Some(id),
            },
        )
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_of_six_tries_fit_into_a_minute() {
        let most: Duration = (1..TRIES_MAX)
            .map(|tries| PAUSE * 2_u32.pow(tries.unsigned_abs() - 1))
            .sum();
        assert!(most < TRYING_MAX);
        for tries in 1..TRIES_MAX {
            let pause = jitter(tries, &mut rand::rng());
            assert!(pause <= PAUSE * 2_u32.pow(tries.unsigned_abs() - 1));
        }
    }
}

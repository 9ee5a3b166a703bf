//! The assistant's turns. A turn begins in the transaction of its timer, carries the conversation's fence, is thought
//! about outside any transaction, and ends in another one: as a message, or discarded when a person was faster.

mod answer;
mod compose;
mod facts;
mod judge;
pub(crate) mod model;
mod prompt;
mod rules;
mod times;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        error::{Error, Result, Status},
        time::Timestamp,
    },
    timerhandler::Timer,
};
use std::sync::Arc;

use tokio::sync::mpsc;
use uuid::Uuid;

use self::{compose::Composed, facts::Facts, times::Chosen};
use crate::{
    alertrulehandler::{self, Incident},
    app::{App, Job},
    bookinghandler::by_text::{self, Booking},
    businesshandler,
    conflicts::Conflicts,
    contacthandler,
    conversationhandler::{
        change,
        say::{self, Said},
        timers::{self, PAUSE},
    },
    dbhandler::messages::{self, Span},
    figures::alarm::Metric,
    models::{
        business::Business,
        contact::Contact,
        conversation::{AiState, Conversation},
        message::{Message, MessageStatus, Sender},
        slot::Slot,
        timers::{RUN, TURN},
        turn::{Turn, TurnStatus},
    },
};

/// Texts of the assistant to one person a day: two assistants may have met.
const TEXTS_A_DAY: i32 = 20;
/// When the process that carries out a turn has ended, another one does it after this.
const NET: std::time::Duration = std::time::Duration::from_secs(20);
/// What is said that a model reads.
const HISTORY: i64 = 30;

/// Names the handlers, at start.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    ctx.timers.on_with(TURN, app.jobs.clone(), begin);
    ctx.timers.on_with(RUN, app.jobs.clone(), due);
}

/// People had their time: a turn begins, unless one of them was faster.
async fn begin(jobs: mpsc::Sender<Job>, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut conversation) = tx.lock::<Conversation>(timer.entity_id).await? else {
        return Ok(());
    };
    let is_due = conversation.is_assistants() && conversation.is_unanswered();
    if !is_due || conversation.turn_id.is_some() {
        return Ok(());
    }
    let now = tx.now();
    let turn = Turn {
        id: ids::next(),
        customer_id: conversation.customer_id,
        conversation_id: conversation.id,
        fence: conversation.fence,
        up_to_seq: conversation.inbound_seq,
        prompt_version: prompt::VERSION.to_owned(),
        tm_create: now,
        tm_update: now,
        ..Turn::default()
    };
    tx.insert(&turn).await?;
    conversation.turn_id = Some(turn.id);
    conversation.ai_state = AiState::Active;
    conversation.window_ends = None;
    tx.schedule(RUN, turn.id, now, &()).await?;
    let _ = jobs;
    change::save(tx, &mut conversation).await
}

/// The timer of a turn: another look is set, and a job takes this one.
async fn due(jobs: mpsc::Sender<Job>, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let next = tx.now().plus(NET);
    tx.schedule(RUN, timer.entity_id, next, &()).await?;
    tx.after_commit(move || {
        let _ = jobs.try_send(Job::Run(timer.entity_id));
    });
    Ok(())
}

/// Carries out a turn.
///
/// # Errors
/// 503; its timer comes back to it.
pub(crate) async fn run(app: &App, id: Uuid) -> Result<()> {
    let Some(turn) = app.store.get::<Turn>(id).await? else {
        return Ok(());
    };
    if turn.status != TurnStatus::Running {
        return Ok(());
    }
    let found = app.store.get::<Conversation>(turn.conversation_id).await?;
    let conversation = found.ok_or_else(|| Error::internal("a turn without a conversation"))?;
    let is_current = conversation.turn_id == Some(id) && conversation.fence == turn.fence;
    if is_current {
        let (number, customer_id) = (&conversation.number, conversation.customer_id);
        let Some(business) = businesshandler::of_tenant(app, number, customer_id).await? else {
            return end(app, id, &Composed::silent("number_gone"), None).await;
        };
        let span = Span {
            after: None,
            before: Some(turn.up_to_seq.saturating_add(1)),
            limit: HISTORY,
        };
        let history =
            messages::span(&app.store.db, turn.customer_id, conversation.id, span).await?;
        // Boxed, as what the assistant thinks about is large.
        return Box::pin(think(app, &turn, &conversation, &business, &history)).await;
    }
    end(app, id, &Composed::default(), None).await
}

/// Thinks about a text, and ends the turn with it. Where somebody was faster with the time that it books, other times are
/// offered.
async fn think(
    app: &App,
    turn: &Turn,
    conversation: &Conversation,
    business: &Arc<Business>,
    history: &[Message],
) -> Result<()> {
    let mut facts = facts::of(app, conversation, business, history).await?;
    let composed = compose::compose(app, conversation, history, &facts).await;
    let source = composed.source.as_str();
    app.figures.turns.with_label_values(&[source]).inc();
    let booking = match composed.taken {
        Some(slot) => Some(booking(app, &facts, slot).await?),
        None => None,
    };
    let is_booking = booking.is_some();
    match end(app, turn.id, &composed, booking.as_ref()).await {
        Err(error) if is_booking && is_refusal(&error) => {
            facts = facts::of(app, conversation, business, history).await?;
            facts.times.chosen = Chosen::Taken;
            let composed = rules::by_rules(&conversation.findings.0, &facts);
            end(app, turn.id, &composed, None).await
        }
        ended => ended,
    }
}

/// Whether a booking was refused, mostly as somebody was faster, rather than failed and worth another try.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.status(),
        Status::FailedPrecondition | Status::InvalidArgument | Status::NotFound
    )
}

async fn booking(app: &App, facts: &Facts, slot: Slot) -> Result<Booking> {
    let moves = facts.times.ahead.as_ref().map(|ahead| ahead.id);
    by_text::prepare(app, slot, facts.times.item.as_ref(), moves).await
}

/// A turn with everything that it changes, held.
struct Ending {
    conversation: Conversation,
    contact: Contact,
    turn: Turn,
}

/// Writes down what the turn came to, which would have to be thought about anew once it is lost.
async fn end(app: &App, id: Uuid, composed: &Composed, booking: Option<&Booking>) -> Result<()> {
    let mut conflicts = Conflicts::default();
    loop {
        match write_end(app, id, composed, booking).await {
            Err(error) => conflicts.again(error).await?,
            done => return done,
        }
    }
}

async fn write_end(
    app: &App,
    id: Uuid,
    composed: &Composed,
    booking: Option<&Booking>,
) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(seen) = tx.get::<Turn>(id).await? else {
        return Ok(());
    };
    let found = tx.lock::<Conversation>(seen.conversation_id).await?;
    let conversation = found.ok_or_else(|| Error::internal("a turn without a conversation"))?;
    let hash = contacthandler::hash(app, &conversation.person).await?;
    let (customer_id, person) = (conversation.customer_id, &conversation.person);
    let contact = contacthandler::lock(&mut tx, customer_id, &hash, person).await?;
    let Some(turn) = tx.lock::<Turn>(id).await? else {
        return Ok(());
    };
    if turn.status != TurnStatus::Running {
        return Ok(());
    }
    tx.cancel(RUN, id).await?;
    let mut ending = Ending {
        conversation,
        contact,
        turn,
    };
    let said = finish(app, &mut tx, &mut ending, composed, booking).await?;
    ending.turn.tm_update = tx.next_version(ending.turn.tm_update);
    tx.update(&ending.turn).await?;
    change::save(&mut tx, &mut ending.conversation).await?;
    tx.commit(()).await?;
    if let Some(message) = said {
        app.offer(Job::Send(message.id));
    }
    Ok(())
}

async fn finish(
    app: &App,
    tx: &mut ChangeTx<'_>,
    ending: &mut Ending,
    composed: &Composed,
    booking: Option<&Booking>,
) -> Result<Option<Message>> {
    let Ending {
        conversation,
        contact,
        turn,
    } = ending;
    composed.note(turn);
    let is_current = conversation.turn_id == Some(turn.id)
        && conversation.fence == turn.fence
        && conversation.is_assistants()
        && !contact.opted_out;
    if !is_current {
        turn.status = TurnStatus::Discarded;
        if !composed.text.is_empty() {
            let discarded = MessageStatus::Discarded;
            let said = say(tx, conversation, turn, &composed.text, discarded).await?;
            turn.message_id = said.map(|message| message.id);
        }
        return Ok(None);
    }
    conversation.turn_id = None;
    composed.heard.note(&mut conversation.findings.0);
    if composed.is_emergency
        && let Some(said) = safety(tx, conversation, composed).await?
    {
        turn.status = TurnStatus::Sent;
        turn.message_id = Some(said.id);
        answer(tx, conversation, turn).await?;
        return Ok(Some(said));
    }
    if composed.may_be_opt_out {
        // The model alone decides nothing: it only falls silent until a person has looked.
        contact.paused = true;
        conversation.interrupt();
    }
    let silence = silence(composed, contact, tx.now());
    contacthandler::save(tx, contact).await?;
    if composed.needs_human || silence.is_some() {
        let reason = silence.unwrap_or("not_sure");
        ask_for_a_person(tx, conversation, (Metric::NeedsHuman, reason)).await?;
    }
    if silence.is_some() {
        // The person still waits for an answer; the timer of their silence tells when it is too long.
        turn.status = TurnStatus::Discarded;
        return Ok(None);
    }
    if let Some(booking) = booking {
        by_text::book(app, tx, conversation, booking).await?;
    }
    if let Some(offered) = &composed.offered {
        conversation.offered_slots.0.clone_from(offered);
    }
    let queued = MessageStatus::Queued;
    let said = say(tx, conversation, turn, &composed.text, queued).await?;
    turn.status = TurnStatus::Sent;
    turn.message_id = said.as_ref().map(|message| message.id);
    answer(tx, conversation, turn).await?;
    Ok(said)
}

/// Why nothing may be said; nothing where it may, which takes one of the texts of the day.
fn silence(composed: &Composed, contact: &mut Contact, now: Timestamp) -> Option<&'static str> {
    if let Some(reason) = composed.silence {
        return Some(reason);
    }
    if contact.paused {
        return Some("may_be_opt_out");
    }
    let is_allowed = contacthandler::take_ai_text(contact, now, TEXTS_A_DAY);
    (!is_allowed).then_some("texts_of_the_day")
}

/// Everything up to this turn is answered; what came meanwhile gets the next one.
async fn answer(tx: &mut ChangeTx<'_>, conversation: &mut Conversation, turn: &Turn) -> Result<()> {
    conversation.answered_seq = conversation.answered_seq.max(turn.up_to_seq);
    if !conversation.is_unanswered() {
        return timers::nobody_waits(tx, conversation).await;
    }
    // What came meanwhile waits since it came.
    timers::watch_silence(tx, conversation).await?;
    let now = tx.now();
    let at = conversation.tm_inbound.unwrap_or(now).plus(PAUSE);
    tx.schedule(TURN, conversation.id, at.max(now), &()).await
}

/// The model sees a danger that the rules did not: the safety text goes out, whatever else there is to say; none where the
/// rules were faster.
async fn safety(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    composed: &Composed,
) -> Result<Option<Message>> {
    ask_for_a_person(tx, conversation, (Metric::Emergency, "model")).await?;
    let cause_key = Message::emergency(conversation.id, conversation.answered_seq);
    let said = Said {
        sender: Sender::System,
        sender_id: None,
        body: &composed.safety,
        status: MessageStatus::Queued,
        cause_key,
    };
    say::say(tx, conversation, said).await
}

async fn ask_for_a_person(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    (metric, reason): (Metric, &str),
) -> Result<()> {
    conversation.needs_human = true;
    let incident = Incident {
        metric,
        reason,
        message_id: None,
    };
    alertrulehandler::tell(tx, conversation, incident).await
}

async fn say(
    tx: &mut ChangeTx<'_>,
    conversation: &mut Conversation,
    turn: &Turn,
    text: &str,
    status: MessageStatus,
) -> Result<Option<Message>> {
    let said = Said {
        sender: Sender::Ai,
        sender_id: None,
        body: text,
        status,
        cause_key: format!("turn:{}", turn.id),
    };
    say::say(tx, conversation, said).await
}

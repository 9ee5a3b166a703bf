//! A text of a person: it is said in the conversation, and what it asks for is done.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result,
};

use tracing::warn;

use super::{read, take};
use crate::{
    alertrulehandler::{self, Incident},
    app::{App, Job},
    attachmenthandler::media,
    businesshandler, contacthandler,
    conversationhandler::{
        change,
        open::{self, Party},
        say::{self, Said},
        timers,
    },
    dbhandler::{messages, webhooks},
    figures::alarm::Metric,
    models::{
        business::{Business, OptOutReplies},
        contact::Contact,
        conversation::{Channel, Conversation},
        message::{Message, MessageStatus, Sender},
        webhook::{InboundText, Webhook},
    },
    templatehandler::{self, Filling},
    words::{
        emergency,
        intake::Urgency,
        optout::{self, Wish},
    },
};

/// What one text does, while everything about it is held.
struct Hearing<'h> {
    app: &'h App,
    business: &'h Business,
    conversation: Conversation,
    contact: Contact,
    text: InboundText,
    /// Texts that are to leave at once.
    replies: Vec<Message>,
}

/// One text that cannot be worked on holds up those after it for so long.
const HELD_UP_MAX: std::time::Duration = std::time::Duration::from_secs(60);

/// HELP is answered once in so long.
const HELP_EACH: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Works on a text, after those of the same person that came before it.
///
/// # Errors
/// 503.
pub(super) async fn in_order(app: &App, row: &Webhook) -> Result<()> {
    for older in webhooks::older(&app.store.db, row).await? {
        match Box::pin(text(app, &older)).await {
            Err(error) if app.store.clock.now() >= older.tm_create.plus(HELD_UP_MAX) => {
                let reason = error.reason();
                warn!(
                    reason,
                    "a text is worked on before an older one that cannot be"
                );
            }
            done => done?,
        }
    }
    Box::pin(text(app, row)).await
}

async fn text(app: &App, row: &Webhook) -> Result<()> {
    let text: InboundText = read(row)?;
    let business = businesshandler::of_tenant(app, &text.to, row.customer_id).await?;
    let hash = contacthandler::hash(app, &text.from).await?;
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    if !take(&mut tx, row.id).await? {
        return tx.commit(()).await;
    }
    let party = Party {
        customer_id: row.customer_id,
        channel: Channel::Sms,
        person: &text.from,
        number: &text.to,
    };
    let mut conversation = open::lock_or_open(&mut tx, &party).await?;
    open::follow(&mut conversation, &text.to);
    let contact = contacthandler::lock(&mut tx, row.customer_id, &hash, &text.from).await?;
    let Some(business) = business else {
        return nobodys_number(tx, conversation, &text, row).await;
    };
    let mut hearing = Hearing {
        app,
        business: &business,
        conversation,
        contact,
        text,
        replies: Vec::new(),
    };
    // Two of the same provider's messages never have one id.
    let cause_key = format!("in:{}", row.event_key);
    hear(&mut tx, &mut hearing, cause_key).await?;
    let pictures = media::note(&mut tx, &hearing.conversation, &hearing.text.media).await?;
    change::save(&mut tx, &mut hearing.conversation).await?;
    tx.commit(()).await?;
    for picture in pictures {
        app.offer(Job::Fetch(picture));
    }
    for reply in hearing.replies {
        app.offer(Job::Send(reply.id));
    }
    Ok(())
}

/// The number is not the business's any more since the text came: it is said, nobody answers by itself, and its people are
/// told. What it wished is in the ledger.
async fn nobodys_number(
    mut tx: ChangeTx<'_>,
    mut conversation: Conversation,
    text: &InboundText,
    row: &Webhook,
) -> Result<()> {
    let said = Said {
        sender: Sender::Customer,
        sender_id: None,
        body: &text.body,
        status: MessageStatus::Received,
        cause_key: format!("in:{}", row.event_key),
    };
    say::say(&mut tx, &mut conversation, said).await?;
    if let Some(wish) = optout::read(&text.body).filter(|wish| wish.is_stop()) {
        tell_opt_out(&mut tx, &conversation, text, wish).await?;
    }
    conversation.needs_human = true;
    let incident = Incident {
        metric: Metric::NeedsHuman,
        reason: "number_gone",
        message_id: None,
    };
    alertrulehandler::tell(&mut tx, &conversation, incident).await?;
    change::save(&mut tx, &mut conversation).await?;
    tx.commit(()).await
}

async fn hear(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>, cause_key: String) -> Result<()> {
    open::settle_blocks(
        &mut hearing.conversation,
        &hearing.contact,
        hearing.business,
    );
    let said = Said {
        sender: Sender::Customer,
        sender_id: None,
        body: &hearing.text.body,
        status: MessageStatus::Received,
        cause_key,
    };
    say::say(tx, &mut hearing.conversation, said).await?;
    match optout::read(&hearing.text.body) {
        Some(wish) if wish.is_stop() => stop(tx, hearing, wish).await,
        // The ledger has it, and the conversation follows the ledger.
        _ if hearing.text.is_start => answered(tx, hearing).await,
        Some(Wish::Help) => help(tx, hearing).await,
        _ => talk(tx, hearing).await,
    }
}

/// Such a word is answered by nobody else.
async fn answered(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>) -> Result<()> {
    hearing.conversation.answered_seq = hearing.conversation.inbound_seq;
    timers::nobody_waits(tx, &hearing.conversation).await
}

/// The ledger has it already, with the row that kept it, and whatever was wished since; here its conversation falls
/// silent, and it is perhaps confirmed once.
async fn stop(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>, wish: Wish) -> Result<()> {
    if hearing.contact.opted_out {
        change::cancel_timers(tx, &hearing.conversation).await?;
    }
    tell_opt_out(tx, &hearing.conversation, &hearing.text, wish).await?;
    // The carrier answers its own words, unless it was told not to; a number that may not send confirms nothing.
    let is_ours = !hearing.conversation.is_number_blocked()
        && (hearing.business.opt_out_replies == OptOutReplies::Tandem
            || !optout::is_answered_by_carriers(wish));
    if let Some(at) = hearing.contact.tm_opted_out.filter(|_| is_ours) {
        let cause_key = Message::confirmation(hearing.contact.id, at);
        reply(tx, hearing, "opt_out_confirmation", cause_key).await?;
    }
    answered(tx, hearing).await
}

/// People are told of an opt-out that came when no conversation was open, and of a bare CANCEL, which may have been meant
/// otherwise.
async fn tell_opt_out(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
    text: &InboundText,
    wish: Wish,
) -> Result<()> {
    let reason = if optout::is_cancel(&text.body) {
        "bare_cancel"
    } else if text.is_first_stop {
        wish.source()
    } else {
        return Ok(());
    };
    let incident = Incident {
        metric: Metric::OptOut,
        reason,
        message_id: None,
    };
    alertrulehandler::tell(tx, conversation, incident).await
}

async fn help(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>) -> Result<()> {
    if hearing.business.opt_out_replies == OptOutReplies::Tandem
        && !hearing.conversation.is_blocked()
    {
        let help = Message::help(hearing.contact.id, &hearing.text.to);
        let now = tx.now();
        // Two programs that ask each other for help would never end.
        if !messages::is_said_since(tx, hearing.contact.customer_id, &help, now.minus(HELP_EACH))
            .await?
        {
            let cause_key = format!("{help}{}", now.micros());
            reply(tx, hearing, "help", cause_key).await?;
        }
    }
    answered(tx, hearing).await
}

/// Everything else is talk: danger first, then whoever answers.
async fn talk(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>) -> Result<()> {
    let (app, business) = (hearing.app, hearing.business);
    let body = &hearing.text.body;
    let is_danger = emergency::is_one(body) || emergency::names(body, &business.emergency.words);
    let findings = &mut hearing.conversation.findings.0;
    findings.read(body);
    if is_danger {
        findings.urgency = Urgency::Emergency;
    }
    open::attach_lead(app, tx, &mut hearing.conversation, None, business).await?;
    // Nothing is sent to whoever may get no texts; people are told of their danger all the same.
    let is_blocked = hearing.conversation.is_blocked();
    if is_danger {
        if !is_blocked {
            let first = hearing.conversation.answered_seq;
            let cause_key = Message::emergency(hearing.conversation.id, first);
            let body = templatehandler::safety(tx, business, filling(hearing)).await?;
            answer_with(tx, hearing, &body, cause_key).await?;
        }
        hearing.conversation.needs_human = true;
        alertrulehandler::tell(
            tx,
            &hearing.conversation,
            Incident {
                metric: Metric::Emergency,
                reason: "words",
                message_id: None,
            },
        )
        .await?;
    }
    if is_blocked {
        return Ok(());
    }
    if hearing.contact.paused && hearing.conversation.owner_id.is_none() {
        // The assistant is silent, so a person has to answer.
        hearing.conversation.needs_human = true;
    }
    if hearing.conversation.owner_id.is_some() || hearing.contact.paused {
        return Ok(());
    }
    let delay = hearing.business.ai_takeover_delay_seconds;
    timers::open_window(tx, &mut hearing.conversation, delay).await
}

async fn reply(
    tx: &mut ChangeTx<'_>,
    hearing: &mut Hearing<'_>,
    template: &str,
    cause_key: String,
) -> Result<()> {
    let customer_id = hearing.conversation.customer_id;
    let body = templatehandler::text(tx, customer_id, template, filling(hearing)).await?;
    answer_with(tx, hearing, &body, cause_key).await
}

fn filling<'h>(hearing: &'h Hearing<'_>) -> Filling<'h> {
    Filling {
        business_name: &hearing.business.name,
        customer_name: &hearing.conversation.person_name,
        ..Filling::default()
    }
}

async fn answer_with(
    tx: &mut ChangeTx<'_>,
    hearing: &mut Hearing<'_>,
    body: &str,
    cause_key: String,
) -> Result<()> {
    let said = Said {
        sender: Sender::System,
        sender_id: None,
        body,
        status: MessageStatus::Queued,
        cause_key,
    };
    let said = say::say(tx, &mut hearing.conversation, said).await?;
    hearing.replies.extend(said);
    Ok(())
}

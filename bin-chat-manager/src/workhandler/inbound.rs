//! A text of a person: it is said in the conversation, and what it asks for is done.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result,
};

use super::{read, take};
use crate::{
    alertrulehandler::{self, Incident},
    app::{App, Job},
    attachmenthandler::media,
    businesshandler, contacthandler,
    conversationhandler::{
        change,
        open::{self, Party},
        optouts,
        say::{self, Said},
        timers,
    },
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
        optout::{self, Wish},
    },
};

/// How long our opt-in question may be answered by a bare YES.
const ASKED: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

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

/// Works on a text.
///
/// # Errors
/// 503.
pub(super) async fn text(app: &App, row: &Webhook) -> Result<()> {
    let text: InboundText = read(row)?;
    let business = businesshandler::must_be(app, &text.to).await?;
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
    let conversation = open::lock_or_open(&mut tx, &party).await?;
    let contact = contacthandler::lock(&mut tx, row.customer_id, &hash, &text.from).await?;
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
        Some(Wish::Start) => start(tx, hearing).await,
        Some(Wish::Yes) if was_asked(tx, &hearing.contact) => start(tx, hearing).await,
        Some(Wish::Help) => help(tx, hearing).await,
        _ => talk(tx, hearing).await,
    }
}

/// Such a word is answered by nobody else.
fn answered(hearing: &mut Hearing<'_>) {
    hearing.conversation.answered_seq = hearing.conversation.inbound_seq;
}

/// The ledger has it already, with the row that kept it; here its conversation is blocked, and perhaps confirmed once.
async fn stop(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>, wish: Wish) -> Result<()> {
    let source = if wish == Wish::Stop {
        "word"
    } else {
        "wording"
    };
    let (conversation, contact) = (&mut hearing.conversation, &mut hearing.contact);
    optouts::opt_out(tx, Some(conversation), contact, source).await?;
    if optout::is_cancel(&hearing.text.body) {
        alertrulehandler::tell(
            tx,
            &hearing.conversation,
            Incident {
                metric: Metric::OptOut,
                reason: "bare_cancel",
                message_id: None,
            },
        )
        .await?;
    }
    // The carrier answers its own words, unless it was told not to.
    let is_ours = hearing.business.opt_out_replies == OptOutReplies::Tandem
        || !optout::is_answered_by_carriers(wish);
    if let Some(at) = hearing.contact.tm_opted_out.filter(|_| is_ours) {
        let cause_key = Message::confirmation(hearing.contact.id, at);
        reply(tx, hearing, "opt_out_confirmation", cause_key).await?;
    }
    answered(hearing);
    Ok(())
}

fn was_asked(tx: &ChangeTx<'_>, contact: &Contact) -> bool {
    let now = tx.now();
    contact
        .tm_asked
        .is_some_and(|asked| now < asked.plus(ASKED))
}

async fn start(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>) -> Result<()> {
    let (conversation, contact) = (&mut hearing.conversation, &mut hearing.contact);
    optouts::opt_in(tx, Some(conversation), contact, "start").await?;
    answered(hearing);
    Ok(())
}

async fn help(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>) -> Result<()> {
    if hearing.business.opt_out_replies == OptOutReplies::Tandem
        && !hearing.conversation.is_blocked()
    {
        let cause_key = format!(
            "help:{}:{}",
            hearing.conversation.id, hearing.conversation.last_seq
        );
        reply(tx, hearing, "help", cause_key).await?;
    }
    answered(hearing);
    Ok(())
}

/// Everything else is talk: danger first, then whoever answers.
async fn talk(tx: &mut ChangeTx<'_>, hearing: &mut Hearing<'_>) -> Result<()> {
    hearing.conversation.findings.0.read(&hearing.text.body);
    let (app, business) = (hearing.app, hearing.business);
    open::attach_lead(app, tx, &mut hearing.conversation, None, business).await?;
    if hearing.conversation.is_blocked() {
        return Ok(());
    }
    if emergency::is_one(&hearing.text.body) {
        let first = hearing.conversation.answered_seq;
        let cause_key = format!("emergency:{}:{first}", hearing.conversation.id);
        reply(tx, hearing, "emergency", cause_key).await?;
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
    if hearing.conversation.owner_id.is_some() {
        return timers::watch_silence(tx, &hearing.conversation).await;
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
    let filling = Filling {
        business_name: &hearing.business.name,
        customer_name: &hearing.conversation.person_name,
        ..Filling::default()
    };
    let customer_id = hearing.conversation.customer_id;
    let body = templatehandler::text(tx, customer_id, template, filling).await?;
    let said = Said {
        sender: Sender::System,
        sender_id: None,
        body: &body,
        status: MessageStatus::Queued,
        cause_key,
    };
    let said = say::say(tx, &mut hearing.conversation, said).await?;
    hearing.replies.extend(said);
    Ok(())
}

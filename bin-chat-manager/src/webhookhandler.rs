//! Webhooks of the carrier: proved, kept, answered; worked on afterwards. An opt-out is written with the row that keeps
//! it, before the carrier is answered.

use std::{collections::HashMap, sync::Arc};

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    listenhandler::{Raw, form_fields},
    models::{
        error::{Error, Result, Status},
        identity::parse_uuid,
    },
    phone,
    sockhandler::ReceivedEvent,
    webhooks::twiml,
};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::{App, Job},
    attachmenthandler::media,
    businesshandler, contacthandler,
    conversationhandler::optouts,
    dbhandler::conversations,
    models::{
        appointment::Appointment,
        business::Business,
        conversation::{Channel, Conversation},
        message::{BODY_MAX, Message},
        timers::WORK,
        webhook::{InboundText, MissedCall, Reminder, StatusReport, Webhook, WebhookKind},
    },
    words::optout::{self, Wish},
};

/// Work is done at once by the process that kept it; when that ended meanwhile, by anyone after this.
const WORK_NET: std::time::Duration = std::time::Duration::from_secs(2);
/// Longest id of the provider, in bytes.
const SID_MAX: usize = 64;
/// Longest text that is kept, in bytes: ten concatenated messages of a carrier.
const INBOUND_MAX: usize = BODY_MAX * 4;

/// What the carrier is told.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Twiml {
    /// The XML.
    pub twiml: &'static str,
}

const NOTHING: Twiml = Twiml {
    twiml: twiml::EMPTY,
};

/// What carriers put before the number of a channel that is not the telephone network's.
const CHANNELS: [&str; 2] = ["whatsapp:", "rcs:"];

/// An address without its channel.
fn address(text: &str) -> &str {
    let mut channels = CHANNELS.iter();
    channels
        .find_map(|channel| text.strip_prefix(channel))
        .unwrap_or(text)
}

type Fields = HashMap<String, String>;

fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map_or("", String::as_str)
}

fn refused(app: &App) -> Error {
    app.figures
        .webhooks
        .with_label_values(&["bad_signature"])
        .inc();
    app.figures.signatures.note();
    Error::permission_denied("BAD_SIGNATURE", "The signature is not right.")
}

/// The business of a number, where the carrier itself speaks.
async fn prove(
    app: &App,
    number: &str,
    fields: &Fields,
    raw: &Raw,
) -> Result<Option<Arc<Business>>> {
    let account_id = field(fields, "AccountSid");
    let proved = businesshandler::prove(app, number, account_id, raw).await;
    if proved
        .as_ref()
        .is_err_and(|error| error.status() == Status::PermissionDenied)
    {
        return Err(refused(app));
    }
    proved
}

/// A text of a person.
///
/// # Errors
/// 403 where it is not signed by the number's carrier; 503.
pub(crate) async fn sms(app: &App, ctx: &RequestContext, raw: &Raw) -> Result<Twiml> {
    let fields: Fields = form_fields(raw.body()).collect();
    let Ok(to) = phone::parse(address(field(&fields, "To"))) else {
        return Ok(nobodys(app));
    };
    let Some(business) = prove(app, to.as_str(), &fields, raw).await? else {
        return Ok(nobodys(app));
    };
    let Some(text) = inbound(&fields, to.as_str()) else {
        return Ok(unread(app, "its sender or its id cannot be read"));
    };
    let from = field(&fields, "From");
    let is_stop = || optout::read(&text.body).is_some_and(|wish| wish.is_stop());
    // Of other channels only the wish for no more texts counts: it is obeyed by whatever way it comes.
    if address(from) != from && !is_stop() {
        return Ok(unread(app, "its channel is not served"));
    }
    let hash = contacthandler::hash(app, &text.from).await?;
    let mut tx = app.store.begin(ctx).await?;
    let kept = hear(&mut tx, &business, hash, text).await?;
    let Some(id) = kept else {
        app.figures.webhooks.with_label_values(&["repeated"]).inc();
        return Ok(NOTHING);
    };
    let answer = tx.commit(NOTHING).await?;
    app.figures.webhooks.with_label_values(&["kept"]).inc();
    app.offer(Job::Work(id));
    Ok(answer)
}

/// Keeps a text with its number among those of its person, and does what it says about texts: the ledger follows the order
/// in which texts came, whatever the jobs are about. None where it came before.
async fn hear(
    tx: &mut ChangeTx<'_>,
    business: &Business,
    hash: Vec<u8>,
    mut text: InboundText,
) -> Result<Option<Uuid>> {
    let customer_id = business.customer_id;
    let wish = optout::read(&text.body).filter(|wish| wish.is_about_texts());
    let mut open = match wish {
        Some(_) => conversations::lock_open(tx, customer_id, Channel::Sms, &text.from).await?,
        None => None,
    };
    let mut contact = contacthandler::lock(tx, customer_id, &hash, &text.from).await?;
    text.is_start = match wish {
        Some(Wish::Start) => true,
        Some(Wish::Yes) => contacthandler::was_asked(&contact, tx.now()),
        _ => false,
    };
    let is_stop = wish.is_some_and(Wish::is_stop);
    text.is_first_stop = is_stop && open.is_none() && !contact.opted_out;
    contact.last_text = contact.last_text.saturating_add(1);
    // Whoever writes can be written to.
    contacthandler::note_reachable(&mut contact);
    tx.update(&contact).await?;
    let row = Kept {
        customer_id,
        kind: WebhookKind::Sms,
        event_key: format!("sms:{}:{}", business.provider_id, text.sid),
        phone_hash: Some(hash),
        seq: contact.last_text,
    };
    let kept = keep(tx, row, &text).await?;
    if kept.is_none() {
        return Ok(None);
    }
    match wish {
        Some(wish) if wish.is_stop() => {
            optouts::opt_out(tx, open.as_mut(), &mut contact, wish.source()).await?;
        }
        _ if text.is_start => {
            optouts::opt_in(tx, open.as_mut(), &mut contact, "start").await?;
        }
        _ => {}
    }
    Ok(kept)
}

/// It is the carrier's and ours, and cannot be kept.
fn unread(app: &App, why: &str) -> Twiml {
    app.figures.webhooks.with_label_values(&["unread"]).inc();
    warn!(why, "a text was not kept");
    NOTHING
}

/// The number is nobody's: there is nothing to prove it by, and nothing is written.
fn nobodys(app: &App) -> Twiml {
    app.figures.webhooks.with_label_values(&["nobodys"]).inc();
    warn!("a text came for a number that is nobody's here");
    NOTHING
}

fn inbound(fields: &Fields, to: &str) -> Option<InboundText> {
    let from = phone::parse(address(field(fields, "From"))).ok()?;
    let sid = sid(fields)?;
    let mut body = field(fields, "Body").to_owned();
    while body.len() > INBOUND_MAX {
        body.pop();
    }
    Some(InboundText {
        from: from.as_str().to_owned(),
        to: to.to_owned(),
        body,
        sid,
        media: pictures(fields),
        is_start: false,
        is_first_stop: false,
    })
}

/// Where the carrier has the pictures. A URL that is too long is none.
fn pictures(fields: &Fields) -> Vec<String> {
    let count: usize = field(fields, "NumMedia").parse().unwrap_or(0);
    let urls = (0..count.min(media::MEDIA_MAX))
        .map(|nth| field(fields, &format!("MediaUrl{nth}")).to_owned());
    urls.filter(|url| !url.is_empty() && url.len() <= media::URL_MAX)
        .collect()
}

fn sid(fields: &Fields) -> Option<String> {
    let sid = match field(fields, "MessageSid") {
        "" => field(fields, "SmsSid"),
        sid => sid,
    };
    let is_sid =
        !sid.is_empty() && sid.len() <= SID_MAX && sid.bytes().all(|b| b.is_ascii_graphic());
    is_sid.then(|| sid.to_owned())
}

/// What became of a text of ours. Its message stands in the query, which is signed.
///
/// # Errors
/// 403 where it is not signed by the carrier of that message; 503.
pub(crate) async fn sms_status(app: &App, ctx: &RequestContext, raw: &Raw) -> Result<Twiml> {
    let fields: Fields = form_fields(raw.body()).collect();
    let query = raw.url().split_once('?').map_or("", |(_, query)| query);
    let query: Fields = form_fields(query.as_bytes()).collect();
    let message_id = parse_uuid(field(&query, "message_id")).ok_or_else(|| refused(app))?;
    let message = app.store.get::<Message>(message_id).await?;
    let message = message.ok_or_else(|| refused(app))?;
    let found = app
        .store
        .get::<Conversation>(message.conversation_id)
        .await?;
    let conversation = found.ok_or_else(|| refused(app))?;
    // The conversation may have moved to another number of the business since; another tenant's is refused below.
    let from = phone::parse(field(&fields, "From")).map(|from| from.as_str().to_owned());
    let number = match from {
        Ok(from) if is_of(app, &from, message.customer_id).await? => from,
        _ => conversation.number.clone(),
    };
    let business = prove(app, &number, &fields, raw).await?;
    let business = business
        .filter(|business| business.customer_id == message.customer_id)
        .ok_or_else(|| refused(app))?;
    let status = match field(&fields, "MessageStatus") {
        "" => field(&fields, "SmsStatus"),
        status => status,
    };
    let Some(sid) = sid(&fields).filter(|_| status.len() <= SID_MAX) else {
        return Ok(NOTHING);
    };
    let key = format!("status:{}:{sid}:{status}", business.provider_id);
    let mut error_code = field(&fields, "ErrorCode").to_owned();
    error_code.retain(|c| c.is_ascii_alphanumeric());
    error_code.truncate(SID_MAX);
    let report = StatusReport {
        message_id,
        sid,
        status: status.to_owned(),
        error_code,
    };
    let mut tx = app.store.begin(ctx).await?;
    let row = Kept::new(business.customer_id, WebhookKind::SmsStatus, key);
    let Some(id) = keep(&mut tx, row, &report).await? else {
        app.figures.webhooks.with_label_values(&["repeated"]).inc();
        return Ok(NOTHING);
    };
    let answer = tx.commit(NOTHING).await?;
    app.figures.webhooks.with_label_values(&["kept"]).inc();
    app.offer(Job::Work(id));
    Ok(answer)
}

/// Whether a number is this tenant's.
async fn is_of(app: &App, number: &str, customer_id: Uuid) -> Result<bool> {
    let business = businesshandler::of_tenant(app, number, customer_id).await?;
    Ok(business.is_some())
}

/// A call that nobody answered, told by call-manager: kept, and worked on outside the event's transaction.
pub(crate) async fn call_missed(
    _: App,
    tx: &mut ChangeTx<'_>,
    event: &ReceivedEvent,
) -> Result<()> {
    let call: MissedCall = event.data()?;
    let key = format!("call:{}", call.call_id);
    let row = Kept::new(call.customer_id, WebhookKind::CallMissed, key);
    if let Some(id) = keep(tx, row, &call).await? {
        let now = tx.now();
        tx.schedule(WORK, id, now, &0_u32).await?;
    }
    Ok(())
}

/// Somebody is to be reminded of an appointment: kept, and worked on outside the timer's transaction.
///
/// # Errors
/// 503.
pub(crate) async fn remind(tx: &mut ChangeTx<'_>, appointment: &Appointment) -> Result<()> {
    let (appointment_id, tm_start) = (appointment.id, appointment.tm_start);
    let key = format!("remind:{appointment_id}:{}", tm_start.micros());
    let reminder = Reminder {
        appointment_id,
        tm_start,
    };
    let row = Kept::new(appointment.customer_id, WebhookKind::Reminder, key);
    if let Some(id) = keep(tx, row, &reminder).await? {
        let now = tx.now();
        tx.schedule(WORK, id, now, &0_u32).await?;
    }
    Ok(())
}

/// What is to be kept, but for what it says.
struct Kept {
    customer_id: Uuid,
    kind: WebhookKind,
    event_key: String,
    phone_hash: Option<Vec<u8>>,
    seq: i64,
}

impl Kept {
    /// Of nobody whose order matters.
    const fn new(customer_id: Uuid, kind: WebhookKind, event_key: String) -> Self {
        Self {
            customer_id,
            kind,
            event_key,
            phone_hash: None,
            seq: 0,
        }
    }
}

/// Keeps what came, with the timer of its work; none where it came before.
async fn keep(tx: &mut ChangeTx<'_>, kept: Kept, payload: &impl Serialize) -> Result<Option<Uuid>> {
    let now = tx.now();
    let row = Webhook {
        id: ids::next(),
        customer_id: kept.customer_id,
        kind: kept.kind,
        event_key: kept.event_key,
        phone_hash: kept.phone_hash,
        seq: kept.seq,
        payload: serde_json::to_string(payload).map_err(Error::internal)?,
        tm_done: None,
        tm_create: now,
        tm_update: now,
    };
    match tx.insert(&row).await {
        Ok(()) => {}
        Err(error) if error.reason() == "ALREADY_EXISTS" => return Ok(None),
        Err(error) => return Err(error),
    }
    tx.schedule(WORK, row.id, now.plus(WORK_NET), &0_u32)
        .await?;
    Ok(Some(row.id))
}

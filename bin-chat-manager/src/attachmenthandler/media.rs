//! Pictures of text messages (MMS): fetched from the carrier's own hosts only, with its credentials only there, outside of
//! any transaction, and said once they are here.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::error::{Error, Result},
    timerhandler::Timer,
    webhooks::carrier::CarrierAccount,
};
use tokio::sync::mpsc;
use tracing::warn;
use uuid::Uuid;

use super::{File, files, say_it};
use crate::{
    app::{App, Job},
    businesshandler,
    conversationhandler::{change, say::Said, timers},
    models::{
        attachment::{Attachment, AttachmentStatus, SIZE_MAX},
        business::Business,
        conversation::Conversation,
        message::{MessageStatus, Sender},
        timers::MEDIA,
    },
};

/// Pictures of one text.
pub(crate) const MEDIA_MAX: usize = 10;
/// Longest URL of one, in bytes.
pub(crate) const URL_MAX: usize = 1_024;
/// How long the carrier may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// The carrier sends elsewhere this often at most.
const HOPS_MAX: usize = 3;
/// Tries of one picture, five minutes in all.
const TRIES_MAX: u32 = 6;
/// The pause after the first; it doubles.
const PAUSE: Duration = Duration::from_secs(5);

/// What came of a request.
enum Fetched {
    Bytes(Vec<u8>),
    /// It never will be had.
    Refused,
    /// Perhaps later.
    Later,
}

/// Notes the pictures of a text, each with the timer that fetches it.
///
/// # Errors
/// 503.
pub(crate) async fn note(
    tx: &mut ChangeTx<'_>,
    conversation: &Conversation,
    urls: &[String],
) -> Result<Vec<Uuid>> {
    let now = tx.now();
    let mut noted = Vec::new();
    for url in urls.iter().take(MEDIA_MAX) {
        let row = Attachment {
            id: ids::next(),
            customer_id: conversation.customer_id,
            conversation_id: conversation.id,
            status: AttachmentStatus::Pending,
            source_url: Some(url.clone()),
            tm_create: now,
            tm_update: now,
            ..Attachment::default()
        };
        tx.insert(&row).await?;
        tx.schedule(MEDIA, row.id, now.plus(PAUSE), &0_u32).await?;
        noted.push(row.id);
    }
    Ok(noted)
}

/// The timer of a picture: its next try is set, and a job takes this one.
pub(crate) async fn due(
    jobs: mpsc::Sender<Job>,
    tx: &mut ChangeTx<'_>,
    timer: Timer,
) -> Result<()> {
    let tried: u32 = timer.payload()?;
    if tried < TRIES_MAX {
        let next = tx.now().plus(PAUSE * 2_u32.pow(tried + 1));
        tx.schedule(MEDIA, timer.entity_id, next, &(tried + 1))
            .await?;
    }
    tx.after_commit(move || {
        let _ = jobs.try_send(Job::Fetch(timer.entity_id));
    });
    Ok(())
}

/// Fetches a picture, and says it.
///
/// # Errors
/// 503; the timer comes back to it.
pub(crate) async fn fetch(app: &App, id: Uuid) -> Result<()> {
    let Some(row) = app.store.get::<Attachment>(id).await? else {
        return Ok(());
    };
    let Some(url) = row
        .source_url
        .clone()
        .filter(|_| row.status == AttachmentStatus::Pending)
    else {
        return Ok(());
    };
    let found = app.store.get::<Conversation>(row.conversation_id).await?;
    let Some(conversation) = found else {
        return Ok(());
    };
    let (number, customer_id) = (&conversation.number, conversation.customer_id);
    let Some(business) = businesshandler::of_tenant(app, number, customer_id).await? else {
        // Whoever has the number now is not asked for it.
        return drop_it(app, id).await;
    };
    let file = match bytes(app, &business, &url).await {
        Fetched::Bytes(bytes) => File::of("picture", bytes).ok(),
        Fetched::Refused => None,
        Fetched::Later => {
            return Err(Error::unavailable("provider", "a picture was not answered"));
        }
    };
    let Some(file) = file else {
        // What it was stays unsaid: a type that is not taken, too large, or gone.
        warn!("a picture of a text could not be taken");
        return drop_it(app, id).await;
    };
    take(app, &business, row, file).await
}

/// Says a picture that is here. One that comes after its text was answered is answered, too.
async fn take(app: &App, business: &Business, row: Attachment, file: File) -> Result<()> {
    let staged = Attachment {
        name: file.name,
        media_type: file.media_type.to_owned(),
        size: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
        ..row
    };
    files::keep(app, &staged, file.bytes).await?;
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut conversation) = tx.lock::<Conversation>(staged.conversation_id).await? else {
        return tx.commit(()).await;
    };
    let said = Said {
        sender: Sender::Customer,
        sender_id: None,
        body: &staged.name,
        status: MessageStatus::Received,
        cause_key: format!("media:{}", staged.id),
    };
    tx.cancel(MEDIA, staged.id).await?;
    // Another replica may have said it meanwhile.
    let now = tx.get::<Attachment>(staged.id).await?;
    if now.is_some_and(|now| now.status == AttachmentStatus::Pending) {
        say_it(&mut tx, &mut conversation, &staged, said).await?;
        let delay = business.ai_takeover_delay_seconds;
        timers::open_window(&mut tx, &mut conversation, delay).await?;
        change::save(&mut tx, &mut conversation).await?;
    }
    tx.commit(()).await
}

async fn drop_it(app: &App, id: Uuid) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    tx.cancel(MEDIA, id).await?;
    if let Some(mut row) = tx.lock::<Attachment>(id).await? {
        row.status = AttachmentStatus::Erased;
        row.source_url = None;
        row.tm_update = tx.next_version(row.tm_update);
        tx.update(&row).await?;
    }
    tx.commit(()).await
}

/// The picture, from the carrier's hosts and no other.
async fn bytes(app: &App, business: &Business, url: &str) -> Fetched {
    let account = CarrierAccount::new(&app.config, &business.account_id, business.secret.clone());
    let mut url = url.to_owned();
    for _ in 0..HOPS_MAX {
        let Some(Ok(request)) = account.media(&url) else {
            return Fetched::Refused;
        };
        let request = request.within(DEADLINE).at_most(SIZE_MAX);
        let answer = match app.http.send(&request).await {
            Ok(answer) => answer,
            Err(fault) if fault.as_str() == "too_large" => return Fetched::Refused,
            Err(_) => return Fetched::Later,
        };
        if answer.status.is_success() {
            return Fetched::Bytes(answer.body.to_vec());
        }
        if answer.status.is_server_error() || answer.status.as_u16() == 429 {
            return Fetched::Later;
        }
        let next = answer
            .headers
            .get("location")
            .filter(|_| answer.status.is_redirection());
        match next.and_then(|next| next.to_str().ok()) {
            Some(next) if next.len() <= URL_MAX * 4 => next.clone_into(&mut url),
            _ => return Fetched::Refused,
        }
    }
    Fetched::Refused
}

//! One try of a notification, by its way.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, EventPayload},
    models::error::{Error, Result},
};
use serde_json::json;
use uuid::Uuid;

use super::{record, sms};
use crate::{
    app::App,
    calendarhandler,
    conflicts::Conflicts,
    deliveryhandler::{self, Happened},
    emailhandler::Mail,
    models::{
        notification::{Notification, NotificationChannel, NotificationStatus},
        retry::Outcome,
        webhookendpoint::WebhookEndpoint,
    },
    pushhandler, replyhandler,
};

/// What a server of the tenant hears.
const WEBHOOK: &str = "notification";
/// What a user's sockets hear, under the topic `chat-manager.me.<user-id>.notified`.
const SOCKET: &str = "me_notified";

/// Tries a notification.
///
/// # Errors
/// 503; its timer comes back to it.
pub(super) async fn attempt(app: App, id: Uuid) -> Result<()> {
    let Some(row) = app.store.get::<Notification>(id).await? else {
        return Ok(());
    };
    if row.status != NotificationStatus::Pending {
        return record::forget(&app, id).await;
    }
    // It was tried meanwhile; its timer comes back to it.
    if row.tm_next.is_some_and(|next| next > app.store.clock.now()) {
        return Ok(());
    }
    let outcome = match row.channel {
        NotificationChannel::Email => email(&app, &row).await?,
        NotificationChannel::Push => pushhandler::send(&app, &row).await?,
        NotificationChannel::Sms => return sms::say(&app, &row).await,
        NotificationChannel::Webhook | NotificationChannel::Socket => {
            return inside(&app, &row).await;
        }
        NotificationChannel::Other(_) => Outcome::Refused("UNKNOWN_CHANNEL"),
    };
    record::record(&app, &row, outcome).await
}

/// A mail about a conversation is answered into that conversation.
async fn email(app: &App, row: &Notification) -> Result<Outcome> {
    let reply_to = match replyhandler::conversation_of(row) {
        Some(id) => replyhandler::address(app, row.customer_id, id).await?,
        None => String::new(),
    };
    let invitation = calendarhandler::invitation(app, row).await?;
    let mail = Mail {
        id: row.id,
        to: &row.to,
        subject: &row.subject,
        body: &row.body,
        at: row.tm_create,
        reply_to: &reply_to,
        calendar: invitation
            .as_ref()
            .map(|(method, object)| (*method, object.as_str())),
    };
    Ok(app.mailer.send(&mail).await)
}

/// What does not leave the house is done in the transaction that says so.
async fn inside(app: &App, row: &Notification) -> Result<()> {
    let mut conflicts = Conflicts::default();
    while let Err(error) = inside_once(app, row).await {
        conflicts.again(error).await?;
    }
    Ok(())
}

async fn inside_once(app: &App, row: &Notification) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let Some(mut held) = record::lock(&mut tx, row).await? else {
        return Ok(());
    };
    let outcome = match held.channel {
        NotificationChannel::Webhook => deliver(&mut tx, &held).await?,
        _ => announce(&mut tx, &held).await?,
    };
    record::settle(&mut tx, &mut held, outcome).await?;
    tx.commit(()).await
}

/// From here on it is a delivery, with tries of its own.
async fn deliver(tx: &mut ChangeTx<'_>, row: &Notification) -> Result<Outcome> {
    let found = tx.get::<WebhookEndpoint>(row.target()).await?;
    let is_own = |endpoint: &WebhookEndpoint| endpoint.customer_id == row.customer_id;
    let Some(endpoint) = found.filter(|found| is_own(found) && found.is_served()) else {
        return Ok(Outcome::Refused("ENDPOINT_DISABLED"));
    };
    let data = serde_json::value::to_raw_value(&shown(row)).map_err(Error::internal)?;
    let happened = Happened {
        id: &row.id.to_string(),
        event_type: WEBHOOK,
        at: row.tm_create,
        data: &data,
    };
    deliveryhandler::put(tx, &endpoint, &happened).await?;
    Ok(Outcome::Sent)
}

async fn announce(tx: &mut ChangeTx<'_>, row: &Notification) -> Result<Outcome> {
    let payload = EventPayload {
        resource_id: row.target(),
        customer_id: row.customer_id,
        version: tx.now(),
        data: shown(row).to_string(),
    };
    tx.emit_payload(SOCKET, payload).await?;
    Ok(Outcome::Sent)
}

fn shown(row: &Notification) -> serde_json::Value {
    json!({
        "id": row.id,
        "customer_id": row.customer_id,
        "user_id": row.to,
        "template": row.template,
        "subject": row.subject,
        "text": row.body,
        "data": row.data,
        "tm_create": row.tm_create,
    })
}

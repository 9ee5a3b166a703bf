//! Notifications: written once for their cause, tried until the next one on the way has them, and alerted of when nobody
//! does.

pub(crate) mod alerts;
mod attempt;
mod events;
mod quiet;
mod record;
mod sms;

pub(crate) use record::ALERT;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, Store},
    ids,
    models::{
        check::{ensure, max_bytes, max_chars, not_blank, short, timezone},
        error::{Error, Result},
        hours::Hours,
        identity::optional_uuid,
        text::NAME_MAX,
    },
    resource::{self, ResourceHooks},
};
use serde::Deserialize;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    app::App,
    attempthandler,
    dbhandler::notifications,
    models::{
        notification::{Notification, NotificationChannel, NotificationStatus, recipient},
        notificationsubscription::NotificationSubscription,
        webhookendpoint::WebhookEndpoint,
    },
    templatehandler::{self, Filling},
};

/// A notification is tried; of the notification.
const NOTIFY: &str = "chat_notify";
/// Notifications at the same time.
const WORKERS: usize = 8;
/// Longest key, in bytes.
const KEY_MAX: usize = 200;
/// Longest body, in bytes.
const BODY_MAX: usize = 60_000;
/// Largest data, in bytes of JSON.
const DATA_MAX: usize = 16 * 1_024;

/// Starts the jobs, and listens to what happens.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    attempthandler::start(ctx, app, NOTIFY, WORKERS, |app, id| {
        Box::pin(attempt::attempt(app, id))
    });
    events::start(ctx);
}

impl ResourceHooks<Notification> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        _: &mut ChangeTx<'_>,
        _: &RequestContext,
        _: Option<&Notification>,
        _: &mut Notification,
    ) -> Result<()> {
        Ok(())
    }
}

impl ResourceHooks<NotificationSubscription> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&NotificationSubscription>,
        after: &mut NotificationSubscription,
    ) -> Result<()> {
        let customer_id = after.customer_id;
        if before.is_none() {
            let room = &self.rooms.notification_subscriptions;
            room.take(tx, customer_id, 1).await?;
        }
        if after.tm_delete.is_some() {
            return Ok(());
        }
        ensure_template(tx, customer_id, &after.template).await?;
        ensure_target(tx, customer_id, after.channel, &after.to).await
    }
}

/// Body of a request to tell somebody something.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub(crate) struct NotificationCreate {
    /// By which way.
    pub channel: NotificationChannel,
    /// Whom: a mail address, a phone number, the id of a webhook endpoint or of a user.
    pub to: String,
    /// The template of the words; empty = `data.text`.
    pub template: String,
    /// An object of at most 16 KiB. `subject` and `text` are what people read; `business_name`, `customer_name` and
    /// `slot` fill a template.
    #[schemars(with = "Value")]
    pub data: Value,
    /// What it is because of, 1 to 200 bytes: a second one with the same key is the first.
    pub key: String,
    /// When nobody is to be bothered; empty = never.
    #[schemars(with = "Vec<bin_common_handler::models::hours::Window>")]
    pub quiet_hours: Hours,
    /// The time zone of `quiet_hours`; empty = UTC.
    pub timezone: String,
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_uuid")]
    pub customer_id: Option<Uuid>,
    /// Words of ours that are longer than `data` may be, such as a transcript; empty = those of the template or of `data`.
    #[serde(skip)]
    pub words: String,
}

/// Tells somebody something, once for its key.
///
/// # Errors
/// 400 naming the field, 404 for a template or an endpoint that is not there, 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    body: NotificationCreate,
) -> Result<Notification> {
    let customer_id = ctx.scope.required_owner(body.customer_id)?;
    let mut tx = app.store.begin(ctx).await?;
    let row = put(&mut tx, customer_id, body).await?;
    tx.commit(row).await
}

/// Writes a notification with its first try, unless there is one for the same cause.
///
/// # Errors
/// 400 naming the field, 404 for a template or an endpoint that is not there, 503.
pub(crate) async fn put(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    wanted: NotificationCreate,
) -> Result<Notification> {
    let mut row = read(customer_id, wanted)?;
    if let Some(there) = notifications::by_cause(tx, customer_id, &row.cause_key).await? {
        return Ok(there);
    }
    ensure_template(tx, customer_id, &row.template).await?;
    ensure_target(tx, customer_id, row.channel, &row.to).await?;
    words(tx, &mut row).await?;
    let now = tx.now();
    let first = quiet::after(&row.quiet_hours.0, &row.timezone, now);
    row.id = ids::next();
    row.tm_next = Some(first);
    (row.tm_create, row.tm_update) = (now, now);
    match tx.insert(&row).await {
        Ok(()) => {}
        // Another was faster.
        Err(error) if error.reason() == "ALREADY_EXISTS" => {
            let there = notifications::by_cause(tx, customer_id, &row.cause_key).await?;
            return there.ok_or_else(|| Error::unavailable("database", "a notification is gone"));
        }
        Err(error) => return Err(error),
    }
    tx.emit("notification_created", &row, customer_id).await?;
    tx.schedule(NOTIFY, row.id, first, &()).await?;
    Ok(row)
}

/// The row, as far as the request alone says.
fn read(customer_id: Uuid, wanted: NotificationCreate) -> Result<Notification> {
    not_blank("key", &wanted.key)?;
    max_bytes("key", &wanted.key, KEY_MAX)?;
    short("template", &wanted.template)?;
    let to = recipient(wanted.channel, &wanted.to)?;
    let zone = match wanted.timezone.as_str() {
        "" => "UTC".to_owned(),
        _ => wanted.timezone,
    };
    timezone("timezone", &zone)?;
    let is_object = wanted.data.is_object() || wanted.data.is_null();
    ensure(is_object, "data", "must be an object")?;
    let size = wanted.data.to_string().len();
    ensure(size <= DATA_MAX, "data", "has at most 16 KiB")?;
    Ok(Notification {
        customer_id,
        cause_key: wanted.key,
        channel: wanted.channel,
        to,
        template: wanted.template,
        body: wanted.words,
        data: Json(wanted.data),
        quiet_hours: Json(wanted.quiet_hours),
        timezone: zone,
        status: NotificationStatus::Pending,
        ..Notification::default()
    })
}

async fn ensure_template(tx: &mut ChangeTx<'_>, customer_id: Uuid, name: &str) -> Result<()> {
    if name.is_empty() || templatehandler::is_known(tx, customer_id, name).await? {
        return Ok(());
    }
    Err(resource::not_found::<crate::models::template::Template>())
}

/// An endpoint must be the tenant's own.
async fn ensure_target(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    channel: NotificationChannel,
    to: &str,
) -> Result<()> {
    if channel != NotificationChannel::Webhook {
        return Ok(());
    }
    let id = to.parse().unwrap_or_default();
    let found = tx.get::<WebhookEndpoint>(id).await?;
    let is_own = |endpoint: &WebhookEndpoint| {
        endpoint.customer_id == customer_id && endpoint.tm_delete.is_none()
    };
    match found.filter(is_own) {
        Some(_) => Ok(()),
        None => Err(resource::not_found::<WebhookEndpoint>()),
    }
}

/// The words, of the template or of the data.
async fn words(tx: &mut ChangeTx<'_>, row: &mut Notification) -> Result<()> {
    let said = |name: &str| {
        row.data
            .0
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let subject = said("subject").to_owned();
    let body = if !row.body.is_empty() {
        row.body.clone()
    } else if row.template.is_empty() {
        said("text").to_owned()
    } else {
        let filling = Filling {
            business_name: said("business_name"),
            customer_name: said("customer_name"),
            slot: said("slot"),
        };
        templatehandler::text(tx, row.customer_id, &row.template, filling).await?
    };
    max_chars("data.subject", &subject, NAME_MAX)?;
    let is_line = !subject.chars().any(char::is_control);
    ensure(is_line, "data.subject", "must be one line")?;
    max_bytes("data.text", &body, BODY_MAX)?;
    let is_read_by_people = matches!(
        row.channel,
        NotificationChannel::Email | NotificationChannel::Sms | NotificationChannel::Push
    );
    if is_read_by_people {
        not_blank("data.text", &body)?;
    }
    (row.subject, row.body) = (subject, body);
    Ok(())
}

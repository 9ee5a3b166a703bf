//! Presence: heartbeats of devices, and a durable timer that tells once when the last of them is dead.
//!
//! A user's row is held while anything of it is decided, so that replicas never disagree. The timer stands at the first
//! device's end or before; a heartbeat does not move it, it looks again when it fires.

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, ListQuery},
    listenhandler::List,
    models::{
        check::{ensure, wrong},
        error::{Error, Result},
        identity::{optional_owner, uuid_or_nil},
        time::Timestamp,
    },
    timerhandler::Timer,
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    conversationhandler::people,
    dbhandler::presences,
    entryhandler::dispatch,
    models::presence::{CHANGED, Presence},
    queuehandler::lose,
    queues::presence::{Device, PresenceStatus, status},
};

/// Looks whether the devices of a presence are dead.
const EXPIRE: &str = "chat_presence";
/// An agent was gone for too long; of the presence.
const GONE: &str = "chat_presence_gone";
/// Devices of one user.
const DEVICES_MAX: usize = 20;
/// Longest name of a device, in bytes.
const DEVICE_MAX: usize = 64;

/// What a device says.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Heartbeat {
    /// The tenant, for callers without one.
    #[serde(default, deserialize_with = "optional_owner")]
    pub customer_id: Option<Uuid>,
    /// Whose device it is; the access key's own user where it is missing.
    #[serde(default, deserialize_with = "uuid_or_nil")]
    #[schemars(with = "Option<Uuid>")]
    pub user_id: Uuid,
    /// Tells it from the user's others: 1 to 64 ASCII characters without spaces.
    pub device: String,
    /// `online`, `away`, `busy`, or `offline` when it goes.
    pub status: PresenceStatus,
}

/// Names the handlers, at start.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    ctx.timers.on_with(EXPIRE, app.clone(), expire);
    ctx.timers.on_with(GONE, app.clone(), gone);
}

/// A device is there, or goes.
///
/// # Errors
/// 400 naming the field, or `CUSTOMER_REQUIRED`; 429 when the user has too many devices, or changes too often, but for
/// going; 503.
pub(crate) async fn beat(app: &App, ctx: &RequestContext, body: &Heartbeat) -> Result<Presence> {
    let customer_id = ctx.scope.required_owner(body.customer_id)?;
    check(body)?;
    let user_id = user(ctx, body)?;
    let mut tx = app.store.begin(ctx).await?;
    let mut presence = match presences::lock(&mut tx, customer_id, user_id).await? {
        Some(presence) => presence,
        None => {
            app.rooms.presences.take(&mut tx, customer_id, 1).await?;
            presences::make(&mut tx, customer_id, user_id).await?
        }
    };
    let now = tx.now();
    let is_living = |device: &Device| device.expires_at > now;
    let before = presences::devices(&mut tx, presence.id).await?;
    // Without a living device no timer stands, or one that is due.
    let was_there = before.iter().any(is_living);
    if body.status == PresenceStatus::Offline {
        presences::drop_device(&mut tx, presence.id, &body.device).await?;
    } else {
        let device = Device {
            status: body.status,
            expires_at: now.plus(app.presence.ttl),
        };
        presences::put_device(&mut tx, presence.id, &body.device, device).await?;
        if !was_there {
            tx.schedule(EXPIRE, presence.id, device.expires_at, &())
                .await?;
        }
    }
    let devices = presences::devices(&mut tx, presence.id).await?;
    if devices.iter().filter(|device| is_living(device)).count() > DEVICES_MAX {
        return Err(Error::resource_exhausted(
            "TOO_MANY_DEVICES",
            "A user has at most 20 devices at a time.",
        ));
    }
    let is = status(devices.iter().copied(), now);
    if is != presence.status && is != PresenceStatus::Offline {
        app.pace.take((presence.id, user_id), now)?;
    }
    settle(app, &mut tx, &mut presence, &devices, now).await?;
    tx.commit(presence).await
}

/// Whose device it is: the key's user, else the one that is named.
fn user(ctx: &RequestContext, body: &Heartbeat) -> Result<Uuid> {
    let named = Some(body.user_id).filter(|named| !named.is_nil());
    ensure(
        ctx.user_id.or(named).is_some(),
        "user_id",
        "must name a user",
    )?;
    people::actor(ctx, named)
}

fn check(body: &Heartbeat) -> Result<()> {
    let device = &body.device;
    let is_name = !device.is_empty()
        && device.len() <= DEVICE_MAX
        && device.bytes().all(|byte| byte.is_ascii_graphic());
    ensure(
        is_name,
        "device",
        "has 1 to 64 ASCII characters without spaces",
    )?;
    match body.status {
        PresenceStatus::Other(_) => Err(wrong("status", "is not known")),
        _ => Ok(()),
    }
}

/// Writes what the devices say together, where that changed, with one event.
async fn settle(
    app: &App,
    tx: &mut ChangeTx<'_>,
    presence: &mut Presence,
    devices: &[Device],
    now: Timestamp,
) -> Result<()> {
    let is = status(devices.iter().copied(), now);
    if is == presence.status {
        return Ok(());
    }
    presence.status = is;
    presence.tm_update = tx.next_version(presence.tm_update);
    tx.update(presence).await?;
    tx.emit(CHANGED, presence, presence.customer_id).await?;
    match is {
        PresenceStatus::Offline => {
            let at = now.plus(app.presence.grace);
            tx.schedule(GONE, presence.id, at, &()).await
        }
        PresenceStatus::Online => dispatch::wake(tx, presence.customer_id).await,
        _ => Ok(()),
    }
}

/// A device may be dead.
async fn expire(app: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(mut presence) = tx.lock::<Presence>(timer.entity_id).await? else {
        return Ok(());
    };
    let now = tx.now();
    presences::drop_dead(tx, presence.id, now).await?;
    let devices = presences::devices(tx, presence.id).await?;
    settle(&app, tx, &mut presence, &devices, now).await?;
    match devices.iter().map(|device| device.expires_at).min() {
        Some(next) => tx.schedule(EXPIRE, presence.id, next, &()).await,
        None => Ok(()),
    }
}

/// Somebody was offline for the whole grace: their chats go to others.
async fn gone(_: App, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let Some(presence) = tx.lock::<Presence>(timer.entity_id).await? else {
        return Ok(());
    };
    if presence.status != PresenceStatus::Offline {
        return Ok(());
    }
    let is_done = lose::lose(tx, presence.customer_id, presence.user_id).await?;
    if is_done {
        return Ok(());
    }
    let now = tx.now();
    tx.schedule(GONE, presence.id, now, &()).await
}

/// Who is there.
///
/// # Errors
/// 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Presence>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    app.store
        .db
        .list(&query, |presence: &Presence| presence.tm_create)
        .await
}

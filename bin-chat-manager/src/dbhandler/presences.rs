//! Presences and the devices behind them.

use bin_common_handler::{
    databasehandler::{ChangeTx, Entity, marks},
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use uuid::Uuid;

use super::{insert_new, select};
use crate::{
    models::presence::Presence,
    queues::presence::{Device, PresenceStatus},
};

#[derive(bin_common_handler::FromRow)]
struct DeviceRow {
    status: String,
    expires_at: Timestamp,
}

/// The presence of a user, held until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    user_id: Uuid,
) -> Result<Option<Presence>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND user_id = ?{}",
        select::<Presence>(),
        tx.sql().dialect().for_update()
    );
    let values = vec![customer_id.into(), user_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// A new presence, held until the end of the transaction; another replica's, where that was faster.
///
/// # Errors
/// 503.
pub(crate) async fn make(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    user_id: Uuid,
) -> Result<Presence> {
    let now = tx.now();
    let presence = Presence {
        id: ids::next(),
        customer_id,
        user_id,
        tm_create: now,
        tm_update: now,
        ..Presence::default()
    };
    let sql = format!(
        "{} INTO {} ({}) VALUES ({})",
        insert_new(tx.sql().dialect()),
        Presence::TABLE,
        Presence::COLUMNS.join(", "),
        marks(Presence::COLUMNS.len())
    );
    tx.sql().execute(&sql, presence.values()).await?;
    let made = lock(tx, customer_id, user_id).await?;
    made.ok_or_else(|| Error::unavailable("database", "a presence that was made is not there"))
}

/// What a user was last known to be, as it is committed.
///
/// # Errors
/// 503.
pub(crate) async fn status_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    user_id: Uuid,
) -> Result<PresenceStatus> {
    let sql = format!(
        "{} WHERE customer_id = ? AND user_id = ?",
        select::<Presence>()
    );
    let values = vec![customer_id.into(), user_id.into()];
    let found: Option<Presence> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.map_or_else(PresenceStatus::default, |presence| presence.status))
}

/// The devices of a presence that is held.
///
/// # Errors
/// 503.
pub(crate) async fn devices(tx: &mut ChangeTx<'_>, presence_id: Uuid) -> Result<Vec<Device>> {
    let sql = "SELECT status, expires_at FROM chat_presence_devices WHERE presence_id = ?";
    let rows: Vec<DeviceRow> = tx.sql().fetch_all(sql, vec![presence_id.into()]).await?;
    let device = |row: DeviceRow| Device {
        status: PresenceStatus::parse(&row.status).unwrap_or_default(),
        expires_at: row.expires_at,
    };
    Ok(rows.into_iter().map(device).collect())
}

/// Notes what a device says.
///
/// # Errors
/// 503.
pub(crate) async fn put_device(
    tx: &mut ChangeTx<'_>,
    presence_id: Uuid,
    name: &str,
    device: Device,
) -> Result<()> {
    // REPLACE is an upsert on both databases; every column is written.
    let sql = "REPLACE INTO chat_presence_devices (presence_id, device, status, expires_at) \
               VALUES (?, ?, ?, ?)";
    let values = vec![
        presence_id.into(),
        name.into(),
        device.status.as_str().into(),
        device.expires_at.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// A device is gone.
///
/// # Errors
/// 503.
pub(crate) async fn drop_device(
    tx: &mut ChangeTx<'_>,
    presence_id: Uuid,
    name: &str,
) -> Result<()> {
    let sql = "DELETE FROM chat_presence_devices WHERE presence_id = ? AND device = ?";
    let values = vec![presence_id.into(), name.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The devices are gone whose time is over.
///
/// # Errors
/// 503.
pub(crate) async fn drop_dead(
    tx: &mut ChangeTx<'_>,
    presence_id: Uuid,
    now: Timestamp,
) -> Result<()> {
    let sql = "DELETE FROM chat_presence_devices WHERE presence_id = ? AND expires_at <= ?";
    let values = vec![presence_id.into(), now.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

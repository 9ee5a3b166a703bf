//! Calendars elsewhere: what of them is known, which events of ours they have, and which times their own events take.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::insert_new;
use crate::{
    booking::interval::Interval,
    models::{
        appointment::{Appointment, AppointmentStatus},
        calendar::Calendar,
    },
};

/// Calendars elsewhere of one business.
const LINKED_MAX: u32 = 100;
/// Events of ours in one calendar that are known.
const EVENTS_MAX: u32 = 50_000;
/// Rows of one INSERT.
const ROWS_MAX: usize = 200;

/// What is known of a calendar elsewhere.
#[derive(Debug, Clone, Default, bin_common_handler::FromRow)]
pub(crate) struct Sync {
    /// What the server gave to ask for changes by; empty without.
    pub state: String,
    /// Failures since it was last in step.
    pub failures: i64,
    /// What failed last; empty = nothing.
    pub error: String,
    /// When its times were last read as a whole.
    pub tm_full: Option<Timestamp>,
    /// When it was last in step.
    pub tm_sync: Option<Timestamp>,
    /// Until when somebody is at it.
    pub tm_lease: Option<Timestamp>,
}

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

#[derive(bin_common_handler::FromRow)]
struct Known {
    appointment_id: Uuid,
    remote_id: String,
}

const SELECT: &str = "SELECT state, failures, error, tm_full, tm_sync, tm_lease \
                      FROM chat_calendar_syncs WHERE calendar_id = ?";

/// The calendars elsewhere of a business.
///
/// # Errors
/// 503.
pub(crate) async fn linked(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM chat_calendars \
               WHERE customer_id = ? AND type <> 'feed' AND tm_delete IS NULL ORDER BY id LIMIT ?";
    let values = vec![customer_id.into(), LINKED_MAX.into()];
    let found: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// What is known of a calendar.
///
/// # Errors
/// 503.
pub(crate) async fn sync(db: &Db, calendar_id: Uuid) -> Result<Sync> {
    let found = db.fetch_optional(SELECT, vec![calendar_id.into()]).await?;
    Ok(found.unwrap_or_default())
}

/// The same, held until the end of the transaction.
///
/// # Errors
/// 503.
pub(crate) async fn lock(tx: &mut ChangeTx<'_>, calendar_id: Uuid) -> Result<Sync> {
    let dialect = tx.sql().dialect();
    let make = format!(
        "{} INTO chat_calendar_syncs (calendar_id, state, failures, error) VALUES (?, '', 0, '')",
        insert_new(dialect)
    );
    tx.sql().execute(&make, vec![calendar_id.into()]).await?;
    let read = format!("{SELECT}{}", dialect.for_update());
    let found = tx.sql().fetch_optional(&read, vec![calendar_id.into()]);
    Ok(found.await?.unwrap_or_default())
}

/// Keeps it.
///
/// # Errors
/// 503.
pub(crate) async fn save(tx: &mut ChangeTx<'_>, calendar_id: Uuid, sync: &Sync) -> Result<()> {
    let sql = "UPDATE chat_calendar_syncs \
               SET state = ?, failures = ?, error = ?, tm_full = ?, tm_sync = ?, tm_lease = ? \
               WHERE calendar_id = ?";
    let values = vec![
        sync.state.as_str().into(),
        sync.failures.into(),
        sync.error.as_str().into(),
        sync.tm_full.into(),
        sync.tm_sync.into(),
        sync.tm_lease.into(),
        calendar_id.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Appointments that the calendar does not show as they are: from `since`, and those that say nothing any more since
/// whoever they were with was erased; the earliest first, so many at most.
///
/// # Errors
/// 503.
pub(crate) async fn differing(
    db: &Db,
    calendar: &Calendar,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Appointment>> {
    let standing: Vec<_> = AppointmentStatus::BUSY
        .iter()
        .map(|status| format!("'{status}'"))
        .collect();
    let whose = if calendar.resource_id.is_nil() {
        ""
    } else {
        " AND resource_id = ?"
    };
    let of_ours = "EXISTS (SELECT 1 FROM chat_calendar_events WHERE calendar_id = ? \
                   AND appointment_id = chat_appointments.id";
    let tail = format!(
        "WHERE customer_id = ? \
         AND ((tm_start >= ? AND status IN ({}){whose} AND NOT {of_ours})) \
         OR ((tm_start >= ? OR title = '') AND {of_ours} AND sequence <> chat_appointments.sequence))) \
         ORDER BY tm_start, id LIMIT {limit}",
        standing.join(", ")
    );
    let mut values: Vec<Value> = vec![calendar.customer_id.into(), since.into()];
    if !calendar.resource_id.is_nil() {
        values.push(calendar.resource_id.into());
    }
    values.extend([calendar.id.into(), since.into(), calendar.id.into()]);
    Ok(db.select(&tail, values).await?)
}

/// What the calendar calls the events of ours that it has, by appointment.
///
/// # Errors
/// 503.
pub(crate) async fn events(db: &Db, calendar_id: Uuid) -> Result<HashMap<Uuid, String>> {
    let sql = "SELECT appointment_id, remote_id FROM chat_calendar_events \
               WHERE calendar_id = ? ORDER BY appointment_id DESC LIMIT ?";
    let values = vec![calendar_id.into(), EVENTS_MAX.into()];
    let found: Vec<Known> = db.fetch_all(sql, values).await?;
    let pairs = found.into_iter();
    Ok(pairs
        .map(|known| (known.appointment_id, known.remote_id))
        .collect())
}

/// The calendar has this event as the appointment was at `sequence`.
///
/// # Errors
/// 503.
pub(crate) async fn keep(
    db: &Db,
    calendar_id: Uuid,
    appointment: &Appointment,
    remote_id: &str,
) -> Result<()> {
    let sql = "REPLACE INTO chat_calendar_events (calendar_id, appointment_id, remote_id, sequence) \
               VALUES (?, ?, ?, ?)";
    let values = vec![
        calendar_id.into(),
        appointment.id.into(),
        remote_id.into(),
        i64::from(appointment.sequence).into(),
    ];
    db.execute(sql, values).await?;
    Ok(())
}

/// The calendar has this event no more.
///
/// # Errors
/// 503.
pub(crate) async fn forget(db: &Db, calendar_id: Uuid, appointment_id: Uuid) -> Result<()> {
    let sql = "DELETE FROM chat_calendar_events WHERE calendar_id = ? AND appointment_id = ?";
    db.execute(sql, vec![calendar_id.into(), appointment_id.into()])
        .await?;
    Ok(())
}

/// The times that a calendar's own events take; none for one that is deleted.
///
/// # Errors
/// 503.
pub(crate) async fn replace_busy(
    tx: &mut ChangeTx<'_>,
    calendar: &Calendar,
    busy: &[Interval],
) -> Result<()> {
    let sql = "DELETE FROM chat_busy_times WHERE calendar_id = ?";
    tx.sql().execute(sql, vec![calendar.id.into()]).await?;
    for rows in busy.chunks(ROWS_MAX) {
        let places = vec!["(?, ?, ?, ?, ?)"; rows.len()].join(", ");
        let sql = format!(
            "INSERT INTO chat_busy_times (calendar_id, tm_start, tm_end, customer_id, resource_id) \
             VALUES {places}"
        );
        let values = rows.iter().flat_map(|time| {
            [
                Value::from(calendar.id),
                time.start.into(),
                time.end.into(),
                calendar.customer_id.into(),
                calendar.resource_id.into(),
            ]
        });
        tx.sql().execute(&sql, values.collect()).await?;
    }
    Ok(())
}

//! What takes a resource's time: appointments that stand, holds that have not run out, and events of calendars elsewhere.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::{
    booking::interval::Interval,
    models::{
        appointment::{Appointment, AppointmentStatus},
        reservation::ReservationStatus,
    },
};

/// Stretches that one question is answered with at most: two weeks of ten minutes for many people.
const BUSY_MAX: i64 = 50_000;
/// Holds of one person that are looked at.
const HELD_MAX: u32 = 1_000;
/// No booking is longer: those that reach into a range begin at most so long before it.
const LENGTH_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A stretch of a resource that is taken.
#[derive(Debug, Clone, bin_common_handler::FromRow)]
pub(crate) struct Busy {
    /// Whose; nil = everybody's.
    pub resource_id: Uuid,
    tm_start: Timestamp,
    tm_end: Timestamp,
}

impl Busy {
    /// When.
    pub(crate) fn time(&self) -> Interval {
        Interval::new(self.tm_start, self.tm_end)
    }
}

/// What is asked for: whose time, when, and which booking does not count as it is the one that moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub customer_id: Uuid,
    /// None = all of the customer's.
    pub resource_id: Option<Uuid>,
    pub range: Interval,
    /// Holds that end by then are over.
    pub now: Timestamp,
    /// A hold or an appointment; nil for none.
    pub except: Uuid,
}

fn sql(question: &Question, limit: i64) -> (String, Vec<Value>) {
    let whose = if question.resource_id.is_some() {
        "customer_id = ? AND resource_id = ?"
    } else {
        "customer_id = ?"
    };
    let standing: Vec<_> = AppointmentStatus::BUSY
        .iter()
        .map(|status| format!("'{status}'"))
        .collect();
    let text = format!(
        "SELECT resource_id, tm_start, tm_end FROM chat_appointments \
         WHERE {whose} AND status IN ({standing}) \
         AND tm_start > ? AND tm_start < ? AND tm_end > ? AND id <> ? AND tm_delete IS NULL \
         UNION ALL SELECT resource_id, tm_start, tm_end FROM chat_reservations \
         WHERE {whose} AND status = '{held}' AND tm_expire > ? \
         AND tm_start > ? AND tm_start < ? AND tm_end > ? AND id <> ? AND tm_delete IS NULL \
         UNION ALL SELECT resource_id, tm_start, tm_end FROM chat_busy_times \
         WHERE customer_id = ? AND tm_end > ? AND tm_start < ?{elsewhere} \
         LIMIT {limit}",
        standing = standing.join(", "),
        held = ReservationStatus::Held,
        // Some calendars elsewhere are everybody's.
        elsewhere = question
            .resource_id
            .map_or("", |_| " AND resource_id IN (?, ?)"),
    );
    let Interval { start, end } = question.range;
    let whose = || {
        let mut values = vec![Value::from(question.customer_id)];
        values.extend(question.resource_id.map(Value::from));
        values
    };
    let when = || {
        let first = start.minus(LENGTH_MAX + Duration::from_micros(1));
        [
            first.into(),
            end.into(),
            start.into(),
            question.except.into(),
        ]
    };
    let mut values = whose();
    values.extend(when());
    values.extend(whose());
    values.push(question.now.into());
    values.extend(when());
    values.extend([question.customer_id.into(), start.into(), end.into()]);
    if let Some(id) = question.resource_id {
        values.extend([id.into(), Uuid::nil().into()]);
    }
    (text, values)
}

/// Everything that is taken within a range.
///
/// # Errors
/// 503.
pub(crate) async fn busy(db: &Db, question: &Question) -> Result<Vec<Busy>> {
    let (text, values) = sql(question, BUSY_MAX);
    Ok(db.fetch_all(&text, values).await?)
}

/// The next appointment of a conversation that lies ahead.
///
/// # Errors
/// 503.
pub(crate) async fn ahead(
    db: &Db,
    customer_id: Uuid,
    conversation_id: Uuid,
    now: Timestamp,
) -> Result<Option<Appointment>> {
    let tail = "WHERE customer_id = ? AND conversation_id = ? AND status IN (?, ?) AND tm_start > ? \
                AND tm_delete IS NULL ORDER BY tm_start LIMIT 1";
    let values = vec![
        customer_id.into(),
        conversation_id.into(),
        AppointmentStatus::Pending.into(),
        AppointmentStatus::Confirmed.into(),
        now.into(),
    ];
    let found: Vec<Appointment> = db.select(tail, values).await?;
    Ok(found.into_iter().next())
}

/// Holds for whoever a conversation is with, in any of the business's conversations with them.
///
/// # Errors
/// 503.
pub(crate) async fn held_for(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    person: &str,
) -> Result<Vec<Uuid>> {
    #[derive(bin_common_handler::FromRow)]
    struct Found {
        id: Uuid,
    }
    let sql = format!(
        "SELECT r.id FROM chat_reservations r \
         INNER JOIN chat_conversations c ON c.id = r.conversation_id \
         WHERE c.customer_id = ? AND c.person = ? AND r.customer_id = ? AND r.status = '{}' \
         AND r.tm_delete IS NULL ORDER BY r.id LIMIT {HELD_MAX}",
        ReservationStatus::Held
    );
    let values = vec![customer_id.into(), person.into(), customer_id.into()];
    let found: Vec<Found> = tx.sql().fetch_all(&sql, values).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Whether any of it is taken. Whoever asks holds the resource's row, so that nobody takes it meanwhile.
///
/// # Errors
/// 503.
pub(crate) async fn is_taken(tx: &mut ChangeTx<'_>, question: &Question) -> Result<bool> {
    let (text, values) = sql(question, 1);
    let found: Vec<Busy> = tx.sql().fetch_all(&text, values).await?;
    Ok(!found.is_empty())
}

//! A reservation: time of a resource that is held for somebody for a while.

use std::time::Duration;

use bin_common_handler::{
    Resource,
    models::{check::ensure, error::Result, identity::uuid_or_nil, time::Timestamp},
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::booking::interval::Interval;

/// Longest time that is reserved at once.
const LENGTH_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Shortest time that is reserved.
const LENGTH_MIN: Duration = Duration::from_secs(60);
/// Longest hold, in seconds: a day, as for businesses (`hold_ttl_seconds`).
pub const TTL_MAX: i32 = 86_400;
/// How far ahead something may be booked.
const AHEAD_MAX: Duration = Duration::from_secs(2 * 366 * 86_400);

text_enum!(
    /// What became of a hold.
    pub enum ReservationStatus {
        /// Nobody else may have the time.
        Held = "held",
        /// It became an appointment.
        Booked = "booked",
        /// It took too long.
        Expired = "expired",
        /// It was given back.
        Released = "released",
    }
);

/// A hold.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "reservation", table = "chat_reservations", check = check)]
pub struct Reservation {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// Whose time it is.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub resource_id: Uuid,
    /// The conversation with whoever it is held for; nil for none. When they opt out, it is given back.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub conversation_id: Uuid,
    /// When it begins.
    #[resource(set)]
    pub tm_start: Timestamp,
    /// When it ends; at most 24 hours later.
    #[resource(set)]
    pub tm_end: Timestamp,
    /// How long it is held, in seconds: 1 to 86,400; 0 = as long as the business says, or 600.
    #[resource(set, min = 0, max = TTL_MAX)]
    pub ttl_seconds: i32,
    /// What became of it.
    #[resource(filter)]
    pub status: ReservationStatus,
    /// Until when it is held.
    pub tm_expire: Timestamp,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// When it was given back; null until then.
    pub tm_delete: Option<Timestamp>,
}

impl Reservation {
    /// The time that is held.
    pub fn time(&self) -> Interval {
        Interval::new(self.tm_start, self.tm_end)
    }

    /// Whether it still keeps others away at `now`.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.status == ReservationStatus::Held && now < self.tm_expire && self.tm_delete.is_none()
    }
}

fn check(
    reservation: &mut Reservation,
    before: Option<&Reservation>,
    now: Timestamp,
) -> Result<()> {
    if before.is_some() {
        return Ok(());
    }
    ensure(
        !reservation.resource_id.is_nil(),
        "resource_id",
        "must be that of a resource",
    )?;
    check_time(reservation.time(), now)
}

/// A time that can be booked.
///
/// # Errors
/// 400 naming the field.
pub fn check_time(time: Interval, now: Timestamp) -> Result<()> {
    let Interval { start, end } = time;
    ensure(start >= now, "tm_start", "must not be in the past")?;
    ensure(
        start <= now.plus(AHEAD_MAX),
        "tm_start",
        "must be within two years",
    )?;
    ensure(end > start, "tm_end", "must be after tm_start")?;
    ensure(
        end >= start.plus(LENGTH_MIN),
        "tm_end",
        "must be at least a minute after tm_start",
    )?;
    ensure(
        end <= start.plus(LENGTH_MAX),
        "tm_end",
        "must be within 24 hours of tm_start",
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", None)]
    #[case("2026-11-20T09:59:59Z", "2026-11-20T11:00:00Z", Some("tm_start"))]
    #[case("2030-11-20T10:00:00Z", "2030-11-20T11:00:00Z", Some("tm_start"))]
    #[case("2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z", None)]
    #[case("2026-11-20T11:00:00Z", "2026-11-20T11:00:00Z", Some("tm_end"))]
    #[case("2026-11-20T11:00:00Z", "2026-11-20T11:00:00.000001Z", Some("tm_end"))]
    #[case("2026-11-20T11:00:00Z", "2026-11-21T11:00:01Z", Some("tm_end"))]
    fn only_what_lies_ahead_can_be_booked(
        #[case] start: &str,
        #[case] end: &str,
        #[case] field: Option<&str>,
    ) {
        let time = Interval::new(start.parse().unwrap(), end.parse().unwrap());
        let refused = check_time(time, "2026-11-20T10:00:00Z".parse().unwrap()).err();
        assert_eq!(refused.is_some(), field.is_some());
        if let (Some(error), Some(field)) = (refused, field) {
            assert!(error.message().starts_with(field), "{error}");
        }
    }
}

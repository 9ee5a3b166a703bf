//! An appointment: work that takes place, of whom, when and where.

use bin_common_handler::{
    Resource,
    models::{
        error::{Error, Result},
        text::{NAME_MAX, TEXT_MAX, check_shown},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::notification::mail_address;
use crate::booking::interval::Interval;

text_enum!(
    /// Where an appointment stands.
    pub enum AppointmentStatus {
        /// Made, and not confirmed by a person.
        Pending = "pending",
        /// It takes place.
        Confirmed = "confirmed",
        /// They are at it.
        InProgress = "in_progress",
        /// Done.
        Completed = "completed",
        /// Called off.
        Canceled = "canceled",
        /// Nobody was there.
        NoShow = "no_show",
    }
);

impl AppointmentStatus {
    /// Those that take their resource's time.
    pub const BUSY: &'static [Self] = &[Self::Pending, Self::Confirmed, Self::InProgress];

    /// Whether `next` may follow.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(
                next,
                Self::Confirmed | Self::InProgress | Self::Canceled | Self::NoShow
            ),
            Self::Confirmed => matches!(next, Self::InProgress | Self::Canceled | Self::NoShow),
            Self::InProgress => matches!(next, Self::Completed | Self::Canceled),
            Self::Completed | Self::Canceled | Self::NoShow | Self::Other(_) => false,
        }
    }

    /// All that may follow, for a refusal.
    pub fn following(self) -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|next| self.may_become(*next)).collect()
    }

    /// Whether it may be moved to another time.
    pub fn may_move(self) -> bool {
        matches!(self, Self::Pending | Self::Confirmed)
    }
}

/// Work that is booked.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "appointment", table = "chat_appointments", check = check)]
pub struct Appointment {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// The hold that it was made of.
    pub reservation_id: Uuid,
    /// Who, or what, does the work.
    #[resource(filter)]
    pub resource_id: Uuid,
    /// The conversation that led to it; nil for none.
    #[resource(filter)]
    pub conversation_id: Uuid,
    /// The lead that it is of; nil for none.
    #[resource(filter)]
    pub lead_id: Uuid,
    /// The work; nil for none of the catalog.
    #[resource(filter)]
    pub catalog_item_id: Uuid,
    /// What it is, at most 255 characters.
    #[resource(set, max_chars = NAME_MAX)]
    pub title: String,
    /// Where, at most 65,535 bytes.
    #[resource(set, max_bytes = TEXT_MAX)]
    pub address: String,
    /// Where the person's invitations go by mail; empty for nowhere.
    #[resource(set, check = mail_address)]
    pub email: String,
    /// Where it stands.
    #[resource(set, filter)]
    pub status: AppointmentStatus,
    /// Why it was called off.
    pub reason: String,
    /// When it begins.
    pub tm_start: Timestamp,
    /// When it ends.
    pub tm_end: Timestamp,
    /// What the work costs by the rates of its time, in minor units of `currency`.
    pub price_cents: i64,
    /// ISO 4217; empty without a price.
    pub currency: String,
    /// Grows with every change that calendars must see, RFC 5545.
    pub sequence: i32,
    /// When the person was reminded; null until then.
    pub tm_remind: Option<Timestamp>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Always null: an appointment is called off, not deleted.
    pub tm_delete: Option<Timestamp>,
}

impl Appointment {
    /// When it takes place.
    pub fn time(&self) -> Interval {
        Interval::new(self.tm_start, self.tm_end)
    }

    /// Whether a calendar would show it otherwise.
    pub fn differs_for_calendars(&self, before: &Self) -> bool {
        (self.time(), self.status) != (before.time(), before.status)
            || self.title != before.title
            || self.address != before.address
            || self.resource_id != before.resource_id
    }

    /// Whether it was called off, or did not take place.
    pub fn is_off(&self) -> bool {
        matches!(
            self.status,
            AppointmentStatus::Canceled | AppointmentStatus::NoShow
        )
    }

    /// The same with another status, where that may follow.
    ///
    /// # Errors
    /// 409 `INVALID_APPOINTMENT_STATE`.
    pub fn with_status(&self, next: AppointmentStatus) -> Result<Self> {
        if !self.status.may_become(next) {
            return Err(self.refused());
        }
        Ok(Self {
            status: next,
            ..self.clone()
        })
    }

    /// That its time has come.
    ///
    /// # Errors
    /// 409 `APPOINTMENT_NOT_BEGUN`.
    fn ensure_begun(&self, now: Timestamp) -> Result<()> {
        if now >= self.tm_start {
            return Ok(());
        }
        let text = "The appointment has not begun yet.";
        Err(Error::failed_precondition("APPOINTMENT_NOT_BEGUN", text)
            .with_detail(json!({ "tm_start": self.tm_start })))
    }

    /// 409: it stands where this cannot be done.
    pub fn refused(&self) -> Error {
        let text = format!("The appointment is {}.", self.status);
        Error::failed_precondition("INVALID_APPOINTMENT_STATE", text)
            .with_detail(json!({ "status": self.status, "allowed": self.status.following() }))
    }
}

fn check(after: &mut Appointment, before: Option<&Appointment>, now: Timestamp) -> Result<()> {
    // What was written before there was this rule stays until somebody writes it anew.
    if before.is_none_or(|before| before.title != after.title) {
        check_shown("title", &after.title)?;
    }
    if before.is_none_or(|before| before.address != after.address) {
        check_shown("address", &after.address)?;
    }
    let Some(before) = before else {
        return Ok(());
    };
    if before.status != after.status && !before.status.may_become(after.status) {
        return Err(before.refused());
    }
    // It is final, so it is said of nobody who may yet come.
    if after.status == AppointmentStatus::NoShow && before.status != after.status {
        return before.ensure_begun(now);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::ahead(99, AppointmentStatus::NoShow, Err("APPOINTMENT_NOT_BEGUN"))]
    #[case::begun(100, AppointmentStatus::NoShow, Ok(()))]
    #[case::called_off_ahead(99, AppointmentStatus::Canceled, Ok(()))]
    #[case::they_came_early(99, AppointmentStatus::InProgress, Ok(()))]
    #[case::no_state_is_left_out(
        100,
        AppointmentStatus::Completed,
        Err("INVALID_APPOINTMENT_STATE")
    )]
    fn nobody_is_missing_before_it_begins(
        #[case] now: i64,
        #[case] next: AppointmentStatus,
        #[case] expected: std::result::Result<(), &str>,
    ) {
        let before = Appointment {
            status: AppointmentStatus::Confirmed,
            tm_start: Timestamp::from_micros(100),
            ..Appointment::default()
        };
        let mut after = Appointment {
            status: next,
            ..before.clone()
        };
        let checked = check(&mut after, Some(&before), Timestamp::from_micros(now));
        let told = checked.map_err(|error| error.reason().to_owned());
        assert_eq!(told, expected.map_err(str::to_owned));
    }

    #[rstest]
    #[case(AppointmentStatus::Pending, "confirmed in_progress canceled no_show")]
    #[case(AppointmentStatus::Confirmed, "in_progress canceled no_show")]
    #[case(AppointmentStatus::InProgress, "completed canceled")]
    #[case(AppointmentStatus::Completed, "")]
    #[case(AppointmentStatus::Canceled, "")]
    #[case(AppointmentStatus::NoShow, "")]
    fn what_may_follow_what(#[case] from: AppointmentStatus, #[case] expected: &str) {
        let next = from.following().into_iter();
        let next: Vec<_> = next.map(AppointmentStatus::as_str).collect();
        assert_eq!(next.join(" "), expected);
    }
}

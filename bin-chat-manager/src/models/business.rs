//! What did-manager tells of a business and its number.

use bin_common_handler::{
    models::{
        hours::{self, Hours},
        time::Timestamp,
    },
    redact::Secret,
};
use chrono::DateTime;
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

/// Who answers an opt-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OptOutReplies {
    /// The carrier, by itself.
    #[default]
    Provider,
    /// We do.
    Tandem,
}

impl OptOutReplies {
    /// From its written form; the carrier where it is another.
    pub fn read(word: &str) -> Self {
        match word {
            "tandem" => Self::Tandem,
            _ => Self::Provider,
        }
    }
}

/// Whether texts may leave from a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CampaignStatus {
    /// Nobody has registered one.
    #[default]
    None,
    /// The registry has not decided.
    Pending,
    /// It may send.
    Approved,
    /// It may not.
    Rejected,
}

impl CampaignStatus {
    /// From its written form. One that is not known lets nothing leave.
    pub fn read(word: &str) -> Self {
        match word {
            "" | "none" => Self::None,
            "approved" => Self::Approved,
            "pending" => Self::Pending,
            _ => Self::Rejected,
        }
    }

    /// Whether texts may leave from `number`, in E.164. Numbers of country code 1 need an approved registration; there is
    /// no such registry for others.
    pub fn may_send(self, number: &str) -> bool {
        match self {
            Self::Approved => true,
            Self::None => !number.starts_with("+1"),
            Self::Pending | Self::Rejected => false,
        }
    }
}

/// What a business calls danger, beside what is one everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Emergency {
    /// Words and phrases, e.g. `no heat`.
    pub words: Vec<String>,
    /// Said first, before anything else; empty for the template.
    pub message: String,
}

/// The business behind a number, as far as conversations need it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Business {
    /// The tenant.
    pub customer_id: Uuid,
    /// Its number, E.164.
    pub number: String,
    /// The provider that carries it; nil for none.
    pub provider_id: Uuid,
    /// The provider's own id of the account.
    pub account_id: String,
    /// What proves us to the provider, and it to us. Never written anywhere.
    pub secret: Secret,
    /// The messaging service that texts leave by; empty for the number itself.
    pub messaging_service_id: String,
    /// Whether texts may leave.
    pub campaign_status: CampaignStatus,
    /// Its name.
    pub name: String,
    /// Its trade, e.g. `plumbing`.
    pub trade: String,
    /// IANA time zone; empty = UTC.
    pub timezone: String,
    /// When it is open.
    pub hours: Hours,
    /// What it calls danger.
    pub emergency: Emergency,
    /// How long people have to answer before the assistant does, in seconds.
    pub ai_takeover_delay_seconds: u32,
    /// Who answers an opt-out.
    pub opt_out_replies: OptOutReplies,
    /// It may not use the service, and sends no texts.
    pub suspended: bool,
}

impl Business {
    /// Whether it is open.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let zone: Tz = self.timezone.parse().unwrap_or(Tz::UTC);
        self.hours.is_open(hours::minute_of_week(zone, now))
    }

    /// A time by its own clock, for people; none for one that no calendar has.
    pub fn time_text(&self, at: Timestamp) -> Option<String> {
        time_text(self.timezone.parse().unwrap_or(Tz::UTC), at)
    }

    /// When it is open, for people; empty where it says nothing.
    pub fn hours_text(&self) -> String {
        let windows = self.hours.windows().iter().map(|window| {
            let days = match window.days.as_slice() {
                [] => "daily".to_owned(),
                [one] => capital(one),
                [first, .., last] if window.days.len() > 2 => {
                    format!("{}-{}", capital(first), capital(last))
                }
                days => days
                    .iter()
                    .map(|day| capital(day))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            format!("{days} {}-{}", window.from, window.to)
        });
        windows.collect::<Vec<_>>().join("; ")
    }
}

fn capital(day: &str) -> String {
    let mut letters = day.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}

/// A time by the clock of a zone, for people; none for one that no calendar has.
pub fn time_text(zone: Tz, at: Timestamp) -> Option<String> {
    let at = DateTime::from_timestamp_micros(at.micros())?.with_timezone(&zone);
    Some(at.format("%a %b %-d, %-I:%M %p").to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn business(hours: &str) -> Business {
        Business {
            timezone: "America/New_York".to_owned(),
            hours: serde_json::from_str(hours).unwrap(),
            ..Business::default()
        }
    }

    #[rstest]
    #[case::always("null", "2026-11-27T03:00:00Z", true)]
    #[case::morning(r#""09:00-17:00""#, "2026-11-27T14:00:00Z", true)]
    #[case::night(r#""09:00-17:00""#, "2026-11-27T13:59:00Z", false)]
    fn it_is_open_by_its_own_clock(#[case] hours: &str, #[case] at: &str, #[case] expected: bool) {
        assert_eq!(business(hours).is_open(at.parse().unwrap()), expected);
    }

    #[rstest]
    #[case("approved", "+14155550100", true)]
    #[case("none", "+14155550100", false)]
    #[case("", "+14155550100", false)]
    #[case("none", "+442071838750", true)]
    #[case("pending", "+442071838750", false)]
    #[case("rejected", "+442071838750", false)]
    #[case("of tomorrow", "+442071838750", false)]
    fn texts_leave_where_they_are_approved_or_need_not_be(
        #[case] status: &str,
        #[case] number: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(CampaignStatus::read(status).may_send(number), expected);
    }

    #[test]
    fn times_are_told_by_its_own_clock() {
        let at = "2026-11-27T14:30:00Z".parse().unwrap();
        let told = business("null").time_text(at);
        assert_eq!(told.as_deref(), Some("Fri Nov 27, 9:30 AM"));
    }

    #[rstest]
    #[case("null", "")]
    #[case(r#""09:00-17:00""#, "daily 09:00-17:00")]
    #[case(
        r#"[{"days":["mon","tue","wed"],"from":"08:00","to":"16:00"},{"days":["sat"],"from":"10:00","to":"12:00"}]"#,
        "Mon-Wed 08:00-16:00; Sat 10:00-12:00"
    )]
    fn hours_are_told_in_words(#[case] hours: &str, #[case] expected: &str) {
        assert_eq!(business(hours).hours_text(), expected);
    }
}

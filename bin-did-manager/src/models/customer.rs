//! A customer: the tenant that everything belongs to, with the defaults of its numbers.

use std::collections::BTreeMap;

use bin_common_handler::{
    Resource,
    models::{
        check::ensure,
        error::Result,
        text::{NAME_MAX, TEXT_MAX},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    business::{
        AI_TAKEOVER_DELAY_DEFAULT, DIAL_TIMEOUT_DEFAULT, Emergency, HOLD_TTL_DEFAULT, Location,
    },
    calendar::Calendar,
    campaign::Fallback,
    check::{minutes, short, short_list, timezone},
    hours::Hours,
    limits::Limits,
};
use crate::phone::NumberFormat;

/// Calls a day of one number, unless its customer or itself says otherwise.
pub const DAILY_CAP_DEFAULT: i32 = 75;
/// Calls an hour of one number.
pub const HOURLY_CAP_DEFAULT: i32 = 15;
/// Seconds of rest after each call of one number: as long as lets it reach its calls an hour.
pub const COOLDOWN_DEFAULT: i32 = 240;
/// A new number's calls a day, by week.
pub const WARMUP_DEFAULT: [i32; 4] = [10, 20, 40, 75];
/// Highest cap that can be set.
pub const CAP_MAX: i32 = 1_000_000;
/// Longest rest that can be set, in seconds: 30 days.
pub const COOLDOWN_MAX: i32 = 30 * 86_400;
/// Largest area of service, in miles around the business.
const RADIUS_MAX: f64 = 500.0;
const WARMUP_WEEKS_MAX: usize = 52;
const DISPOSITIONS_MAX: usize = 500;

text_enum!(
    /// Whether a customer may use the service.
    pub enum CustomerStatus {
        /// It may.
        Active = "active",
        /// Its keys are refused and it is given no numbers.
        Suspended = "suspended",
    }
);

text_enum!(
    /// What became of a call, whatever the dialer calls it.
    pub enum Outcome {
        /// A person spoke.
        Human = "human",
        /// A machine answered.
        Machine = "machine",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// The line was busy.
        Busy = "busy",
        /// The number does not exist.
        Dead = "dead",
        /// The network had no way.
        Congestion = "congestion",
        /// We hung up before an agent was there.
        Dropped = "dropped",
        /// Anything else that went wrong.
        Failed = "failed",
    }
);

/// As usages have them: empty while nothing is known.
pub const OUTCOMES: &[&str] = &[
    "",
    Outcome::Human.as_str(),
    Outcome::Machine.as_str(),
    Outcome::NoAnswer.as_str(),
    Outcome::Busy.as_str(),
    Outcome::Dead.as_str(),
    Outcome::Congestion.as_str(),
    Outcome::Dropped.as_str(),
    Outcome::Failed.as_str(),
];

/// A tenant. Its `customer_id` is its own id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "customer", table = "did_customers", check = check, body {
        /// Its id, where a trusted caller names it, so that it is the same in all services.
        #[schemars(with = "Option<Uuid>")]
        id: Option<serde_json::Value>
    })]
pub struct Customer {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The same, as everything that belongs to it says.
    pub customer_id: Uuid,
    /// A name for people, at most 255 characters.
    #[resource(set, filter, max_chars = NAME_MAX)]
    pub name: String,
    /// Free text for people, at most 65,535 bytes.
    #[resource(set, max_bytes = TEXT_MAX)]
    pub detail: String,
    /// Whether it may use the service.
    #[resource(set, filter)]
    pub status: CustomerStatus,
    /// The zone of its days and hours, e.g. `America/New_York`.
    #[resource(set, check = timezone)]
    pub timezone: String,
    /// When its day begins, `HH:MM`.
    #[resource(set, check = check_time_of_day)]
    pub day_start: String,
    /// Calls a day of each number; 0 = no cap.
    #[resource(set, min = 0, max = CAP_MAX)]
    pub did_daily_cap: i32,
    /// Calls a clock hour of each number; 0 = no cap.
    #[resource(set, min = 0, max = CAP_MAX)]
    pub did_hourly_cap: i32,
    /// Rest between two calls of a number, in seconds; 0 = none.
    #[resource(set, min = 0, max = COOLDOWN_MAX)]
    pub did_cooldown_seconds: i32,
    /// Calls a day of a warming number, by week.
    #[schemars(with = "Vec<i32>")]
    #[resource(set, check = check_weeks)]
    pub warmup_daily_caps: Json<Vec<i32>>,
    /// How answers write numbers.
    #[resource(set)]
    pub number_format: NumberFormat,
    /// What its dialers put before a number, e.g. `9`.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub dial_prefixes: Json<Vec<String>>,
    /// Campaign ids that mean "no campaign", beside DEFAULT and UNKNOWN.
    #[schemars(with = "Vec<String>")]
    #[resource(set, check = short_list)]
    pub filler_campaigns: Json<Vec<String>>,
    /// Its own dispositions, e.g. `{"SALE": "human"}`.
    #[schemars(with = "BTreeMap<String, Outcome>")]
    #[resource(set, check = check_dispositions)]
    pub dispositions: Json<BTreeMap<String, Outcome>>,
    /// The pool used without a campaign; nil = all its numbers.
    #[resource(set)]
    pub didpool_id: Uuid,
    /// What a campaign whose own numbers are used up gets, unless the campaign says.
    #[resource(set)]
    pub fallback: Fallback,
    /// What it does, e.g. `plumbing`; empty for what is no business.
    #[resource(set, filter, check = short)]
    pub trade: String,
    /// Where it is, as people write it.
    #[resource(set, max_chars = NAME_MAX)]
    pub address: String,
    /// Where it is on the map; null while that is not known.
    #[schemars(with = "Option<Location>")]
    #[resource(set)]
    pub location: Json<Option<Location>>,
    /// How far it goes to its customers, in miles; null = anywhere.
    #[resource(set, min = 0.1, max = RADIUS_MAX)]
    pub service_radius_miles: Option<f64>,
    /// When it is open; empty = always.
    #[schemars(with = "Hours")]
    #[resource(set)]
    pub hours: Json<Hours>,
    /// What counts as an emergency, and what is said then.
    #[schemars(with = "Emergency")]
    #[resource(set)]
    pub emergency: Json<Emergency>,
    /// How long its humans have before the assistant answers, in seconds; 0 = none.
    #[resource(set, min = 0, max = 86_400)]
    pub ai_takeover_delay_seconds: i32,
    /// How long an offered time is held for somebody, in seconds.
    #[resource(set, min = 30, max = 86_400)]
    pub hold_ttl_seconds: i32,
    /// How long a call rings before it is missed, in seconds.
    #[resource(set, min = 5, max = 600)]
    pub dial_timeout_seconds: i32,
    /// How long conversations are kept, in days; 0 = for ever.
    #[resource(set, min = 0, max = 36_500)]
    pub retention_days: i32,
    /// Requests a second of all its keys; null = the installation's limit.
    #[resource(set, min = 0, max = CAP_MAX)]
    pub rate_per_second: Option<i32>,
    /// Requests at once of all its keys; null = the installation's limit.
    #[resource(set, min = 1, max = CAP_MAX)]
    pub rate_burst: Option<i32>,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

impl Default for Customer {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            detail: String::new(),
            status: CustomerStatus::Active,
            timezone: "UTC".to_owned(),
            day_start: "00:00".to_owned(),
            did_daily_cap: DAILY_CAP_DEFAULT,
            did_hourly_cap: HOURLY_CAP_DEFAULT,
            did_cooldown_seconds: COOLDOWN_DEFAULT,
            warmup_daily_caps: Json(WARMUP_DEFAULT.to_vec()),
            number_format: NumberFormat::default(),
            dial_prefixes: Json(Vec::new()),
            filler_campaigns: Json(Vec::new()),
            dispositions: Json(BTreeMap::new()),
            didpool_id: Uuid::nil(),
            fallback: Fallback::None,
            trade: String::new(),
            address: String::new(),
            location: Json(None),
            service_radius_miles: None,
            hours: Json(Hours::default()),
            emergency: Json(Emergency::default()),
            ai_takeover_delay_seconds: AI_TAKEOVER_DELAY_DEFAULT,
            hold_ttl_seconds: HOLD_TTL_DEFAULT,
            dial_timeout_seconds: DIAL_TIMEOUT_DEFAULT,
            retention_days: 0,
            rate_per_second: None,
            rate_burst: None,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

/// Campaign ids that dialers send when there is no campaign.
const NO_CAMPAIGN: [&str; 3] = ["", "DEFAULT", "UNKNOWN"];

impl Customer {
    /// Of its numbers, unless they have their own.
    pub fn limits(&self) -> Limits {
        Limits {
            daily_cap: self.did_daily_cap,
            hourly_cap: self.did_hourly_cap,
            cooldown_seconds: self.did_cooldown_seconds,
        }
    }

    /// Whether a dialer that sends this as the campaign means that there is none.
    pub fn is_no_campaign(&self, text: &str) -> bool {
        let text = text.trim();
        let own = self.filler_campaigns.0.iter().map(String::as_str);
        NO_CAMPAIGN
            .into_iter()
            .chain(own)
            .any(|filler| filler.eq_ignore_ascii_case(text))
    }
}

fn check(customer: &mut Customer, _: Option<&Customer>, _: Timestamp) -> Result<()> {
    // A tenant belongs to itself.
    customer.customer_id = customer.id;
    customer.emergency.0.check()?;
    if let Json(Some(location)) = &customer.location {
        location.check()?;
    }
    check_dial_prefixes(&mut customer.dial_prefixes.0)
}

fn check_time_of_day(field: &str, text: &str) -> Result<()> {
    ensure(
        minutes(text).is_some(),
        field,
        "must be a time of day such as 00:00",
    )
}

fn check_weeks(field: &str, weeks: &[i32]) -> Result<()> {
    ensure(
        (1..=WARMUP_WEEKS_MAX).contains(&weeks.len())
            && weeks.iter().all(|cap| (1..=CAP_MAX).contains(cap)),
        field,
        "must have 1 to 52 caps, each at least 1",
    )
}

fn check_dispositions(field: &str, dispositions: &BTreeMap<String, Outcome>) -> Result<()> {
    ensure(
        dispositions.len() <= DISPOSITIONS_MAX,
        field,
        "has at most 500 entries",
    )?;
    dispositions.keys().try_for_each(|code| short(field, code))
}

/// Longest first, as they are stripped.
fn check_dial_prefixes(prefixes: &mut [String]) -> Result<()> {
    short_list("dial_prefixes", prefixes)?;
    let is_dialled = |text: &String| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"*#".contains(&byte))
    };
    ensure(
        prefixes.iter().all(is_dialled),
        "dial_prefixes",
        "must hold digits, * and # only",
    )?;
    prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    Ok(())
}
impl Customer {
    /// Its days and hours.
    pub(crate) fn calendar(&self) -> Calendar {
        Calendar::of(&self.timezone, &self.day_start)
    }
}

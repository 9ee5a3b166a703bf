//! A customer: the tenant that everything belongs to, with the defaults of its numbers.

use std::collections::BTreeMap;

use bin_common_handler::{
    models::{
        error::Result,
        page::{Filter, FilterKind},
        text::{check_name, check_text},
        time::Timestamp,
    },
    resource, text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    campaign::Fallback,
    check::{ensure, in_range, maybe_in_range, minutes, short, short_list, timezone},
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Customer {
    /// Its identifier.
    pub id: Uuid,
    /// The same, as everything that belongs to it says.
    pub customer_id: Uuid,
    /// A name for people.
    pub name: String,
    /// More for people.
    pub detail: String,
    /// Whether it may use the service.
    pub status: CustomerStatus,
    /// The zone of its days and hours, e.g. `America/New_York`.
    pub timezone: String,
    /// When its day begins, `HH:MM`.
    pub day_start: String,
    /// Calls a day of each number; 0 = no cap.
    pub did_daily_cap: i32,
    /// Calls a clock hour of each number; 0 = no cap.
    pub did_hourly_cap: i32,
    /// Rest between two calls of a number, in seconds; 0 = none.
    pub did_cooldown_seconds: i32,
    /// Calls a day of a warming number, by week.
    #[schemars(with = "Vec<i32>")]
    pub warmup_daily_caps: Json<Vec<i32>>,
    /// How answers write numbers.
    pub number_format: NumberFormat,
    /// What its dialers put before a number, e.g. `9`.
    #[schemars(with = "Vec<String>")]
    pub dial_prefixes: Json<Vec<String>>,
    /// Campaign ids that mean "no campaign", beside DEFAULT and UNKNOWN.
    #[schemars(with = "Vec<String>")]
    pub filler_campaigns: Json<Vec<String>>,
    /// Its own dispositions, e.g. `{"SALE": "human"}`.
    #[schemars(with = "BTreeMap<String, Outcome>")]
    pub dispositions: Json<BTreeMap<String, Outcome>>,
    /// The pool used without a campaign; nil = all its numbers.
    pub didpool_id: Uuid,
    /// What a campaign whose own numbers are used up gets, unless the campaign says.
    pub fallback: Fallback,
    /// Requests a second of all its keys; null = the installation's limit.
    pub rate_per_second: Option<i32>,
    /// Requests at once of all its keys; null = the installation's limit.
    pub rate_burst: Option<i32>,
    /// When it was made.
    pub tm_create: Timestamp,
    /// Its version.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

resource!(
    Customer, "customer", "did_customers",
    [
        id, customer_id, name, detail, status, timezone, day_start, did_daily_cap, did_hourly_cap,
        did_cooldown_seconds, warmup_daily_caps, number_format, dial_prefixes, filler_campaigns,
        dispositions, didpool_id, fallback, rate_per_second, rate_burst, tm_create, tm_update, tm_delete,
    ],
    fields: [
        name, detail, status, timezone, day_start, did_daily_cap, did_hourly_cap,
        did_cooldown_seconds, warmup_daily_caps, number_format, dial_prefixes, filler_campaigns,
        dispositions, didpool_id, fallback, rate_per_second, rate_burst,
    ],
    filters: FILTERS,
    check: check,
);

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("status", FilterKind::OneOf(CustomerStatus::WORDS)),
    ("deleted", FilterKind::Deleted),
];

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
    check_name("name", &customer.name)?;
    check_text("detail", &customer.detail)?;
    timezone("timezone", &customer.timezone)?;
    ensure(
        minutes(&customer.day_start).is_some(),
        "day_start",
        "must be a time of day such as 00:00",
    )?;
    in_range("did_daily_cap", customer.did_daily_cap, 0, CAP_MAX)?;
    in_range("did_hourly_cap", customer.did_hourly_cap, 0, CAP_MAX)?;
    in_range(
        "did_cooldown_seconds",
        customer.did_cooldown_seconds,
        0,
        COOLDOWN_MAX,
    )?;
    maybe_in_range("rate_per_second", customer.rate_per_second, 0, CAP_MAX)?;
    maybe_in_range("rate_burst", customer.rate_burst, 1, CAP_MAX)?;
    let weeks = &customer.warmup_daily_caps.0;
    ensure(
        (1..=WARMUP_WEEKS_MAX).contains(&weeks.len())
            && weeks.iter().all(|cap| (1..=CAP_MAX).contains(cap)),
        "warmup_daily_caps",
        "must have 1 to 52 caps, each at least 1",
    )?;
    check_dial_prefixes(&mut customer.dial_prefixes.0)?;
    short_list("filler_campaigns", &customer.filler_campaigns.0)?;
    let dispositions = &customer.dispositions.0;
    ensure(
        dispositions.len() <= DISPOSITIONS_MAX,
        "dispositions",
        "has at most 500 entries",
    )?;
    dispositions
        .keys()
        .try_for_each(|code| short("dispositions", code))
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

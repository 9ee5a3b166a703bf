//! A did: a caller-ID number of a customer.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, wrong},
        error::{Error, Result},
        page::{FilterKind, Reader},
        text::{NAME_MAX, TEXT_MAX},
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    check::{short, short_list},
    customer::{CAP_MAX, COOLDOWN_MAX, Customer, WARMUP_DEFAULT},
    didstatus::{DidStatus, StatusPeriod},
    limits::Limits,
};
use crate::{
    area,
    phone::{self, E164},
};

/// Announced when a number's status changed, by a caller or by itself.
pub const STATUS_CHANGED: &str = "did_status_changed";
/// Announced when a number has reached a cap.
pub const EXHAUSTED: &str = "did_exhausted";

/// The source of a reputation that follows from the number's own calls.
pub const JUDGED_BY_CALLS: &str = "calls";

/// Weight of a number that nobody weighed.
pub const WEIGHT_DEFAULT: i32 = 100;
const WEIGHT_MAX: i32 = 10_000;
const REPUTATION_MAX: i32 = 100;

text_enum!(
    /// How far a carrier vouches for the caller's right to the number (STIR/SHAKEN, ATIS-1000074).
    pub enum Attestation {
        /// Not known.
        Unknown = "",
        /// Full: the carrier knows the customer and its right to the number.
        A = "A",
        /// Partial: it knows the customer only.
        B = "B",
        /// Gateway: it knows neither.
        C = "C",
    }
);

/// A caller-ID number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "did", table = "did_dids", check = check)]
pub struct Did {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// E.164; unique among the customer's live numbers.
    #[resource(set, filter = FilterKind::Phone)]
    pub number: String,
    /// Where it is in its life.
    #[resource(set, filter)]
    pub status: DidStatus,
    /// When the status ends by itself; null = it does not.
    #[resource(set)]
    pub until: Option<Timestamp>,
    /// When it got this status.
    pub tm_status: Timestamp,
    /// Calls a day; 0 = no cap, null = the customer's.
    #[resource(set, min = 0, max = CAP_MAX)]
    pub daily_cap: Option<i32>,
    /// Calls a clock hour; 0 = no cap, null = the customer's.
    #[resource(set, min = 0, max = CAP_MAX)]
    pub hourly_cap: Option<i32>,
    /// Seconds between two calls; 0 = none, null = the customer's.
    #[resource(set, min = 0, max = COOLDOWN_MAX)]
    pub cooldown_seconds: Option<i32>,
    /// Its share where numbers are weighed, 1 to 10,000.
    #[resource(set, min = 1, max = WEIGHT_MAX)]
    pub weight: i32,
    /// Who carries its calls.
    #[resource(set, filter, check = short)]
    pub carrier: String,
    /// Who rents it out.
    #[resource(set, filter, check = short)]
    pub provider: String,
    /// How far its carrier vouches for it.
    #[resource(set)]
    pub attestation: Attestation,
    /// Free text for people, at most 65,535 bytes.
    #[resource(set, max_bytes = TEXT_MAX)]
    pub description: String,
    /// Marks for people.
    #[schemars(with = "Vec<String>")]
    #[resource(set, check = short_list)]
    pub tags: Json<Vec<String>>,
    /// State or province, two letters; derived from the number unless given.
    #[resource(set, filter = FilterKind::Read(&STATE))]
    pub state: String,
    /// City; derived from the number unless given.
    #[resource(set, max_chars = NAME_MAX)]
    pub city: String,
    /// Area code; derived from the number.
    #[resource(set, min = 200, max = 999)]
    pub npa: Option<i32>,
    /// Degrees north.
    #[resource(set, min = -90.0, max = 90.0)]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[resource(set, min = -180.0, max = 180.0)]
    pub longitude: Option<f64>,
    /// 0 (bad) to 100 (good); null = not known.
    #[resource(set, min = 0, max = REPUTATION_MAX)]
    pub reputation: Option<i32>,
    /// Who says so: `calls`, or a name a caller gave.
    #[resource(set, check = short)]
    pub reputation_source: String,
    /// When they said so.
    pub tm_reputation: Option<Timestamp>,
    /// The customer's version that this row came with.
    #[serde(skip)]
    pub seq: i64,
    /// Creation time, by the store's clock.
    pub tm_create: Timestamp,
    /// Time of the last change; also the version, so it only grows.
    pub tm_update: Timestamp,
    /// When it was deleted.
    pub tm_delete: Option<Timestamp>,
}

static STATE: Reader = Reader {
    wanted: "a state or province such as CA",
    read: |text| area::state_code(text.trim()).map(str::to_owned),
};

impl Default for Did {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            number: String::new(),
            status: DidStatus::Active,
            until: None,
            tm_status: Timestamp::default(),
            daily_cap: None,
            hourly_cap: None,
            cooldown_seconds: None,
            weight: WEIGHT_DEFAULT,
            carrier: String::new(),
            provider: String::new(),
            attestation: Attestation::Unknown,
            description: String::new(),
            tags: Json(Vec::new()),
            state: String::new(),
            city: String::new(),
            npa: None,
            latitude: None,
            longitude: None,
            reputation: None,
            reputation_source: String::new(),
            tm_reputation: None,
            seq: 0,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

impl Did {
    /// Its own limits, and its customer's where it has none.
    pub fn limits(&self, customer: &Customer) -> Limits {
        let usual = customer.limits();
        Limits {
            daily_cap: self.daily_cap.unwrap_or(usual.daily_cap),
            hourly_cap: self.hourly_cap.unwrap_or(usual.hourly_cap),
            cooldown_seconds: self.cooldown_seconds.unwrap_or(usual.cooldown_seconds),
        }
    }

    /// Its status and how long that lasts.
    pub fn status_period(&self) -> StatusPeriod {
        StatusPeriod {
            status: self.status,
            until: self.until,
        }
    }

    fn locate(&mut self, number: &E164, before: Option<&Self>) {
        let moved = before.is_none_or(|before| before.number != self.number);
        if moved && self.npa == before.and_then(|before| before.npa) {
            self.npa = number.npa().map(i32::from);
        }
        let Some(area) = area::of_number(number.as_str()) else {
            return;
        };
        if self.state.is_empty() {
            area.state.clone_into(&mut self.state);
        }
        if self.city.is_empty() && self.state == area.state {
            area.city.clone_into(&mut self.city);
        }
    }

    fn change_status(&mut self, before: Option<&Self>, now: Timestamp) -> Result<()> {
        let old = before.map(Self::status_period);
        if let Some(old) = old
            && !old.at(now).status.may_become(self.status)
        {
            return Err(Error::failed_precondition(
                "DID_STATUS_NOT_ALLOWED",
                format!("A {} number cannot become {}.", old.status, self.status),
            ));
        }
        if old.is_some_and(|old| old.status == self.status) {
            return Ok(());
        }
        self.tm_status = now;
        if old.is_none_or(|old| old.until == self.until)
            && self.until.is_none_or(|until| until <= now)
        {
            self.until = self.status.ends(now, WARMUP_DEFAULT.len());
        }
        Ok(())
    }
}

fn check(did: &mut Did, before: Option<&Did>, now: Timestamp) -> Result<()> {
    let number = phone::parse(&did.number).map_err(|fault| wrong("number", &fault.to_string()))?;
    number.as_str().clone_into(&mut did.number);
    if !did.state.is_empty() {
        let code = area::state_code(&did.state);
        let code = code.ok_or_else(|| wrong("state", "must be a state or province such as CA"))?;
        code.clone_into(&mut did.state);
    }
    did.locate(&number, before);
    if did.reputation != before.and_then(|before| before.reputation) {
        did.tm_reputation = did.reputation.map(|_| now);
    }
    ensure(
        did.latitude.is_some() == did.longitude.is_some(),
        "latitude",
        "and longitude come together",
    )?;
    did.change_status(before, now)?;
    if did.status.ends(now, 0).is_none() {
        did.until = None;
    }
    Ok(())
}

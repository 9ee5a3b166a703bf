//! An account: a seller, who owns calls, or a buyer, who pays for them.

use bin_common_handler::{
    entity,
    models::{
        check::{ensure, in_range, maybe_in_range, timezone},
        error::{Error, Result},
        money::Currency,
        page::{Filter, FilterKind},
        text::check_name,
        time::Timestamp,
    },
    resource::{Resource, SystemFields},
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{quality::Quality, usage::Usage};
use crate::choice::hours::Hours;

/// Largest cap on a number of calls.
const CAP_MAX: i64 = 1_000_000_000;
/// Largest amount of money in one field, in minor units.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000;
/// Largest weight; priorities have the same bound.
pub const WEIGHT_MAX: i32 = 1_000_000;

/// Announced when balance or held changed.
pub const BALANCE_CHANGED: &str = "account_balance_changed";

text_enum!(
    /// On which side of the market it is.
    pub enum AccountType {
        /// Pays for calls.
        Buyer = "buyer",
        /// Owns calls.
        Seller = "seller",
    }
);

text_enum!(
    /// Whether it may trade; only `active` may.
    pub enum AccountStatus {
        /// Not approved yet.
        Pending = "pending",
        /// May trade.
        Active = "active",
        /// Paused.
        Suspended = "suspended",
        /// Shut out.
        Banned = "banned",
        /// Ended for good.
        Closed = "closed",
    }
);

text_enum!(
    /// Which calls count towards its caps.
    pub enum CapCounts {
        /// Every call that it won.
        Attempt = "attempt",
        /// Calls that it answered.
        Connect = "connect",
        /// Calls that converted.
        Conversion = "conversion",
    }
);

/// A seller or a buyer of a customer's exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant whose exchange it trades in.
    pub customer_id: Uuid,
    /// Seller or buyer; fixed at creation.
    #[serde(rename = "type")]
    pub kind: AccountType,
    /// A name for people.
    pub name: String,
    /// Where people of it are written to; empty = not known.
    pub email: String,
    /// Whether it may trade.
    pub status: AccountStatus,
    /// ISO 4217 code of its money; fixed at creation.
    pub currency: String,
    /// Sum of its deposits, captures, payouts, refunds and adjustments, in minor units.
    pub balance: i64,
    /// Sum of its holds that are neither released nor captured, in minor units.
    pub held: i64,
    /// How far `balance` less `held` may go below zero, in minor units.
    pub credit_limit: i64,
    /// The zone of its hours and of its days, e.g. `America/New_York`; empty = UTC.
    pub timezone: String,
    /// When it takes calls; empty = always.
    pub hours: Json<Hours>,
    /// Calls at once; null = no cap.
    pub concurrency_cap: Option<i64>,
    /// Calls in an hour of the clock; null = no cap.
    pub hourly_cap: Option<i64>,
    /// Calls in a day of its zone; null = no cap.
    pub daily_cap: Option<i64>,
    /// Calls in a month of its zone; null = no cap.
    pub monthly_cap: Option<i64>,
    /// Calls in all; null = no cap.
    pub total_cap: Option<i64>,
    /// Money spent in a day of its zone, in minor units, open holds included; null = no limit.
    pub daily_budget: Option<i64>,
    /// What the caps count.
    pub cap_counts: CapCounts,
    /// Its share under the strategies that go by weight.
    pub weight: i32,
    /// 1 goes before 2.
    pub priority: i32,
    /// How its calls went.
    pub quality: Json<Quality>,
    /// Calls and money that count towards its caps and budget.
    #[serde(skip)]
    pub used: Json<Usage>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

entity!(
    Account,
    "exchange_accounts",
    [
        id,
        customer_id,
        kind,
        name,
        email,
        status,
        currency,
        balance,
        held,
        credit_limit,
        timezone,
        hours,
        concurrency_cap,
        hourly_cap,
        daily_cap,
        monthly_cap,
        total_cap,
        daily_budget,
        cap_counts,
        weight,
        priority,
        quality,
        used,
        tm_create,
        tm_update,
        tm_delete,
    ]
);

/// What a list may be filtered by.
pub const FILTERS: &[Filter] = &[
    ("id", FilterKind::Uuid),
    ("customer_id", FilterKind::Uuid),
    ("name", FilterKind::Text),
    ("email", FilterKind::Text),
    ("status", FilterKind::OneOf(AccountStatus::WORDS)),
    ("deleted", FilterKind::Deleted),
];

impl Default for Account {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            kind: AccountType::default(),
            name: String::new(),
            email: String::new(),
            status: AccountStatus::default(),
            currency: Currency::USD.as_str().to_owned(),
            balance: 0,
            held: 0,
            credit_limit: 0,
            timezone: String::new(),
            hours: Json::default(),
            concurrency_cap: None,
            hourly_cap: None,
            daily_cap: None,
            monthly_cap: None,
            total_cap: None,
            daily_budget: None,
            cap_counts: CapCounts::default(),
            weight: 1,
            priority: 1,
            quality: Json::default(),
            used: Json::default(),
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

// By hand, as the wire's `type` is no name of a field.
impl Resource for Account {
    const NAME: &'static str = "account";
    const FIELDS: &'static [&'static str] = &[
        "type",
        "name",
        "email",
        "status",
        "currency",
        "credit_limit",
        "timezone",
        "hours",
        "concurrency_cap",
        "hourly_cap",
        "daily_cap",
        "monthly_cap",
        "total_cap",
        "daily_budget",
        "cap_counts",
        "weight",
        "priority",
        "quality",
    ];
    const FILTERS: &'static [Filter] = FILTERS;

    fn take(&mut self, field: &str, from: &Self) {
        match field {
            "type" => self.kind = from.kind,
            "name" => self.name.clone_from(&from.name),
            "email" => self.email.clone_from(&from.email),
            "status" => self.status = from.status,
            "currency" => self.currency.clone_from(&from.currency),
            "credit_limit" => self.credit_limit = from.credit_limit,
            "timezone" => self.timezone.clone_from(&from.timezone),
            "hours" => self.hours.clone_from(&from.hours),
            "concurrency_cap" => self.concurrency_cap = from.concurrency_cap,
            "hourly_cap" => self.hourly_cap = from.hourly_cap,
            "daily_cap" => self.daily_cap = from.daily_cap,
            "monthly_cap" => self.monthly_cap = from.monthly_cap,
            "total_cap" => self.total_cap = from.total_cap,
            "daily_budget" => self.daily_budget = from.daily_budget,
            "cap_counts" => self.cap_counts = from.cap_counts,
            "weight" => self.weight = from.weight,
            "priority" => self.priority = from.priority,
            "quality" => self.quality.clone_from(&from.quality),
            _ => {}
        }
    }

    fn system_fields(&mut self) -> SystemFields<'_> {
        SystemFields {
            id: &mut self.id,
            customer_id: &mut self.customer_id,
            tm_create: &mut self.tm_create,
            tm_update: &mut self.tm_update,
            tm_delete: &mut self.tm_delete,
        }
    }

    fn customer_id(&self) -> Uuid {
        self.customer_id
    }

    fn tm_create(&self) -> Timestamp {
        self.tm_create
    }

    fn tm_delete(&self) -> Option<Timestamp> {
        self.tm_delete
    }

    fn check(&mut self, before: Option<&Self>, _: Timestamp) -> Result<()> {
        check_name("name", &self.name)?;
        check_name("email", &self.email)?;
        ensure(
            self.email.is_empty() || self.email.contains('@'),
            "email",
            "must be an address such as desk@example.com",
        )?;
        self.currency.parse::<Currency>()?;
        in_range("credit_limit", self.credit_limit, 0, AMOUNT_MAX)?;
        if !self.timezone.is_empty() {
            timezone("timezone", &self.timezone)?;
        }
        for (field, cap) in [
            ("concurrency_cap", self.concurrency_cap),
            ("hourly_cap", self.hourly_cap),
            ("daily_cap", self.daily_cap),
            ("monthly_cap", self.monthly_cap),
            ("total_cap", self.total_cap),
        ] {
            maybe_in_range(field, cap, 0, CAP_MAX)?;
        }
        maybe_in_range("daily_budget", self.daily_budget, 0, AMOUNT_MAX)?;
        in_range("weight", self.weight, 0, WEIGHT_MAX)?;
        in_range("priority", self.priority, 1, WEIGHT_MAX)?;
        self.quality.0.check()?;
        before.map_or(Ok(()), |before| self.check_change(before))
    }
}

impl Account {
    /// What may still be spent, in minor units, its credit included.
    pub fn available(&self) -> i64 {
        self.balance
            .saturating_sub(self.held)
            .saturating_add(self.credit_limit)
    }

    /// Whether it may trade.
    pub fn is_active(&self) -> bool {
        self.status == AccountStatus::Active && self.tm_delete.is_none()
    }

    fn check_change(&self, before: &Self) -> Result<()> {
        ensure(self.kind == before.kind, "type", "cannot be changed")?;
        ensure(
            self.currency == before.currency,
            "currency",
            "cannot be changed",
        )?;
        let (is, was) = (self.status, before.status);
        let is_legal = is == was || (was != AccountStatus::Closed && is != AccountStatus::Pending);
        if is_legal {
            return Ok(());
        }
        Err(Error::failed_precondition(
            "INVALID_ACCOUNT_STATE",
            "An account that is closed stays closed, and none becomes pending again.",
        )
        .with_detail(serde_json::json!({"status": was})))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(AccountStatus::Pending, AccountStatus::Active, true)]
    #[case(AccountStatus::Active, AccountStatus::Suspended, true)]
    #[case(AccountStatus::Suspended, AccountStatus::Active, true)]
    #[case(AccountStatus::Banned, AccountStatus::Closed, true)]
    #[case(AccountStatus::Active, AccountStatus::Pending, false)]
    #[case(AccountStatus::Closed, AccountStatus::Active, false)]
    #[case(AccountStatus::Closed, AccountStatus::Closed, true)]
    fn a_closed_account_stays_closed(
        #[case] was: AccountStatus,
        #[case] is: AccountStatus,
        #[case] legal: bool,
    ) {
        let before = Account {
            status: was,
            ..Account::default()
        };
        let mut after = Account {
            status: is,
            ..before.clone()
        };
        let checked = after.check(Some(&before), Timestamp::default());
        assert_eq!(checked.is_ok(), legal);
    }
}

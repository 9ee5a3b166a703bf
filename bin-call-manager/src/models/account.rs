//! An account: a seller, who owns calls, or a buyer, who pays for them.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, in_range, plain, timezone, within},
        error::{Error, Result},
        hours::Hours,
        money::Currency,
        text::check_name,
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{posting::Posting, quality::Quality, usage::Usage};

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

impl CapCounts {
    /// Whether a call that was won counts already, as far as it came.
    pub const fn has(self, is_answered: bool) -> bool {
        match self {
            Self::Connect => is_answered,
            Self::Conversion => false,
            _ => true,
        }
    }
}

/// A seller or a buyer of a customer's exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "account", table = "exchange_accounts", check = check)]
pub struct Account {
    /// UUIDv7, chosen at creation.
    pub id: Uuid,
    /// The tenant whose exchange it trades in.
    pub customer_id: Uuid,
    /// Seller or buyer; fixed at creation.
    #[resource(set, filter)]
    pub r#type: AccountType,
    /// A name for people.
    #[resource(set, filter)]
    pub name: String,
    /// Where people of it are written to; empty = not known.
    #[resource(set, filter)]
    pub email: String,
    /// Whether it may trade.
    #[resource(set, filter)]
    pub status: AccountStatus,
    /// ISO 4217 code of its money; fixed at creation.
    #[resource(set)]
    pub currency: String,
    /// Sum of its deposits, captures, payouts, refunds and adjustments, in minor units.
    pub balance: i64,
    /// Sum of its holds that are neither released nor captured, in minor units.
    pub held: i64,
    /// How far `balance` less `held` may go below zero, in minor units.
    #[resource(set)]
    pub credit_limit: i64,
    /// The zone of its hours and of its days, e.g. `America/New_York`; empty = UTC.
    #[resource(set)]
    pub timezone: String,
    /// When it takes calls; empty = always.
    #[schemars(with = "Hours")]
    #[resource(set)]
    pub hours: Json<Hours>,
    /// Calls at once; null = no cap.
    #[resource(set)]
    pub concurrency_cap: Option<i64>,
    /// Calls in an hour of the clock; null = no cap.
    #[resource(set)]
    pub hourly_cap: Option<i64>,
    /// Calls in a day of its zone; null = no cap.
    #[resource(set)]
    pub daily_cap: Option<i64>,
    /// Calls in a month of its zone; null = no cap.
    #[resource(set)]
    pub monthly_cap: Option<i64>,
    /// Calls in all; null = no cap.
    #[resource(set)]
    pub total_cap: Option<i64>,
    /// Money spent in a day of its zone, in minor units, open holds included; null = no limit.
    #[resource(set)]
    pub daily_budget: Option<i64>,
    /// What the caps count.
    #[resource(set)]
    pub cap_counts: CapCounts,
    /// Its share under the strategies that go by weight.
    #[resource(set)]
    pub weight: i32,
    /// 1 goes before 2.
    #[resource(set)]
    pub priority: i32,
    /// How its calls went.
    #[schemars(with = "Quality")]
    #[resource(set)]
    pub quality: Json<Quality>,
    /// Calls and money that count towards its caps and budget.
    #[schemars(with = "Usage")]
    #[serde(skip)]
    pub used: Json<Usage>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            r#type: AccountType::default(),
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

fn check(account: &mut Account, before: Option<&Account>, _: Timestamp) -> Result<()> {
    let is_new =
        |text: fn(&Account) -> &String| before.is_none_or(|was| text(was) != text(account));
    if is_new(|account| &account.name) {
        check_name("name", &account.name)?;
        plain("name", &account.name)?;
    }
    if is_new(|account| &account.email) {
        check_email(&account.email)?;
    }
    if before.is_none() {
        account.currency.parse::<Currency>()?;
    }
    in_range("credit_limit", account.credit_limit, 0, AMOUNT_MAX)?;
    if !account.timezone.is_empty() {
        timezone("timezone", &account.timezone)?;
    }
    for (field, cap) in [
        ("concurrency_cap", account.concurrency_cap),
        ("hourly_cap", account.hourly_cap),
        ("daily_cap", account.daily_cap),
        ("monthly_cap", account.monthly_cap),
        ("total_cap", account.total_cap),
    ] {
        within(field, &cap, 0, CAP_MAX)?;
    }
    within("daily_budget", &account.daily_budget, 0, AMOUNT_MAX)?;
    in_range("weight", account.weight, 0, WEIGHT_MAX)?;
    in_range("priority", account.priority, 1, WEIGHT_MAX)?;
    account.quality.0.check()?;
    before.map_or(Ok(()), |before| account.check_change(before))
}

/// An address that a header of a mail can hold, or none.
fn check_email(email: &str) -> Result<()> {
    check_name("email", email)?;
    plain("email", email)?;
    let is_address = email
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    let is_one_word = !email.contains(char::is_whitespace);
    ensure(
        email.is_empty() || (is_address && is_one_word),
        "email",
        "must be an address such as desk@example.com",
    )
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

    /// Adds a movement to the sums that it counts towards.
    ///
    /// # Errors
    /// 400 when a sum leaves 64 bits.
    pub fn apply(&mut self, posting: &Posting) -> Result<()> {
        let added = |sum: i64| {
            sum.checked_add(posting.amount).ok_or_else(|| {
                Error::invalid_argument("AMOUNT_TOO_LARGE", "The sum does not fit into 64 bits.")
            })
        };
        if posting.kind.is_of_balance() {
            self.balance = added(self.balance)?;
        }
        if posting.kind.is_of_held() {
            self.held = added(self.held)?;
        }
        Ok(())
    }

    fn check_change(&self, before: &Self) -> Result<()> {
        ensure(self.r#type == before.r#type, "type", "cannot be changed")?;
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
    #[case("", "a@b", None)]
    #[case("José & Söhne", "desk@example.com", None)]
    #[case("x", "a@b\r\nBcc: x", Some("email"))]
    #[case("x", "a@b, c@d", Some("email"))]
    #[case("x", "@", Some("email"))]
    #[case("x", "a", Some("email"))]
    #[case("\u{202e}x", "", Some("name"))]
    #[case("a\0", "", Some("name"))]
    fn a_name_and_an_address_are_one_plain_line(
        #[case] name: &str,
        #[case] email: &str,
        #[case] refused: Option<&str>,
    ) {
        let mut account = Account {
            name: name.to_owned(),
            email: email.to_owned(),
            ..Account::default()
        };
        let checked = check(&mut account, None, Timestamp::default());
        let field = checked.err().map(|error| error.message().to_owned());
        let field = field.and_then(|text| text.split(' ').next().map(str::to_owned));
        assert_eq!(field.as_deref(), refused);
        // What is stored already does not keep the account from being changed.
        let before = account.clone();
        assert!(check(&mut account, Some(&before), Timestamp::default()).is_ok());
    }

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
        let checked = check(&mut after, Some(&before), Timestamp::default());
        assert_eq!(checked.is_ok(), legal);
    }
}

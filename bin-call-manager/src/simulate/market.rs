//! Who trades: buyers and calls, drawn from the seed.

use std::collections::BTreeMap;

use bin_common_handler::models::{
    error::Result,
    hours::{Hours, Window},
    money::Currency,
    time::Timestamp,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use sqlx::types::Json;
use uuid::Uuid;

use super::Plan;
use crate::{
    choice::{
        self, Profile, Terms,
        call::Number,
        criteria::{Criteria, CriteriaSpec},
        place::Code,
        terms::{After, DuplicateScope, Duplicates},
    },
    models::{
        account::{Account, AccountStatus, AccountType, CapCounts},
        callcampaign::CallCampaign,
        usage::zone,
    },
    routehandler::facts,
};

/// Monday, 2026-11-16, 00:00 UTC, in microseconds: any day would do, as long as it is always the same.
const BEGIN_MICROS: i64 = 1_794_787_200_000_000;
/// One day in microseconds.
const DAY_MICROS: i64 = 86_400_000_000;
/// Area codes of the callers, with their states.
const AREAS: [(u16, &str); 8] = [
    (415, "CA"),
    (213, "CA"),
    (212, "NY"),
    (312, "IL"),
    (305, "FL"),
    (713, "TX"),
    (206, "WA"),
    (702, "NV"),
];
const ZONES: [&str; 4] = [
    "America/Los_Angeles",
    "America/New_York",
    "America/Chicago",
    "UTC",
];
/// One of so many callers has called before.
const CALLS_AGAIN: u32 = 20;
/// Days within which such a caller is not sold to the same buyer again.
const DUPLICATE_DAYS: u16 = 30;
/// What a call is worth to the seller, in cents.
pub(super) const PAYOUT: i64 = 250;

const SELLER: Uuid = Uuid::from_u128(1);
const HOUSE: Uuid = Uuid::from_u128(2);
const CAMPAIGN: Uuid = Uuid::from_u128(3);
const BUYERS: u128 = 1_000;
const PROFILES: u128 = 1_000_000;

/// A buyer as it really is: what its account only learns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nature {
    /// Of its calls so many in a hundred are answered.
    pub answers: u32,
    /// Of its answered calls so many in a hundred convert.
    pub converts: u32,
    /// What it pays in every morning that it has less, in cents.
    pub deposit: i64,
}

/// What is the same under every strategy.
pub(super) struct Market {
    pub terms: Terms,
    pub seller: Account,
    /// Each buyer's account, as it is on the first morning.
    pub accounts: Vec<Account>,
    /// What each of them takes.
    pub profiles: Vec<Profile>,
    pub natures: Vec<Nature>,
    seed: u64,
    calls_a_day: u32,
}

impl Market {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        let campaign = CallCampaign {
            id: CAMPAIGN,
            customer_id: HOUSE,
            currency: Currency::USD.as_str().to_owned(),
            strategy: plan.strategy,
            payout: Some(PAYOUT),
            duplicates: Json(Some(Duplicates {
                scope: DuplicateScope::Buyer,
                after: After::Connect,
                days: DUPLICATE_DAYS,
            })),
            ..CallCampaign::default()
        };
        let mut chance = SmallRng::seed_from_u64(plan.seed);
        let mut market = Self {
            terms: facts::terms(&campaign)?,
            seller: account(SELLER, AccountType::Seller, "seller".to_owned()),
            accounts: Vec::new(),
            profiles: Vec::new(),
            natures: Vec::new(),
            seed: plan.seed,
            calls_a_day: plan.calls_a_day.max(1),
        };
        let a_day = i64::from(market.calls_a_day);
        for number in 0..u128::from(plan.buyers) {
            let account = buyer(number, a_day / i64::from(plan.buyers.max(1)), &mut chance);
            market
                .profiles
                .push(profile(number, &account, &mut chance)?);
            market.natures.push(nature(a_day, &mut chance));
            market.accounts.push(account);
        }
        Ok(market)
    }

    /// When a call comes in: evenly over its day, all the same for every strategy.
    pub(super) fn time(&self, number: u32) -> Timestamp {
        let step = DAY_MICROS / i64::from(self.calls_a_day);
        Timestamp::from_micros(BEGIN_MICROS + i64::from(number) * step)
    }

    /// The day that a call comes in on, from 0.
    pub(super) fn day(&self, number: u32) -> u32 {
        number / self.calls_a_day
    }

    /// What is drawn for this call and this try, whoever gets it.
    pub(super) fn chance(&self, number: u32, attempt: u32) -> SmallRng {
        let mixed =
            (u64::from(number) << 8 | u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        SmallRng::seed_from_u64(self.seed ^ mixed)
    }

    /// The call of that number.
    pub(super) fn call(&self, number: u32) -> choice::Call {
        let mut chance = self.chance(number, u32::from(u8::MAX));
        // Who calls again was among the last thousand.
        let is_again = number > 0 && chance.random_ratio(1, CALLS_AGAIN);
        let caller = if is_again {
            chance.random_range(number.saturating_sub(1_000)..number)
        } else {
            number
        };
        let (npa, state) = AREAS
            .get(caller as usize % AREAS.len())
            .copied()
            .unwrap_or_default();
        let local = 2_000_000 + caller % 8_000_000;
        choice::Call {
            customer_id: HOUSE,
            call_campaign_id: CAMPAIGN,
            number: Number::new(&format!("+1{npa}{local}")),
            country: Code::region("US"),
            state: Code::region(state),
            npa: Some(npa),
            tags: BTreeMap::from([("product".to_owned(), "solar".to_owned())]),
            ..choice::Call::default()
        }
    }
}

fn account(id: Uuid, r#type: AccountType, name: String) -> Account {
    Account {
        id,
        customer_id: HOUSE,
        r#type,
        name,
        status: AccountStatus::Active,
        ..Account::default()
    }
}

/// `a_day`: calls of a day for each buyer, if all were alike.
fn buyer(number: u128, a_day: i64, chance: &mut SmallRng) -> Account {
    let id = Uuid::from_u128(BUYERS + number);
    let timezone = ZONES.get(chance.random_range(0..ZONES.len())).copied();
    let works = Window {
        days: Vec::new(),
        from: "08:00".to_owned(),
        to: "20:00".to_owned(),
    };
    let hours = match chance.random_bool(0.5) {
        true => Hours::new(vec![works]).unwrap_or_default(),
        false => Hours::default(),
    };
    let mut cap = |share: f64, most: i64| {
        let cap = chance.random_range(1..=most.max(1));
        chance.random_bool(share).then_some(cap)
    };
    let (concurrency_cap, daily_cap) = (cap(0.3, 20), cap(0.3, 3 * a_day));
    let daily_budget = cap(0.3, 3 * a_day).map(|calls| calls * 1_000);
    Account {
        timezone: timezone.unwrap_or_default().to_owned(),
        hours: Json(hours),
        concurrency_cap,
        daily_cap,
        daily_budget,
        cap_counts: match number % 3 {
            0 => CapCounts::Attempt,
            1 => CapCounts::Connect,
            _ => CapCounts::Conversion,
        },
        weight: chance.random_range(1..=5),
        priority: chance.random_range(1..=3),
        ..account(id, AccountType::Buyer, format!("buyer {}", number + 1))
    }
}

fn profile(number: u128, account: &Account, chance: &mut SmallRng) -> Result<Profile> {
    let mut spec = CriteriaSpec::default();
    if chance.random_bool(0.3) {
        let states = ["CA", "NY", "FL", "TX"].map(str::to_owned);
        spec.states = states
            .into_iter()
            .take(chance.random_range(1..=3))
            .collect();
    }
    Ok(Profile {
        id: Uuid::from_u128(PROFILES + number),
        customer_id: HOUSE,
        buyer_id: account.id,
        call_campaign_id: Some(CAMPAIGN),
        amount: Some(25 * chance.random_range(12..=36)),
        currency: Currency::USD,
        criteria: Criteria::new(&spec)?,
        timezone: zone(&account.timezone),
        priority: None,
        weight: None,
        active: true,
        tm_create: Timestamp::from_micros(BEGIN_MICROS),
    })
}

fn nature(calls_a_day: i64, chance: &mut SmallRng) -> Nature {
    Nature {
        answers: chance.random_range(70..=95),
        converts: chance.random_range(30..=80),
        deposit: calls_a_day * chance.random_range(100..=900),
    }
}

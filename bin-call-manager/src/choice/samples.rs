//! Plain facts for tests and for the benchmark: everything is allowed unless a test says otherwise.

use bin_common_handler::models::{hours::Hours, money::Currency, time::Timestamp};
use uuid::Uuid;

use super::{
    buyer::{AccountStatus, Buyer, Caps, Usage},
    call::{Call, Number, Seen},
    criteria::Criteria,
    place::{Code, Point},
    profile::Profile,
    quality::Quality,
    terms::{Strategy, Terms},
};

/// The tenant.
pub(super) const CUSTOMER: Uuid = Uuid::from_u128(1);
/// Its campaign.
pub(super) const CAMPAIGN: Uuid = Uuid::from_u128(2);
/// 2026-11-20T10:00:00Z, a Friday.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_795_168_800_000_000);

/// A caller in San Francisco.
pub(super) fn call() -> Call {
    Call {
        customer_id: CUSTOMER,
        call_campaign_id: CAMPAIGN,
        number: Number::new("+14155550100"),
        country: Code::region("US"),
        state: Code::region("CA"),
        npa: Some(415),
        zip: Code::zip("94105"),
        point: Point::new(37.79, -122.39),
        tags: [("product".to_owned(), "solar".to_owned())].into(),
        ..Call::default()
    }
}

/// Highest bid, first price, no reserve.
pub(super) fn terms() -> Terms {
    Terms {
        customer_id: CUSTOMER,
        call_campaign_id: CAMPAIGN,
        currency: Currency::USD,
        strategy: Strategy::HighestBid,
        quality_weight_millionths: 0,
        auction: None,
        revenue: None,
        duplicates: None,
        hours: Hours::default(),
        timezone: chrono_tz::UTC,
        max_attempts: 5,
    }
}

/// An active buyer with plenty of money and no caps.
pub(super) fn buyer(number: u32) -> Buyer {
    Buyer {
        id: Uuid::from_u128(1_000_000_000 + u128::from(number)),
        name: format!("Buyer {number}"),
        status: AccountStatus::Active,
        currency: Currency::USD,
        balance: 1_000_000_000_000,
        held: 0,
        credit_limit: 0,
        hours: Hours::default(),
        timezone: chrono_tz::America::Los_Angeles,
        caps: Caps::default(),
        usage: Usage::default(),
        priority: 1,
        weight: 1,
        quality: Quality::default(),
        seen: Seen::default(),
    }
}

/// A profile of that buyer on the campaign, which takes every call.
pub(super) fn profile(number: u32, amount: i64) -> Profile {
    Profile {
        id: Uuid::from_u128(2_000_000_000 + u128::from(number)),
        customer_id: CUSTOMER,
        buyer_id: buyer(number).id,
        call_campaign_id: Some(CAMPAIGN),
        amount: Some(amount),
        currency: Currency::USD,
        criteria: Criteria::default(),
        timezone: chrono_tz::America::Los_Angeles,
        priority: None,
        weight: None,
        active: true,
        tm_create: NOW,
    }
}

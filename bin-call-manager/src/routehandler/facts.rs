//! Rows as the decision wants them.

use bin_common_handler::models::{error::Result, time::Timestamp};

use crate::{
    choice::{
        self, Buyer, Terms,
        buyer::{AccountStatus as Status, CapCounts as Counts, Caps, Usage},
        call::{Number, Seen},
        place::Code,
        quality::Quality,
        terms::Strategy as Plan,
        zips,
    },
    models::{
        account::{Account, AccountStatus, CapCounts},
        bid::Bid,
        call::Call,
        callcampaign::{CallCampaign, Strategy},
        country,
        quality::millionths,
        usage::zone,
    },
};

/// The call.
pub(super) fn call(call: &Call, seen: Seen) -> choice::Call {
    let person = call.person();
    let npa = bin_common_handler::phone::E164::parse(person).and_then(|number| number.npa());
    choice::Call {
        customer_id: call.customer_id,
        call_campaign_id: call.call_campaign_id,
        number: Number::new(person),
        country: country::of(person).and_then(Code::region),
        state: Code::region(&call.state),
        npa,
        zip: Code::zip(&call.zip),
        point: Code::zip(&call.zip).and_then(zips::point),
        tags: call.tags.0.clone(),
        tried: call.attempts.0.iter().map(|tried| tried.buyer_id).collect(),
        attempts: u32::try_from(call.attempts.0.len()).unwrap_or(u32::MAX),
        seen,
    }
}

/// The campaign's terms.
///
/// # Errors
/// 400 when its currency is none, which no check lets in.
pub(crate) fn terms(campaign: &CallCampaign) -> Result<Terms> {
    Ok(Terms {
        customer_id: campaign.customer_id,
        call_campaign_id: campaign.id,
        currency: campaign.currency.parse()?,
        strategy: match campaign.strategy {
            Strategy::RoundRobin => Plan::RoundRobin,
            Strategy::Weighted => Plan::Weighted,
            Strategy::Priority => Plan::Priority,
            Strategy::Skill => Plan::Skill,
            Strategy::LeastCost => Plan::LeastCost,
            Strategy::Performance => Plan::Performance,
            _ => Plan::HighestBid,
        },
        quality_weight_millionths: millionths(campaign.quality_weight),
        auction: campaign.auction.0,
        revenue: campaign.revenue,
        duplicates: campaign.duplicates.0,
        hours: campaign.hours.0.clone(),
        timezone: zone(&campaign.timezone),
        max_attempts: small(campaign.max_attempts),
    })
}

/// A buyer as its account's row says.
///
/// # Errors
/// 400 when its currency is none, which no check lets in.
pub(crate) fn buyer(account: &Account, seen: Seen, now: Timestamp) -> Result<Buyer> {
    let zone = zone(&account.timezone);
    let used = account.used.0.at(now, zone);
    let quality = &account.quality.0;
    Ok(Buyer {
        id: account.id,
        name: account.name.clone(),
        status: match account.status {
            AccountStatus::Active if account.tm_delete.is_none() => Status::Active,
            AccountStatus::Suspended => Status::Suspended,
            AccountStatus::Banned => Status::Banned,
            AccountStatus::Pending => Status::Pending,
            _ => Status::Closed,
        },
        currency: account.currency.parse()?,
        balance: account.balance,
        held: account.held,
        credit_limit: account.credit_limit,
        hours: account.hours.0.clone(),
        timezone: zone,
        caps: Caps {
            counts: match account.cap_counts {
                CapCounts::Connect => Counts::Connect,
                CapCounts::Conversion => Counts::Conversion,
                _ => Counts::Attempt,
            },
            concurrency: account.concurrency_cap.map(small),
            hourly: account.hourly_cap.map(small),
            daily: account.daily_cap.map(small),
            monthly: account.monthly_cap.map(small),
            total: account.total_cap.map(small),
            daily_budget: account.daily_budget,
        },
        usage: Usage {
            concurrent: small(used.open),
            hour: small(used.hour),
            day: small(used.day),
            month: small(used.month),
            total: small(used.total),
            open_wins: small(used.open_wins),
            spent_today: used.captured.saturating_add(account.held),
        },
        priority: account.priority,
        weight: small(account.weight.into()),
        quality: Quality {
            conversion: quality.conversion.map(millionths),
            answer: quality.answer.map(millionths),
            complaint: quality.complaint.map(millionths),
            reliability: quality.reliability.map(millionths),
            fraud_risk: quality.fraud_risk.map(millionths),
            conversion_calls: quality.conversion_calls,
            conversions: quality.conversions,
        },
        seen,
    })
}

/// A bid that was placed.
///
/// # Errors
/// 400 when its currency is none, which no check lets in.
pub(crate) fn bid(bid: &Bid) -> Result<choice::Bid> {
    Ok(choice::Bid {
        id: bid.id,
        amount: bid.amount,
        currency: bid.currency.parse()?,
        expires: bid.expires,
        tm_create: bid.tm_create,
    })
}

fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

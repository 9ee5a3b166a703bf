//! What may be bid with: a profile that stands, or a bid that was placed.

use bin_common_handler::models::{money::Currency, time::Timestamp};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{buyer::Buyer, call::Call, criteria::Criteria, exclusion::Exclusion, moment::Moment};

/// A bid profile, ready for calls.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The profile.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The account that pays.
    pub buyer_id: Uuid,
    /// The campaign whose calls it takes; nothing = any of the tenant.
    pub call_campaign_id: Option<Uuid>,
    /// What it bids, in minor units; nothing = its endpoint says.
    pub amount: Option<i64>,
    /// What it bids in.
    pub currency: Currency,
    /// Which calls it takes.
    pub criteria: Criteria,
    /// The buyer's zone: that of the criteria's hours.
    pub timezone: Tz,
    /// 1 goes before 2; nothing = the buyer's.
    pub priority: Option<i32>,
    /// Its share among others; nothing = the buyer's.
    pub weight: Option<u32>,
    /// Whether it bids at all.
    pub active: bool,
    /// When it was made: the earlier goes first among equals.
    pub tm_create: Timestamp,
}

impl Profile {
    /// Whether it takes the call, as far as the call alone says: what the index answers by.
    ///
    /// # Errors
    /// The first rule that is not met.
    pub fn admits(&self, call: &Call, moment: &mut Moment) -> Result<(), Exclusion> {
        if !self.active {
            return Err(Exclusion::ProfileInactive);
        }
        let other = self
            .call_campaign_id
            .is_some_and(|campaign| campaign != call.call_campaign_id);
        if other || self.customer_id != call.customer_id {
            return Err(Exclusion::OtherCampaign);
        }
        self.criteria.check(call, self.timezone, moment)
    }
}

/// A bid that was placed in an auction, or that an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bid {
    /// The bid.
    pub id: Uuid,
    /// Minor units.
    pub amount: i64,
    /// What it bids in.
    pub currency: Currency,
    /// When it ends; at that instant it counts no more.
    pub expires: Option<Timestamp>,
    /// When it was placed: the earlier goes first among equals.
    pub tm_create: Timestamp,
}

/// One who may win: a buyer with a profile that stands, a placed bid, or both (an endpoint's answer).
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Who pays.
    pub buyer: &'a Buyer,
    /// By which profile.
    pub profile: Option<&'a Profile>,
    /// The bid; it goes before what the profile says.
    pub bid: Option<&'a Bid>,
}

impl Candidate<'_> {
    /// The bid's id, else the profile's.
    pub(super) fn id(&self) -> Uuid {
        let profile = self.profile.map(|profile| profile.id);
        self.bid.map(|bid| bid.id).or(profile).unwrap_or_default()
    }

    /// Under what its turns are counted: the profile, so that each bid of it counts; else the buyer.
    pub(super) fn counter_id(&self) -> Uuid {
        self.profile.map_or(self.buyer.id, |profile| profile.id)
    }

    /// What is bid, in minor units.
    pub(super) fn amount(&self) -> Option<i64> {
        match self.bid {
            Some(bid) => Some(bid.amount),
            None => self.profile.and_then(|profile| profile.amount),
        }
    }

    pub(super) fn currency(&self) -> Currency {
        let profile = self.profile.map(|profile| profile.currency);
        self.bid
            .map(|bid| bid.currency)
            .or(profile)
            .unwrap_or(self.buyer.currency)
    }

    pub(super) fn placed(&self) -> Timestamp {
        let profile = self.profile.map(|profile| profile.tm_create);
        self.bid
            .map(|bid| bid.tm_create)
            .or(profile)
            .unwrap_or_default()
    }

    pub(super) fn priority(&self) -> i32 {
        self.profile
            .and_then(|profile| profile.priority)
            .unwrap_or(self.buyer.priority)
    }

    pub(super) fn weight(&self) -> u32 {
        self.profile
            .and_then(|profile| profile.weight)
            .unwrap_or(self.buyer.weight)
    }
}

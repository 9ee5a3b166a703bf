//! What a decision knows of a buyer: its account as the locked row says, and what its calls add up to.

use std::time::Duration;

use bin_common_handler::models::{hours::Hours, money::Currency, time::Timestamp};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    call::{Call, Seen},
    exclusion::Exclusion,
    moment::Moment,
    quality::Quality,
    terms::{After, DuplicateScope, Terms},
};

/// What a rule about duplicates counts in.
const DAY: Duration = Duration::from_secs(86_400);

/// Where an account stands; only an active one trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// Not yet approved.
    #[default]
    Pending,
    /// Trades.
    Active,
    /// Paused.
    Suspended,
    /// Thrown out.
    Banned,
    /// Left.
    Closed,
}

impl AccountStatus {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Banned => "banned",
            Self::Closed => "closed",
        }
    }
}

/// Which calls the caps count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapCounts {
    /// Every call that the buyer won.
    #[default]
    Attempt,
    /// Those that were put through.
    Connect,
    /// Those that converted.
    Conversion,
}

/// An account's caps; nothing = no cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// What all but the first and the last count.
    pub counts: CapCounts,
    /// Calls at the same time, whatever counts.
    pub concurrency: Option<u32>,
    /// Calls an hour.
    pub hourly: Option<u32>,
    /// Calls a day.
    pub daily: Option<u32>,
    /// Calls a month.
    pub monthly: Option<u32>,
    /// Calls ever.
    pub total: Option<u32>,
    /// Minor units a day.
    pub daily_budget: Option<i64>,
}

/// What an account's calls add up to; periods are those of [`super::period::Periods`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Calls won and not over: queued, ringing or in progress.
    pub concurrent: u32,
    /// Calls of this hour that count.
    pub hour: u32,
    /// Calls of this day that count.
    pub day: u32,
    /// Calls of this month that count.
    pub month: u32,
    /// All calls that count.
    pub total: u32,
    /// Calls won that do not count yet, and still may. Where attempts count: 0.
    pub open_wins: u32,
    /// Captured today, and held now; minor units.
    pub spent_today: i64,
}

/// A buyer's account. Amounts are minor units of its currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Buyer {
    /// The account.
    pub id: Uuid,
    /// For the explanation's sentences.
    pub name: String,
    /// Where it stands.
    pub status: AccountStatus,
    /// What it pays in.
    pub currency: Currency,
    /// The ledger's balance.
    pub balance: i64,
    /// How much of it is held.
    pub held: i64,
    /// How far below zero balance − held may go.
    pub credit_limit: i64,
    /// When it takes calls.
    pub hours: Hours,
    /// The zone of its hours, its profiles' hours and its days.
    pub timezone: Tz,
    /// Its caps.
    pub caps: Caps,
    /// What its calls add up to.
    pub usage: Usage,
    /// 1 goes before 2.
    pub priority: i32,
    /// Its share among others; 0 = only when nobody else is left.
    pub weight: u32,
    /// How good its calls are.
    pub quality: Quality,
    /// The caller's history with this buyer.
    pub seen: Seen,
}

impl Buyer {
    /// Whether it may have a call that costs `most` at most; who it is and what it bids is judged elsewhere.
    ///
    /// # Errors
    /// The first rule that it does not meet: hours, duplicates, caps, budget, funds.
    pub(super) fn check(
        &self,
        call: &Call,
        terms: &Terms,
        most: i64,
        moment: &mut Moment,
    ) -> Result<(), Exclusion> {
        self.check_hours(moment)?;
        self.check_duplicate(call, terms, moment.now())?;
        self.check_caps()?;
        self.check_budget(most)?;
        self.check_funds(most)
    }

    fn check_hours(&self, moment: &mut Moment) -> Result<(), Exclusion> {
        if self.hours.windows().is_empty() {
            return Ok(());
        }
        let minute_of_week = moment.minute_of_week(self.timezone);
        if self.hours.is_open(minute_of_week) {
            return Ok(());
        }
        Err(Exclusion::outside_hours(
            "account",
            self.timezone,
            minute_of_week,
        ))
    }

    fn check_duplicate(&self, call: &Call, terms: &Terms, now: Timestamp) -> Result<(), Exclusion> {
        let Some(rule) = terms.duplicates else {
            return Ok(());
        };
        let seen = match rule.scope {
            DuplicateScope::Buyer => &self.seen,
            DuplicateScope::All => &call.seen,
        };
        let last = match rule.after {
            After::Connect => seen.connect,
            After::Conversion => seen.conversion,
        };
        let since = now.minus(DAY.saturating_mul(u32::from(rule.days)));
        if last.is_some_and(|last| last > since) {
            return Err(Exclusion::DuplicateCall {
                scope: rule.scope,
                after: rule.after,
                days: rule.days,
            });
        }
        Ok(())
    }

    fn check_caps(&self) -> Result<(), Exclusion> {
        let (caps, usage) = (&self.caps, &self.usage);
        let open = usage.open_wins;
        let counted = [
            ("concurrency_cap", caps.concurrency, usage.concurrent, 0),
            ("hourly_cap", caps.hourly, usage.hour, open),
            ("daily_cap", caps.daily, usage.day, open),
            ("monthly_cap", caps.monthly, usage.month, open),
            ("total_cap", caps.total, usage.total, open),
        ];
        for (cap, limit, counted, open_wins) in counted {
            if let Some(limit) = limit
                && counted.saturating_add(open_wins) >= limit
            {
                return Err(Exclusion::CapReached {
                    cap,
                    limit,
                    counted,
                    open_wins,
                });
            }
        }
        Ok(())
    }

    fn check_budget(&self, most: i64) -> Result<(), Exclusion> {
        let spent_today = self.usage.spent_today;
        match self.caps.daily_budget {
            Some(daily_budget) if spent_today.saturating_add(most) > daily_budget => {
                Err(Exclusion::BudgetReached {
                    daily_budget,
                    spent_today,
                    needed: most,
                })
            }
            _ => Ok(()),
        }
    }

    fn check_funds(&self, most: i64) -> Result<(), Exclusion> {
        let left = i128::from(self.balance) - i128::from(self.held) - i128::from(most);
        if left >= -i128::from(self.credit_limit) {
            return Ok(());
        }
        Err(Exclusion::InsufficientFunds {
            balance: self.balance,
            held: self.held,
            credit_limit: self.credit_limit,
            needed: most,
        })
    }

    /// Notes a win of that price, as the hold's transaction does: for the next decision of the same group.
    pub fn note_win(&mut self, price: i64) {
        self.held = self.held.saturating_add(price);
        let usage = &mut self.usage;
        usage.spent_today = usage.spent_today.saturating_add(price);
        usage.concurrent = usage.concurrent.saturating_add(1);
        if self.caps.counts != CapCounts::Attempt {
            usage.open_wins = usage.open_wins.saturating_add(1);
            return;
        }
        for count in [
            &mut usage.hour,
            &mut usage.day,
            &mut usage.month,
            &mut usage.total,
        ] {
            *count = count.saturating_add(1);
        }
    }
}

//! Each rule excludes by itself, and only beyond its limit.

use bin_common_handler::models::{money::Currency, time::Timestamp};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::{candidates, decided, market, samples};
use crate::choice::{
    buyer::{AccountStatus, Buyer, CapCounts},
    call::Call,
    counters::Counters,
    criteria::{Criteria, CriteriaSpec},
    decide::Decision,
    explain::{explain, text},
    profile::{Bid, Candidate, Profile},
    terms::{After, AuctionTerms, DuplicateScope, Duplicates, Strategy, Terms},
};

/// One buyer that bids 700 by its profile.
struct Scene {
    call: Call,
    terms: Terms,
    buyer: Buyer,
    profile: Profile,
    bid: Option<Bid>,
}

impl Scene {
    fn new() -> Self {
        Self {
            call: samples::call(),
            terms: samples::terms(),
            buyer: samples::buyer(1),
            profile: samples::profile(1, 700),
            bid: None,
        }
    }

    fn decide(&self) -> Decision {
        let candidate = Candidate {
            buyer: &self.buyer,
            profile: Some(&self.profile),
            bid: self.bid.as_ref(),
        };
        crate::choice::auction::settle(&self.call, &self.terms, &[candidate], samples::NOW)
    }

    fn funds(&mut self, balance: i64, held: i64, credit_limit: i64) {
        self.buyer.balance = balance;
        self.buyer.held = held;
        self.buyer.credit_limit = credit_limit;
    }

    fn criteria(&mut self, json: &str) {
        let spec: CriteriaSpec = serde_json::from_str(json).unwrap();
        self.profile.criteria = Criteria::new(&spec).unwrap();
    }

    fn duplicates(&mut self, scope: DuplicateScope, after: After) {
        self.terms.duplicates = Some(Duplicates {
            scope,
            after,
            days: 30,
        });
    }

    fn bid(&mut self, amount: i64, expires: Option<Timestamp>) {
        self.bid = Some(Bid {
            id: Uuid::from_u128(9),
            amount,
            currency: Currency::USD,
            expires,
            tm_create: samples::NOW,
        });
    }

    fn reserve(&mut self, reserve: i64) {
        self.terms.auction = Some(AuctionTerms {
            reserve,
            ..AuctionTerms::default()
        });
    }
}

fn days_ago(days: u64, micros: u64) -> Option<Timestamp> {
    let past = std::time::Duration::from_secs(days * 86_400);
    let later = std::time::Duration::from_micros(micros);
    Some(samples::NOW.minus(past).plus(later))
}

fn hours(json: &str) -> bin_common_handler::models::hours::Hours {
    serde_json::from_str(json).unwrap()
}

fn counted(scene: &mut Scene, counts: CapCounts, open_wins: u32) {
    scene.buyer.caps.counts = counts;
    scene.buyer.usage.open_wins = open_wins;
    let usage = &mut scene.buyer.usage;
    (usage.concurrent, usage.hour, usage.day) = (3, 4, 5);
    (usage.month, usage.total) = (6, 7);
}

#[rstest]
#[case::anybody(|_: &mut Scene| {}, None)]
#[case::inactive(|s: &mut Scene| s.profile.active = false, Some("PROFILE_INACTIVE"))]
#[case::suspended(|s: &mut Scene| s.buyer.status = AccountStatus::Suspended, Some("ACCOUNT_INACTIVE"))]
#[case::pending(|s: &mut Scene| s.buyer.status = AccountStatus::Pending, Some("ACCOUNT_INACTIVE"))]
#[case::other_campaign(|s: &mut Scene| s.profile.call_campaign_id = Some(Uuid::nil()), Some("OTHER_CAMPAIGN"))]
#[case::any_campaign(|s: &mut Scene| s.profile.call_campaign_id = None, None)]
#[case::other_tenant(|s: &mut Scene| s.profile.customer_id = Uuid::nil(), Some("OTHER_CAMPAIGN"))]
#[case::tried(|s: &mut Scene| s.call.tried.push(s.buyer.id), Some("ALREADY_TRIED"))]
#[case::last_attempt(|s: &mut Scene| s.call.attempts = 4, None)]
#[case::no_attempt_left(|s: &mut Scene| s.call.attempts = 5, Some("MAX_ATTEMPTS"))]
#[case::profile_in_yen(|s: &mut Scene| s.profile.currency = "JPY".parse().unwrap(), Some("CURRENCY_MISMATCH"))]
#[case::account_in_yen(|s: &mut Scene| s.buyer.currency = "JPY".parse().unwrap(), Some("CURRENCY_MISMATCH"))]
#[case::endpoint_is_silent(|s: &mut Scene| s.profile.amount = None, Some("NO_BID"))]
#[case::endpoint_answered(|s: &mut Scene| { s.profile.amount = None; s.bid(5, None); }, None)]
#[case::expires_now(|s: &mut Scene| s.bid(5, Some(samples::NOW)), Some("BID_EXPIRED"))]
#[case::expires_later(|s: &mut Scene| s.bid(5, days_ago(0, 1)), None)]
#[case::at_the_reserve(|s: &mut Scene| s.reserve(700), None)]
#[case::below_the_reserve(|s: &mut Scene| s.reserve(701), Some("BID_TOO_LOW"))]
#[case::below_nothing(|s: &mut Scene| { s.reserve(-9); s.bid(-1, None); }, Some("BID_TOO_LOW"))]
#[case::criteria(|s: &mut Scene| s.criteria(r#"{"states":["NV"]}"#), Some("STATE"))]
#[case::ceiling(|s: &mut Scene| s.criteria(r#"{"max_price":700}"#), None)]
#[case::above_the_ceiling(|s: &mut Scene| s.criteria(r#"{"max_price":699}"#), Some("PRICE_TOO_HIGH"))]
#[case::revenue_above_the_ceiling(|s: &mut Scene| { s.criteria(r#"{"max_price":600}"#); s.terms.revenue = Some(601); }, Some("PRICE_TOO_HIGH"))]
#[case::revenue_of_what_it_bids(|s: &mut Scene| s.terms.revenue = Some(700), None)]
#[case::revenue_above_what_it_bids(|s: &mut Scene| s.terms.revenue = Some(701), Some("PRICE_TOO_HIGH"))]
#[case::revenue_above_what_its_endpoint_bids(|s: &mut Scene| { s.bid(699, None); s.terms.revenue = Some(700); }, Some("PRICE_TOO_HIGH"))]
#[case::profile_open(|s: &mut Scene| s.criteria(r#"{"hours":"02:00-02:01"}"#), None)]
#[case::profile_closed(|s: &mut Scene| s.criteria(r#"{"hours":"09:00-17:00"}"#), Some("OUTSIDE_HOURS"))]
#[case::account_closed(|s: &mut Scene| s.buyer.hours = hours(r#""09:00-17:00""#), Some("OUTSIDE_HOURS"))]
#[case::account_open(|s: &mut Scene| s.buyer.hours = hours(r#"{"days":["thu"],"from":"22:00","to":"03:00"}"#), None)]
#[case::campaign_open(|s: &mut Scene| s.terms.hours = hours(r#""09:00-17:00""#), None)]
#[case::campaign_closed(|s: &mut Scene| s.terms.hours = hours(r#""11:00-17:00""#), Some("OUTSIDE_HOURS"))]
#[case::seen_by_it(|s: &mut Scene| { s.duplicates(DuplicateScope::Buyer, After::Connect); s.buyer.seen.connect = days_ago(30, 1); }, Some("DUPLICATE_CALL"))]
#[case::seen_long_ago(|s: &mut Scene| { s.duplicates(DuplicateScope::Buyer, After::Connect); s.buyer.seen.connect = days_ago(30, 0); }, None)]
#[case::seen_by_another(|s: &mut Scene| { s.duplicates(DuplicateScope::Buyer, After::Connect); s.call.seen.connect = days_ago(1, 0); }, None)]
#[case::seen_by_any(|s: &mut Scene| { s.duplicates(DuplicateScope::All, After::Connect); s.call.seen.connect = days_ago(1, 0); }, Some("DUPLICATE_CALL"))]
#[case::not_converted(|s: &mut Scene| { s.duplicates(DuplicateScope::Buyer, After::Conversion); s.buyer.seen.connect = days_ago(1, 0); }, None)]
#[case::converted(|s: &mut Scene| { s.duplicates(DuplicateScope::Buyer, After::Conversion); s.buyer.seen.conversion = days_ago(1, 0); }, Some("DUPLICATE_CALL"))]
#[case::no_rule(|s: &mut Scene| s.buyer.seen.conversion = days_ago(1, 0), None)]
#[case::concurrency(|s: &mut Scene| { counted(s, CapCounts::Connect, 9); s.buyer.caps.concurrency = Some(4); }, None)]
#[case::concurrency_full(|s: &mut Scene| { counted(s, CapCounts::Connect, 0); s.buyer.caps.concurrency = Some(3); }, Some("CAP_REACHED"))]
#[case::hour(|s: &mut Scene| { counted(s, CapCounts::Attempt, 0); s.buyer.caps.hourly = Some(5); }, None)]
#[case::hour_full(|s: &mut Scene| { counted(s, CapCounts::Attempt, 0); s.buyer.caps.hourly = Some(4); }, Some("CAP_REACHED"))]
#[case::hour_full_when_all_connect(|s: &mut Scene| { counted(s, CapCounts::Connect, 1); s.buyer.caps.hourly = Some(5); }, Some("CAP_REACHED"))]
#[case::day_full_when_all_convert(|s: &mut Scene| { counted(s, CapCounts::Conversion, 1); s.buyer.caps.daily = Some(6); }, Some("CAP_REACHED"))]
#[case::month_full(|s: &mut Scene| { counted(s, CapCounts::Attempt, 0); s.buyer.caps.monthly = Some(6); }, Some("CAP_REACHED"))]
#[case::total_full(|s: &mut Scene| { counted(s, CapCounts::Attempt, 0); s.buyer.caps.total = Some(7); }, Some("CAP_REACHED"))]
#[case::none_at_all(|s: &mut Scene| s.buyer.caps.total = Some(0), Some("CAP_REACHED"))]
#[case::budget(|s: &mut Scene| { s.buyer.caps.daily_budget = Some(1_000); s.buyer.usage.spent_today = 300; }, None)]
#[case::budget_full(|s: &mut Scene| { s.buyer.caps.daily_budget = Some(1_000); s.buyer.usage.spent_today = 301; }, Some("BUDGET_REACHED"))]
#[case::exact_funds(|s: &mut Scene| s.funds(1_000, 300, 0), None)]
#[case::too_much_held(|s: &mut Scene| s.funds(1_000, 301, 0), Some("INSUFFICIENT_FUNDS"))]
#[case::credit(|s: &mut Scene| s.funds(0, 0, 700), None)]
#[case::too_little_credit(|s: &mut Scene| s.funds(-1, 0, 700), Some("INSUFFICIENT_FUNDS"))]
#[case::revenue_is_what_counts(|s: &mut Scene| { s.funds(500, 0, 0); s.terms.revenue = Some(500); }, None)]
#[case::no_overflow(|s: &mut Scene| s.funds(i64::MIN, i64::MAX, i64::MAX), Some("INSUFFICIENT_FUNDS"))]
fn a_rule_excludes(#[case] change: fn(&mut Scene), #[case] excluded_by: Option<&str>) {
    let mut scene = Scene::new();
    change(&mut scene);
    let decision = scene.decide();
    let reasons: Vec<&str> = decision
        .excluded
        .iter()
        .map(|excluded| excluded.exclusion.excluded_by())
        .collect();
    assert_eq!(reasons, excluded_by.into_iter().collect::<Vec<_>>());
    assert_eq!(decision.winner.is_some(), excluded_by.is_none());
}

#[test]
fn an_explanation_has_a_row_and_a_sentence_for_each() {
    let mut market = market(&[700, 500, 900]);
    market[2].0.status = AccountStatus::Suspended;
    let terms = Terms {
        quality_weight_millionths: 200_000,
        auction: Some(AuctionTerms {
            form: crate::choice::terms::Form::SecondPrice,
            reserve: 300,
            increment: 10,
            ..AuctionTerms::default()
        }),
        ..samples::terms()
    };
    let decision = decided(
        &samples::call(),
        &terms,
        &market,
        &mut Counters::default(),
        0,
    );
    let rows = explain(&decision, &terms, &candidates(&market));
    assert_eq!(
        text(&rows),
        "Buyer 1 wins with the highest effective bid and pays 5.10 USD: it bids 7.00 USD, which its quality makes worth 6.30 USD.\n\
         Buyer 2 is ranked 2: it bids 5.00 USD, which its quality makes worth 4.50 USD.\n\
         Buyer 3 is out because its account is suspended."
    );
    assert_eq!(
        serde_json::to_value(&rows[2]).unwrap(),
        json!({
            "buyer_id": market[2].0.id, "profile_id": market[2].1.id, "bid_id": null,
            "amount": 900, "effective_bid": null, "rank": null,
            "excluded_by": "ACCOUNT_INACTIVE", "detail": {"status": "suspended"},
            "text": "Buyer 3 is out because its account is suspended.",
        })
    );
    let first = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(first["rank"], 1);
    assert_eq!(first["effective_bid"], 630);
    assert!(first.get("excluded_by").is_none());
}

#[test]
fn falling_through_prices_anew_without_who_was_tried() {
    let market = market(&[900, 700, 500]);
    let terms = Terms {
        auction: Some(AuctionTerms {
            form: crate::choice::terms::Form::SecondPrice,
            reserve: 300,
            increment: 10,
            ..AuctionTerms::default()
        }),
        ..samples::terms()
    };
    let mut call = samples::call();
    for expected in [Some(710), Some(510), Some(300), None] {
        let decision = decided(&call, &terms, &market, &mut Counters::default(), 0);
        assert_eq!(decision.winner.map(|winner| winner.price), expected);
        if let Some(winner) = decision.winner {
            call.tried.push(market[winner.candidate].0.id);
            call.attempts += 1;
        }
    }
}

proptest! {
    /// Call after call, each win noted: nothing is overrun, and when nobody wins, everybody is at a limit.
    #[test]
    fn no_cap_no_budget_and_no_credit_is_overrun(
        amounts in proptest::collection::vec(1_i64..900, 1..5),
        funds in 0_i64..5_000, credit in 0_i64..1_000, budget in 0_i64..5_000,
        cap in 0_u32..20, by_conversion: bool, strategy in proptest::sample::select(super::STRATEGIES.to_vec()),
    ) {
        let mut market = market(&amounts);
        for (buyer, _) in &mut market {
            buyer.balance = funds;
            buyer.credit_limit = credit;
            buyer.caps.daily_budget = Some(budget);
            buyer.caps.daily = Some(cap);
            buyer.caps.concurrency = Some(cap + 1);
            buyer.caps.counts = if by_conversion { CapCounts::Conversion } else { CapCounts::Attempt };
        }
        let terms = Terms { strategy, ..samples::terms() };
        let mut counters = Counters::default();
        let mut paid = vec![Vec::new(); market.len()];
        let mut calls = 0;
        while let Some(winner) = decided(&samples::call(), &terms, &market, &mut counters, calls).winner {
            calls += 1;
            market[winner.candidate].0.note_win(winner.price);
            let prices: &mut Vec<i64> = &mut paid[winner.candidate];
            prices.push(winner.price);
            let spent: i64 = prices.iter().sum();
            prop_assert!(spent <= budget && funds - spent >= -credit);
            prop_assert!(prices.len() <= cap as usize);
        }
        for (buyer, profile) in &market {
            let amount = profile.amount.unwrap();
            let at_a_limit = buyer.usage.concurrent >= cap
                || buyer.usage.spent_today + amount > budget
                || buyer.balance - buyer.held + credit < amount;
            prop_assert!(at_a_limit);
        }
    }
}

#[test]
fn an_auction_goes_to_the_highest_bid_whatever_the_strategy() {
    let market = market(&[500, 700]);
    let terms = Terms {
        strategy: Strategy::LeastCost,
        ..samples::terms()
    };
    let decision = crate::choice::auction::settle(
        &samples::call(),
        &terms,
        &candidates(&market),
        samples::NOW,
    );
    assert_eq!(super::ranking(&decision, &market), ["Buyer 2", "Buyer 1"]);
}

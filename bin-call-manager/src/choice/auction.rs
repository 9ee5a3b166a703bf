//! An auction's clock, which bids it takes, and how it ends.

use std::time::Duration;

use bin_common_handler::models::time::Timestamp;
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    call::Call,
    counters::Counters,
    decide::{Decision, decide},
    profile::{Bid, Candidate},
    terms::{AuctionTerms, Strategy, Terms},
};

/// Why a bid is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BidRefusal {
    /// The auction is over: 409.
    AuctionExpired,
    /// The campaign trades in another currency: 400.
    CurrencyMismatch,
    /// Below the reserve, or below the fixed price: 400.
    BidTooLow,
    /// The bid ends before it begins: 400.
    BidExpired,
}

impl BidRefusal {
    /// The reason on the wire.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AuctionExpired => "AUCTION_EXPIRED",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
            Self::BidTooLow => "BID_TOO_LOW",
            Self::BidExpired => "BID_EXPIRED",
        }
    }
}

/// When an auction that opens now ends, if no late bid moves its end.
pub fn first_end(terms: &AuctionTerms, opened: Timestamp) -> Timestamp {
    later(opened, terms.window_ms)
}

/// Whether a bid is taken now, by an auction that ends at `end`.
///
/// # Errors
/// Why it is not.
pub fn accept(bid: &Bid, terms: &Terms, end: Timestamp, now: Timestamp) -> Result<(), BidRefusal> {
    if now >= end {
        return Err(BidRefusal::AuctionExpired);
    }
    if bid.currency != terms.currency {
        return Err(BidRefusal::CurrencyMismatch);
    }
    if bid.amount < terms.least() {
        return Err(BidRefusal::BidTooLow);
    }
    if bid.expires.is_some_and(|expires| expires <= now) {
        return Err(BidRefusal::BidExpired);
    }
    Ok(())
}

/// The end after a bid that was taken at `now`: a late one moves it by `soft_close_ms`, all of them together by
/// `window_ms` at most.
pub fn end_after_bid(
    terms: &AuctionTerms,
    opened: Timestamp,
    end: Timestamp,
    now: Timestamp,
) -> Timestamp {
    let early = later(now, terms.soft_close_ms) < end;
    if early || now >= end {
        return end;
    }
    let latest = later(first_end(terms, opened), terms.window_ms);
    later(end, terms.soft_close_ms).min(latest).max(end)
}

/// Settles: the highest effective bid wins whatever the campaign's strategy, at the price of the auction's form.
/// After a winner that fell through, again with that buyer among `call.tried`: its bid sets no price then.
pub fn settle(
    call: &Call,
    terms: &Terms,
    candidates: &[Candidate<'_>],
    now: Timestamp,
) -> Decision {
    let terms = Terms {
        strategy: Strategy::HighestBid,
        ..terms.clone()
    };
    // Neither counts turns nor draws: both are there for other strategies.
    let (mut counters, mut chance) = (Counters::default(), SmallRng::seed_from_u64(0));
    decide(call, &terms, candidates, &mut counters, now, &mut chance)
}

fn later(time: Timestamp, ms: u32) -> Timestamp {
    time.plus(Duration::from_millis(u64::from(ms)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::choice::samples;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_micros(1_795_168_800_000_000 + ms * 1_000)
    }

    fn terms(window_ms: u32, soft_close_ms: u32) -> AuctionTerms {
        AuctionTerms {
            window_ms,
            soft_close_ms,
            ..AuctionTerms::default()
        }
    }

    #[rstest]
    #[case::early(1_000, 200, 1_000, 700, 1_000)]
    #[case::at_the_edge(1_000, 200, 1_000, 800, 1_200)]
    #[case::late(1_000, 200, 1_000, 999, 1_200)]
    #[case::over(1_000, 200, 1_000, 1_000, 1_000)]
    #[case::up_to_a_window_in_all(1_000, 200, 1_900, 1_899, 2_000)]
    #[case::not_beyond(1_000, 200, 2_000, 1_999, 2_000)]
    #[case::off(1_000, 0, 1_000, 999, 1_000)]
    fn a_late_bid_moves_the_end(
        #[case] window_ms: u32,
        #[case] soft_close_ms: u32,
        #[case] end: i64,
        #[case] now: i64,
        #[case] moved: i64,
    ) {
        let terms = terms(window_ms, soft_close_ms);
        assert_eq!(end_after_bid(&terms, at(0), at(end), at(now)), at(moved));
    }

    #[rstest]
    #[case::in_time(700, "USD", None, 999, None)]
    #[case::at_the_end(700, "USD", None, 1_000, Some("AUCTION_EXPIRED"))]
    #[case::in_yen(700, "JPY", None, 0, Some("CURRENCY_MISMATCH"))]
    #[case::at_the_reserve(300, "USD", None, 0, None)]
    #[case::below_the_reserve(299, "USD", None, 0, Some("BID_TOO_LOW"))]
    #[case::ends_later(700, "USD", Some(11), 10, None)]
    #[case::has_ended(700, "USD", Some(10), 10, Some("BID_EXPIRED"))]
    fn a_bid_is_taken_or_refused(
        #[case] amount: i64,
        #[case] currency: &str,
        #[case] expires: Option<i64>,
        #[case] now: i64,
        #[case] refusal: Option<&str>,
    ) {
        let terms = Terms {
            auction: Some(AuctionTerms {
                reserve: 300,
                ..AuctionTerms::default()
            }),
            ..samples::terms()
        };
        let bid = Bid {
            id: uuid::Uuid::nil(),
            amount,
            currency: currency.parse().unwrap(),
            expires: expires.map(at),
            tm_create: at(0),
        };
        let refused = accept(&bid, &terms, at(1_000), at(now)).err();
        assert_eq!(refused.map(BidRefusal::reason), refusal);
    }

    proptest! {
        #[test]
        fn an_auction_ends_whatever_is_bid(
            window in 1_u32..5_000, soft in 0_u32..2_000,
            bids in proptest::collection::vec(0_i64..20_000, 0..50),
        ) {
            let terms = terms(window, soft);
            let mut end = first_end(&terms, at(0));
            for bid in bids {
                let moved = end_after_bid(&terms, at(0), end, at(bid));
                prop_assert!(moved >= end);
                end = moved;
            }
            prop_assert!(end <= at(2 * i64::from(window)));
        }
    }
}

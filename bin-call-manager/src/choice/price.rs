//! What the winner pays. Whole minor units; products in 128 bits, so nothing overflows.

use uuid::Uuid;

use super::terms::{Form, Terms};

/// One ranked bid, as a price needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worth {
    /// Who bids.
    pub buyer_id: Uuid,
    /// Minor units.
    pub amount: i64,
    /// Millionths, at least 10,000.
    pub factor: u32,
    /// Amount × factor.
    pub effective: i128,
}

/// The price of the winner, given all that were ranked, in any order and with or without the winner itself.
///
/// Fixed revenue goes before all. First price: its own amount. Second price: the least that would still have
/// beaten the best bid of another buyer, plus the increment; never below the reserve, never above its own amount.
pub(super) fn price(winner: &Worth, ranked: impl Iterator<Item = Worth>, terms: &Terms) -> i64 {
    if let Some(revenue) = terms.revenue {
        return revenue;
    }
    let Some(auction) = terms
        .auction
        .filter(|terms| terms.form == Form::SecondPrice)
    else {
        return winner.amount;
    };
    let rival = ranked
        .filter(|worth| worth.buyer_id != winner.buyer_id)
        .map(|worth| worth.effective)
        .max();
    let reserve = i128::from(terms.reserve());
    let asked = rival.map_or(reserve, |effective| {
        let own = i128::from(winner.factor.max(1));
        let beaten = (effective + own - 1).div_euclid(own);
        reserve.max(beaten + i128::from(auction.increment.max(0)))
    });
    i64::try_from(asked).map_or(winner.amount, |asked| asked.min(winner.amount))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::choice::{samples, terms::AuctionTerms};

    fn terms(form: Form, reserve: i64, increment: i64) -> Terms {
        Terms {
            auction: Some(AuctionTerms {
                form,
                reserve,
                increment,
                ..AuctionTerms::default()
            }),
            ..samples::terms()
        }
    }

    fn worth(buyer: u128, amount: i64, factor: u32) -> Worth {
        Worth {
            buyer_id: Uuid::from_u128(buyer),
            amount,
            factor,
            effective: i128::from(amount) * i128::from(factor),
        }
    }

    const ONE: u32 = 1_000_000;

    #[rstest]
    #[case::nobody_else_pays_the_reserve(&[], 300, 10, 300)]
    #[case::just_above_the_second(&[worth(2, 500, ONE)], 300, 10, 510)]
    #[case::never_above_its_own(&[worth(2, 698, ONE)], 300, 10, 700)]
    #[case::never_below_the_reserve(&[worth(2, 300, ONE / 2)], 300, 10, 300)]
    #[case::its_own_other_bid_is_no_rival(&[worth(1, 650, ONE), worth(2, 400, ONE)], 300, 10, 410)]
    #[case::the_best_rival_counts(&[worth(2, 400, ONE), worth(3, 500, ONE)], 0, 0, 500)]
    fn a_second_price(
        #[case] others: &[Worth],
        #[case] reserve: i64,
        #[case] increment: i64,
        #[case] expected: i64,
    ) {
        let winner = worth(1, 700, ONE);
        let terms = terms(Form::SecondPrice, reserve, increment);
        assert_eq!(price(&winner, others.iter().copied(), &terms), expected);
    }

    #[test]
    fn a_rival_is_measured_by_the_own_factor_and_rounded_up() {
        // 500 × 0.7 = 350, and 350 ÷ 0.9 = 388.9.
        let winner = worth(1, 700, 900_000);
        let rival = [worth(2, 500, 700_000)];
        let terms = terms(Form::SecondPrice, 0, 0);
        assert_eq!(price(&winner, rival.into_iter(), &terms), 389);
    }

    #[test]
    fn first_price_is_the_amount_and_revenue_is_fixed() {
        let (winner, rival) = (worth(1, 700, ONE), worth(2, 500, ONE));
        let mut terms = terms(Form::FirstPrice, 300, 10);
        assert_eq!(price(&winner, [rival].into_iter(), &terms), 700);
        terms.revenue = Some(450);
        assert_eq!(price(&winner, [rival].into_iter(), &terms), 450);
    }

    proptest! {
        #[test]
        fn a_second_price_lies_between_reserve_and_amount_and_still_wins(
            bids in proptest::collection::vec((0_i64..=i64::MAX / 2, 10_000_u32..=ONE, 0_u128..4), 1..12),
            reserve in 0_i64..1_000, increment in 0_i64..1_000,
        ) {
            let bids: Vec<Worth> = bids.into_iter()
                .filter(|(amount, ..)| *amount >= reserve)
                .map(|(amount, factor, buyer)| worth(buyer, amount, factor))
                .collect();
            if let Some(winner) = bids.iter().copied().max_by_key(|bid| bid.effective) {
                let paid = price(&winner, bids.iter().copied(), &terms(Form::SecondPrice, reserve, increment));
                prop_assert!((reserve..=winner.amount).contains(&paid));
                let worth = i128::from(paid) * i128::from(winner.factor);
                for rival in bids.iter().filter(|bid| bid.buyer_id != winner.buyer_id) {
                    prop_assert!(rival.effective <= worth);
                }
            }
        }
    }
}

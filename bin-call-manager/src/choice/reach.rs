//! How far a decision looks: at those that bid most, at all whose lists of the index fit the call, or at all.
//!
//! Whoever looks less far finds the same winner at the same price, or hears that he must look farther.

use super::{
    decide::{Decision, Ranked},
    profile::Candidate,
    terms::{Strategy, Terms, WHOLE_MILLIONTHS},
};

/// Those that a decision by amount looks at first.
const BEST_FIRST: usize = 128;
/// With more than these, all that fit are looked at.
const BEST_MAX: usize = 2_048;
/// By how much it looks farther.
const WIDER: usize = 4;

/// Which profiles of a campaign take part in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Of those that fit the call so many that bid most, all with endpoints before them.
    Best(usize),
    /// All that fit the call, as far as the index can tell: nobody else may have it.
    Fitting,
    /// All, with those that cannot have it: to say why.
    All,
}

impl Reach {
    /// Where a decision by these terms begins.
    pub fn first(terms: &Terms) -> Self {
        match terms.strategy {
            Strategy::HighestBid => Self::Best(BEST_FIRST),
            // Turns, shares and skills follow no order of amounts.
            _ => Self::Fitting,
        }
    }

    /// The next one.
    #[must_use]
    pub const fn wider(self) -> Self {
        match self {
            Self::Best(most) if most < BEST_MAX => Self::Best(most * WIDER),
            Self::Best(_) => Self::Fitting,
            Self::Fitting | Self::All => Self::All,
        }
    }

    /// Whether looking farther would change neither winner nor price, nor what is told when nobody wins. `floor` is
    /// what nobody who was left out bids more than; nothing = none that fits was left out.
    pub fn is_enough(
        self,
        floor: Option<i64>,
        decision: &Decision,
        candidates: &[Candidate<'_>],
        terms: &Terms,
    ) -> bool {
        if self == Self::All {
            return true;
        }
        let Some(winner) = decision.ranked.first() else {
            return false;
        };
        let Some(floor) = floor else {
            return true;
        };
        // No quality makes an amount worth more than it is.
        let most = i128::from(floor) * i128::from(WHOLE_MILLIONTHS);
        if winner.worth() <= most {
            return false;
        }
        !terms.is_second_price()
            || rival(decision, candidates).is_some_and(|rival| rival.worth() >= most)
    }
}

/// The best of another buyer than the winner.
fn rival<'d>(decision: &'d Decision, candidates: &[Candidate<'_>]) -> Option<&'d Ranked> {
    let buyer = |ranked: &Ranked| {
        candidates
            .get(ranked.candidate)
            .map(|candidate| candidate.buyer.id)
    };
    let first = buyer(decision.ranked.first()?);
    decision.ranked.iter().find(|ranked| buyer(ranked) != first)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use proptest::{prelude::*, strategy::Strategy as _};
    use rand::{SeedableRng, rngs::SmallRng};
    use uuid::Uuid;

    use super::*;
    use crate::choice::{
        buyer::Buyer,
        call::Call,
        counters::Counters,
        criteria::{Criteria, CriteriaSpec},
        decide::decide,
        index::Index,
        profile::Profile,
        quality::Quality,
        samples,
        terms::{AuctionTerms, Form, Strategy},
    };

    type Market = Vec<(Buyer, Arc<Profile>)>;

    fn market() -> impl proptest::strategy::Strategy<Value = Market> {
        let places = || {
            (
                proptest::sample::subsequence(vec!["CA".to_owned(), "NY".to_owned()], 0..=1),
                proptest::sample::subsequence(vec![415_u16, 212], 0..=1),
                proptest::sample::subsequence(vec!["94105".to_owned(), "10001".to_owned()], 0..=1),
            )
        };
        let one = (places(), 1_i64..12, 0_u32..=4, 0_u32..10, 0_u32..4);
        proptest::collection::vec(one, 0..24).prop_map(|profiles| {
            (1..)
                .zip(profiles)
                .map(
                    |(number, ((states, npas, zips), amount, fraud, payer, weight))| {
                        // Some buyers have several profiles, and some are closed.
                        let mut buyer = samples::buyer(payer);
                        buyer.weight = weight;
                        buyer.quality.fraud_risk =
                            fraud.checked_sub(1).map(|parts| parts * 333_333);
                        if payer == 9 {
                            buyer.balance = 0;
                        }
                        let mut profile = samples::profile(number, amount * 100);
                        profile.buyer_id = buyer.id;
                        let spec = CriteriaSpec {
                            states,
                            npas,
                            zips,
                            ..CriteriaSpec::default()
                        };
                        profile.criteria = Criteria::new(&spec).unwrap();
                        (buyer, Arc::new(profile))
                    },
                )
                .collect()
        })
    }

    fn terms() -> impl proptest::strategy::Strategy<Value = Terms> {
        let strategies = vec![
            Strategy::HighestBid,
            Strategy::HighestBid,
            Strategy::HighestBid,
            Strategy::RoundRobin,
            Strategy::Weighted,
            Strategy::Priority,
            Strategy::Skill,
            Strategy::LeastCost,
            Strategy::Performance,
        ];
        (
            proptest::sample::select(strategies),
            prop_oneof![Just(0), Just(1_000_000), 0_u32..1_000_000],
            any::<bool>(),
            proptest::option::weighted(0.2, 100_i64..500),
        )
            .prop_map(|(strategy, quality, is_second, revenue)| Terms {
                strategy,
                quality_weight_millionths: quality,
                revenue,
                auction: Some(AuctionTerms {
                    form: if is_second {
                        Form::SecondPrice
                    } else {
                        Form::FirstPrice
                    },
                    reserve: 200,
                    increment: 1,
                    ..AuctionTerms::default()
                }),
                ..samples::terms()
            })
    }

    struct Outcome {
        winner: Option<(Uuid, i64)>,
        counters: Counters,
        looked_at: usize,
    }

    /// Decides among these profiles, and whether that was enough.
    fn look(
        call: &Call,
        terms: &Terms,
        (reach, floor): (Reach, Option<i64>),
        market: &[&(Buyer, Arc<Profile>)],
    ) -> (Outcome, bool) {
        let candidates: Vec<Candidate<'_>> = market
            .iter()
            .map(|(buyer, profile)| Candidate {
                buyer,
                profile: Some(profile),
                bid: None,
            })
            .collect();
        let (mut counters, mut chance) = (Counters::default(), SmallRng::seed_from_u64(7));
        let decision = decide(
            call,
            terms,
            &candidates,
            &mut counters,
            samples::NOW,
            &mut chance,
        );
        if let Some(winner) = &decision.winner {
            assert!(winner.price <= decision.ranked[0].amount, "{decision:?}");
        }
        let id = |at: usize| candidates[at].profile.unwrap().id;
        let outcome = Outcome {
            winner: decision
                .winner
                .map(|winner| (id(winner.candidate), winner.price)),
            counters,
            looked_at: candidates.len(),
        };
        (
            outcome,
            reach.is_enough(floor, &decision, &candidates, terms),
        )
    }

    /// As a route does: from the best on, until it is enough.
    fn by_index(call: &Call, terms: &Terms, market: &Market, mut reach: Reach) -> Outcome {
        let mut index = Index::new(1_000);
        let mut whole = HashMap::new();
        for one in market {
            assert!(index.insert(Arc::clone(&one.1)));
            whole.insert(one.1.id, one);
        }
        loop {
            let (found, floor) = index.within(call, reach);
            let some: Vec<_> = found.iter().map(|profile| whole[&profile.id]).collect();
            let (outcome, enough) = look(call, terms, (reach, floor), &some);
            if enough {
                return outcome;
            }
            reach = reach.wider();
        }
    }

    proptest! {
        /// Winner, price and turns are those of a scan of all, however little is looked at first.
        #[test]
        fn the_index_changes_no_winner_no_price_and_no_turn(
            market in market(), terms in terms(), best in 1_usize..6,
        ) {
            let call = samples::call();
            let all: Vec<_> = market.iter().collect();
            let (scanned, _) = look(&call, &terms, (Reach::All, None), &all);
            let first = match Reach::first(&terms) {
                Reach::Best(_) => Reach::Best(best),
                other => other,
            };
            let found = by_index(&call, &terms, &market, first);
            prop_assert_eq!(found.winner, scanned.winner);
            prop_assert_eq!(
                serde_json::to_value(&found.counters).unwrap(),
                serde_json::to_value(&scanned.counters).unwrap()
            );
            if found.winner.is_none() {
                prop_assert_eq!(found.looked_at, market.len(), "who is out is told of all");
            }
        }
    }

    #[test]
    fn a_clear_winner_is_found_among_the_first() {
        let market: Market = (1..=500)
            .map(|number| {
                (
                    samples::buyer(number),
                    Arc::new(samples::profile(number, number.into())),
                )
            })
            .collect();
        let found = by_index(
            &samples::call(),
            &samples::terms(),
            &market,
            Reach::first(&samples::terms()),
        );
        assert_eq!(found.winner.map(|(_, price)| price), Some(500));
        assert_eq!(found.looked_at, BEST_FIRST);
        let doubtful = Terms {
            quality_weight_millionths: 1_000_000,
            ..samples::terms()
        };
        let mut market = market;
        for (buyer, _) in &mut market {
            buyer.quality = Quality {
                fraud_risk: Some(900_000),
                ..Quality::default()
            };
        }
        let found = by_index(
            &samples::call(),
            &doubtful,
            &market,
            Reach::first(&doubtful),
        );
        assert!(
            found.looked_at > BEST_FIRST,
            "the others' quality might be better"
        );
    }
}

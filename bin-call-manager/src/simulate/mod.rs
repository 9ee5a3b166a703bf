//! An exchange in memory: drawn buyers trade drawn calls by the decision and the postings that the daemon uses, and
//! nothing else: no queue, no database, no clock. The same seed is the same market to the last cent.

mod book;
mod market;
mod outcome;
mod trade;

pub use outcome::{Outcome, Share};

use bin_common_handler::models::error::Result;

use self::{market::Market, trade::Trade};
use crate::models::callcampaign::Strategy;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What everything is drawn from.
    pub seed: u64,
    /// Calls that come in.
    pub calls: u32,
    /// Buyers that compete for them.
    pub buyers: u16,
    /// Calls that come in on one day.
    pub calls_a_day: u32,
    /// How a buyer is chosen.
    pub strategy: Strategy,
}

/// Trades every call of the plan, and lets all of them end.
///
/// # Errors
/// When a sum leaves 64 bits.
pub fn run(plan: &Plan) -> Result<Outcome> {
    let market = Market::new(plan)?;
    let mut trade = Trade::new(&market, plan);
    for number in 0..plan.calls {
        trade.take(number)?;
    }
    trade.finish()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn plan(seed: u64, strategy: Strategy) -> Plan {
        Plan {
            seed,
            calls: 3_000,
            buyers: 8,
            calls_a_day: 1_500,
            strategy,
        }
    }

    #[rstest]
    fn every_call_and_every_cent_is_accounted_for(
        #[values(
            Strategy::HighestBid,
            Strategy::RoundRobin,
            Strategy::Weighted,
            Strategy::Priority,
            Strategy::Skill,
            Strategy::LeastCost,
            Strategy::Performance
        )]
        strategy: Strategy,
        #[values(1, 2)] seed: u64,
    ) {
        let outcome = run(&plan(seed, strategy)).unwrap();
        assert_eq!((outcome.ledger_sum, outcome.held), (0, 0));
        assert_eq!(outcome.calls, outcome.answered + outcome.unsold);
        let won: u64 = outcome.shares.iter().map(|share| share.won).sum();
        assert_eq!(won, outcome.wins);
        let answered: u64 = outcome.shares.iter().map(|share| share.answered).sum();
        assert_eq!(answered, outcome.answered);
        let spent: i64 = outcome.shares.iter().map(|share| share.spent).sum();
        assert_eq!(
            (spent, outcome.revenue - outcome.payout),
            (outcome.revenue, outcome.margin)
        );
        assert!(outcome.answered > 1_000, "{outcome:?}");
        assert!(!outcome.refused.is_empty());
    }

    #[test]
    fn the_same_seed_is_the_same_market_and_another_is_not() {
        let first = run(&plan(7, Strategy::Performance)).unwrap();
        assert_eq!(first, run(&plan(7, Strategy::Performance)).unwrap());
        assert_ne!(first, run(&plan(8, Strategy::Performance)).unwrap());
    }

    #[test]
    fn turns_and_weights_are_fair_while_the_highest_bid_is_not() {
        let of = |strategy| run(&plan(3, strategy)).unwrap();
        assert!(of(Strategy::RoundRobin).round_robin_difference <= 1);
        assert!(of(Strategy::HighestBid).round_robin_difference > 1);
        let weighted = of(Strategy::Weighted).weighted_deviation;
        assert!(weighted <= 0.01, "{weighted}");
        assert!(of(Strategy::HighestBid).weighted_deviation > weighted);
    }
}

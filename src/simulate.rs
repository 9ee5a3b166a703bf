//! `tandem simulate`: what would happen, without a daemon, a database or a clock.

use std::process::ExitCode;

use bin_call_manager::{
    models::callcampaign::Strategy,
    simulate::{self, Outcome as Traded, Plan},
};
use bin_common_handler::models::money::{Currency, Money};
use clap::{
    ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueEnum, builder::PossibleValue,
};
use serde_json::json;

use crate::{Outcome, output};

const EXAMPLES: &str = "Examples:
  tandem simulate exchange --seed 1 --calls 100000
  tandem simulate exchange --seed 1 --calls 20000 --buyers 30 --strategy weighted --strategy priority
  tandem simulate exchange --seed 1 --calls 20000 --json | jq .revenue

Buyers and calls are drawn from the seed: bids of 3.00 to 9.00 USD, weights, hours, caps, budgets, states that are
taken, and how often each buyer answers and converts. The calls are the same under every strategy, so strategies can
be compared. The decision and the ledger are call-manager's own; only time and people are made up. The same seed
prints the same figures.

  turns       calls that a buyer won, answered or not; a call that is not answered goes on to the next buyer
  difference  most that two buyers differ by, over runs of calls that the same buyers could have: 1 is even turns
  deviation   most that a buyer's part of all turns differs from what weights give it, in per cent of all turns
  refused     how often a rule kept a buyer from a call";

/// The strategies that are compared unless others are named.
const USUAL: [Strategy; 3] = [
    Strategy::HighestBid,
    Strategy::RoundRobin,
    Strategy::Weighted,
];

#[derive(Subcommand)]
enum What {
    /// Trade calls among drawn buyers, and show shares, revenue, fairness, and which rules refused
    Exchange(Exchange),
}

#[derive(Args)]
struct Exchange {
    /// What everything is drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Calls that come in
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls: u32,
    /// Calls of one day; there are as many days as the calls need
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls_a_day: u32,
    /// Buyers that compete
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    buyers: u16,
    /// How a buyer is chosen; may be given again [default: highest_bid, round_robin, weighted]
    #[arg(long, value_name = "STRATEGY")]
    strategy: Vec<Chosen>,
    /// Print one line of JSON for each strategy; money in cents
    #[arg(long)]
    json: bool,
}

/// A strategy by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chosen(Strategy);

impl ValueEnum for Chosen {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(Strategy::HighestBid),
            Self(Strategy::RoundRobin),
            Self(Strategy::Weighted),
            Self(Strategy::Priority),
            Self(Strategy::Skill),
            Self(Strategy::LeastCost),
            Self(Strategy::Performance),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()))
    }
}

pub fn command() -> Command {
    What::augment_subcommands(Command::new("simulate"))
        .about("See what rules would do to many calls, in memory")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .mut_subcommands(|command| command.after_help(EXAMPLES))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let What::Exchange(flags) = What::from_arg_matches(matches)?;
    let strategies: Vec<Strategy> = match flags.strategy.as_slice() {
        [] => USUAL.to_vec(),
        named => named.iter().map(|chosen| chosen.0).collect(),
    };
    let mut compared = Vec::new();
    for (at, strategy) in strategies.into_iter().enumerate() {
        let traded = simulate::run(&Plan {
            seed: flags.seed,
            calls: flags.calls,
            buyers: flags.buyers,
            calls_a_day: flags.calls_a_day,
            strategy,
        })?;
        if flags.json {
            let mut line = json!(traded);
            if let Some(line) = line.as_object_mut() {
                line.insert("strategy".to_owned(), json!(strategy));
            }
            output::line(&line.to_string())?;
            continue;
        }
        if at > 0 {
            output::line("")?;
        }
        for line in said(strategy, &traded) {
            output::line(&line)?;
        }
        compared.push((strategy, traded));
    }
    if compared.len() > 1 {
        output::line("")?;
        output::line(&comparison(&compared))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn said(strategy: Strategy, traded: &Traded) -> Vec<String> {
    let whole = |count: u64| output::grouped(count);
    let mut lines = vec![format!(
        "{strategy}: {} calls, {} answered after {} turns, {} unsold",
        whole(traded.calls),
        whole(traded.answered),
        whole(traded.wins),
        whole(traded.unsold),
    )];
    lines.push(format!(
        "revenue {}, of which {} to the seller and {} to the house; {} ledger entries, sum {}, held {}",
        money(traded.revenue),
        money(traded.payout),
        money(traded.margin),
        whole(traded.ledger_entries),
        traded.ledger_sum,
        traded.held,
    ));
    lines.push(format!(
        "difference {} turns, deviation {}",
        whole(traded.round_robin_difference),
        deviation(traded),
    ));
    let refused = traded.refused.iter();
    let refused: Vec<String> = refused
        .map(|(rule, times)| format!("{rule} {}", whole(*times)))
        .collect();
    lines.push(format!("refused: {}", refused.join(", ")));
    let header = [
        "BUYER",
        "BID",
        "WEIGHT",
        "TURNS",
        "SHARE",
        "ANSWERED",
        "CONVERTED",
        "SPENT",
    ];
    let table = output::table(&header, shares(traded));
    lines.extend(table.lines().map(str::to_owned));
    lines
}

/// The strategies side by side, and what the columns say.
fn comparison(compared: &[(Strategy, Traded)]) -> String {
    let rows = compared.iter().map(|(strategy, traded)| {
        vec![
            strategy.to_string(),
            money(traded.revenue),
            output::grouped(traded.unsold),
            deviation(traded),
        ]
    });
    let table = output::table(
        &["STRATEGY", "REVENUE", "UNSOLD", "DEVIATION"],
        rows.collect(),
    );
    format!(
        "{}\n\nrevenue is what buyers paid; unsold are calls that nobody took; deviation is how far a buyer's part of all turns \
         is from what weights give it, at most",
        table.trim_end()
    )
}

fn deviation(traded: &Traded) -> String {
    format!("{:.2} %", traded.weighted_deviation * 100.0)
}

fn shares(traded: &Traded) -> Vec<Vec<String>> {
    let rows = traded.shares.iter().map(|share| {
        vec![
            share.name.clone(),
            money(share.bid),
            share.weight.to_string(),
            output::grouped(share.won),
            percent(share.won, traded.wins),
            output::grouped(share.answered),
            output::grouped(share.converted),
            money(share.spent),
        ]
    });
    rows.collect()
}

fn money(cents: i64) -> String {
    Money::new(cents, Currency::USD).to_string()
}

/// With one decimal, in whole numbers.
fn percent(part: u64, whole: u64) -> String {
    let mille = part.saturating_mul(1_000) / whole.max(1);
    format!("{}.{} %", mille / 10, mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_one_decimal() {
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(0, 0), "0.0 %");
        assert_eq!(percent(5, 5), "100.0 %");
    }

    #[test]
    fn strategies_stand_side_by_side() {
        let traded = |strategy| {
            let plan = Plan {
                seed: 1,
                calls: 50,
                buyers: 3,
                calls_a_day: 50,
                strategy,
            };
            (strategy, simulate::run(&plan).unwrap())
        };
        let compared = [traded(Strategy::HighestBid), traded(Strategy::RoundRobin)];
        let text = comparison(&compared);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("STRATEGY"), "{text}");
        for (line, (strategy, traded)) in lines[1..].iter().zip(&compared) {
            assert!(line.starts_with(strategy.as_str()), "{text}");
            assert!(line.contains(&money(traded.revenue)), "{text}");
            assert!(line.ends_with('%'), "{text}");
        }
        assert!(text.contains("unsold are calls that nobody took"), "{text}");
    }

    #[test]
    fn every_strategy_has_a_name_here() {
        let names: Vec<&str> = Chosen::value_variants()
            .iter()
            .map(|chosen| chosen.0.as_str())
            .collect();
        assert_eq!(names, Strategy::WORDS);
    }
}

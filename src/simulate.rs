//! `tandem simulate`: what would happen, without a daemon, a database or a clock.

use std::process::ExitCode;

use bin_call_manager::{
    models::callcampaign::Strategy,
    simulate::{self, Outcome as Traded, Plan},
};
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

/// What the words of the figures mean, after them.
const LEGEND: &str = "revenue is what buyers paid; unsold are calls that nobody took; difference is how many turns one buyer had more than \
                      another while both could have the same calls, at most; deviation is how far a buyer's part of all turns is \
                      from what weights give it, at most";

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
    if !flags.json {
        output::line(&intro(&flags, strategies.len()))?;
    }
    let mut compared = Vec::new();
    for strategy in strategies {
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
        output::line("")?;
        for line in said(strategy, &traded) {
            output::line(&line)?;
        }
        compared.push((strategy, traded));
    }
    if compared.len() > 1 {
        output::line("")?;
        output::line(&comparison(&compared))?;
    }
    if !flags.json {
        output::line(&format!("\n{LEGEND}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is done, before the first figure takes its time.
fn intro(flags: &Exchange, strategies: usize) -> String {
    let days = match flags.calls.div_ceil(flags.calls_a_day.max(1)) {
        1 => "one day".to_owned(),
        days => format!("{days} days"),
    };
    let often = match strategies {
        1 => "once".to_owned(),
        count => format!("{count} times, by one strategy after the other"),
    };
    format!(
        "The same {} calls of {days} are traded among {} drawn buyers {often}; all is in memory, and seed {} prints it again.",
        output::grouped(flags.calls.into()),
        flags.buyers,
        flags.seed,
    )
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
        money(traded.ledger_sum),
        money(traded.held),
    ));
    lines.push(format!(
        "difference {} turns, deviation {}",
        whole(traded.round_robin_difference),
        deviation(traded),
    ));
    lines.push(format!("refused: {}", refused(traded)));
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

/// How often each rule kept a buyer from a call.
fn refused(traded: &Traded) -> String {
    let rules = traded.refused.iter();
    let rules: Vec<String> = rules
        .map(|(rule, times)| format!("{rule} {}", output::grouped(*times)))
        .collect();
    if rules.is_empty() {
        return "none".to_owned();
    }
    rules.join(", ")
}

/// The strategies side by side.
fn comparison(compared: &[(Strategy, Traded)]) -> String {
    let rows = compared.iter().map(|(strategy, traded)| {
        vec![
            strategy.to_string(),
            money(traded.revenue),
            output::grouped(traded.unsold),
            deviation(traded),
        ]
    });
    output::table(
        &["STRATEGY", "REVENUE", "UNSOLD", "DEVIATION"],
        rows.collect(),
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

/// Dollars as people read them: `1,234.50 USD`.
fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!(
        "{sign}{}.{:02} USD",
        output::grouped(cents / 100),
        cents % 100
    )
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

    fn traded(strategy: Strategy) -> (Strategy, Traded) {
        let plan = Plan {
            seed: 1,
            calls: 50,
            buyers: 3,
            calls_a_day: 50,
            strategy,
        };
        (strategy, simulate::run(&plan).unwrap())
    }

    #[test]
    fn money_has_its_thousands_apart() {
        assert_eq!(money(0), "0.00 USD");
        assert_eq!(money(123_456_705), "1,234,567.05 USD");
        assert_eq!(money(-100_050), "-1,000.50 USD");
    }

    #[test]
    fn where_no_rule_refused_it_says_none() {
        let (_, mut traded) = traded(Strategy::HighestBid);
        traded.refused.clear();
        assert_eq!(refused(&traded), "none");
        traded.refused.extend([("CLOSED", 1_200), ("NO_MONEY", 1)]);
        assert_eq!(refused(&traded), "CLOSED 1,200, NO_MONEY 1");
    }

    #[test]
    fn what_is_done_is_told_first_and_every_word_of_it_last() {
        let args = ["simulate", "exchange", "--calls", "45000", "--seed", "7"];
        let matches = command().try_get_matches_from(args).unwrap();
        let What::Exchange(flags) = What::from_arg_matches(&matches).unwrap();
        let said = intro(&flags, 3);
        for word in ["45,000 calls of 3 days", "8 drawn buyers 3 times", "seed 7"] {
            assert!(said.contains(word), "{said}");
        }
        for word in ["revenue", "unsold", "difference", "deviation"] {
            assert!(LEGEND.contains(word), "{word}");
        }
    }

    #[test]
    fn strategies_stand_side_by_side() {
        let compared = [traded(Strategy::HighestBid), traded(Strategy::RoundRobin)];
        let text = comparison(&compared);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("STRATEGY"), "{text}");
        for (line, (strategy, traded)) in lines[1..].iter().zip(&compared) {
            assert!(line.starts_with(strategy.as_str()), "{text}");
            assert!(line.contains(&money(traded.revenue)), "{text}");
            assert!(line.ends_with('%'), "{text}");
        }
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

//! Why: each candidate with its rank, or the rule that excludes it, and a sentence.

use bin_common_handler::models::money::{Currency, Money};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    decide::{Decision, Excluded, Ranked},
    exclusion::Exclusion,
    profile::Candidate,
    terms::{Strategy, Terms},
};

/// One candidate of an explanation. It names no other candidate and no other's amount, so that a buyer may see
/// its own.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    /// The account.
    pub buyer_id: Uuid,
    /// By which profile.
    pub profile_id: Option<Uuid>,
    /// By which bid.
    pub bid_id: Option<Uuid>,
    /// What it bids, in minor units.
    pub amount: Option<i64>,
    /// Amount × factor, in minor units.
    pub effective_bid: Option<i64>,
    /// 1 = the best; absent = excluded.
    pub rank: Option<usize>,
    /// The rule that excludes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_by: Option<&'static str>,
    /// The values that the rule went by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub detail: Option<Exclusion>,
    /// All that in words.
    pub text: String,
}

/// One row for each candidate: those ranked, best first, then those excluded, by buyer.
pub fn explain(decision: &Decision, terms: &Terms, candidates: &[Candidate<'_>]) -> Vec<Row> {
    let ranked = (1..).zip(&decision.ranked).filter_map(|(rank, ranked)| {
        let candidate = candidates.get(ranked.candidate)?;
        Some(ranked_row(rank, ranked, candidate, decision, terms))
    });
    let mut excluded: Vec<Row> = decision
        .excluded
        .iter()
        .filter_map(|excluded| {
            let candidate = candidates.get(excluded.candidate)?;
            Some(excluded_row(excluded, candidate, terms.currency))
        })
        .collect();
    excluded.sort_by_key(|row| (row.buyer_id, row.profile_id, row.bid_id));
    ranked.chain(excluded).collect()
}

/// The row of a profile that the decision did not look at.
pub fn left_out(candidate: &Candidate<'_>, exclusion: Exclusion, currency: Currency) -> Row {
    let excluded = Excluded {
        candidate: 0,
        exclusion,
    };
    excluded_row(&excluded, candidate, currency)
}

/// The explanation's text: a sentence for each of these rows.
pub fn text(rows: &[Row]) -> String {
    let sentences: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    sentences.join("\n")
}

fn ranked_row(
    rank: usize,
    ranked: &Ranked,
    candidate: &Candidate<'_>,
    decision: &Decision,
    terms: &Terms,
) -> Row {
    let money = |amount: i64| Money::new(amount, terms.currency).to_string();
    let outcome = match &decision.winner {
        Some(winner) if rank == 1 => {
            format!(
                "wins {} and pays {}",
                because(terms.strategy),
                money(winner.price)
            )
        }
        _ => format!("is ranked {rank}"),
    };
    let bid = money(ranked.amount);
    let effective_bid = ranked.effective_bid();
    let worth = match effective_bid {
        same if same == ranked.amount => String::new(),
        effective => format!(", which its quality makes worth {}", money(effective)),
    };
    Row {
        effective_bid: Some(effective_bid),
        rank: Some(rank),
        text: format!("{} {outcome}: it bids {bid}{worth}.", candidate.buyer.name),
        ..row(candidate)
    }
}

fn excluded_row(excluded: &Excluded, candidate: &Candidate<'_>, currency: Currency) -> Row {
    let exclusion = &excluded.exclusion;
    Row {
        excluded_by: Some(exclusion.excluded_by()),
        detail: Some(exclusion.clone()),
        text: format!(
            "{} is out because {}.",
            candidate.buyer.name,
            exclusion.because(currency)
        ),
        ..row(candidate)
    }
}

fn row(candidate: &Candidate<'_>) -> Row {
    Row {
        buyer_id: candidate.buyer.id,
        profile_id: candidate.profile.map(|profile| profile.id),
        bid_id: candidate.bid.map(|bid| bid.id),
        amount: candidate.amount(),
        effective_bid: None,
        rank: None,
        excluded_by: None,
        detail: None,
        text: String::new(),
    }
}

const fn because(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::HighestBid => "with the highest effective bid",
        Strategy::RoundRobin => "because it has waited longest for its turn",
        Strategy::Weighted => "because its share by weight is due",
        Strategy::Priority => "by its priority and weight",
        Strategy::Skill => "because it asks for most of the call's tags",
        Strategy::LeastCost => "with the lowest amount",
        Strategy::Performance => "with the best conversions by amount as drawn for this call",
    }
}

//! How suspicious a call is, as pure logic: each sign has a score from 0 to 1, and the highest counts.

use crate::{
    dbhandler::frauds::{RECENT_MAX, Recent},
    modelhandler::Learned,
    models::{
        callcampaign::{FraudFail, FraudTerms},
        fraudcheck::{FraudAction, Part},
        fraudentry::FraudList,
    },
};

/// What a sign of its own is worth that calls for a person's look.
const SUSPICIOUS: f64 = 0.7;
/// Below a limit, half of it at most: to be busy is no fraud.
const BUSY: f64 = 0.5;
/// Fewer ended calls say nothing of an account.
const ENDED_MIN: i64 = 20;
/// Share of calls under ten seconds from which an account is suspicious.
const SHORT_SHARE: f64 = 0.5;
/// Calls of one exchange in an hour, as a multiple of what one caller may make.
const EXCHANGE_FACTOR: i64 = 5;
/// More is suspicious whatever one caller may make; below the number of calls that are looked at, so that it can be seen.
const EXCHANGE_MAX: i64 = RECENT_MAX / 2;
/// Numbers of one exchange that call one account in an hour: neighbours seldom call together.
const EXCHANGE_NUMBERS: i64 = 25;

/// What was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs {
    pub listed: Option<FraudList>,
    /// Calls in the last hour with this one; nothing where the campaign sets no limit.
    pub caller_calls: Option<i64>,
    pub account_calls: Option<i64>,
    pub recent: Recent,
    /// Whether the number lies in a range that is in use.
    pub is_assigned: bool,
    pub learned: Learned,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub score: f64,
    pub action: FraudAction,
    pub flags: Vec<String>,
    pub parts: Vec<Part>,
}

/// Judges a call.
pub(crate) fn judge(signs: &Signs, terms: &FraudTerms) -> Verdict {
    let parts = parts(signs, terms);
    let score = parts.iter().map(|part| part.score).fold(0.0, f64::max);
    let is_away = parts.iter().any(|part| part.away);
    let flags = flags(&parts, signs.listed);
    let (score, action) = match signs.listed {
        Some(FraudList::Allow) => (0.0, FraudAction::Allow),
        Some(_) => (1.0, FraudAction::Block),
        None if is_away && terms.fail == FraudFail::Closed => (score, FraudAction::Block),
        None => (score, action(score, terms)),
    };
    Verdict {
        score,
        action,
        flags,
        parts,
    }
}

fn action(score: f64, terms: &FraudTerms) -> FraudAction {
    let reaches = |limit: Option<f64>| limit.is_some_and(|limit| score >= limit && score > 0.0);
    if reaches(terms.block_at) {
        FraudAction::Block
    } else if reaches(terms.review_at) {
        FraudAction::Review
    } else {
        FraudAction::Allow
    }
}

/// The signs that are more than nothing and less usual than being busy.
fn flags(parts: &[Part], listed: Option<FraudList>) -> Vec<String> {
    let listed = match listed {
        Some(FraudList::Allow) => Some("listed_allow".to_owned()),
        Some(_) => Some("listed_block".to_owned()),
        None => None,
    };
    let seen = parts
        .iter()
        .filter(|part| part.score > BUSY)
        .map(|part| part.name.clone());
    let away = parts
        .iter()
        .filter(|part| part.away)
        .map(|part| format!("{}_away", part.name));
    listed.into_iter().chain(seen).chain(away).collect()
}

fn parts(signs: &Signs, terms: &FraudTerms) -> Vec<Part> {
    let recent = &signs.recent;
    let exchange_limit = terms
        .calls_per_caller_hour
        .map(|limit| limit.saturating_mul(EXCHANGE_FACTOR).min(EXCHANGE_MAX));
    let mut parts = vec![
        velocity(
            "calls_per_caller_hour",
            signs.caller_calls,
            terms.calls_per_caller_hour,
        ),
        velocity(
            "calls_per_account_hour",
            signs.account_calls,
            terms.calls_per_account_hour,
        ),
        beyond(
            "calls_per_exchange_hour",
            Some(recent.exchange_calls),
            exchange_limit,
        ),
        beyond(
            "numbers_per_exchange_hour",
            Some(recent.exchange_numbers),
            Some(EXCHANGE_NUMBERS),
        ),
        short_calls(recent),
        Part {
            name: "number_unassigned".to_owned(),
            value: Some(if signs.is_assigned { 0.0 } else { 1.0 }),
            limit: None,
            score: if signs.is_assigned { 0.0 } else { SUSPICIOUS },
            away: false,
        },
    ];
    let learned = |value: Option<f64>, away: bool| Part {
        name: "learned".to_owned(),
        value,
        limit: None,
        score: value.unwrap_or(0.0),
        away,
    };
    match signs.learned {
        Learned::Off => {}
        Learned::Away => parts.push(learned(None, true)),
        Learned::Score(score) => parts.push(learned(Some(score.clamp(0.0, 1.0)), false)),
    }
    parts
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below what a float holds"
)]
fn float(count: i64) -> f64 {
    count as f64
}

fn part(name: &str, value: Option<i64>, limit: Option<i64>, score: f64) -> Part {
    Part {
        name: name.to_owned(),
        value: value.map(float),
        limit: limit.map(float),
        score,
        away: false,
    }
}

/// Above the limit it is certain; up to it, busy.
fn velocity(name: &str, value: Option<i64>, limit: Option<i64>) -> Part {
    let score = match (value, limit) {
        (Some(value), Some(limit)) if value > limit => 1.0,
        (Some(value), Some(limit)) if limit > 0 => BUSY * float(value) / float(limit),
        _ => 0.0,
    };
    part(name, value, limit, score)
}

/// Above the limit it is suspicious.
fn beyond(name: &str, value: Option<i64>, limit: Option<i64>) -> Part {
    let is_beyond = matches!((value, limit), (Some(value), Some(limit)) if value > limit);
    part(name, value, limit, if is_beyond { SUSPICIOUS } else { 0.0 })
}

fn short_calls(recent: &Recent) -> Part {
    let share = (recent.ended >= ENDED_MIN).then(|| float(recent.short) / float(recent.ended));
    Part {
        name: "short_calls_share".to_owned(),
        value: share,
        limit: Some(SHORT_SHARE),
        score: share.map_or(
            0.0,
            |share| {
                if share > SHORT_SHARE { SUSPICIOUS } else { 0.0 }
            },
        ),
        away: false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn usual() -> Signs {
        Signs {
            caller_calls: Some(1),
            account_calls: Some(1),
            is_assigned: true,
            ..Signs::default()
        }
    }

    #[rstest]
    #[case::usual(|_: &mut Signs| {}, FraudAction::Allow, &[])]
    #[case::at_the_limit(|s: &mut Signs| s.caller_calls = Some(20), FraudAction::Allow, &[])]
    #[case::caller(|s: &mut Signs| s.caller_calls = Some(21), FraudAction::Block, &["calls_per_caller_hour"])]
    #[case::account(|s: &mut Signs| s.account_calls = Some(1_001), FraudAction::Block, &["calls_per_account_hour"])]
    #[case::unassigned(|s: &mut Signs| s.is_assigned = false, FraudAction::Review, &["number_unassigned"])]
    #[case::short(
        |s: &mut Signs| (s.recent.ended, s.recent.short) = (20, 11), FraudAction::Review, &["short_calls_share"])]
    #[case::too_few_to_say(|s: &mut Signs| (s.recent.ended, s.recent.short) = (19, 19), FraudAction::Allow, &[])]
    #[case::neighbours(
        |s: &mut Signs| s.recent.exchange_numbers = 26, FraudAction::Review, &["numbers_per_exchange_hour"])]
    #[case::exchange(
        |s: &mut Signs| s.recent.exchange_calls = 101, FraudAction::Review, &["calls_per_exchange_hour"])]
    #[case::blocked(|s: &mut Signs| s.listed = Some(FraudList::Block), FraudAction::Block, &["listed_block"])]
    #[case::allowed(
        |s: &mut Signs| (s.listed, s.caller_calls) = (Some(FraudList::Allow), Some(500)),
        FraudAction::Allow, &["listed_allow", "calls_per_caller_hour"])]
    #[case::learned(|s: &mut Signs| s.learned = Learned::Score(0.95), FraudAction::Block, &["learned"])]
    #[case::learned_away(|s: &mut Signs| s.learned = Learned::Away, FraudAction::Allow, &["learned_away"])]
    fn each_sign_is_told_by_name(
        #[case] change: fn(&mut Signs),
        #[case] action: FraudAction,
        #[case] flags: &[&str],
    ) {
        let mut signs = usual();
        change(&mut signs);
        let verdict = judge(&signs, &FraudTerms::default());
        assert_eq!(
            (verdict.action, &verdict.flags[..]),
            (
                action,
                &flags.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>()[..]
            )
        );
    }

    #[test]
    fn a_high_limit_of_callers_hides_no_exchange() {
        let mut signs = usual();
        signs.recent.exchange_calls = RECENT_MAX;
        let terms = FraudTerms {
            calls_per_caller_hour: Some(1_000),
            ..FraudTerms::default()
        };
        let verdict = judge(&signs, &terms);
        assert_eq!(verdict.flags, ["calls_per_exchange_hour"]);
    }

    #[test]
    fn what_is_away_refuses_where_the_campaign_says_so() {
        let signs = Signs {
            learned: Learned::Away,
            ..usual()
        };
        let terms = FraudTerms {
            fail: FraudFail::Closed,
            ..FraudTerms::default()
        };
        assert_eq!(judge(&signs, &terms).action, FraudAction::Block);
    }

    #[test]
    fn null_never_acts() {
        let terms = FraudTerms {
            block_at: None,
            review_at: None,
            ..FraudTerms::default()
        };
        let signs = Signs {
            caller_calls: Some(500),
            ..usual()
        };
        let verdict = judge(&signs, &terms);
        assert_eq!((verdict.action, verdict.score), (FraudAction::Allow, 1.0));
    }

    proptest! {
        /// More calls never look better.
        #[test]
        fn more_calls_never_lower_the_score(calls in 0_i64..100, more in 0_i64..100, limit in proptest::option::of(0_i64..50)) {
            let terms = FraudTerms { calls_per_caller_hour: limit, ..FraudTerms::default() };
            let score = |calls| judge(&Signs { caller_calls: Some(calls), ..usual() }, &terms).score;
            prop_assert!(score(calls + more) >= score(calls));
        }
    }
}

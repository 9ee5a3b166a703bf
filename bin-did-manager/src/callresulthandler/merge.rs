//! What a usage knows of its call, together with what one more report says. Pure: the order of reports, and
//! their number, do not matter to what is counted.

use bin_common_handler::models::time::Timestamp;

use super::matching::Keys;
use crate::{
    dbhandler::usages::Settled,
    models::{
        callresult::CallResult,
        customer::Outcome,
        performance::Tally,
        verdict::{Certainty, Verdict},
    },
    phone::DialStatus,
};

/// The usage with the report in it.
///
/// A usage that knows no id of its call, or no name for it, takes the report's.
pub(super) fn merge(usage: &Settled, result: &CallResult, keys: &Keys, now: Timestamp) -> Settled {
    let known = verdict(usage);
    let verdict = match (known, result.verdict) {
        (Some(known), Some(told)) => Some(known.or_surer(told)),
        (known, told) => known.or(told),
    };
    let merged = Settled {
        outcome: verdict.map_or(String::new(), |verdict| verdict.outcome.to_string()),
        outcome_rank: verdict.map_or(0, |verdict| verdict.certainty.rank()),
        blocked: usage.blocked || result.is_blocked,
        disposition: disposition(usage, known, result).to_owned(),
        duration_seconds: usage
            .duration_seconds
            .max(result.duration_seconds.unwrap_or_default()),
        uniqueid: or_told(&usage.uniqueid, result.call_ids.first()),
        call_ref: usage.call_ref.or(keys.calls.first().copied()),
        call_id: or_told(&usage.call_id, Some(&result.call_id)),
        call_id_ref: usage.call_id_ref.or(keys.named),
        lead_id: or_told(&usage.lead_id, Some(&result.lead_id)),
        ..usage.clone()
    };
    if merged == *usage && usage.tm_result.is_some() {
        return merged;
    }
    Settled {
        tm_result: usage.tm_result.or(Some(now)),
        tm_update: now.after(usage.tm_update),
        ..merged
    }
}

/// What the usage counts for.
pub(super) fn tally(usage: &Settled) -> Tally {
    let Some(outcome) = Outcome::parse(&usage.outcome) else {
        return Tally::default();
    };
    let answered = outcome.is_answered();
    Tally {
        calls: 1,
        answered: answered.into(),
        human: (outcome == Outcome::Human).into(),
        duration_seconds: if answered {
            usage.duration_seconds.into()
        } else {
            0
        },
        blocked: (usage.blocked && !answered).into(),
    }
}

fn verdict(usage: &Settled) -> Option<Verdict> {
    Some(Verdict {
        outcome: Outcome::parse(&usage.outcome)?,
        certainty: Certainty::of_rank(usage.outcome_rank)?,
    })
}

/// A disposition replaces a mere word, and a disposition that is not surer than it.
fn disposition<'a>(usage: &'a Settled, known: Option<Verdict>, result: &'a CallResult) -> &'a str {
    let is_word = Verdict::of_word(&usage.disposition).is_some()
        || DialStatus::parse(&usage.disposition).is_some();
    let has_none = usage.disposition.is_empty();
    let counts = match (result.verdict, known) {
        (Some(told), Some(known)) => told.holds_against(known),
        (None, Some(_)) => false,
        (_, None) => true,
    };
    let takes = if result.disposition.is_empty() {
        has_none || (is_word && counts && !result.word.is_empty())
    } else {
        has_none || is_word || counts
    };
    if takes {
        result.said()
    } else {
        &usage.disposition
    }
}

fn or_told(known: &str, told: Option<&String>) -> String {
    if !known.is_empty() {
        return known.to_owned();
    }
    let told = told.map_or("", String::as_str);
    told.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::models::callresult::Source;

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

    fn told(word: &str, disposition: &str, seconds: i32) -> CallResult {
        let disposed = Verdict::of_disposition(disposition, &BTreeMap::new());
        CallResult {
            word: word.to_owned(),
            disposition: disposition.to_owned(),
            duration_seconds: Some(seconds),
            verdict: [disposed, Verdict::of_word(word)]
                .into_iter()
                .flatten()
                .reduce(Verdict::or_surer),
            ..CallResult::new(Source::Report)
        }
    }

    fn keys(call: i64) -> Keys {
        Keys {
            named: None,
            calls: vec![call],
            phone: None,
        }
    }

    fn after(results: &[CallResult]) -> Settled {
        let start = Settled::default();
        results
            .iter()
            .fold(start, |usage, result| merge(&usage, result, &keys(7), NOW))
    }

    #[test]
    fn two_reporters_of_one_call_count_once() {
        let usage = after(&[told("ANSWER", "", 37), told("", "AA", 40)]);
        assert_eq!(
            (usage.outcome.as_str(), usage.disposition.as_str()),
            ("machine", "AA")
        );
        let expected = Tally {
            calls: 1,
            answered: 1,
            human: 0,
            duration_seconds: 40,
            blocked: 0,
        };
        assert_eq!(tally(&usage), expected);
    }

    #[test]
    fn a_lesser_report_changes_nothing_but_a_longer_duration() {
        let usage = after(&[told("", "SALE", 40), told("NOANSWER", "", 50)]);
        assert_eq!(
            (usage.outcome.as_str(), usage.disposition.as_str()),
            ("human", "SALE")
        );
        assert_eq!(usage.duration_seconds, 50);
    }

    #[test]
    fn the_same_report_twice_is_no_change() {
        let once = after(&[told("BUSY", "", 0)]);
        let later = NOW.plus(std::time::Duration::from_secs(9));
        assert_eq!(merge(&once, &told("BUSY", "", 0), &keys(8), later), once);
    }

    #[test]
    fn a_report_without_an_outcome_is_kept_and_not_counted() {
        let usage = after(&[told("", "WHAT", 0)]);
        assert_eq!((usage.outcome.as_str(), usage.outcome_rank), ("", 0));
        assert_eq!(usage.disposition, "WHAT");
        assert!(usage.tm_result.is_some());
        assert_eq!(tally(&usage), Tally::default());
    }

    #[test]
    fn a_refusal_of_the_caller_does_not_count_against_an_answered_call() {
        let refused = CallResult {
            is_blocked: true,
            ..told("CONGESTION", "", 0)
        };
        assert_eq!(tally(&after(std::slice::from_ref(&refused))).blocked, 1);
        assert_eq!(tally(&after(&[refused, told("", "SALE", 5)])).blocked, 0);
    }

    #[test]
    fn missing_ids_are_learned_and_known_ones_stay() {
        let result = |id: &str, lead: &str, name: &str| CallResult {
            call_ids: vec![id.to_owned()],
            lead_id: lead.to_owned(),
            call_id: name.to_owned(),
            ..told("BUSY", "", 0)
        };
        let told = [("1.1", "", ""), ("1.2", "7", "V1"), ("1.2", "8", "V2")];
        let usage = after(&told.map(|(id, lead, name)| result(id, lead, name)));
        assert_eq!(
            [usage.uniqueid, usage.lead_id, usage.call_id],
            ["1.1", "7", "V1"]
        );
    }

    fn reports() -> impl Strategy<Value = CallResult> {
        let word = prop::sample::select(vec!["", "ANSWER", "BUSY", "NOANSWER", "CONGESTION"]);
        let disposition = prop::sample::select(vec!["", "SALE", "AA", "NA", "DROP", "WHAT"]);
        (word, disposition, 0..100_i32).prop_map(|(w, d, s)| told(w, d, s))
    }

    proptest! {
        #[test]
        fn any_order_and_repetition_counts_the_same(
            (reports, shuffled) in prop::collection::vec(reports(), 1..6)
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let usage = after(&reports);
            let again = after(&shuffled);
            prop_assert_eq!(tally(&usage), tally(&again));
            prop_assert_eq!(tally(&usage), tally(&after(&[reports, shuffled].concat())));
            prop_assert_eq!(usage.outcome, again.outcome);
        }
    }
}

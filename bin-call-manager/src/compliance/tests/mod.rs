//! The law by a table: number, instant, address, purpose and what else is known; verdict, citation and next instant.

use std::time::Duration;

use bin_common_handler::models::time::Timestamp;
use proptest::prelude::*;

use super::{
    Address, Consent, Facts, Layer, Listed, Purpose, Relationship, RelationshipKind, check,
    rules::{self, Row, territory},
};
use crate::choice::place::Code;

const CASES: &str = include_str!("cases.tsv");

/// What a case knows, owned.
#[derive(Default)]
struct Case {
    zip: String,
    state: String,
    is_inbound: bool,
    requires_consent: bool,
    purpose: Purpose,
    attempts: Vec<Timestamp>,
    listed: Listed,
    consent: Option<Consent>,
    relationships: Vec<Relationship>,
    own_rules: Vec<Layer>,
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

impl Case {
    fn read(text: &str, at: Timestamp) -> Self {
        let mut case = Self::default();
        case.listed.federal_imported = Some(at.minus(Duration::from_secs(86_400)));
        let (words, own) = text.split_once("own=").unwrap_or((text, ""));
        for word in words.split_whitespace().filter(|word| *word != "-") {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            case.set(key, value, at);
        }
        if !own.is_empty() {
            case.own_rules.push(own_rule(own));
        }
        case
    }

    fn set(&mut self, key: &str, value: &str, at: Timestamp) {
        let relationship = |kind| Relationship {
            kind,
            tm: time(value),
        };
        match key {
            "zip" => value.clone_into(&mut self.zip),
            "state" => value.clone_into(&mut self.state),
            "inbound" => self.is_inbound = true,
            "require" => self.requires_consent = true,
            "purpose" => self.purpose = Purpose::parse(value).unwrap(),
            "attempts" => self.attempts = value.split(',').map(time).collect(),
            "list" => value.split(',').for_each(|list| self.list(list)),
            "consent" => {
                self.consent = Some(Consent {
                    is_written: value == "written",
                });
            }
            "purchase" => self
                .relationships
                .push(relationship(RelationshipKind::Purchase)),
            "inquiry" => self
                .relationships
                .push(relationship(RelationshipKind::Inquiry)),
            "age" => {
                let days: Option<f64> = value.parse().ok();
                let age = days.map(|days| Duration::from_secs_f64(days * 86_400.0));
                self.listed.federal_imported = age.map(|age| at.minus(age));
            }
            other => panic!("{other}"),
        }
    }

    fn list(&mut self, list: &str) {
        match list {
            "opted_out" => self.listed.opted_out = true,
            "federal" => self.listed.federal = true,
            "internal" => self.listed.internal = true,
            "litigation" => self.listed.litigation = true,
            "custom" => self.listed.custom = true,
            state => self.listed.states.push(Code::region(state).unwrap()),
        }
    }

    fn facts<'a>(&'a self, number: &'a str, at: Timestamp) -> Facts<'a> {
        Facts {
            number,
            address: Address {
                zip: &self.zip,
                state: &self.state,
            },
            at,
            is_inbound: self.is_inbound,
            purpose: self.purpose,
            attempts: &self.attempts,
            listed: &self.listed,
            consent: self.consent,
            requires_consent: self.requires_consent,
            relationships: &self.relationships,
            own_rules: &self.own_rules,
        }
    }
}

/// `GA mon-fri 08:00 21:00 3`
fn own_rule(text: &str) -> Layer {
    let words: Vec<&str> = text.split_whitespace().collect();
    let state = territory(words[0]).unwrap();
    Row {
        state,
        days: rules::days(words[1]).unwrap(),
        open: rules::seconds(words[2]).unwrap(),
        close: rules::seconds(words[3]).unwrap(),
        rest: Layer {
            state,
            from: None,
            to: None,
            days: [rules::Day::Free; 7],
            max_per_24h: words.get(4).map(|max| max.parse().unwrap()),
            holidays: false,
            relationship: false,
            citation: "own".into(),
            source: "test".into(),
        },
    }
    .alone()
}

#[test]
fn every_case_of_the_table_holds() {
    let (mut count, mut wrong) = (0, Vec::new());
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, number, at, more, verdict, citation, next] = fields[..] else {
            panic!("{line}");
        };
        let at = time(at);
        let case = Case::read(more, at);
        let told = check(&case.facts(number, at));
        let is = (
            told.rule.map_or("ok", |rule| rule.as_str()),
            told.citation.as_deref().unwrap_or("-"),
            told.next_allowed,
        );
        let expected = (verdict, citation, (next != "-").then(|| time(next)));
        if is != expected || told.allowed != (verdict == "ok") {
            wrong.push(format!("{name}: {is:?}, not {expected:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 150, "{count} cases");
}

proptest! {
    /// What is allowed next is allowed then, and not a second before.
    #[test]
    fn next_allowed_is_the_first_instant_that_is(
        npa in 200_u16..990, exchange in 200_u16..1_000, seconds in 0_i64..900 * 86_400,
        ages in proptest::collection::vec(0_u64..86_400, 0..6),
    ) {
        let number = format!("+1{npa}{exchange}0123");
        let at = Timestamp::from_micros((1_740_000_000 + seconds) * 1_000_000);
        let mut ages = ages;
        ages.sort_unstable_by(|a, b| b.cmp(a));
        let mut case = Case::read("-", at);
        case.attempts = ages.iter().map(|age| at.minus(Duration::from_secs(*age))).collect();
        let told = check(&case.facts(&number, at));
        if let Some(next) = told.next_allowed {
            prop_assert!(next > at);
            case.listed.federal_imported = Some(next);
            prop_assert!(check(&case.facts(&number, next)).allowed);
            let before = next.minus(Duration::from_secs(1));
            if before >= at {
                prop_assert!(!check(&case.facts(&number, before)).allowed);
            }
        }
    }

    /// A customer's own rule never allows what the law does not.
    #[test]
    fn own_rules_only_restrict(
        npa in 200_u16..990, seconds in 0_i64..900 * 86_400, open in 0_u32..24, hours in 0_u32..24,
    ) {
        let number = format!("+1{npa}5550123");
        let at = Timestamp::from_micros((1_740_000_000 + seconds) * 1_000_000);
        let mut case = Case::read("-", at);
        let law = check(&case.facts(&number, at)).allowed;
        let close = (open + hours).min(24);
        case.own_rules.push(own_rule(&format!("US mon-sun {open:02}:00 {close:02}:00")));
        prop_assert!(law || !check(&case.facts(&number, at)).allowed);
    }
}

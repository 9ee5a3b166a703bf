//! What facts add up to, by day, week, month or in all.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use bin_common_handler::{
    StoredRow,
    models::{
        money::{Currency, Money},
        time::Timestamp,
    },
    text_enum,
};
use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use serde::Serialize;
use uuid::Uuid;

use super::facts::FactKind;
use crate::booking::days;

text_enum!(
    /// How figures are put together.
    pub enum GroupBy {
        /// By date.
        Day = "day",
        /// By the Monday that a week begins with.
        Week = "week",
        /// By the first of the month.
        Month = "month",
        /// All of them.
        Total = "total",
    }
);

/// A fact, as far as it is counted.
#[derive(Debug, Clone, StoredRow)]
#[entity(table = "chat_kpi_facts")]
pub struct Counted {
    /// What.
    pub kind: String,
    /// Of which entity.
    pub entity_id: Uuid,
    /// The conversation; nil for none.
    pub parent_id: Uuid,
    /// Its status, or who says it.
    pub label: String,
    /// Money.
    pub value: i64,
    /// ISO 4217.
    pub currency: String,
    /// When it was.
    pub tm_at: Timestamp,
}

/// The figures of a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Kpis {
    /// The first date of the group, in the business's zone; empty for all of them.
    pub group: String,
    /// Calls that are known: missed and answered ones.
    pub calls: u64,
    /// Calls that nobody took.
    pub missed: u64,
    /// Missed calls that were answered by a text, of all missed ones; null without any.
    pub captured_share: Option<f64>,
    /// From a missed call's end to the provider's acceptance of the first text, in milliseconds: the median.
    pub first_response_p50_ms: Option<i64>,
    /// The same: 95 of 100 were faster.
    pub first_response_p95_ms: Option<i64>,
    /// Conversations.
    pub conversations: u64,
    /// Appointments that were made, the called off included.
    pub appointments: u64,
    /// Conversations with an appointment, of all conversations; null without any.
    pub booked_share: Option<f64>,
    /// What completed appointments cost, by currency.
    pub revenue: Vec<Money>,
    /// Conversations whose person said nothing for 30 minutes after the last text to them, and has no appointment. Nothing
    /// ends by that: whoever writes again is not counted any more.
    pub abandoned: u64,
    /// The same of all conversations; null without any.
    pub abandoned_share: Option<f64>,
    /// Texts, both ways, without notes and what could not be sent.
    pub texts: u64,
    /// Wishes for silence, also of those who want texts again by now.
    pub opt_outs: u64,
    /// Conversations in which a person of the business wrote, of all conversations; null without any.
    pub human_share: Option<f64>,
}

/// How long a person says nothing until their conversation counts as abandoned.
const ABANDONED: Duration = Duration::from_secs(30 * 60);

/// What is gathered for one group.
#[derive(Default)]
struct Gathered {
    kpis: Kpis,
    missed: HashMap<Uuid, Timestamp>,
    conversations: HashSet<Uuid>,
    booked: HashSet<Uuid>,
    human: HashSet<Uuid>,
    silent: HashSet<Uuid>,
    revenue: BTreeMap<Currency, i64>,
}

/// The figures, the earliest group first. A conversation counts where it began, whatever comes of it when; so does a
/// missed call. `facts` may hold later ones, which belong to groups of before: `until` is where the last group ends, and `now` what silence is
/// measured by.
pub fn sums(
    facts: &[Counted],
    zone: Tz,
    group_by: GroupBy,
    until: Timestamp,
    now: Timestamp,
) -> Vec<Kpis> {
    let mut groups: BTreeMap<Option<NaiveDate>, Gathered> = BTreeMap::new();
    let mut began = HashMap::new();
    for fact in facts.iter().filter(|fact| fact.tm_at < until) {
        let key = key(zone, group_by, fact.tm_at);
        let group = groups.entry(key).or_default();
        if group.count(fact) {
            began.insert(fact.entity_id, key);
        }
    }
    let greeted: HashMap<_, _> = of(facts, FactKind::Greeted)
        .map(|fact| (fact.entity_id, fact.tm_at))
        .collect();
    for fact in of(facts, FactKind::Appointment) {
        if let Some(group) = began
            .get(&fact.parent_id)
            .and_then(|key| groups.get_mut(key))
        {
            group.booked.insert(fact.parent_id);
        }
    }
    for fact in of(facts, FactKind::Text).filter(|fact| fact.label == "human") {
        if let Some(group) = began
            .get(&fact.parent_id)
            .and_then(|key| groups.get_mut(key))
        {
            group.human.insert(fact.parent_id);
        }
    }
    for conversation in silent(facts, now) {
        if let Some(group) = began.get(&conversation).and_then(|key| groups.get_mut(key)) {
            group.silent.insert(conversation);
        }
    }
    groups
        .into_iter()
        .map(|(key, group)| group.finish(key, &greeted))
        .collect()
}

/// Conversations whose last text is none of the person's, and some time old.
fn silent(facts: &[Counted], now: Timestamp) -> impl Iterator<Item = Uuid> {
    let mut last: HashMap<Uuid, (Timestamp, bool)> = HashMap::new();
    for fact in of(facts, FactKind::Text) {
        let text = (fact.tm_at, fact.label == "customer");
        let known = last.entry(fact.parent_id).or_insert(text);
        *known = text.max(*known);
    }
    let is_silent =
        move |(at, is_theirs): (Timestamp, bool)| !is_theirs && at.plus(ABANDONED) <= now;
    last.into_iter()
        .filter(move |(_, text)| is_silent(*text))
        .map(|(conversation, _)| conversation)
}

fn of(facts: &[Counted], kind: FactKind) -> impl Iterator<Item = &Counted> {
    facts.iter().filter(move |fact| fact.kind == kind.as_str())
}

fn key(zone: Tz, group_by: GroupBy, at: Timestamp) -> Option<NaiveDate> {
    let date = days::date(zone, at);
    match group_by {
        GroupBy::Day => Some(date),
        GroupBy::Week => {
            let days = u64::from(date.weekday().num_days_from_monday());
            date.checked_sub_days(Days::new(days))
        }
        GroupBy::Month => date.with_day(1),
        GroupBy::Total | GroupBy::Other(_) => None,
    }
}

impl Gathered {
    /// Whether a conversation began.
    fn count(&mut self, fact: &Counted) -> bool {
        match FactKind::parse(&fact.kind) {
            Some(FactKind::Missed) => {
                self.kpis.calls += 1;
                self.kpis.missed += 1;
                self.missed.insert(fact.entity_id, fact.tm_at);
            }
            Some(FactKind::Answered) => self.kpis.calls += 1,
            Some(FactKind::Conversation) => {
                self.conversations.insert(fact.entity_id);
                return true;
            }
            Some(FactKind::Text) => self.kpis.texts += 1,
            Some(FactKind::OptOut) => self.kpis.opt_outs += 1,
            Some(FactKind::Appointment) => {
                self.kpis.appointments += 1;
                self.earn(fact);
            }
            Some(FactKind::Greeted | FactKind::Other(_)) | None => {}
        }
        false
    }

    fn earn(&mut self, fact: &Counted) {
        if fact.label == "completed"
            && fact.value != 0
            && let Ok(currency) = fact.currency.parse()
        {
            let sum = self.revenue.entry(currency).or_default();
            *sum = sum.saturating_add(fact.value);
        }
    }

    fn finish(self, key: Option<NaiveDate>, greeted: &HashMap<Uuid, Timestamp>) -> Kpis {
        let mut waits: Vec<i64> = self
            .missed
            .iter()
            .filter_map(|(call, ended)| Some((greeted.get(call)?, ended)))
            .map(|(sent, ended)| (sent.micros().saturating_sub(ended.micros()) / 1_000).max(0))
            .collect();
        waits.sort_unstable();
        let conversations = self.conversations.len();
        let abandoned = self.silent.difference(&self.booked).count();
        Kpis {
            group: key.map_or_else(String::new, |date| date.to_string()),
            captured_share: share(waits.len(), self.missed.len()),
            first_response_p50_ms: percentile(&waits, 50),
            first_response_p95_ms: percentile(&waits, 95),
            conversations: conversations as u64,
            booked_share: share(self.booked.len(), conversations),
            abandoned: abandoned as u64,
            abandoned_share: share(abandoned, conversations),
            human_share: share(self.human.len(), conversations),
            revenue: self
                .revenue
                .into_iter()
                .map(|(currency, amount)| Money::new(amount, currency))
                .collect(),
            ..self.kpis
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// The smallest value that so many of a hundred do not exceed; the values are in order.
pub fn percentile(values: &[i64], percent: usize) -> Option<i64> {
    let rank = values.len().checked_mul(percent)?.div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn fact(kind: FactKind, entity: u128, parent: u128, label: &str, at: &str) -> Counted {
        Counted {
            kind: kind.as_str().to_owned(),
            entity_id: Uuid::from_u128(entity),
            parent_id: Uuid::from_u128(parent),
            label: label.to_owned(),
            value: 12_500,
            currency: "USD".to_owned(),
            tm_at: at.parse().unwrap(),
        }
    }

    fn week() -> Vec<Counted> {
        vec![
            fact(FactKind::Missed, 1, 0, "", "2026-11-20T15:00:00Z"),
            fact(FactKind::Missed, 2, 0, "", "2026-11-20T16:00:00Z"),
            fact(FactKind::Answered, 3, 0, "", "2026-11-20T17:00:00Z"),
            fact(FactKind::Greeted, 1, 10, "", "2026-11-20T15:00:03Z"),
            fact(
                FactKind::Conversation,
                10,
                0,
                "open",
                "2026-11-20T15:00:01Z",
            ),
            fact(FactKind::Text, 20, 10, "system", "2026-11-20T15:00:02Z"),
            fact(FactKind::Text, 21, 10, "human", "2026-11-21T15:00:02Z"),
            fact(
                FactKind::Appointment,
                30,
                10,
                "completed",
                "2026-11-21T15:00:02Z",
            ),
            // 23 o'clock in New York, still the 20th there.
            fact(FactKind::OptOut, 40, 0, "", "2026-11-21T04:00:00Z"),
        ]
    }

    fn until() -> Timestamp {
        "2026-12-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_day_is_the_businesss_and_a_conversation_counts_where_it_began() {
        let zone = chrono_tz::America::New_York;
        let days = sums(&week(), zone, GroupBy::Day, until(), until());
        let first = Kpis {
            group: "2026-11-20".to_owned(),
            calls: 3,
            missed: 2,
            captured_share: Some(0.5),
            first_response_p50_ms: Some(3_000),
            first_response_p95_ms: Some(3_000),
            conversations: 1,
            booked_share: Some(1.0),
            // It was booked.
            abandoned_share: Some(0.0),
            texts: 1,
            opt_outs: 1,
            human_share: Some(1.0),
            ..Kpis::default()
        };
        let second = Kpis {
            group: "2026-11-21".to_owned(),
            appointments: 1,
            revenue: vec![Money::new(12_500, Currency::USD)],
            texts: 1,
            ..Kpis::default()
        };
        assert_eq!(days, [first, second]);
    }

    #[rstest]
    #[case(GroupBy::Week, "2026-11-16")]
    #[case(GroupBy::Month, "2026-11-01")]
    #[case(GroupBy::Total, "")]
    fn a_longer_group_has_all_of_it(#[case] group_by: GroupBy, #[case] group: &str) {
        let all = sums(&week(), Tz::UTC, group_by, until(), until());
        let told: Vec<_> = all.iter().map(|kpis| (&*kpis.group, kpis.texts)).collect();
        assert_eq!(told, [(group, 2)]);
    }

    /// The texts of one conversation: who says it, and at which minute; asked at the last one.
    #[rstest]
    #[case::greeted_in_vain(&[("system", 0)], 30, false, 1)]
    #[case::not_yet(&[("system", 0)], 29, false, 0)]
    #[case::answered_in_vain(&[("system", 0), ("customer", 5), ("ai", 6)], 36, false, 1)]
    #[case::they_wrote_last(&[("system", 0), ("customer", 5)], 500, false, 0)]
    #[case::they_came_back(&[("system", 0), ("customer", 50)], 51, false, 0)]
    #[case::in_any_order(&[("customer", 50), ("ai", 6), ("system", 0)], 500, false, 0)]
    #[case::they_booked(&[("customer", 5), ("human", 6)], 500, true, 0)]
    #[case::nobody_said_anything(&[], 500, false, 0)]
    fn whoever_falls_silent_has_abandoned_it(
        #[case] texts: &[(&str, u64)],
        #[case] now: u64,
        #[case] is_booked: bool,
        #[case] expected: u64,
    ) {
        let start = "2026-11-20T10:00:00Z";
        let minute = |minutes: u64| {
            let start: Timestamp = start.parse().unwrap();
            start.plus(Duration::from_secs(minutes * 60))
        };
        let mut facts = vec![fact(FactKind::Conversation, 10, 0, "open", start)];
        for (nth, (sender, at)) in (20..).zip(texts) {
            let text = fact(FactKind::Text, nth, 10, sender, start);
            let tm_at = minute(*at);
            facts.push(Counted { tm_at, ..text });
        }
        if is_booked {
            facts.push(fact(FactKind::Appointment, 30, 10, "pending", start));
        }
        let total = sums(&facts, Tz::UTC, GroupBy::Total, until(), minute(now));
        assert_eq!(total[0].abandoned, expected);
        let share = if expected == 1 { 1.0 } else { 0.0 };
        assert_eq!(total[0].abandoned_share, Some(share));
    }

    #[rstest]
    #[case(&[], 95, None)]
    #[case(&[7], 50, Some(7))]
    #[case(&[1, 2], 50, Some(1))]
    #[case(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20], 95, Some(19))]
    fn a_percentile_is_one_of_the_values(
        #[case] values: &[i64],
        #[case] percent: usize,
        #[case] expected: Option<i64>,
    ) {
        assert_eq!(percentile(values, percent), expected);
    }

    proptest! {
        #[test]
        fn the_order_of_facts_is_of_no_matter(order in Just(week()).prop_shuffle()) {
            let zone = chrono_tz::America::New_York;
            let told = |facts: &[Counted]| sums(facts, zone, GroupBy::Day, until(), until());
            prop_assert_eq!(told(&order), told(&week()));
        }
    }
}

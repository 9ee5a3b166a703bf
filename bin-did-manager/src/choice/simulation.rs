//! The choice under random pools, limits, times, replicas and crashes: what is given is always allowed, and
//! what is refused could not have been given.

use std::collections::HashMap;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};
use uuid::Uuid;

use super::{
    number::{Limits, Number, Performance, tests as numbers},
    pick::{Picked, Plan, Refused, Target, pick, took_turn},
    view::View,
};
use crate::models::{
    customer::Customer,
    didstate::State,
    didstatus::{DidStatus, StatusPeriod},
    rotationrule::{Algorithm, Tier},
};

const SECOND: i64 = 1_000_000;
const POOL: Uuid = Uuid::from_u128(77);

/// What the database holds.
#[derive(Debug, Clone)]
struct Truth {
    customer: Customer,
    numbers: Vec<Number>,
    members: Vec<Uuid>,
}

/// Every time a number was given.
#[derive(Debug, Default)]
struct Ledger(HashMap<Uuid, Vec<i64>>);

impl Truth {
    fn view(&self) -> View {
        let mut view = View::new(self.customer.clone());
        view.set_pool(POOL, Some(self.members.iter().copied().collect()));
        self.numbers
            .iter()
            .cloned()
            .for_each(|number| view.put(number));
        view
    }

    fn find(&mut self, id: Uuid) -> &mut Number {
        self.numbers
            .iter_mut()
            .find(|number| number.id == id)
            .unwrap()
    }

    /// As the transaction does it: the locked row decides.
    fn write(&mut self, view: &mut View, picked: &Picked, now: i64, ledger: &mut Ledger) -> bool {
        let (windows, id) = (view.windows_at(now), view.number(picked.slot).unwrap().id);
        let defaults = view.defaults.clone();
        let number = self.find(id);
        let is_free = number.check(&number.used, &defaults, &windows, now).is_ok();
        if is_free {
            number.used = number.used.after_use(&windows, now);
            ledger.0.entry(id).or_default().push(now);
        }
        view.learn(picked.slot, number.used, now);
        is_free
    }

    /// Whether any number of the pool could be given: looked up one by one.
    fn has_free(&self, pool: Uuid, view: &View, now: i64) -> bool {
        let windows = view.windows_at(now);
        self.numbers.iter().any(|number| {
            (pool.is_nil() || self.members.contains(&number.id))
                && number
                    .check(&number.used, &view.defaults, &windows, now)
                    .is_ok()
        })
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A replica is asked for a number for somebody.
    Ask { replica: usize, person: usize },
    /// Time passes.
    Pass { seconds: i64 },
    /// A replica dies and comes back knowing what the database knows.
    Crash { replica: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..2_usize, 0..4_usize).prop_map(|(replica, person)| Step::Ask { replica, person }),
        3 => prop_oneof![0..30_i64, 200..400_i64, 3_000..4_000_i64, 40_000..90_000_i64]
            .prop_map(|seconds| Step::Pass { seconds }),
        1 => (0..2_usize).prop_map(|replica| Step::Crash { replica }),
    ];
    prop::collection::vec(step, 1..120)
}

const PEOPLE: [&str; 4] = ["4155559999", "6285559999", "2125559999", ""];

fn target(person: usize) -> Target {
    let number = crate::phone::E164::parse(PEOPLE[person]);
    let area = number
        .as_ref()
        .and_then(|number| crate::area::of_number(number.as_str()));
    Target {
        npa: number
            .as_ref()
            .and_then(crate::phone::E164::npa)
            .unwrap_or(0),
        nxx: number
            .as_ref()
            .and_then(crate::phone::E164::nxx)
            .unwrap_or(0),
        state: area.and_then(|area| super::index::state(area.state)),
        place: Some((37.0, -122.0)),
    }
}

fn truth() -> impl Strategy<Value = Truth> {
    let number = (
        prop::sample::select(vec!["415", "628", "213", "503", "212"]),
        prop::sample::select(vec!["555", "222"]),
        prop::option::of(0..4_i32),
        prop::option::of(0..3_i32),
        prop::option::of(0..600_i32),
        prop::sample::select(DidStatus::ALL.to_vec()),
        any::<bool>(),
    );
    (
        prop::collection::vec(number, 0..12),
        0..5_i32,
        0..3_i32,
        0..400_i32,
    )
        .prop_map(|(rows, daily, hourly, cooldown)| {
            let customer = Customer {
                timezone: "America/New_York".to_owned(),
                did_daily_cap: daily,
                did_hourly_cap: hourly,
                did_cooldown_seconds: cooldown,
                ..Customer::default()
            };
            let mut members = Vec::new();
            let mut numbers = Vec::new();
            for (n, (npa, nxx, daily_cap, hourly_cap, cooldown_seconds, status, is_in)) in
                rows.into_iter().enumerate()
            {
                let id = Uuid::from_u128(n as u128 + 1);
                let mut number = numbers::number(&format!("{npa}{nxx}{n:04}"));
                number.id = id;
                number.limits = Limits {
                    daily_cap,
                    hourly_cap,
                    cooldown_seconds,
                };
                number.status_since = numbers::NOW;
                number.status_period = StatusPeriod {
                    status,
                    until: status.ends(
                        bin_common_handler::models::time::Timestamp::from_micros(numbers::NOW),
                        4,
                    ),
                };
                number.place = (n % 2 == 0).then_some((30.0 + n as f64, -100.0));
                if is_in {
                    members.push(id);
                }
                numbers.push(number);
            }
            Truth {
                customer,
                numbers,
                members,
            }
        })
}

fn plan(algorithm: Algorithm, pool: Uuid) -> Plan {
    let mut plan = Plan::new(pool, None, None);
    plan.algorithm = algorithm;
    plan
}

/// Asks a replica until a locked row agrees, as the shard does.
fn ask(
    truth: &mut Truth,
    view: &mut View,
    plan: &Plan,
    person: usize,
    now: i64,
    chance: &mut SmallRng,
    ledger: &mut Ledger,
) -> Result<Uuid, Refused> {
    loop {
        view.settle(now);
        let picked = pick(view, plan, &target(person), None, now, chance)?;
        let id = view.number(picked.slot).unwrap().id;
        assert!(
            plan.pool.is_nil() || truth.members.contains(&id),
            "not in the pool"
        );
        if truth.write(view, &picked, now, ledger) {
            took_turn(view, plan, &picked);
            return Ok(id);
        }
    }
}

/// Counts the calls of a ledger against every limit, without any code of the chooser's counters.
fn audit(truth: &Truth, ledger: &Ledger) {
    let calendar = truth.customer.calendar();
    for number in &truth.numbers {
        let Some(times) = ledger.0.get(&number.id) else {
            continue;
        };
        let (mut days, mut hours) = (HashMap::new(), HashMap::new());
        for pair in times.windows(2) {
            let cooldown = number
                .limits
                .cooldown_seconds
                .unwrap_or(truth.customer.did_cooldown_seconds);
            assert!(
                pair[1] - pair[0] >= i64::from(cooldown) * SECOND,
                "not rested: {times:?}"
            );
        }
        for time in times {
            let windows = calendar.windows(*time);
            *days.entry(windows.day).or_insert(0) += 1;
            *hours.entry(windows.hour).or_insert(0) += 1;
            let status_period =
                number
                    .status_period
                    .at(bin_common_handler::models::time::Timestamp::from_micros(
                        *time,
                    ));
            assert!(
                status_period.status.is_usable(),
                "{:?} was given",
                status_period.status
            );
        }
        let cap =
            |own: Option<i32>, general: i32| Some(own.unwrap_or(general)).filter(|cap| *cap > 0);
        let daily = cap(number.limits.daily_cap, truth.customer.did_daily_cap);
        let hourly = cap(number.limits.hourly_cap, truth.customer.did_hourly_cap);
        assert!(
            days.values()
                .all(|count| daily.is_none_or(|cap| *count <= cap)),
            "{days:?} over {daily:?}"
        );
        assert!(
            hours
                .values()
                .all(|count| hourly.is_none_or(|cap| *count <= cap)),
            "{hours:?} over {hourly:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_limit_is_overrun_and_nothing_is_refused_that_could_be_given(
        truth in truth(),
        steps in steps(),
        algorithm in prop::sample::select(Algorithm::ALL.to_vec()),
        is_pooled in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut truth = truth;
        let mut views = [truth.view(), truth.view()];
        let (mut now, mut ledger) = (numbers::NOW, Ledger::default());
        let mut chance = SmallRng::seed_from_u64(seed);
        let plan = plan(algorithm, if is_pooled { POOL } else { Uuid::nil() });
        for step in steps {
            match step {
                Step::Ask { replica, person } => {
                    let view = &mut views[replica];
                    let answer = ask(&mut truth, view, &plan, person, now, &mut chance, &mut ledger);
                    if let Err(refused) = answer {
                        prop_assert!(!truth.has_free(plan.pool, view, now), "{:?}", refused);
                    }
                }
                Step::Pass { seconds } => now += seconds * SECOND,
                Step::Crash { replica } => views[replica] = truth.view(),
            }
        }
        audit(&truth, &ledger);
    }

    #[test]
    fn round_robin_and_least_used_spread_evenly(
        count in 1..20_usize,
        asks in 0..200_usize,
        algorithm in prop::sample::select(vec![Algorithm::RoundRobin, Algorithm::LeastUsed, Algorithm::Weighted, Algorithm::Lru]),
        crash_at in prop::option::of(0..200_usize),
    ) {
        let mut truth = open(count);
        let mut view = truth.view();
        let mut ledger = Ledger::default();
        let mut chance = SmallRng::seed_from_u64(1);
        for n in 0..asks {
            if crash_at == Some(n) {
                view = truth.view();
            }
            let now = numbers::NOW + i64::try_from(n).unwrap() * SECOND;
            ask(&mut truth, &mut view, &plan(algorithm, Uuid::nil()), 3, now, &mut chance, &mut ledger).unwrap();
        }
        let counts: Vec<_> = truth.numbers.iter().map(|number| number.used.total).collect();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{:?}", counts);
    }

    #[test]
    fn weights_are_shares(weights in prop::collection::vec(1..10_i32, 1..6)) {
        let mut truth = open(weights.len());
        for (number, weight) in truth.numbers.iter_mut().zip(&weights) {
            number.weight = *weight;
        }
        let mut view = truth.view();
        let mut chance = SmallRng::seed_from_u64(1);
        let mut ledger = Ledger::default();
        let total: i32 = weights.iter().sum();
        for n in 0..total * 10 {
            let now = numbers::NOW + i64::from(n);
            ask(&mut truth, &mut view, &plan(Algorithm::Weighted, Uuid::nil()), 3, now, &mut chance, &mut ledger).unwrap();
        }
        for (number, weight) in truth.numbers.iter().zip(&weights) {
            let off = number.used.total - i64::from(*weight) * 10;
            prop_assert!(off.abs() <= i64::try_from(weights.len()).unwrap(), "{weights:?}: {}", number.used.total);
        }
    }
}

/// Numbers without any limit.
fn open(count: usize) -> Truth {
    let customer = Customer {
        did_daily_cap: 0,
        did_hourly_cap: 0,
        did_cooldown_seconds: 0,
        ..Customer::default()
    };
    let numbers = (0..count)
        .map(|n| {
            let mut number = numbers::number(&format!("415555{n:04}"));
            number.id = Uuid::from_u128(n as u128 + 1);
            number
        })
        .collect();
    Truth {
        customer,
        numbers,
        members: Vec::new(),
    }
}

#[test]
fn better_numbers_are_given_more_often_and_none_is_given_up() {
    let mut truth = open(3);
    for (number, answered) in truth.numbers.iter_mut().zip([300, 100, 0]) {
        number.performance = Performance {
            calls: 1_000,
            answered,
        };
    }
    truth.numbers[2].performance = Performance::default();
    let mut view = truth.view();
    let mut chance = SmallRng::seed_from_u64(7);
    let mut ledger = Ledger::default();
    let plan = plan(Algorithm::Performance, Uuid::nil());
    for n in 0..2_000 {
        ask(
            &mut truth,
            &mut view,
            &plan,
            3,
            numbers::NOW + n,
            &mut chance,
            &mut ledger,
        )
        .unwrap();
    }
    let totals: Vec<_> = truth
        .numbers
        .iter()
        .map(|number| number.used.total)
        .collect();
    assert!(totals[0] > 10 * totals[1].max(1), "{totals:?}");
    assert!(totals[2] > 20, "the unknown one is tried: {totals:?}");
}

#[test]
fn the_nearest_by_distance() {
    let mut truth = open(3);
    for (number, place) in
        truth
            .numbers
            .iter_mut()
            .zip([None, Some((37.1, -122.0)), Some((40.0, -74.0))])
    {
        number.place = place;
    }
    let mut view = truth.view();
    let mut chance = SmallRng::seed_from_u64(7);
    let given = ask(
        &mut truth,
        &mut view,
        &plan(Algorithm::Nearest, Uuid::nil()),
        3,
        numbers::NOW,
        &mut chance,
        &mut Ledger::default(),
    );
    assert_eq!(given, Ok(truth.numbers[1].id));
}

#[test]
fn a_person_sees_the_same_number_while_it_may_be_given() {
    let mut truth = open(5);
    let last = truth.numbers[3].id;
    let mut view = truth.view();
    let mut chance = SmallRng::seed_from_u64(7);
    let plan = plan(Algorithm::Lru, Uuid::nil());
    view.settle(numbers::NOW);
    let picked = pick(
        &mut view,
        &plan,
        &target(0),
        Some(last),
        numbers::NOW,
        &mut chance,
    )
    .unwrap();
    assert!(picked.is_sticky);
    assert_eq!(
        (view.number(picked.slot).unwrap().id, picked.tier),
        (last, Tier::Exchange)
    );
    truth.find(last).status_period.status = DidStatus::Inactive;
    view.put(truth.find(last).clone());
    view.settle(numbers::NOW);
    let picked = pick(
        &mut view,
        &plan,
        &target(0),
        Some(last),
        numbers::NOW,
        &mut chance,
    )
    .unwrap();
    assert!(!picked.is_sticky);
}

#[test]
fn a_number_that_is_gone_is_not_given() {
    let truth = open(1);
    let mut view = truth.view();
    view.settle(numbers::NOW);
    view.remove(truth.numbers[0].id);
    let mut chance = SmallRng::seed_from_u64(7);
    let plan = plan(Algorithm::Lru, Uuid::nil());
    let refused = pick(
        &mut view,
        &plan,
        &target(0),
        None,
        numbers::NOW,
        &mut chance,
    )
    .unwrap_err();
    assert_eq!(refused.reason, "empty_pool");
    let used = State {
        total: 1,
        ..State::default()
    };
    view.learn(0, used, numbers::NOW);
    assert!(view.by_id(truth.numbers[0].id).is_none());
}

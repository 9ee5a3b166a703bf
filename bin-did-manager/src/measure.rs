//! For the benchmark: what one decision costs, without a database.

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::SmallRng};
use uuid::Uuid;

use crate::{
    choice::{
        index::state,
        number::{Limits, Number, Performance},
        pick::{Plan, Target, pick, took_turn},
        view::View,
    },
    models::{
        customer::Customer,
        didstate::State,
        didstatus::{DidStatus, StatusPeriod},
    },
    phone::E164,
};

const POOL: Uuid = Uuid::from_u128(1);
/// Area codes that the numbers are spread over.
const NPAS: [u16; 5] = [415, 212, 305, 512, 702];
/// 2026-11-20T10:00:00Z in µs.
const NOW: i64 = 1_795_168_800_000_000;
/// µs between two requests.
const GAP: i64 = 100;

/// The mean time to choose one of `numbers` numbers of a pool without caps, by the default algorithm, and to
/// note its use twice: when it is chosen and when its row is written. Of `decisions` decisions, at least one.
pub fn decision(numbers: u32, decisions: u32) -> Duration {
    let mut view = view(numbers);
    let plan = Plan::new(POOL, None, None);
    let targets = NPAS.map(target);
    let mut chance = SmallRng::seed_from_u64(1);
    // The first one makes the index.
    decide(&mut view, &plan, &target(NPAS[0]), NOW, &mut chance);
    let started = Instant::now();
    let asked = (1..=i64::from(decisions.max(1))).zip(targets.iter().cycle());
    for (number, target) in asked {
        decide(&mut view, &plan, target, NOW + number * GAP, &mut chance);
    }
    started.elapsed() / decisions.max(1)
}

/// As the handler does it for one request of a group.
fn decide(view: &mut View, plan: &Plan, target: &Target, now: i64, chance: &mut SmallRng) {
    let windows = view.settle(now);
    let Ok(picked) = pick(view, plan, target, None, now, chance) else {
        return;
    };
    let Some(used) = view.number(picked.slot).map(|number| number.used) else {
        return;
    };
    let used = used.after_use(&windows, now);
    view.learn(picked.slot, used, now);
    took_turn(view, plan, &picked);
    view.learn(picked.slot, used, now);
}

fn view(numbers: u32) -> View {
    let mut view = View::new(Customer {
        did_daily_cap: 0,
        did_hourly_cap: 0,
        did_cooldown_seconds: 0,
        ..Customer::default()
    });
    let all = (0..numbers).zip(NPAS.into_iter().cycle());
    let members = all.filter_map(|(position, npa)| {
        let number = number(position, npa)?;
        let id = number.id;
        view.put(number);
        Some(id)
    });
    let members = members.collect();
    view.set_pool(POOL, Some(members));
    view
}

fn number(position: u32, npa: u16) -> Option<Number> {
    let text = format!(
        "{npa}{}{:04}",
        220 + position / 10_000 % 90,
        position % 10_000
    );
    let e164 = E164::parse(&text)?;
    Some(Number {
        id: Uuid::from_u128(u128::from(position) + 2),
        number: e164.as_str().into(),
        npa,
        nxx: e164.nxx().unwrap_or(0),
        state: crate::area::of_number(e164.as_str())
            .map_or("", |area| area.state)
            .into(),
        city: "".into(),
        carrier: "".into(),
        provider: "".into(),
        description: "".into(),
        reputation: None,
        place: None,
        weight: 100,
        limits: Limits::default(),
        status_period: StatusPeriod {
            status: DidStatus::Active,
            until: None,
        },
        status_since: 0,
        performance: Performance::default(),
        used: State::default(),
    })
}

fn target(npa: u16) -> Target {
    let area = crate::area::of_npa(npa);
    Target {
        npa,
        nxx: 555,
        state: area.and_then(|area| state(area.state)),
        place: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decision_of_the_measurement_gives_a_number() {
        let (mut view, plan) = (view(10), Plan::new(POOL, None, None));
        let mut chance = SmallRng::seed_from_u64(1);
        for n in 0..20 {
            decide(&mut view, &plan, &target(415), NOW + n, &mut chance);
        }
        let given: i64 = view.members(POOL).map(|number| number.used.total).sum();
        assert_eq!(given, 20);
        assert!(decision(10, 1) > Duration::ZERO);
    }
}

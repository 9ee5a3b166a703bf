//! Which number: tier by tier, each tried only when the one before has nothing; inside a tier by the rule's
//! algorithm.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};
use uuid::Uuid;

use super::{
    index::{Bucket, Slot, state},
    number::{Blocker, Number, Performance},
    view::{PoolId, View},
};
use crate::{
    area,
    models::rotationrule::{Algorithm, Parameters, RotationRule, Tier},
};

/// Numbers that `performance` compares at a time.
const DRAWN_MAX: usize = 32;
/// Numbers whose distance is taken at a time.
const MEASURED_MAX: usize = 10_000;
/// Numbers of the called area code that are looked at to say why they were not given.
const EXPLAINED_MAX: usize = 64;

/// Where the person called is, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Target {
    /// Area code; 0 = not known.
    pub npa: u16,
    /// Exchange; 0 = not known.
    pub nxx: u16,
    /// State, two letters.
    pub state: Option<[u8; 2]>,
    /// Degrees north and east.
    pub place: Option<(f64, f64)>,
}

/// How to choose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Whose numbers; nil = all.
    pub pool: PoolId,
    /// Whose numbers when the pool has none to give.
    pub fallback: Option<PoolId>,
    pub algorithm: Algorithm,
    pub tiers: Vec<Tier>,
    pub parameters: Parameters,
}

/// What excluded some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    counts: [u32; 4],
}

/// A number that may be given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picked {
    pub slot: Slot,
    pub pool: PoolId,
    pub tier: Tier,
    pub is_sticky: bool,
    pub is_fallback: bool,
    /// Numbers of the tier that could have been given.
    pub candidates: usize,
    /// What excluded numbers of the area code called.
    pub excluded: Tally,
    /// Where the turn is noted, for round robin.
    bucket: Bucket,
}

/// No number may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// daily_cap, hourly_cap, cooling, inactive or empty_pool.
    pub reason: &'static str,
    /// What excluded the numbers of the pool.
    pub excluded: Tally,
    /// When one may be given again, in µs; nothing = after a change.
    pub retry_at: Option<i64>,
}

impl Plan {
    /// As `rule` has it; without one the numbers used longest ago, nearest first.
    pub(crate) fn new(pool: PoolId, fallback: Option<PoolId>, rule: Option<&RotationRule>) -> Self {
        Self {
            pool,
            fallback: fallback.filter(|other| *other != pool),
            algorithm: rule.map_or(Algorithm::Lru, |rule| rule.algorithm),
            tiers: rule
                .map(|rule| rule.tiers.0.clone())
                .filter(|tiers| !tiers.is_empty())
                .unwrap_or_else(|| Tier::ALL.to_vec()),
            parameters: rule.map_or_else(Parameters::default, |rule| rule.parameters.0),
        }
    }
}

impl Tally {
    const ORDER: [Blocker; 4] = [
        Blocker::Cooling,
        Blocker::HourlyCap,
        Blocker::DailyCap,
        Blocker::Inactive,
    ];

    fn count(&mut self, by: Blocker) {
        for (blocker, count) in Self::ORDER.iter().zip(&mut self.counts) {
            *count += u32::from(*blocker == by);
        }
    }

    /// What excluded how many.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Blocker, u32)> + use<> {
        Self::ORDER
            .into_iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
    }

    /// What is over first: the answer to "why nothing".
    fn reason(&self) -> &'static str {
        self.entries()
            .next()
            .map_or("empty_pool", |(by, _)| by.as_str())
    }
}

/// Chooses a number, and changes nothing; `view` stands at `now`.
pub(crate) fn pick(
    view: &mut View,
    plan: &Plan,
    target: &Target,
    sticky: Option<Uuid>,
    now: i64,
    chance: &mut impl Rng,
) -> Result<Picked, Refused> {
    let pools = [(plan.pool, false)]
        .into_iter()
        .chain(plan.fallback.map(|pool| (pool, true)));
    for (pool, is_fallback) in pools {
        let picked = picked_last(view, plan, target, pool, sticky, now)
            .or_else(|| by_tiers(view, plan, target, pool, chance));
        if let Some(picked) = picked {
            let excluded = nearby(view, pool, target, now);
            return Ok(Picked {
                is_fallback,
                excluded,
                ..picked
            });
        }
    }
    Err(view.refusal(plan.pool, now))
}

/// Notes that a picked number was given: for whose turn it is next.
pub(crate) fn took_turn(view: &mut View, plan: &Plan, picked: &Picked) {
    if plan.algorithm == Algorithm::RoundRobin && !picked.is_sticky {
        view.index(picked.pool, plan.algorithm)
            .took_turn(picked.bucket, picked.slot);
    }
}

/// The number that the person saw last, while it may be given.
fn picked_last(
    view: &View,
    plan: &Plan,
    target: &Target,
    pool: PoolId,
    sticky: Option<Uuid>,
    now: i64,
) -> Option<Picked> {
    let (slot, number) = view.by_id(sticky?)?;
    if !view.is_member(pool, number.id) || view.check(number, now).is_err() {
        return None;
    }
    Some(Picked {
        slot,
        pool,
        tier: tier_of(number, plan, target),
        is_sticky: true,
        is_fallback: false,
        candidates: 1,
        excluded: Tally::default(),
        bucket: Bucket::Any,
    })
}

fn by_tiers(
    view: &mut View,
    plan: &Plan,
    target: &Target,
    pool: PoolId,
    chance: &mut impl Rng,
) -> Option<Picked> {
    // Made before the numbers are looked at; both are parts of the view.
    view.index(pool, plan.algorithm);
    for tier in &plan.tiers {
        let mut buckets = buckets(*tier, target);
        buckets.retain(|bucket| view.ready(pool, plan.algorithm, *bucket).is_some());
        let Some((bucket, slot)) = choose(view, plan, pool, target, &buckets, chance) else {
            continue;
        };
        let candidates = buckets
            .iter()
            .filter_map(|bucket| view.ready(pool, plan.algorithm, *bucket))
            .map(|set| set.len())
            .sum();
        return Some(Picked {
            slot,
            pool,
            tier: *tier,
            is_sticky: false,
            is_fallback: false,
            candidates,
            excluded: Tally::default(),
            bucket,
        });
    }
    None
}

/// Where the numbers of a tier stand.
fn buckets(tier: Tier, target: &Target) -> Vec<Bucket> {
    let npa = Some(target.npa).filter(|npa| *npa > 0);
    match tier {
        Tier::Exchange => npa
            .filter(|_| target.nxx > 0)
            .map(|npa| Bucket::Exchange(npa, target.nxx))
            .into_iter()
            .collect(),
        Tier::Npa => npa.map(Bucket::Npa).into_iter().collect(),
        Tier::Overlay => npa.map_or_else(Vec::new, |npa| {
            area::related(npa)
                .iter()
                .copied()
                .map(Bucket::Npa)
                .collect()
        }),
        Tier::State => target.state.map(Bucket::State).into_iter().collect(),
        Tier::BorderingState => target.state.map_or_else(Vec::new, |code| {
            let code = std::str::from_utf8(&code).unwrap_or_default();
            let states = area::bordering(code).iter();
            states
                .filter_map(|code| state(code))
                .map(Bucket::State)
                .collect()
        }),
        Tier::Any => vec![Bucket::Any],
        Tier::Other(_) => Vec::new(),
    }
}

fn tier_of(number: &Number, plan: &Plan, target: &Target) -> Tier {
    let holds = |bucket: &Bucket| match bucket {
        Bucket::Exchange(npa, nxx) => number.npa == *npa && number.nxx == *nxx,
        Bucket::Npa(npa) => number.npa == *npa,
        Bucket::State(code) => state(&number.state) == Some(*code),
        Bucket::Any => true,
    };
    let tiers = plan.tiers.iter().copied();
    tiers
        .into_iter()
        .find(|tier| buckets(*tier, target).iter().any(holds))
        .unwrap_or(Tier::Any)
}

fn choose(
    view: &View,
    plan: &Plan,
    pool: PoolId,
    target: &Target,
    buckets: &[Bucket],
    chance: &mut impl Rng,
) -> Option<(Bucket, Slot)> {
    let set = |bucket: &Bucket| view.ready(pool, plan.algorithm, *bucket);
    let first = || {
        let firsts = buckets
            .iter()
            .filter_map(|bucket| Some((set(bucket)?.first()?, *bucket)));
        firsts
            .min_by_key(|(first, _)| *first)
            .map(|((_, slot), bucket)| (bucket, slot))
    };
    match plan.algorithm {
        Algorithm::Lru | Algorithm::LeastUsed | Algorithm::Weighted | Algorithm::Other(_) => {
            first()
        }
        Algorithm::RoundRobin => buckets
            .iter()
            .find_map(|bucket| Some((*bucket, set(bucket)?.next_turn()?))),
        Algorithm::Nearest => {
            let near = target.place.and_then(|place| {
                let slots = buckets
                    .iter()
                    .filter_map(|bucket| set(bucket).map(|set| (*bucket, set)))
                    .flat_map(|(bucket, set)| set.in_order().map(move |slot| (bucket, slot)));
                nearest(view, slots.take(MEASURED_MAX), place)
            });
            near.or_else(first)
        }
        Algorithm::Performance => best_drawn(view, plan, pool, buckets, chance),
    }
}

fn nearest(
    view: &View,
    slots: impl Iterator<Item = (Bucket, Slot)>,
    place: (f64, f64),
) -> Option<(Bucket, Slot)> {
    slots
        .filter_map(|(bucket, slot)| {
            let distance = area::distance_km(place, view.number(slot)?.place?);
            Some((distance, bucket, slot))
        })
        .min_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, bucket, slot)| (bucket, slot))
}

/// Thompson sampling: each of a few numbers, drawn evenly, gets a share of answered calls that its record
/// makes likely; the highest wins. So good numbers are given often, and none is given up for good.
fn best_drawn(
    view: &View,
    plan: &Plan,
    pool: PoolId,
    buckets: &[Bucket],
    chance: &mut impl Rng,
) -> Option<(Bucket, Slot)> {
    let sets: Vec<_> = buckets
        .iter()
        .filter_map(|bucket| {
            view.ready(pool, plan.algorithm, *bucket)
                .map(|set| (*bucket, set))
        })
        .collect();
    let total: usize = sets.iter().map(|(_, set)| set.len()).sum();
    let at = |position: usize| {
        let mut position = position;
        for (bucket, set) in &sets {
            if position < set.len() {
                return set.at(position).map(|slot| (*bucket, slot));
            }
            position -= set.len();
        }
        None
    };
    let drawn: Vec<usize> = if total <= DRAWN_MAX {
        (0..total).collect()
    } else {
        (0..DRAWN_MAX)
            .map(|_| chance.random_range(0..total))
            .collect()
    };
    drawn
        .into_iter()
        .filter_map(at)
        .filter_map(|(bucket, slot)| {
            let performance = view.number(slot)?.performance;
            Some((
                likely_share(performance, &plan.parameters, chance),
                bucket,
                slot,
            ))
        })
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, bucket, slot)| (bucket, slot))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
fn likely_share(performance: Performance, prior: &Parameters, chance: &mut impl Rng) -> f64 {
    let answered = performance.answered.max(0) as f64 + prior.prior_answered;
    let unanswered =
        (performance.calls - performance.answered).max(0) as f64 + prior.prior_unanswered;
    Beta::new(answered, unanswered).map_or(0.0, |beta| beta.sample(chance))
}

/// What excluded numbers of the area code called.
fn nearby(view: &View, pool: PoolId, target: &Target, now: i64) -> Tally {
    let mut tally = Tally::default();
    for number in view.of_npa(target.npa).take(EXPLAINED_MAX) {
        if view.is_member(pool, number.id)
            && let Err(blocked) = view.check(number, now)
        {
            tally.count(blocked.by);
        }
    }
    tally
}

/// Why a pool has nothing to give; looks at all its numbers.
pub(super) fn explain<'n>(
    view: &View,
    numbers: impl Iterator<Item = &'n Number>,
    now: i64,
) -> Refused {
    let mut excluded = Tally::default();
    let mut retry_at = i64::MAX;
    for number in numbers {
        if let Err(blocked) = view.check(number, now) {
            excluded.count(blocked.by);
            retry_at = retry_at.min(blocked.until);
        }
    }
    Refused {
        reason: excluded.reason(),
        excluded,
        retry_at: Some(retry_at).filter(|at| *at < i64::MAX),
    }
}

//! `GET /v1/dids/next` over the queue: pools of growing size, two replicas, caps and rests.

use std::time::Duration;

use bin_did_manager::NAME;
use uuid::Uuid;

use super::{
    Setup,
    world::{self, Limits, tenant},
};
use crate::{
    Result, daemon,
    database::count,
    flame,
    load::{FULL, Job, LEVELS, TURNS, Until, WARM_UP, closed, in_turns},
    report::Row,
    sample::Sample,
    stand::CONNECTIONS,
};

/// Numbers of the pools.
const POOLS: [u64; 3] = [10, 1_000, 50_000];
const CAPPED_POOL: u64 = 50_000;
const RATIO: f64 = 0.5;
/// The slowest pool's rate is at least this part of the fastest one's.
const POOLS_RATIO: f64 = 1.0 / 1.5;
const REPLICAS_RATIO: f64 = 1.0;
/// A replica that has just started has the tenants to read.
const JOIN: Duration = Duration::from_secs(1);

/// What the cases found that others need.
pub(super) struct Ceiling {
    /// A customer with 1,000 numbers.
    pub customer_id: Uuid,
    /// Numbers given a second at most.
    pub rate: f64,
}

/// Every case.
pub(super) async fn all(setup: &mut Setup<'_>) -> Result<Ceiling> {
    let line = setup.daemon.line.clone();
    let mut tenants = [Uuid::nil(); POOLS.len()];
    for (tenant, numbers) in tenants.iter_mut().zip(POOLS) {
        *tenant = world::tenant(&line, numbers, Limits::Off).await?;
    }
    setup.events_confirmed().await?;
    let jobs = tenants.map(|tenant| world::next(&line, tenant));
    let (rate, mut given) = pools(setup, &jobs).await?;
    given += replicas(setup, &jobs).await?;
    given += capped(setup).await?;
    let written = count(&setup.daemon.db, "did_usages").await?;
    if usize::try_from(written)? < given {
        return Err(format!("{given} numbers were given, and {written} usages written").into());
    }
    setup.section.note(format!(
        "The numbers given were checked: {written} usages for {given} counted answers and the warm-ups."
    ));
    let [_, customer_id, _] = tenants;
    Ok(Ceiling { customer_id, rate })
}

/// Echo beside the three pools; the rate of the middle one under full load, and how many were given.
async fn pools(setup: &mut Setup<'_>, jobs: &[Job; POOLS.len()]) -> Result<(f64, usize)> {
    let (echo, child) = (setup.stand.echo.job(), &setup.daemon.child);
    let (mut ceiling, mut given) = (0.0, 0);
    for level in LEVELS {
        let [small, middle, large] = jobs;
        let cases = [
            (&echo, &setup.stand.echo.child),
            (small, child),
            (middle, child),
            (large, child),
        ];
        let until = Until::Elapsed(setup.stand.turn());
        let before = groups(setup).await?;
        let measured = in_turns(cases, level, (Until::Elapsed(WARM_UP), until), TURNS).await?;
        let after = groups(setup).await?;
        setup.section.note(format!(
            "next, {level} in flight: {:.1} requests share a transaction.",
            (after.0 - before.0) / (after.1 - before.1)
        ));
        let [echo, samples @ ..] = measured;
        let echo = echo.checked("echo")?;
        let rates = samples.iter().map(Sample::rate);
        let fastest = rates.clone().fold(0.0, f64::max);
        let slowest = rates.fold(f64::INFINITY, f64::min);
        ceiling = samples.get(1).map_or(0.0, Sample::rate);
        if level == FULL {
            flame::record(setup.stand, setup.section, child, "next", middle).await?;
        }
        setup
            .section
            .add(Row::new("bare echo RPC (reference)", level, echo.clone()));
        for (numbers, sample) in POOLS.into_iter().zip(samples) {
            let sample = sample.checked("next")?;
            given += sample.replies();
            let name = format!("next, {numbers} numbers");
            let mut row = Row::new(name, level, sample).against(&echo, "echo");
            if level == FULL {
                row = row.at_least(RATIO);
            }
            if Some(&numbers) == POOLS.last() {
                let text = format!("pools within 1.5 × (is {:.2})", fastest / slowest);
                row = row.with(text, slowest >= fastest * POOLS_RATIO);
            }
            setup.section.add(row);
        }
    }
    Ok((ceiling, given))
}

/// How many requests were served, and in how many groups.
async fn groups(setup: &Setup<'_>) -> Result<(f64, f64)> {
    let series = |what| format!("tandem_group_requests_{what}{{manager=\"{NAME}\"}}");
    let [sum, count] = [series("sum"), series("count")];
    let [requests, groups] = setup.daemon.metrics.read([&sum, &count]).await?;
    Ok((requests, groups))
}

/// One replica and two take turns on the smaller pools; how many were given.
async fn replicas(setup: &mut Setup<'_>, jobs: &[Job; POOLS.len()]) -> Result<usize> {
    let [small, middle, _] = jobs;
    let mut samples: [[Sample; 2]; 2] = Default::default();
    for turn in 0..TURNS {
        let first = &setup.daemon.child;
        let until = Until::Elapsed(setup.stand.turn());
        for ([alone, _], job) in samples.iter_mut().zip([small, middle]) {
            closed(job, &[first], FULL, Until::Elapsed(WARM_UP)).await?;
            alone.add(closed(job, &[first], FULL, until).await?);
        }
        let name = format!("{NAME}-2-{turn}");
        let (second, ..) =
            daemon::start(setup.stand, NAME, &name, setup.database, CONNECTIONS).await?;
        for ([_, both], job) in samples.iter_mut().zip([small, middle]) {
            closed(job, &[], FULL, Until::Elapsed(JOIN)).await?;
            both.add(closed(job, &[first, &second], FULL, until).await?);
        }
        second.stop().await?;
    }
    let mut given = 0;
    for ([alone, both], numbers) in samples.into_iter().zip(POOLS) {
        let (alone, both) = (alone.checked("one replica")?, both.checked("two replicas")?);
        given += alone.replies() + both.replies();
        let row = Row::new(format!("next, {numbers} numbers, 2 replicas"), FULL, both);
        let row = row.against(&alone, "1 replica").at_least(REPLICAS_RATIO);
        let alone = Row::new(format!("next, {numbers} numbers, 1 replica"), FULL, alone);
        setup.section.add(alone);
        setup.section.add(row);
    }
    Ok(given)
}

/// With the caps and the rest that a customer has by default: each number is given once, so the requests are
/// counted, and fewer than there are numbers.
async fn capped(setup: &mut Setup<'_>) -> Result<usize> {
    let line = setup.daemon.line.clone();
    let tenant = tenant(&line, CAPPED_POOL, Limits::Usual).await?;
    setup.events_confirmed().await?;
    let (echo, job) = (setup.stand.echo.job(), world::next(&line, tenant));
    let counts: [u64; LEVELS.len()] = setup.stand.pick([500, 3_000, 8_000], [150, 1_000, 2_500]);
    let mut given = 0;
    for (level, count) in LEVELS.into_iter().zip(counts) {
        let cases = [
            (&echo, &setup.stand.echo.child),
            (&job, &setup.daemon.child),
        ];
        let untils = (Until::Count(count / 10), Until::Count(count));
        let [echo, sample] = in_turns(cases, level, untils, TURNS).await?;
        let (echo, sample) = (echo.checked("echo")?, sample.checked("next within caps")?);
        given += sample.replies();
        let name = format!("next, {CAPPED_POOL} numbers, with caps and rests");
        let row = Row::new(name, level, sample).against(&echo, "echo");
        let row = if level == FULL {
            row.at_least(RATIO)
        } else {
            row
        };
        setup.section.add(row);
    }
    Ok(given)
}

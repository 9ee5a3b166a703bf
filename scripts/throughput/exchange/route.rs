//! Selling calls: one winner and one hold each, beside the transaction of a create and the bare echo.

use std::time::Duration;

use bin_call_manager::NAME;

use super::{Setup, world::Market};
use crate::{
    Result, daemon,
    database::{count, truncate},
    flame,
    load::{FULL, Job, LEVELS, TURNS, Until, closed, in_turns},
    report::Row,
    sample::Sample,
    stand::CONNECTIONS,
};

/// Buyers and strategy of each market.
const MARKETS: [(u32, &str); 3] = [
    (10, "highest_bid"),
    (10, "round_robin"),
    (100, "highest_bid"),
];
const RATIO: f64 = 0.5;
const REPLICAS_RATIO: f64 = 1.0;
/// A replica that has just started has everything to read.
const JOIN: Duration = Duration::from_secs(1);

/// Every case.
pub(super) async fn all(setup: &mut Setup<'_>) -> Result<()> {
    let line = setup.daemon.line.clone();
    let mut markets = Vec::with_capacity(MARKETS.len());
    for (buyers, strategy) in MARKETS {
        markets.push(Market::new(&line, buyers, strategy).await?);
    }
    let mut sold = 0;
    for level in LEVELS {
        sold += one_level(setup, &markets, level).await?;
    }
    sold += replicas(setup, &markets).await?;
    let holds = count(
        &setup.daemon.db,
        "exchange_ledger_entries WHERE kind = 'hold' AND amount > 0",
    )
    .await?;
    if usize::try_from(holds)? < sold {
        return Err(format!("{sold} calls were sold, and {holds} holds written").into());
    }
    setup.ledger_adds_up().await?;
    setup.section.note(format!(
        "The ledger was checked: {holds} holds for {sold} counted answers and the warm-ups, and every sum is zero."
    ));
    Ok(())
}

/// Calls sold in one turn.
fn calls(setup: &Setup<'_>, level: usize) -> u64 {
    let full = if level == 1 { 300 } else { 1_200 };
    setup.stand.pick(full, full / 3)
}

/// The transaction echo beside each market; how many calls were sold.
async fn one_level(setup: &mut Setup<'_>, markets: &[Market], level: usize) -> Result<usize> {
    let each = calls(setup, level);
    let transaction = setup.transaction.job();
    let mut sold = 0;
    for (market, (buyers, strategy)) in markets.iter().zip(MARKETS) {
        let job = market
            .job(&setup.daemon.db, each / 5 + u64::from(TURNS) * each)
            .await?;
        setup.events_confirmed().await?;
        truncate(&setup.transaction_db, "outdial_outbox").await?;
        let cases = [
            (&transaction, &setup.transaction.child),
            (&job, &setup.daemon.child),
        ];
        let untils = (Until::Count(each / 5), Until::Count(each));
        let [transaction, sample] = in_turns(cases, level, untils, TURNS).await?;
        let (transaction, sample) = (
            transaction.checked("transaction")?,
            sample.checked("route")?,
        );
        sold += sample.replies();
        let name = format!("route, {buyers} buyers, {strategy}");
        let mut row = Row::new(name, level, sample).against(&transaction, "transaction");
        if level == FULL {
            row = row.at_least(RATIO);
        }
        let reference = Row::new("transaction echo (reference)", level, transaction);
        setup.section.add(reference);
        setup.section.add(row);
    }
    if level == FULL
        && let Some(market) = markets.first()
    {
        let job = market
            .job(&setup.daemon.db, setup.stand.pick(20_000, 10_000))
            .await?;
        flame::record(
            setup.stand,
            setup.section,
            &setup.daemon.child,
            "route",
            &job,
        )
        .await?;
    }
    Ok(sold)
}

/// One replica and two take turns on the smaller markets; how many calls were sold.
async fn replicas(setup: &mut Setup<'_>, markets: &[Market]) -> Result<usize> {
    let each = calls(setup, FULL);
    let warm_up = each / 5;
    let mut sold = 0;
    for (market, (buyers, strategy)) in markets.iter().zip(MARKETS).take(2) {
        let needed = u64::from(TURNS) * 2 * (warm_up + each);
        let job: Job = market.job(&setup.daemon.db, needed).await?;
        let (mut alone, mut both) = (Sample::default(), Sample::default());
        for turn in 0..TURNS {
            let first = &setup.daemon.child;
            closed(&job, &[first], FULL, Until::Count(warm_up)).await?;
            alone.add(closed(&job, &[first], FULL, Until::Count(each)).await?);
            let name = format!("{NAME}-2-{strategy}-{turn}");
            let (second, ..) =
                daemon::start(setup.stand, NAME, &name, setup.database, CONNECTIONS).await?;
            tokio::time::sleep(JOIN).await;
            closed(&job, &[first, &second], FULL, Until::Count(warm_up)).await?;
            both.add(closed(&job, &[first, &second], FULL, Until::Count(each)).await?);
            second.stop().await?;
        }
        let (alone, both) = (alone.checked("one replica")?, both.checked("two replicas")?);
        sold += alone.replies() + both.replies();
        let name = |replicas: &str| format!("route, {buyers} buyers, {strategy}, {replicas}");
        let row = Row::new(name("2 replicas"), FULL, both);
        let row = row.against(&alone, "1 replica").at_least(REPLICAS_RATIO);
        setup.section.add(Row::new(name("1 replica"), FULL, alone));
        setup.section.add(row);
    }
    Ok(sold)
}

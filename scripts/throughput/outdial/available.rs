//! `available` on tables of growing size: what is not to be handed out must cost nothing.

use std::time::Duration;

use bin_common_handler::models::sock::{Method, Request};
use uuid::Uuid;

use super::{
    Setup,
    tables::{Filling, clear_targets, end_leases, fill},
};
use crate::{
    Result,
    load::{Job, LEVELS, Until, closed},
    report::Row,
    sample::Sample,
};

/// One row in so many is a free target of the outdial that is asked for.
const FREE_ONE_IN: u64 = 100;
/// Requests of one round, fewer than the smallest table has free targets. Between two rounds the leases are
/// ended, which is not measured.
const ROUND: u64 = 80;
/// A rate of at least this share of the small table's: within 1.5 × of it.
const RATIO: f64 = 1.0 / 1.5;
/// Attempts after which a target is exhausted.
const TRIES: u32 = 3;
/// The server's own work after a large fill is left to end.
const SETTLE: Duration = Duration::from_secs(3);

/// One table after the other, each grown from the one before.
pub(super) async fn all(setup: &mut Setup<'_>) -> Result<()> {
    clear_targets(&setup.daemon.db).await?;
    let outdial = setup.outdial().await?;
    let sizes: &[u64] = setup
        .stand
        .pick(&[10_000, 100_000, 1_000_000], &[10_000, 100_000]);
    let mut rows = 0;
    let mut small: Option<Vec<Sample>> = None;
    for size in sizes {
        grow(setup, outdial, rows, *size).await?;
        rows = *size;
        let samples = measure(setup, outdial).await?;
        report(
            setup,
            &format!("available, {size} targets"),
            &samples,
            small.as_deref(),
        );
        small = small.or(Some(samples));
    }
    let exhausted = setup.stand.pick(1_000_000, 100_000);
    fill(
        &setup.daemon.db,
        &Filling {
            tag: 0x0E,
            rows: exhausted,
            outdial: quoted(outdial),
            status: "'idle'",
            try_count: TRIES,
            age: "2 DAY",
        },
    )
    .await?;
    let samples = measure(setup, outdial).await?;
    let name = format!("available, {rows} targets and {exhausted} exhausted in front");
    report(setup, &name, &samples, small.as_deref());
    clear_targets(&setup.daemon.db).await
}

/// Brings the table from `from` to `to` rows: 99 % are done, or another outdial's and older.
async fn grow(setup: &Setup<'_>, outdial: Uuid, from: u64, to: u64) -> Result<()> {
    let added = to - from;
    let free = added / FREE_ONE_IN;
    let done = (added - free) / 2;
    let filling = |tag, rows, outdial: String, status, age| Filling {
        // The number of rows before keeps the ids of two fillings apart.
        tag: (from << 8) + tag,
        rows,
        outdial,
        status,
        try_count: 0,
        age,
    };
    let others = "UNHEX(MD5(CONCAT('other', n % 50)))".to_owned();
    for filling in [
        filling(0, added - free - done, others, "'idle'", "1 DAY"),
        filling(1, done, quoted(outdial), "'done'", "1 DAY"),
        filling(2, free, quoted(outdial), "'idle'", "1 HOUR"),
    ] {
        fill(&setup.daemon.db, &filling).await?;
    }
    Ok(())
}

fn quoted(id: Uuid) -> String {
    format!("UNHEX('{}')", id.simple())
}

/// Rounds at each level until the time is over.
async fn measure(setup: &mut Setup<'_>, outdial: Uuid) -> Result<Vec<Sample>> {
    tokio::time::sleep(SETTLE).await;
    let uri = format!("/v1/outdials/{outdial}/available?try_count_0={TRIES}&limit=1");
    let job = Job::new(&setup.daemon.line, move |_| {
        Request::new(Method::Get, &uri, "bench")
    })
    .accepting(|response| response.status_code == 200 && response.body() != "[]");
    let time = setup
        .stand
        .pick(Duration::from_secs(3), Duration::from_secs(1));
    let mut samples = Vec::new();
    for level in LEVELS {
        let mut sample = Sample::default();
        // The first round warms up.
        round(setup, &job, outdial, level).await?;
        while sample.time < time {
            sample.add(round(setup, &job, outdial, level).await?);
        }
        samples.push(sample.checked("available")?);
    }
    Ok(samples)
}

async fn round(setup: &Setup<'_>, job: &Job, outdial: Uuid, level: usize) -> Result<Sample> {
    let done = closed(job, &[&setup.daemon.child], level, Until::Count(ROUND)).await?;
    end_leases(&setup.daemon.db, outdial).await?;
    Ok(done)
}

fn report(setup: &mut Setup<'_>, name: &str, samples: &[Sample], small: Option<&[Sample]>) {
    for (position, (level, sample)) in LEVELS.into_iter().zip(samples).enumerate() {
        let row = Row::new(name, level, sample.clone());
        let small = small.and_then(|small| small.get(position));
        setup.section.add(match small {
            Some(small) => row.against(small, "the small table").at_least(RATIO),
            None => row,
        });
    }
}

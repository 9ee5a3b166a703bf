//! What is measured, in order.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    ids,
    models::sock::{Method, Request},
};
use serde_json::{Value as Json, json, value::RawValue};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    Result, available,
    database::{clear_targets, count, events_confirmed, idle_targets, truncate},
    load::{Job, Sample, Until},
    machine,
    report::{Goal, Report, Row, mb},
    setup::Setup,
};

/// Requests in flight.
pub(crate) const LEVELS: [usize; 3] = [1, 16, 64];
/// The level at which a goal stands that is about throughput.
const FULL: usize = 64;
/// Reference and subject take turns, so that a noisy moment meets both.
const TURNS: u32 = 3;
const WARM_UP: Duration = Duration::from_millis(300);
/// Requests that warm a case up which consumes its targets.
const WARM_UP_COUNT: u64 = 100;

const GET_RATIO: f64 = 0.75;
const GET_CPU_MORE_US: f64 = 25.0;
const CREATE_RATIO: f64 = 0.7;
const IMPORT_GOAL: f64 = 20_000.0;
const BULK_ROWS: usize = 500;
const BULK_IN_FLIGHT: usize = 4;
const LOAD_GOAL_MB: f64 = 60.0;

/// Runs every case.
pub(crate) async fn all(setup: &mut Setup) -> Result<Report> {
    let outdial = setup.outdial().await?;
    bulk(setup, outdial, 2).await?;
    reads(setup, outdial).await?;
    setup.check_alone().await?;
    available::all(setup).await?;
    clear_targets(&setup.db).await?;
    let transactions = creates(setup).await?;
    progressing(setup, &transactions).await?;
    setup.check_alone().await?;
    clear_targets(&setup.db).await?;
    import(setup, "import", false).await?;
    let rows = count(&setup.db, "outdial_outdialtargets").await?;
    import(setup, "import, each row with a key", true).await?;
    setup.report.notes.push(format!(
        "The imports were checked: {rows} targets after the first."
    ));
    setup.check_alone().await?;
    let peak = mb(setup.daemon.rss_max()?);
    let goal = Goal {
        text: format!("≤ {LOAD_GOAL_MB:.0} MB"),
        is_met: peak <= LOAD_GOAL_MB,
    };
    let report = &mut setup.report;
    report.figure(
        "RSS under load, highest",
        format!("{peak:.1} MB"),
        Some(goal),
    );
    report.place.push(("load after", machine::load()));
    Ok(std::mem::take(report))
}

/// The body of a new target.
pub(crate) fn target_body(number: u64) -> Json {
    let number = number % 10_000;
    json!({
        "name": "bench",
        "destination_0": { "type": "tel", "target": format!("+1415555{number:04}") },
    })
}

/// Targets through the bulk route, 500 a request.
async fn bulk(setup: &mut Setup, outdial: Uuid, requests: u64) -> Result<()> {
    let job = bulk_job(&setup.queue, outdial, false);
    let until = Until::Count(requests);
    let (client, daemon) = (setup.client.clone(), &mut setup.daemon);
    let made = client.run(&job, daemon, BULK_IN_FLIGHT, until).await?;
    made.checked("preparing targets")?;
    events_confirmed(&setup.db).await
}

fn bulk_job(queue: &str, outdial: Uuid, has_keys: bool) -> Job {
    let uri = format!("/v1/outdials/{outdial}/targets/bulk");
    let run = ids::next().simple().to_string();
    Job::new(queue, move |number| {
        let mut text = String::with_capacity(BULK_ROWS * 128);
        for row in 0..BULK_ROWS {
            let row = number * BULK_ROWS as u64 + row as u64;
            let mut body = target_body(row);
            if has_keys && let Some(body) = body.as_object_mut() {
                body.insert("key".to_owned(), json!(format!("{run}-{row}")));
            }
            text.push(if text.is_empty() { '[' } else { ',' });
            text.push_str(&body.to_string());
        }
        text.push(']');
        Request {
            data: RawValue::from_string(text).ok(),
            data_type: "application/json".to_owned(),
            ..Request::new(Method::Post, &uri, "bench")
        }
    })
}

/// Echo beside a read from the cache and a read from the database.
async fn reads(setup: &mut Setup, outdial: Uuid) -> Result<()> {
    let uri = format!("/v1/outdials/{outdial}");
    let cached = Job::new(&setup.queue, move |_| {
        Request::new(Method::Get, &uri, "bench")
    });
    let ids = idle_targets(&setup.db, outdial).await?;
    let stored = Job::new(&setup.queue, move |number| {
        let uri = format!("/v1/outdialtargets/{}", pick(&ids, number));
        Request::new(Method::Get, uri, "bench")
    });
    let nothing = Job::new(&setup.echo.queue, |_| {
        Request::new(
            Method::Get,
            format!("/v1/outdials/{}", Uuid::nil()),
            "bench",
        )
    });
    for level in LEVELS {
        let mut samples: [Sample; 3] = Default::default();
        let until = Until::Elapsed(setup.pick(Duration::from_secs(1), Duration::from_millis(334)));
        for turn in 0..=TURNS {
            let until = if turn == 0 {
                Until::Elapsed(WARM_UP)
            } else {
                until
            };
            let (client, daemon) = (&setup.client, &mut setup.daemon);
            let turns = [
                client
                    .run(&nothing, &mut setup.echo.child, level, until)
                    .await?,
                client.run(&cached, daemon, level, until).await?,
                client.run(&stored, daemon, level, until).await?,
            ];
            if turn > 0 {
                for (sample, turn) in samples.iter_mut().zip(turns) {
                    sample.add(turn);
                }
            }
        }
        let [echo, get, load] = samples;
        let (echo, get) = (echo.checked("echo")?, get.checked("cached GET")?);
        let stored = Row::new("GET from the database", level, load.checked("GET")?);
        let row = Row::new("cached GET", level, get.clone()).against(&echo, "echo");
        let row = if level == FULL {
            let more = get.cpu_us() - echo.cpu_us();
            let text = format!("CPU ≤ echo + {GET_CPU_MORE_US:.0} µs (is {more:+.1})");
            row.at_least(GET_RATIO).with(text, more <= GET_CPU_MORE_US)
        } else {
            row
        };
        let stored = stored.against(&echo, "echo");
        setup
            .report
            .add(Row::new("bare echo RPC (reference)", level, echo));
        setup.report.add(row);
        setup.report.add(stored);
    }
    Ok(())
}

/// The transaction of a create behind a bare consumer, beside the create itself with its event confirmed;
/// the samples of the former.
async fn creates(setup: &mut Setup) -> Result<Vec<Sample>> {
    let mut references = Vec::new();
    let outdial = setup.outdial().await?;
    let uri = format!("/v1/outdials/{outdial}/targets");
    let request = move |number| {
        let body = RawValue::from_string(target_body(number).to_string());
        Request {
            data: body.ok(),
            data_type: "application/json".to_owned(),
            ..Request::new(Method::Post, &uri, "bench")
        }
    };
    let bare = Job::new(&setup.transaction.queue, request.clone());
    let job = Job::new(&setup.queue, request);
    for level in LEVELS {
        // Before the warm-up, not between turns: what follows it would be the reference's alone to pay.
        truncate(&setup.transaction_db, "outdial_outbox").await?;
        let (mut reference, mut subject) = (Sample::default(), Sample::default());
        let until = Until::Elapsed(setup.pick(Duration::from_secs(1), Duration::from_millis(334)));
        for turn in 0..=TURNS {
            let until = if turn == 0 {
                Until::Elapsed(WARM_UP)
            } else {
                until
            };
            let child = &mut setup.transaction.child;
            let alone = setup.client.run(&bare, child, level, until).await?;
            let whole = confirmed(setup, &job, level, until).await?;
            if turn > 0 {
                reference.add(alone);
                subject.add(whole);
            }
        }
        let reference = reference.checked("transaction echo")?;
        let subject = subject.checked("target create")?;
        let row = Row::new("target create, its event confirmed", level, subject)
            .against(&reference, "transaction echo")
            .at_least(CREATE_RATIO);
        references.push(reference.clone());
        let name = "transaction echo (reference)";
        setup.report.add(Row::new(name, level, reference));
        setup.report.add(row);
    }
    Ok(references)
}

/// Runs a job until the broker has confirmed the last of its events; that time counts.
async fn confirmed(setup: &mut Setup, job: &Job, level: usize, until: Until) -> Result<Sample> {
    let (started, cpu) = (Instant::now(), setup.daemon.cpu()?);
    let mut sample = setup
        .client
        .run(job, &mut setup.daemon, level, until)
        .await?;
    events_confirmed(&setup.db).await?;
    sample.time = started.elapsed();
    sample.cpu = setup.daemon.cpu()?.saturating_sub(cpu);
    Ok(sample)
}

/// Each target is idle and is called once.
async fn progressing(setup: &mut Setup, references: &[Sample]) -> Result<()> {
    let outdial = setup.outdial().await?;
    let counts: [u64; 3] = setup.pick([1_500, 6_000, 8_400], [400, 1_600, 2_700]);
    let needed: u64 = counts.iter().map(|count| count + WARM_UP_COUNT).sum();
    bulk(setup, outdial, needed.div_ceil(BULK_ROWS as u64)).await?;
    let ids = Arc::new(idle_targets(&setup.db, outdial).await?);
    let body = RawValue::from_string(r#"{"destination_index":0}"#.to_owned())?;
    let job = Job::new(&setup.queue, move |number| Request {
        data: Some(body.clone()),
        data_type: "application/json".to_owned(),
        ..Request::new(
            Method::Post,
            format!("/v1/outdialtargets/{}/progressing", pick(&ids, number)),
            "bench",
        )
    });
    for ((level, count), reference) in LEVELS.into_iter().zip(counts).zip(references) {
        confirmed(setup, &job, level, Until::Count(WARM_UP_COUNT)).await?;
        let sample = confirmed(setup, &job, level, Until::Count(count)).await?;
        let sample = sample.checked("progressing")?;
        let row = Row::new("progressing, its event confirmed", level, sample);
        setup.report.add(row.against(reference, "transaction echo"));
    }
    Ok(())
}

/// A large list through bulk requests; then how long its events take to leave.
async fn import(setup: &mut Setup, name: &'static str, has_keys: bool) -> Result<()> {
    let outdial = setup.outdial().await?;
    let requests = if has_keys {
        setup.pick(400, 100)
    } else {
        setup.pick(2_000, 200)
    };
    let job = bulk_job(&setup.queue, outdial, has_keys);
    let (client, daemon) = (setup.client.clone(), &mut setup.daemon);
    let started = Instant::now();
    let sample = client
        .run(&job, daemon, BULK_IN_FLIGHT, Until::Count(requests))
        .await?;
    let sample = sample.checked(name)?;
    events_confirmed(&setup.db).await?;
    let left = started.elapsed();
    let rows = BULK_ROWS * sample.replies();
    let mut row = Row::new(format!("{name}, {rows} rows"), BULK_IN_FLIGHT, sample);
    row.units = BULK_ROWS;
    let row = if has_keys {
        row
    } else {
        let is_met = row.rate() >= IMPORT_GOAL;
        row.with(format!("≥ {IMPORT_GOAL:.0} rows/s"), is_met)
    };
    let events = crate::load::per(rows, left.as_secs_f64());
    setup.report.add(row);
    setup.report.notes.push(format!(
        "{name}: the last of its {rows} events was confirmed {:.1} s after the start ({events:.0} events/s).",
        left.as_secs_f64()
    ));
    Ok(())
}

/// One of the ids, in turn.
fn pick(ids: &[Uuid], number: u64) -> Uuid {
    let position = usize::try_from(number).unwrap_or(0) % ids.len().max(1);
    ids.get(position).copied().unwrap_or_default()
}

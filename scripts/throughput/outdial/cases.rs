//! What is measured, in order.

use std::sync::Arc;

use bin_common_handler::{
    ids,
    models::sock::{Method, Request},
};
use serde_json::{Value as Json, json, value::RawValue};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Setup, available,
    tables::{clear_targets, idle_targets},
};
use crate::{
    Result,
    database::{count, truncate},
    flame,
    load::{FULL, Job, LEVELS, TURNS, Until, WARM_UP, closed, in_turns},
    report::Row,
    sample::{Sample, per},
};

/// Requests that warm a case up which consumes its targets.
const WARM_UP_COUNT: u64 = 100;

const GET_RATIO: f64 = 0.75;
const GET_CPU_MORE_US: f64 = 25.0;
const CREATE_RATIO: f64 = 0.7;
const IMPORT_GOAL: f64 = 20_000.0;
const BULK_ROWS: usize = 500;
const BULK_IN_FLIGHT: usize = 4;

/// Runs every case.
pub(super) async fn all(setup: &mut Setup<'_>) -> Result<()> {
    let outdial = setup.outdial().await?;
    bulk(setup, outdial, 2).await?;
    reads(setup, outdial).await?;
    setup.check_alone().await?;
    available::all(setup).await?;
    clear_targets(&setup.daemon.db).await?;
    let transactions = creates(setup).await?;
    progressing(setup, &transactions).await?;
    setup.check_alone().await?;
    clear_targets(&setup.daemon.db).await?;
    import(setup, "import", false).await?;
    let rows = count(&setup.daemon.db, "outdial_outdialtargets").await?;
    import(setup, "import, each row with a key", true).await?;
    setup.section.note(format!(
        "The imports were checked: {rows} targets after the first."
    ));
    setup.check_alone().await
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
async fn bulk(setup: &Setup<'_>, outdial: Uuid, requests: u64) -> Result<()> {
    let job = bulk_job(setup, outdial, false);
    let until = Until::Count(requests);
    let made = closed(&job, &[&setup.daemon.child], BULK_IN_FLIGHT, until).await?;
    made.checked("preparing targets")?;
    setup.events_confirmed().await
}

fn bulk_job(setup: &Setup<'_>, outdial: Uuid, has_keys: bool) -> Job {
    let uri = format!("/v1/outdials/{outdial}/targets/bulk");
    let run = ids::next().simple().to_string();
    Job::new(&setup.daemon.line, move |number| {
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
async fn reads(setup: &mut Setup<'_>, outdial: Uuid) -> Result<()> {
    let uri = format!("/v1/outdials/{outdial}");
    let cached = Job::new(&setup.daemon.line, move |_| {
        Request::new(Method::Get, &uri, "bench")
    });
    let ids = idle_targets(&setup.daemon.db, outdial).await?;
    let stored = Job::new(&setup.daemon.line, move |number| {
        let uri = format!("/v1/outdialtargets/{}", pick(&ids, number));
        Request::new(Method::Get, uri, "bench")
    });
    let (echo, child) = (setup.stand.echo.job(), &setup.daemon.child);
    let until = Until::Elapsed(setup.stand.turn());
    for level in LEVELS {
        let cases = [
            (&echo, &setup.stand.echo.child),
            (&cached, child),
            (&stored, child),
        ];
        let warm_up = Until::Elapsed(WARM_UP);
        let [echo, get, load] = in_turns(cases, level, (warm_up, until), TURNS).await?;
        if level == FULL {
            flame::record(setup.stand, setup.section, child, "get", &cached).await?;
        }
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
        let section = &mut *setup.section;
        section.add(Row::new("bare echo RPC (reference)", level, echo));
        section.add(row);
        section.add(stored);
    }
    Ok(())
}

/// The transaction of a create behind a bare consumer, beside the create itself with its event confirmed;
/// the samples of the former.
async fn creates(setup: &mut Setup<'_>) -> Result<Vec<Sample>> {
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
    let bare = Job::new(&setup.transaction.line, request.clone());
    let job = Job::new(&setup.daemon.line, request);
    for level in LEVELS {
        // Before the warm-up, not between turns: what follows it would be the reference's alone to pay.
        truncate(&setup.transaction_db, "outdial_outbox").await?;
        let (mut reference, mut subject) = (Sample::default(), Sample::default());
        let until = Until::Elapsed(setup.stand.turn());
        for turn in 0..=TURNS {
            let until = if turn == 0 {
                Until::Elapsed(WARM_UP)
            } else {
                until
            };
            let alone = closed(&bare, &[&setup.transaction.child], level, until).await?;
            let whole = confirmed(setup, &job, level, until).await?;
            if turn > 0 {
                reference.add(alone);
                subject.add(whole);
            }
        }
        if level == FULL {
            let child = &setup.daemon.child;
            flame::record(setup.stand, setup.section, child, "create", &job).await?;
        }
        let reference = reference.checked("transaction echo")?;
        let subject = subject.checked("target create")?;
        let row = Row::new("target create, its event confirmed", level, subject)
            .against(&reference, "transaction echo")
            .at_least(CREATE_RATIO);
        references.push(reference.clone());
        let name = "transaction echo (reference)";
        setup.section.add(Row::new(name, level, reference));
        setup.section.add(row);
    }
    Ok(references)
}

/// Runs a job until the broker has confirmed the last of its events; that time counts.
async fn confirmed(setup: &Setup<'_>, job: &Job, level: usize, until: Until) -> Result<Sample> {
    let child = &setup.daemon.child;
    let (started, cpu) = (Instant::now(), child.cpu()?);
    let mut sample = closed(job, &[child], level, until).await?;
    setup.events_confirmed().await?;
    sample.time = started.elapsed();
    sample.cpu = child.cpu()?.saturating_sub(cpu);
    Ok(sample)
}

/// Each target is idle and is called once.
async fn progressing(setup: &mut Setup<'_>, references: &[Sample]) -> Result<()> {
    let outdial = setup.outdial().await?;
    let counts: [u64; 3] = setup.stand.pick([1_500, 6_000, 8_400], [400, 1_600, 2_700]);
    let needed: u64 = counts.iter().map(|count| count + WARM_UP_COUNT).sum();
    bulk(setup, outdial, needed.div_ceil(BULK_ROWS as u64)).await?;
    let ids = Arc::new(idle_targets(&setup.daemon.db, outdial).await?);
    let body = RawValue::from_string(r#"{"destination_index":0}"#.to_owned())?;
    let job = Job::new(&setup.daemon.line, move |number| Request {
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
        setup
            .section
            .add(row.against(reference, "transaction echo"));
    }
    Ok(())
}

/// A large list through bulk requests; then how long its events take to leave.
async fn import(setup: &mut Setup<'_>, name: &'static str, has_keys: bool) -> Result<()> {
    let outdial = setup.outdial().await?;
    let requests = if has_keys {
        setup.stand.pick(400, 100)
    } else {
        setup.stand.pick(2_000, 200)
    };
    let job = bulk_job(setup, outdial, has_keys);
    let started = Instant::now();
    let until = Until::Count(requests);
    let sample = closed(&job, &[&setup.daemon.child], BULK_IN_FLIGHT, until).await?;
    let sample = sample.checked(name)?;
    setup.events_confirmed().await?;
    let left = started.elapsed();
    let rows = BULK_ROWS * sample.replies();
    let row = Row::new(format!("{name}, {rows} rows"), BULK_IN_FLIGHT, sample).of_units(BULK_ROWS);
    let row = if has_keys {
        row
    } else {
        let is_met = row.rate() >= IMPORT_GOAL;
        row.with(format!("≥ {IMPORT_GOAL:.0} rows/s"), is_met)
    };
    let events = per(rows, left.as_secs_f64());
    setup.section.add(row);
    setup.section.note(format!(
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

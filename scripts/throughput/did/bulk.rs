//! Many numbers at once: in batches over the queue, as one file through a bridge, and out again.

use std::time::Duration;

use bin_common_handler::models::sock::Method;
use hyper::body::Bytes;
use serde_json::Value as Json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Setup,
    through::Bridge,
    world::{self, BATCH_ROWS, BATCHES, Limits},
};
use crate::{
    Result,
    line::Line,
    load::{Until, closed, once},
    report::{Row, Section},
    stand::Stand,
};

/// Time for 100,000 numbers, in or out.
const GOAL: Duration = Duration::from_secs(10);
const GOAL_ROWS: u64 = 100_000;

/// Numbers of a customer.
pub(super) struct Rows {
    customer_id: Uuid,
    count: u64,
}

fn wanted(stand: &Stand) -> u64 {
    stand.pick(GOAL_ROWS, GOAL_ROWS / 5)
}

/// In batches over the queue.
pub(super) async fn over_queue(setup: &mut Setup<'_>) -> Result<()> {
    let line = setup.daemon.line.clone();
    let count = wanted(setup.stand);
    let customer_id = world::customer(&line, Limits::Off).await?;
    let job = world::import(&line, customer_id, None, count);
    let started = Instant::now();
    let batches = Until::Count(count.div_ceil(BATCH_ROWS));
    let sample = closed(&job, &[&setup.daemon.child], BATCHES, batches).await?;
    let sample = sample.checked("import")?;
    setup.events_confirmed().await?;
    let left = started.elapsed();
    let name = format!("import of {count} numbers over the queue");
    let time = sample.time;
    let row = Row::new(name, BATCHES, sample).of_units(usize::try_from(BATCH_ROWS)?);
    setup.section.add(in_time(row, count, time));
    setup.section.note(format!(
        "Import over the queue: the last of {count} events was confirmed {:.1} s after the start.",
        left.as_secs_f64()
    ));
    Ok(())
}

/// As one CSV file.
pub(super) async fn upload(
    stand: &Stand,
    bridge: &Bridge<'_>,
    section: &mut Section,
) -> Result<Rows> {
    let operator = bridge.operator()?;
    let count = wanted(stand);
    let customer_id = world::customer(&Line::Http(operator.clone()), Limits::Off).await?;
    let uri = format!("/v1/dids/bulk?customer_id={customer_id}");
    let file = Bytes::from(world::csv(count));
    let sample = once(&bridge.children, async {
        let sent = operator.transfer(Method::Post, &uri, "text/csv", file);
        let (status, said) = sent.await?;
        let report: Json = serde_json::from_slice(&said)?;
        let created = report.pointer("/data/created").and_then(Json::as_u64);
        if status != 200 || created != Some(count) {
            return Err(format!("the upload was answered {status}: {report}").into());
        }
        Ok(())
    });
    let sample = sample.await?;
    let name = format!("import of {count} numbers as a file, {}", bridge.name);
    let time = sample.time;
    let row = Row::new(name, 1, sample).of_units(usize::try_from(count)?);
    section.add(in_time(row, count, time));
    Ok(Rows { customer_id, count })
}

/// All of them as one CSV file.
pub(super) async fn download(
    bridge: &Bridge<'_>,
    section: &mut Section,
    Rows { customer_id, count }: Rows,
) -> Result<()> {
    let operator = bridge.operator()?;
    let uri = format!("/v1/dids/export?customer_id={customer_id}");
    let sample = once(&bridge.children, async {
        let sent = operator.transfer(Method::Get, &uri, "text/csv", Bytes::new());
        let (status, file) = sent.await?;
        let lines = u64::try_from(file.iter().filter(|byte| **byte == b'\n').count())?;
        if status != 200 || lines != count + 1 {
            return Err(format!("the export was answered {status} with {lines} lines").into());
        }
        Ok(())
    });
    let sample = sample.await?;
    let name = format!("export of {count} numbers, {}", bridge.name);
    let time = sample.time;
    let row = Row::new(name, 1, sample).of_units(usize::try_from(count)?);
    section.add(in_time(row, count, time));
    Ok(())
}

/// Adds the goal, in proportion where there are fewer rows.
fn in_time(row: Row, count: u64, time: Duration) -> Row {
    let (count, all) = (u32::try_from(count), u32::try_from(GOAL_ROWS));
    let part = f64::from(count.unwrap_or(0)) / f64::from(all.unwrap_or(1));
    let goal = GOAL.mul_f64(part);
    let text = format!(
        "< {:.0} s (is {:.1} s)",
        goal.as_secs_f64(),
        time.as_secs_f64()
    );
    row.with(text, time < goal)
}

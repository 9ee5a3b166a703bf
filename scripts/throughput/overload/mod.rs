//! Four times as many requests as can be served, and a tenant who sends them beside one who does not.
//!
//! The daemon has as few connections to its database as it may, so that these are what there is too little of: the
//! callers and the broker, who need this machine too, would else take from the daemon what they measure.

mod bridge;

use std::time::Duration;

use bin_common_handler::{
    ids,
    models::sock::{Method, Request},
    sockhandler::request_queue,
};
use bin_outdial_manager::NAME;
use serde_json::{Value as Json, json, value::RawValue};
use uuid::Uuid;

use crate::{
    Databases, Result, broker,
    child::Child,
    daemon,
    line::Line,
    load::{Drive, FULL, Flood, Job, Until, WARM_UP, closed, flood},
    outdial::target_body,
    report::{Goal, Row, Section, mb},
    sample::Sample,
    stand::Stand,
};

const CONNECTIONS: usize = 2;
/// As a dialer has it.
const PATIENCE: Duration = Duration::from_secs(1);
const TIMES: f64 = 4.0;
const GOODPUT: f64 = 0.9;
/// Of what can be served, what the modest tenant asks for.
const MODEST: f64 = 0.1;
const MODEST_GOODPUT: f64 = 0.8;
/// Memory may grow by this part while the flood lasts.
const GROWTH: f64 = 1.1;

/// Every case.
pub(crate) async fn measure(
    stand: &Stand,
    section: &mut Section,
    databases: &Databases,
) -> Result<()> {
    let queue = request_queue(NAME);
    broker::take_over(&stand.broker, &queue).await?;
    databases.overload.create().await?;
    let (child, ..) =
        daemon::start(stand, NAME, "overload", &databases.overload, CONNECTIONS).await?;
    let line = stand.bus.to(&queue).with_patience(PATIENCE);
    let (noisy, modest) = (creates(&line).await?, creates(&line).await?);
    let time = stand.pick(Duration::from_secs(10), Duration::from_secs(3));
    closed(&noisy, &[&child], FULL, Until::Elapsed(WARM_UP)).await?;
    let peak = closed(&noisy, &[&child], FULL, Until::Elapsed(time)).await?;
    let peak = peak.checked("the most that can be served")?;
    let name = format!("target create, {CONNECTIONS} connections: the most");
    section.add(Row::new(name, FULL, peak.clone()));
    let minute = stand.pick(Duration::from_secs(60), Duration::from_secs(10));
    overloaded(section, &child, &noisy, &peak, minute).await?;
    beside(section, &child, (&noisy, &modest), &peak, minute).await?;
    child.stop().await?;
    bridge::measure(stand, section, databases, minute).await
}

/// The flood alone.
async fn overloaded(
    section: &mut Section,
    child: &Child,
    noisy: &Job,
    peak: &Sample,
    time: Duration,
) -> Result<()> {
    let rate = peak.rate() * TIMES;
    let Flood {
        good,
        busy,
        lost,
        rss,
        ..
    } = tell(section, flood(noisy, child, rate, time).await?);
    let drive = Drive::PerSecond(rate);
    let row = Row::driven("four times that: served in time", drive, good);
    section.add(row.against(peak, "the most").at_least(GOODPUT));
    let row = Row::driven("four times that: told to come again", drive, busy);
    section.add(row.mostly_within(PATIENCE));
    // By the end of the first tenth everything is in its place.
    let (first, rest) = rss.split_at(rss.len() / 10 + 1);
    let [first, most] = [first, rest].map(|part| part.iter().copied().max().unwrap_or_default());
    let (first, most) = (mb(first), mb(most));
    let goal = Goal {
        text: format!("≤ {GROWTH} × that"),
        is_met: most <= first * GROWTH,
    };
    let text = format!("{first:.1} MB, then at most {most:.1} MB; {lost} heard nothing in time");
    section.figure("RSS during the flood, at its beginning", text, Some(goal));
    Ok(())
}

/// A modest tenant by itself, and while the other floods.
async fn beside(
    section: &mut Section,
    child: &Child,
    (noisy, modest): (&Job, &Job),
    peak: &Sample,
    time: Duration,
) -> Result<()> {
    let rate = peak.rate() * MODEST;
    let alone = tell(section, flood(modest, child, rate, time).await?).good;
    let (_, both) = tokio::try_join!(
        flood(noisy, child, peak.rate() * TIMES, time),
        flood(modest, child, rate, time)
    )?;
    let both = tell(section, both).good;
    let drive = Drive::PerSecond(rate);
    let row = Row::driven("a modest tenant beside the flood", drive, both);
    let row = row.against(&alone, "alone").at_least(MODEST_GOODPUT);
    section.add(Row::driven("a modest tenant alone", drive, alone));
    section.add(row);
    Ok(())
}

fn tell(section: &mut Section, flood: Flood) -> Flood {
    section.note(format!(
        "{} sent: {} served, {} told to come again, {} heard nothing in time.",
        flood.sent(),
        flood.good.replies(),
        flood.busy.replies(),
        flood.lost
    ));
    flood
}

/// New targets in an outdial of a new tenant.
async fn creates(line: &Line) -> Result<Job> {
    let customer_id = ids::next();
    let body = json!({ "name": "bench", "customer_id": customer_id });
    let made = line.ask(Method::Post, "/v1/outdials", &body).await?;
    let id = made.get("id").and_then(Json::as_str).ok_or("no id")?;
    let uri = format!("/v1/outdials/{}/targets", id.parse::<Uuid>()?);
    Ok(Job::new(line, move |number| Request {
        data: RawValue::from_string(target_body(number).to_string()).ok(),
        data_type: "application/json".to_owned(),
        customer_id: Some(customer_id),
        ..Request::new(Method::Post, &uri, "bench")
    }))
}

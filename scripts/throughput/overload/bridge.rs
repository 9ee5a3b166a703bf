//! Over HTTP, where each customer has a rate: one that asks four times as often, beside one that keeps to it.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method, sockhandler::request_queue, testing::redis_address,
};
use bin_did_manager::NAME;
use serde_json::json;

use crate::{
    Databases, Result, broker, daemon,
    did::{
        through::{Bridge, Started, start},
        world::{self, Limits},
    },
    http::Connections,
    line::Line,
    load::{Drive, Flood, flood},
    report::{Row, Section},
    stand::{CONNECTIONS, Stand},
};

const PROGRAM: &str = "http-bridge";
/// What a customer has who says nothing, in requests a second.
const RATE: u32 = 100;
const TIMES: f64 = 4.0;
/// Of the rate, what the modest customer asks for.
const MODEST: f64 = 0.5;
const NUMBERS: u64 = 1_000;
/// The modest customer's wait may grow by this part.
const GROWTH: f64 = 1.2;

/// The wait of a modest customer, alone and beside the other.
pub(super) async fn measure(
    stand: &Stand,
    section: &mut Section,
    databases: &Databases,
    time: Duration,
) -> Result<()> {
    let queue = request_queue(NAME);
    broker::take_over(&stand.broker, &queue).await?;
    databases.overload_did.create().await?;
    let (manager, ..) = daemon::start(
        stand,
        NAME,
        "overload-did",
        &databases.overload_did,
        CONNECTIONS,
    )
    .await?;
    let settings = [
        ("RABBITMQ_ADDRESS", stand.broker.clone()),
        ("REDIS_ADDRESS", redis_address()),
    ];
    let Started { child, address, .. } = start(stand, PROGRAM, &settings).await?;
    let bridge = Bridge {
        name: PROGRAM,
        children: vec![&manager, &child],
        address,
    };
    let operator = Line::Http(bridge.operator()?);
    let modest = world::tenant(&operator, NUMBERS, Limits::Off).await?;
    let noisy = world::tenant(&operator, NUMBERS, Limits::Off).await?;
    let rate = json!({"rate_per_second": RATE, "rate_burst": RATE});
    let uri = format!("/v1/customers/{noisy}");
    operator.ask(Method::Put, &uri, &rate).await?;
    let modest = bridge.next(modest, Connections::OneEach).await?;
    let noisy = bridge.next(noisy, Connections::OneEach).await?;
    flood(
        &modest,
        &child,
        f64::from(RATE) * MODEST,
        Duration::from_secs(2),
    )
    .await?;
    let alone = flood(&modest, &child, f64::from(RATE) * MODEST, time).await?;
    let (noisy, both) = tokio::try_join!(
        flood(&noisy, &child, f64::from(RATE) * TIMES, time),
        flood(&modest, &child, f64::from(RATE) * MODEST, time)
    )?;
    tell(section, alone, both, noisy);
    manager.stop().await?;
    child.stop().await
}

fn tell(section: &mut Section, alone: Flood, both: Flood, noisy: Flood) {
    let drive = Drive::PerSecond(f64::from(RATE) * MODEST);
    let median = |flood: &Flood| flood.good.clone().percentile(50).as_secs_f64();
    let grown = median(&both) / median(&alone);
    section.add(Row::driven(
        "next over HTTP, a customer alone",
        drive,
        alone.good,
    ));
    let row = Row::driven("the same beside one who asks too often", drive, both.good);
    let text = format!("p50 ≤ {GROWTH} × alone (is {grown:.2})");
    section.add(row.with(text, grown <= GROWTH));
    let drive = Drive::PerSecond(f64::from(RATE) * TIMES);
    section.add(Row::driven(
        "who asks four times too often: served",
        drive,
        noisy.good,
    ));
    section.add(Row::driven(
        "who asks four times too often: told so",
        drive,
        noisy.busy,
    ));
}

//! Everything in one process on SQLite: no broker, no database server, no Redis.

use std::time::Duration;

use bin_did_manager::NAME;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    bulk,
    through::{Bridge, P99_GOAL, Started, start},
    world::{self, Limits},
};
use crate::{
    Result,
    http::Connections,
    line::Line,
    metrics::Metrics,
    report::{Row, Section, mb},
    stand::Stand,
};

const PROGRAM: &str = "tandem";
const NUMBERS: u64 = 1_000;
/// Connections.
const LEVELS: [usize; 2] = [16, 64];
const RATE_GOAL: f64 = 5_000.0;
/// How long events may take to leave, and how long none of them leaves when all have.
const DRAIN_MAX: Duration = Duration::from_secs(300);
const DRAIN_PAUSE: Duration = Duration::from_secs(1);

/// Every case, on a folder of its own beside the report: not in memory.
pub(super) async fn all(stand: &Stand, section: &mut Section) -> Result<()> {
    let folder = tempfile::tempdir_in(stand.folder()?)?;
    let settings = [
        (
            "DATA_DIR",
            folder.path().canonicalize()?.display().to_string(),
        ),
        // Of the operator's key, which prepares the numbers.
        ("RATE_LIMIT_PER_SECOND", "0".to_owned()),
    ];
    let Started {
        child,
        address,
        metrics,
    } = start(stand, PROGRAM, &settings).await?;
    let bridge = Bridge {
        name: "embedded",
        children: vec![&child],
        address,
    };
    let operator = Line::Http(bridge.operator()?);
    let customer_id = world::tenant(&operator, NUMBERS, Limits::Off).await?;
    drained(&metrics).await?;
    loops(stand, section, &bridge, customer_id).await?;
    let time = stand.pick(Duration::from_secs(10), Duration::from_secs(3));
    bridge
        .at_rate(section, customer_id, RATE_GOAL, time)
        .await?;
    let rows = bulk::upload(stand, &bridge, section).await?;
    drained(&metrics).await?;
    bulk::download(&bridge, section, rows).await?;
    let peak = format!("{:.1} MB", mb(child.rss_max()?));
    section.figure("RSS of the embedded process, highest", peak, None);
    child.stop().await
}

async fn loops(
    stand: &Stand,
    section: &mut Section,
    bridge: &Bridge<'_>,
    customer_id: Uuid,
) -> Result<()> {
    let time = stand.pick(Duration::from_secs(5), Duration::from_secs(1));
    let nothing = bridge.nothing(Connections::Kept)?;
    let job = bridge.next(customer_id, Connections::Kept).await?;
    for level in LEVELS {
        let reference = bridge.closed(&nothing, level, time).await?;
        let sample = bridge.closed(&job, level, time).await?;
        let reference = reference.checked("the bridge's own answer")?;
        let sample = sample.checked("next, embedded")?;
        let is_met = sample.rate() >= RATE_GOAL;
        let row = Row::new("next, embedded, connections kept", level, sample)
            .against(&reference, "its own answer")
            .with(format!("≥ {RATE_GOAL:.0}/s"), is_met)
            .mostly_within(P99_GOAL);
        let name = "embedded, its own answer (reference)";
        section.add(Row::new(name, level, reference));
        section.add(row);
    }
    Ok(())
}

/// Waits until the process publishes no more events of the manager.
async fn drained(metrics: &Metrics) -> Result<()> {
    let series = format!("tandem_events_total{{manager=\"{NAME}\",result=\"published\"}}");
    let end = Instant::now() + DRAIN_MAX;
    let mut before = metrics.read([&series]).await?;
    loop {
        tokio::time::sleep(DRAIN_PAUSE).await;
        let now = metrics.read([&series]).await?;
        if now == before {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("events still leave after {DRAIN_MAX:?}").into());
        }
        before = now;
    }
}

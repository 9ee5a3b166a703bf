//! A manager's daemon on the services: started often, for how long that takes, and left running.

use std::time::Duration;

use bin_common_handler::{databasehandler::Db, sockhandler::request_queue, testing::redis_address};

use crate::{
    Result, broker,
    child::{Child, free_address},
    database::Database,
    line::Line,
    metrics::Metrics,
    report::{Goal, Section, mb},
    stand::{CONNECTIONS, Stand},
};

/// Starts of which the median counts.
const STARTS: usize = 5;
const START_GOAL: Duration = Duration::from_millis(500);
const IDLE_GOAL_MB: f64 = 30.0;
const LOAD_GOAL_MB: f64 = 60.0;
/// How long an idle daemon is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// A manager's daemon on a database of its own.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) metrics: Metrics,
    pub(crate) line: Line,
    pub(crate) db: Db,
    queue: String,
}

impl Daemon {
    /// Takes the queue of `manager` over, makes its database, and starts it several times.
    pub(crate) async fn start(
        stand: &Stand,
        manager: &str,
        database: &Database,
        section: &mut Section,
    ) -> Result<Self> {
        let queue = request_queue(manager);
        broker::take_over(&stand.broker, &queue).await?;
        let db = database.create().await?;
        let (child, metrics) = start_often(stand, manager, database, section).await?;
        Ok(Self {
            child,
            metrics: Metrics::new(&metrics)?,
            line: stand.bus.to(&queue),
            db,
            queue,
        })
    }

    /// Fails when another daemon takes a share of the requests.
    pub(crate) async fn check_alone(&self, stand: &Stand) -> Result<()> {
        broker::check_alone(&stand.broker, &self.queue).await
    }

    /// Reports the most memory it ever had.
    pub(crate) fn report_peak(&self, section: &mut Section) -> Result<()> {
        let peak = mb(self.child.rss_max()?);
        let goal = Goal {
            text: format!("≤ {LOAD_GOAL_MB:.0} MB"),
            is_met: peak <= LOAD_GOAL_MB,
        };
        let text = format!("{peak:.1} MB");
        section.figure("RSS under load, highest", text, Some(goal));
        Ok(())
    }
}

/// Starts the daemon several times and leaves the last one running.
async fn start_often(
    stand: &Stand,
    manager: &str,
    database: &Database,
    section: &mut Section,
) -> Result<(Child, String)> {
    let (mut child, mut metrics, first) =
        start(stand, manager, manager, database, CONNECTIONS).await?;
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        child.stop().await?;
        let time;
        (child, metrics, time) = start(stand, manager, manager, database, CONNECTIONS).await?;
        times.push(time);
    }
    times.sort_unstable();
    let median = times.get(STARTS / 2).copied().unwrap_or_default();
    let goal = Goal {
        text: format!("≤ {} ms", START_GOAL.as_millis()),
        is_met: median <= START_GOAL,
    };
    let text = format!("{} ms (median of {STARTS})", median.as_millis());
    section.figure("start to ready", text, Some(goal));
    let text = format!("{} ms", first.as_millis());
    section.figure("first start to ready, making the schema", text, None);
    tokio::time::sleep(SETTLE).await;
    let idle = mb(child.rss()?);
    let goal = Goal {
        text: format!("≤ {IDLE_GOAL_MB:.0} MB"),
        is_met: idle <= IDLE_GOAL_MB,
    };
    section.figure("RSS idle", format!("{idle:.1} MB"), Some(goal));
    Ok((child, metrics))
}

/// Starts `manager` once, with its log under `name`; where its metrics are, and how long it took.
pub(crate) async fn start(
    stand: &Stand,
    manager: &str,
    name: &str,
    database: &Database,
    connections: usize,
) -> Result<(Child, String, Duration)> {
    start_with(stand, manager, name, database, connections, &[]).await
}

/// As [`start`], with more settings.
pub(crate) async fn start_with(
    stand: &Stand,
    manager: &str,
    name: &str,
    database: &Database,
    connections: usize,
    more: &[(&'static str, String)],
) -> Result<(Child, String, Duration)> {
    let metrics = free_address()?;
    let mut settings = vec![
        ("DATABASE_DSN", database.dsn()),
        ("DATABASE_CONNECTIONS", connections.to_string()),
        ("RABBITMQ_ADDRESS", stand.broker.clone()),
        ("REDIS_ADDRESS", redis_address()),
        ("PROMETHEUS_LISTEN_ADDRESS", metrics.clone()),
    ];
    settings.extend_from_slice(more);
    let child = Child::daemon(&stand.program(manager), &stand.log(name)?, &settings)?;
    let time = child.ready(&metrics).await?;
    Ok((child, metrics, time))
}

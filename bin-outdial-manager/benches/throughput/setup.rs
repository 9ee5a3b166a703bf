//! What a run stands on: two databases, the daemon, the two references, one client.

use std::{path::Path, time::Duration};

use bin_common_handler::{
    databasehandler::Db,
    ids,
    models::sock::{Method, Request},
    sockhandler::request_queue,
    testing::{rabbitmq_address, redis_address},
};
use bin_outdial_manager::{MANAGER, NAME};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    Options, Result, Role, broker,
    child::{Child, free_address},
    database::Database,
    load::Client,
    machine,
    report::{Goal, Report, mb},
    roles::Task,
};

/// Connections to the database, the same for the daemon and the transaction echo: the daemon's default.
const CONNECTIONS: usize = 24;
/// Starts of which the median counts.
const STARTS: usize = 5;
const START_GOAL: Duration = Duration::from_millis(500);
const IDLE_GOAL_MB: f64 = 30.0;
/// How long an idle daemon is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// A reference with its queue.
pub(crate) struct Reference {
    pub(crate) child: Child,
    pub(crate) queue: String,
}

/// Everything that a case needs.
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) report: Report,
    pub(crate) client: Client,
    /// The daemon's queue.
    pub(crate) queue: String,
    pub(crate) daemon: Child,
    pub(crate) db: Db,
    pub(crate) echo: Reference,
    pub(crate) transaction: Reference,
    pub(crate) transaction_db: Db,
}

impl Setup {
    pub(crate) async fn new(
        options: Options,
        database: Database,
        reference: Database,
    ) -> Result<Self> {
        let (broker, queue) = (rabbitmq_address(), request_queue(NAME));
        broker::take_over(&broker, &queue).await?;
        let db = database.create().await?;
        let transaction_db = reference.create().await?;
        MANAGER.migrations.up(&transaction_db).await?;
        let client = Client::new(&broker)?;
        let mut report = Report {
            place: machine::describe(&db, &broker).await,
            ..Report::default()
        };
        let daemon = start_often(&options, &database, &mut report).await?;
        let echo = start_reference(Role::Echo, &reference, &client).await?;
        let transaction = start_reference(Role::Transaction, &reference, &client).await?;
        Ok(Self {
            options,
            report,
            client,
            queue,
            daemon,
            db,
            echo,
            transaction,
            transaction_db,
        })
    }

    /// Sends the daemon a request that must succeed.
    pub(crate) async fn ask(&self, method: Method, uri: &str, body: &Json) -> Result<Json> {
        let request = Request::new(method, uri, "bench").json(body)?;
        self.client.ask(&self.queue, &request).await
    }

    /// Fails when another daemon takes a share of the requests.
    pub(crate) async fn check_alone(&self) -> Result<()> {
        broker::check_alone(&rabbitmq_address(), &self.queue).await
    }

    /// A new outdial.
    pub(crate) async fn outdial(&self) -> Result<Uuid> {
        let body = json!({ "name": "bench", "customer_id": ids::next() });
        let made = self.ask(Method::Post, "/v1/outdials", &body).await?;
        let id = made.get("id").and_then(Json::as_str).ok_or("no id")?;
        Ok(id.parse()?)
    }

    /// `full`, or `quick` with `--quick`.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.options.quick { quick } else { full }
    }
}

/// Starts the daemon several times and leaves the last one running.
async fn start_often(options: &Options, database: &Database, report: &mut Report) -> Result<Child> {
    let log = options.report.with_file_name("bench-daemon.log");
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let (mut daemon, first) = start(&options.daemon, database, &log).await?;
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        daemon.stop().await?;
        let (next, time) = start(&options.daemon, database, &log).await?;
        times.push(time);
        daemon = next;
    }
    times.sort_unstable();
    let median = times.get(STARTS / 2).copied().unwrap_or_default();
    let goal = Goal {
        text: format!("≤ {} ms", START_GOAL.as_millis()),
        is_met: median <= START_GOAL,
    };
    let text = format!("{} ms (median of {STARTS})", median.as_millis());
    report.figure("start to ready", text, Some(goal));
    let text = format!("{} ms", first.as_millis());
    report.figure("first start to ready, making the schema", text, None);
    tokio::time::sleep(SETTLE).await;
    let idle = mb(daemon.rss()?);
    let goal = Goal {
        text: format!("≤ {IDLE_GOAL_MB:.0} MB"),
        is_met: idle <= IDLE_GOAL_MB,
    };
    report.figure("RSS idle", format!("{idle:.1} MB"), Some(goal));
    Ok(daemon)
}

async fn start(program: &Path, database: &Database, log: &Path) -> Result<(Child, Duration)> {
    let address = free_address()?;
    let settings = [
        ("DATABASE_DSN", database.dsn()),
        ("DATABASE_CONNECTIONS", CONNECTIONS.to_string()),
        ("RABBITMQ_ADDRESS", rabbitmq_address()),
        ("REDIS_ADDRESS", redis_address()),
        ("PROMETHEUS_LISTEN_ADDRESS", address.clone()),
    ];
    let mut daemon = Child::daemon(program, log, &settings)?;
    let time = daemon.ready(&address).await?;
    Ok((daemon, time))
}

async fn start_reference(role: Role, database: &Database, client: &Client) -> Result<Reference> {
    let queue = request_queue(&format!("bench-{}-{}", role.name(), ids::next().simple()));
    let task = Task {
        broker: rabbitmq_address(),
        queue: queue.clone(),
        dsn: database.dsn(),
        connections: CONNECTIONS,
    };
    let mut child = Child::reference(role, &serde_json::to_string(&task)?)?;
    client.wait_for(&queue, &mut child).await?;
    Ok(Reference { child, queue })
}

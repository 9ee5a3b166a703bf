//! What every run stands on: a caller, and the bare echo.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bin_common_handler::{
    ids,
    models::sock::{Method, Request},
    sockhandler::request_queue,
    testing::rabbitmq_address,
};
use uuid::Uuid;

use crate::{
    Only, Options, Result, Role,
    child::Child,
    database::Database,
    line::{Bus, Line},
    load::Job,
    roles::Task,
};

/// Connections to the database, the same for a daemon and the transaction echo: the daemon's default.
pub(crate) const CONNECTIONS: usize = 24;

/// A reference and the way to it.
pub(crate) struct Reference {
    pub(crate) child: Child,
    pub(crate) line: Line,
}

/// What the managers' measurements share.
pub(crate) struct Stand {
    pub(crate) options: Options,
    /// The broker's address.
    pub(crate) broker: String,
    pub(crate) bus: Bus,
    pub(crate) echo: Reference,
}

impl Stand {
    pub(crate) async fn new(options: Options) -> Result<Self> {
        let broker = rabbitmq_address();
        let bus = Bus::new(&broker)?;
        Ok(Self {
            echo: Reference::start(Role::Echo, &broker, &bus, None).await?,
            options,
            broker,
            bus,
        })
    }

    /// Whether a manager is measured.
    pub(crate) fn wants(&self, manager: Only) -> bool {
        self.options.only.is_none_or(|only| only == manager)
    }

    /// `full`, or `quick` with `--quick`.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.options.quick { quick } else { full }
    }

    /// How long a turn of a case takes.
    pub(crate) fn turn(&self) -> Duration {
        self.pick(Duration::from_secs(1), Duration::from_millis(334))
    }

    /// A program that is measured.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.options.programs.join(name)
    }

    /// Where the report is written, and all else that a run leaves.
    pub(crate) fn folder(&self) -> Result<&Path> {
        let folder = self
            .options
            .report
            .parent()
            .ok_or("the report is no file")?;
        std::fs::create_dir_all(folder)?;
        Ok(folder)
    }

    /// Where a program's log is written.
    pub(crate) fn log(&self, name: &str) -> Result<PathBuf> {
        Ok(self.folder()?.join(format!("bench-{name}.log")))
    }
}

impl Reference {
    /// Starts one; the echo needs no database.
    pub(crate) async fn start(
        role: Role,
        broker: &str,
        bus: &Bus,
        database: Option<&Database>,
    ) -> Result<Self> {
        let queue = request_queue(&format!("bench-{}-{}", role.name(), ids::next().simple()));
        let task = Task {
            broker: broker.to_owned(),
            queue: queue.clone(),
            dsn: database.map_or_else(String::new, Database::dsn),
            connections: CONNECTIONS,
        };
        let child = Child::reference(role, &serde_json::to_string(&task)?)?;
        bus.wait_for(&queue, &child).await?;
        let line = bus.to(&queue);
        Ok(Self { child, line })
    }

    /// A question without meaning.
    pub(crate) fn job(&self) -> Job {
        let uri = format!("/v1/outdials/{}", Uuid::nil());
        Job::new(&self.line, move |_| {
            Request::new(Method::Get, &uri, "bench")
        })
    }
}

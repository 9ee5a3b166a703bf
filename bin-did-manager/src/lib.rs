//! did-manager: caller-ID numbers, and the right one for each call.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

mod accesskeyhandler;
mod analyticshandler;
mod app;
pub mod area;
mod callresulthandler;
mod choice;
mod dbhandler;
mod didhandler;
mod didpoolhandler;
#[cfg(any(test, feature = "test-support"))]
pub mod hostile;
mod listenhandler;
#[cfg(any(test, feature = "test-support"))]
pub mod measure;
pub mod models;
mod nexthandler;
pub mod phone;
mod privacy;
mod rolluphandler;
mod tenancy;
mod times;

use std::time::Duration;

use bin_common_handler::{
    config::{Kind, Setting},
    // One form of cells for every file that is written or read.
    csv,
    daemon::{Base, Manager, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Router,
};

use crate::app::App;

/// The service's name on the wire.
pub const NAME: &str = "did-manager";

/// The daemon, for its own `main` and for `tandem`.
pub const MANAGER: Manager = Manager {
    name: NAME,
    prefix: "did",
    migrations: Migrations {
        prefix: "did",
        mysql: &MYSQL,
        sqlite: &SQLITE,
    },
    settings: SETTINGS,
    times: times::COLUMNS,
    routes: || listenhandler::routes().infos(),
    start,
};

static MYSQL: sqlx::migrate::Migrator = sqlx::migrate!("migrations/mysql");
static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// How often statuses that have ended are written down.
const STATUS_PERIOD: Duration = Duration::from_secs(60);

const SETTINGS: &[Setting] = &[Setting {
    name: privacy::SETTING,
    default: "",
    kind: Kind::HashKey,
    help: "Key of the hashes that people called are kept as; without it one is made and kept in the database",
    example: "at least 32 characters, such as $(openssl rand -hex 32)",
}];

fn start(base: Base) -> Result<Router, StartError> {
    let app = App::new(&base);
    let statuses = app.clone();
    base.tasks.every("statuses", STATUS_PERIOD, move || {
        didhandler::standing::end_statuses(statuses.clone())
    });
    callresulthandler::start_jobs(&app, &base.tasks);
    rolluphandler::start_jobs(&app, &base.tasks);
    analyticshandler::export::start_jobs(&app, &base.tasks);
    Router::new(
        NAME,
        listenhandler::routes(),
        app,
        base.store.inbox.clone(),
        base.store.clock.clone(),
        base.metrics.clone(),
        base.manager_metrics.clone(),
    )
    .map_err(|fault| StartError::Other(fault.to_string()))
}

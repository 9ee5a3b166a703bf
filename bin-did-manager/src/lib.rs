//! did-manager: caller-ID numbers, and the right one for each call.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

// Every manager has these: URIs at the top, SQL and entities at the bottom.
mod app;
mod dbhandler;
mod listenhandler;
pub mod models;
mod room;

// Caller-ID numbers: the pools, the choice of a number for a call, and what became of it.
mod analyticshandler;
pub mod area;
mod callresulthandler;
mod choice;
mod didhandler;
mod didpoolhandler;
mod nexthandler;
pub mod phone;
mod privacy;
mod rolluphandler;

// Customers, their keys, and the numbers that people call them on.
mod accesskeyhandler;
mod carriers;
mod customerhandler;
mod keyuses;
mod onboardinghandler;
mod phonenumberhandler;
mod providerhandler;
mod subjecthandler;
mod tenancy;

// For the benchmark, and for tests.
#[cfg(any(test, feature = "test-support"))]
pub mod hostile;
#[cfg(any(test, feature = "test-support"))]
pub mod measure;

use std::time::Duration;

use bin_common_handler::{
    config::AnySetting,
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations, subjects,
};

use tracing::debug;

use crate::app::App;

/// The service's name on the wire.
pub const NAME: &str = "did-manager";

/// The daemon, for its own `main` and for `tandem`.
pub const MANAGER: Manager = Manager {
    name: NAME,
    renamed_by: None,
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: MIGRATIONS,
    settings: SETTINGS,
    times: dbhandler::times::COLUMNS,
    routes: || listenhandler::routes().infos(),
    start,
};

const MIGRATIONS: Migrations = migrations!(
    "did",
    [
        "1001_customers",
        "1002_versions",
        "1003_users",
        "1004_accesskeys",
        "1005_accesskey_hashes",
        "1006_audit_logs",
        "1007_dids",
        "1008_didpools",
        "1009_didpool_members",
        "1010_campaigns",
        "1011_rotation_rules",
        "1012_states",
        "1013_usages",
        "1014_stickies",
        "1015_secrets",
        "1016_pool_exhaustions",
        "1017_callresults",
        "1018_performances",
        "1019_rollups",
        "1020_watermarks",
        "1050_providers",
        "1051_phone_numbers",
        "1060_accesskey_roles",
        "1070_campaign_registrations",
        "1071_deleted_providers",
    ]
);

/// How often statuses that have ended are written down.
const STATUS_PERIOD: Duration = Duration::from_secs(60);

const SETTINGS: &[AnySetting] = &[
    room::DIDS.erased(),
    room::OTHERS.erased(),
    privacy::HASH_KEY.erased(),
];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let app = App::new(ctx)?;
    // Made at once: who would make it in the middle of a transaction waits for itself where one writer is all there is.
    let hashing = app.clone();
    ctx.tasks.spawn("hash key", |stop| async move {
        if let Err(error) = hashing.hasher().await {
            debug!(%error, "no hash key yet; the first who needs it makes it");
        }
        stop.cancelled().await;
    });
    let statuses = app.clone();
    ctx.tasks.every("statuses", STATUS_PERIOD, move || {
        didhandler::expiry::end_statuses(statuses.clone())
    });
    ctx.events
        .on_with(subjects::ERASED, app.clone(), subjecthandler::erased);
    ctx.events.on_with(
        accesskeyhandler::ACCOUNT_DELETED,
        app.clone(),
        accesskeyhandler::account_deleted,
    );
    phonenumberhandler::start_jobs(&app, ctx)?;
    callresulthandler::start_jobs(&app, &ctx.tasks);
    rolluphandler::start_jobs(&app, &ctx.tasks);
    analyticshandler::export::start_jobs(&app, &ctx.tasks);
    Ok(Wired::new(listenhandler::routes(), app))
}

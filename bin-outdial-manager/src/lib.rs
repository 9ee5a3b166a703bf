//! outdial-manager: lists of people to call, handed out so that nobody is dialled twice.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

mod app;
mod dbhandler;
mod listenhandler;
pub mod models;
mod outdialhandler;
mod outdialtargethandler;
mod settings;
mod subjecthandler;

use std::time::Duration;

use bin_common_handler::{
    config::{
        AnySetting,
        shared::{CALL_MANAGER_NAME, COMPLIANCE},
    },
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations, optouts, subjects,
};

use crate::app::App;

/// The service's name on the wire.
pub const NAME: &str = "outdial-manager";

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
    "outdial",
    [
        "1001_outdials",
        "1002_outdialtargets",
        "1003_outdialtargetcalls",
        "1004_optouts",
        "1005_turns",
    ]
);

/// The reaper looks this often, or a tenth of its timeout when that is shorter.
const REAP_PERIOD_MAX: Duration = Duration::from_secs(60);

/// How often turns of numbers are looked for that say nothing any more.
const SWEEP_PERIOD: Duration = Duration::from_secs(600);

const SETTINGS: &[AnySetting] = &[
    outdialhandler::LIMIT.erased(),
    outdialtargethandler::LIMIT.erased(),
    settings::LEASE.erased(),
    settings::GUARD.erased(),
    settings::PROGRESSING_TIMEOUT.erased(),
    settings::VALIDATES.erased(),
    settings::ANNOUNCES.erased(),
    COMPLIANCE.erased(),
    CALL_MANAGER_NAME.erased(),
];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let app = App::new(ctx)?;
    optouts::follow(ctx)?;
    ctx.events
        .on_with(subjects::ERASED, app.clone(), subjecthandler::erased);
    if ctx.config.get(&COMPLIANCE) {
        let sweeper = app.targets.clone();
        ctx.tasks.every("turns", SWEEP_PERIOD, move || {
            let sweeper = sweeper.clone();
            async move { sweeper.sweep_turns().await }
        });
    }
    let timeout = ctx.config.get(&settings::PROGRESSING_TIMEOUT);
    if !timeout.is_zero() {
        let reaper = app.targets.clone();
        ctx.tasks
            .every("reaper", REAP_PERIOD_MAX.min(timeout / 10), move || {
                let reaper = reaper.clone();
                async move { reaper.reap(timeout).await }
            });
    }
    Ok(Wired::new(listenhandler::routes(), app))
}

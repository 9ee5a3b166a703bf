//! outdial-manager: lists of people to call, handed out so that nobody is dialled twice.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

mod dbhandler;
mod listenhandler;
pub mod models;
mod outdialhandler;
mod outdialtargethandler;

use std::time::Duration;

use bin_common_handler::{
    config::{Kind, Setting},
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations, quota,
};

use crate::{outdialhandler::OutdialHandler, outdialtargethandler::OutdialTargetHandler};

/// The service's name on the wire.
pub const NAME: &str = "outdial-manager";

/// The daemon, for its own `main` and for `tandem`.
pub const MANAGER: Manager = Manager {
    name: NAME,
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
    ]
);

/// The reaper looks this often, or a tenth of its timeout when that is shorter.
const REAP_PERIOD_MAX: Duration = Duration::from_secs(60);

const SETTINGS: &[Setting] = &[
    quota::setting(
        outdialhandler::LIMIT,
        "100000",
        "Live outdials that one customer may have; 0 = no limit",
    ),
    quota::setting(
        outdialtargethandler::LIMIT,
        "5000000",
        "Live targets of its live outdials that one customer may have; 0 = no limit",
    ),
    Setting {
        name: "OUTDIAL_LEASE",
        default: "3s",
        // The campaign-manager asks again after 5 s, and takes an empty list for the end of its campaign.
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: 4_999,
        },
        help: "How long a target that was handed out is not handed out again; below 5s. 0 = off: two callers \
               then meet the guard's 409, at which a voipbin campaign stops",
        example: "3s",
    },
    Setting {
        name: "OUTDIAL_GUARD",
        default: "10s",
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: 60_000,
        },
        help: "How long after a refused `progressing` one `idle` changes nothing; 0 = off",
        example: "10s",
    },
    Setting {
        name: "PROGRESSING_TIMEOUT",
        default: "6h",
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: 30 * 86_400_000,
        },
        help: "A target progressing for longer returns to idle; longer than any call, 0 = off",
        example: "6h",
    },
    Setting {
        name: "VALIDATE_ADDRESSES",
        default: "true",
        kind: Kind::Bool,
        help: "Refuse destinations that do not fit their type",
        example: "true",
    },
    Setting {
        name: "OUTDIALTARGET_EVENTS",
        default: "true",
        kind: Kind::Bool,
        help: "Announce changes of targets, not only of outdials",
        example: "true",
    },
];

/// What the routes share.
#[derive(Clone)]
pub(crate) struct App {
    pub outdials: OutdialHandler,
    pub targets: OutdialTargetHandler,
}

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let outdials = OutdialHandler::new(ctx.store.clone(), &ctx.config);
    let targets = OutdialTargetHandler::new(ctx.store.clone(), outdials.clone(), &ctx.config);
    let timeout = ctx.config.duration("PROGRESSING_TIMEOUT");
    if !timeout.is_zero() {
        let reaper = targets.clone();
        ctx.tasks
            .every("reaper", REAP_PERIOD_MAX.min(timeout / 10), move || {
                let reaper = reaper.clone();
                async move { reaper.reap(timeout).await }
            });
    }
    Ok(Wired::new(
        listenhandler::routes(),
        App { outdials, targets },
    ))
}

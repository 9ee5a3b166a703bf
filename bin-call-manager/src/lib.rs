//! call-manager: the call exchange. Sellers offer calls, buyers compete for them, one wins, money moves once, and
//! everything can be explained afterwards.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

mod accounthandler;
mod app;
mod auctionhandler;
mod bidprofilehandler;
mod callcampaignhandler;
mod callhandler;
pub mod choice;
mod dbhandler;
mod fraudhandler;
mod inboundcallhandler;
mod ledgerhandler;
mod listenhandler;
mod modelhandler;
pub mod models;
mod pinghandler;
mod refundhandler;
mod reporthandler;
mod room;
mod routehandler;
pub mod simulate;
mod viewer;
mod watch;

use bin_common_handler::{
    config::{AnySetting, Setting},
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations, optouts,
};

use crate::app::App;
pub use crate::ledgerhandler::{LedgerFault, check as ledger_faults};

/// The service's name on the wire, unless a setting renames it.
pub const NAME: &str = "call-manager";

/// The daemon, for its own `main` and for `tandem`.
pub const MANAGER: Manager = Manager {
    name: NAME,
    renamed_by: Some(&RENAMED),
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: MIGRATIONS,
    settings: SETTINGS,
    times: &[],
    routes: || listenhandler::routes().infos(),
    start,
};

const MIGRATIONS: Migrations = migrations!(
    "exchange",
    [
        "1001_accounts",
        "1002_call_campaigns",
        "1003_call_campaign_numbers",
        "1004_bid_profiles",
        "1005_calls",
        "1006_bids",
        "1007_auctions",
        "1008_ledger_entries",
        "1009_refunds",
        "1010_decisions",
        "1011_rotations",
        "1040_optouts",
        "1070_pings",
        "1071_fraud_checks",
        "1072_fraud_entries",
        "1073_fraud_turns",
        "1090_inbound_calls",
    ]
);

/// voipbin's own call-manager has the same name.
const RENAMED: Setting<String> = Setting::text(
    "CALL_MANAGER_NAME",
    "",
    "Another name for call-manager, beside voipbin's own: of its queue, its exchange and its events; empty = call-manager",
    "exchange-manager",
);

const SETTINGS: &[AnySetting] = &[
    RENAMED.erased(),
    room::ENTITIES.erased(),
    app::SHORT.erased(),
    modelhandler::URL.erased(),
    modelhandler::TIMEOUT.erased(),
];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    routehandler::timers::start(ctx);
    // Compliance asks its table.
    ctx.events.on(optouts::CHANGED, optouts::changed);
    auctionhandler::start(ctx);
    inboundcallhandler::start(ctx);
    let app = App::new(ctx)?;
    pinghandler::start(ctx, &app)?;
    Ok(Wired::new(listenhandler::routes(), app))
}

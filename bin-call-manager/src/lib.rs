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
mod ledgerhandler;
mod listenhandler;
pub mod models;
mod refundhandler;
mod room;
mod routehandler;
mod viewer;

use bin_common_handler::{
    config::Setting,
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::{Intake, Router},
    migrations,
};

use crate::app::App;
pub use crate::ledgerhandler::{LedgerFault, check as ledger_faults};

/// The service's name on the wire, unless a setting renames it.
pub const NAME: &str = "call-manager";

/// The daemon, for its own `main` and for `tandem`.
pub const MANAGER: Manager = Manager {
    name: NAME,
    prefix: "exchange",
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
    ]
);

const SETTINGS: &[Setting] = &[room::ENTITIES];

fn start(ctx: ManagerContext) -> Result<Router, StartError> {
    let app = App::new(&ctx);
    callhandler::timers::start(&ctx);
    auctionhandler::start(&ctx);
    Router::new(
        NAME,
        listenhandler::routes(),
        app,
        ctx.store.inbox.clone(),
        ctx.store.clock.clone(),
        ctx.process_metrics.clone(),
        ctx.metrics.clone(),
    )
    .map(|router| router.with_intake(Intake::new(&ctx.config)))
    .map_err(|fault| StartError::Other(fault.to_string()))
}

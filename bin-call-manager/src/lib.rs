//! call-manager: the call exchange. Sellers offer calls, buyers compete for them, one wins, money moves once, and
//! everything can be explained afterwards.
//!
//! The daemon on one page: its name, settings, schema, route table, and how its parts are wired.

// Every manager has these: URIs at the top, SQL and entities at the bottom.
mod app;
mod dbhandler;
mod listenhandler;
pub mod models;
mod room;
mod viewer;

// The market: who sells, who buys, and which buyer gets a call. `routehandler` sells it (`route`, then `sell`): `choice` decides,
// `turns` lets one sale of a campaign follow another, `standing` and `refusing` say which buyers are out.
mod accounthandler;
mod auctionhandler;
mod bidprofilehandler;
mod callcampaignhandler;
pub mod choice;
mod pinghandler;
mod refusing;
mod routehandler;
mod standing;
mod turns;

// Calls, and the money they move.
mod callhandler;
mod ledgerhandler;
mod refundhandler;
mod reporthandler;
mod sweephandler;

// The law: when a number may be called, and what a person may ask of us.
mod abandonmenthandler;
mod businessrelationshiphandler;
pub mod compliance;
mod compliancehandler;
mod compliancerulehandler;
mod consenthandler;
mod dncbookhandler;
mod dncentryhandler;
mod dnclisthandler;
mod subjectrequesthandler;

// Fraud: windows, lists, and a learned score.
mod fraudhandler;
mod modelhandler;

// Where calls come in: SIP, and carriers' webhooks.
mod carrierhandler;
mod goodbyes;
mod inboundcallhandler;
mod siphandler;
mod watch;

// For the command line, and for tests.
#[cfg(any(test, feature = "test-support"))]
pub mod hostile;
pub mod simulate;

use bin_common_handler::{
    config::{AnySetting, shared::CALL_MANAGER_NAME},
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations, optouts,
};

use crate::app::App;
pub use crate::{
    ledgerhandler::{LedgerFault, check as ledger_faults},
    sweephandler::{forget_callers, sweep},
};

/// The service's name on the wire, unless a setting renames it.
pub const NAME: &str = "call-manager";

/// The daemon, for its own `main` and for `tandem`.
pub const MANAGER: Manager = Manager {
    name: NAME,
    renamed_by: Some(&CALL_MANAGER_NAME),
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
        "1012_profile_sets",
        "1040_optouts",
        "1050_consents",
        "1051_dnc_entries",
        "1052_dnc_lists",
        "1053_dnc_blocks",
        "1054_compliance_rules",
        "1055_business_relationships",
        "1056_attempts",
        "1057_verdicts",
        "1058_subject_requests",
        "1059_subject_keys",
        "1070_pings",
        "1071_fraud_checks",
        "1072_fraud_entries",
        "1073_fraud_turns",
        "1090_inbound_calls",
        "1120_call_conversions",
        "1121_bid_counts",
        "1122_ping_claims",
        "1123_sip_nonces",
        "1130_call_pending",
        "1131_refusals",
        "1140_auction_prices",
        "1141_ping_prices",
    ]
);

const SETTINGS: &[AnySetting] = &[
    CALL_MANAGER_NAME.erased(),
    room::ENTITIES.erased(),
    app::SHORT.erased(),
    modelhandler::URL.erased(),
    modelhandler::TIMEOUT.erased(),
    siphandler::LISTEN.erased(),
    siphandler::ALLOWED.erased(),
    siphandler::CREDENTIALS.erased(),
    siphandler::RATE.erased(),
];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let standing = standing::Standing::new();
    routehandler::timers::start(ctx, &standing)?;
    auctionhandler::start(ctx, &standing);
    inboundcallhandler::start(ctx);
    // The law asks its table.
    optouts::follow(ctx)?;
    let app = App::new(ctx, standing)?;
    compliancehandler::start(ctx, &app);
    pinghandler::start(ctx, &app)?;
    siphandler::start(ctx, &app)?;
    subjectrequesthandler::start(ctx, &app);
    sweephandler::start(ctx);
    Ok(Wired::new(listenhandler::routes(), app))
}

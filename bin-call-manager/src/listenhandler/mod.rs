//! Every URI of the daemon.

mod accounts;
mod auctions;
mod calls;
mod campaigns;
mod profiles;

use bin_common_handler::listenhandler::Routes;

use crate::{
    app::App,
    models::{
        account::{self, Account},
        auction, bid, bidprofile, call,
        callcampaign::{self, CallCampaign},
        ledgerentry,
    },
};

/// Reads by the operator of an exchange.
const READ: &str = "exchange:read";
/// Everything that only the operator may do.
const WRITE: &str = "exchange:write";

/// The route table.
pub(crate) fn routes() -> Routes<App> {
    let routes = account_routes(Routes::default());
    let routes = market_routes(routes);
    call_routes(routes)
}

/// Who trades, and what they own.
fn account_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/accounts", accounts::create)
        .scope(WRITE)
        .get("/v1/accounts", accounts::list)
        .filtered_by(account::FILTERS)
        .scope(READ)
        .get("/v1/accounts/<account-id>", accounts::get)
        .scope(READ)
        .changes::<Account>("/v1/accounts/<account-id>", WRITE)
        .post("/v1/accounts/<account-id>/deposits", accounts::deposit)
        .scope(WRITE)
        .post("/v1/accounts/<account-id>/withdrawals", accounts::withdraw)
        .scope(WRITE)
        .get(
            "/v1/accounts/<account-id>/ledger_entries",
            accounts::statement,
        )
        .scope(READ)
        .csv("text")
        .get("/v1/ledger_entries", accounts::entries)
        .filtered_by(ledgerentry::FILTERS)
        .scope(READ)
}

/// What is sold, and who takes it at what price.
fn market_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .creatable::<CallCampaign>("/v1/call_campaigns", WRITE)
        .get("/v1/call_campaigns", campaigns::list)
        .filtered_by(callcampaign::FILTERS)
        .scope(READ)
        .get("/v1/call_campaigns/<campaign-id>", campaigns::get)
        .scope(READ)
        .changes::<CallCampaign>("/v1/call_campaigns/<campaign-id>", WRITE)
        .post("/v1/bid_profiles", profiles::create)
        .scope(WRITE)
        .get("/v1/bid_profiles", profiles::list)
        .filtered_by(bidprofile::FILTERS)
        .scope(READ)
        .get("/v1/bid_profiles/<profile-id>", profiles::get)
        .scope(READ)
        .put("/v1/bid_profiles/<profile-id>", profiles::update)
        .scope(WRITE)
        .delete("/v1/bid_profiles/<profile-id>", profiles::delete)
        .scope(WRITE)
}

/// Calls, who gets them, and what becomes of them.
fn call_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/calls", calls::create)
        .scope(WRITE)
        .get("/v1/calls", calls::list)
        .filtered_by(call::FILTERS)
        .scope(READ)
        .get("/v1/calls/<call-id>", calls::get)
        .scope(READ)
        .post("/v1/calls/<call-id>/route", calls::route)
        .scope(WRITE)
        .post("/v1/calls/<call-id>/status", calls::report)
        .scope(WRITE)
        .post("/v1/calls/<call-id>/conversion", calls::convert)
        .scope(WRITE)
        .get("/v1/calls/<call-id>/explanation", calls::explanation)
        .scope(READ)
        .post("/v1/refunds", calls::refund)
        .scope(WRITE)
        .post("/v1/auctions", auctions::open)
        .scope(WRITE)
        .get("/v1/auctions", auctions::list)
        .filtered_by(auction::FILTERS)
        .scope(READ)
        .get("/v1/auctions/<auction-id>", auctions::get)
        .scope(READ)
        .post("/v1/auctions/<auction-id>/close", auctions::close)
        .scope(WRITE)
        .post("/v1/auctions/<auction-id>/bids", auctions::place)
        .scope(WRITE)
        .get("/v1/auctions/<auction-id>/bids", auctions::bids_of)
        .filtered_by(bid::FILTERS)
        .scope(READ)
        .get("/v1/bids", auctions::bids)
        .filtered_by(bid::FILTERS)
        .scope(READ)
}

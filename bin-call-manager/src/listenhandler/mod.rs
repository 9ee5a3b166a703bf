//! Every URI of the daemon.

mod accounts;
mod auctions;
mod calls;
mod campaigns;
mod carriers;
mod compliance;
mod frauds;
mod pings;
mod profiles;
mod sip;
mod views;
mod webhooks;

use std::time::Duration;

use bin_common_handler::{
    listenhandler::{Carrier, Op, Routes},
    resource::Resource,
    webhooks::twilio::SIGNATURE,
};

use crate::{
    app::App,
    models::{
        account::Account,
        auction, bid,
        bidprofile::BidProfile,
        call,
        callcampaign::CallCampaign,
        fraudcheck,
        fraudentry::FraudEntry,
        inboundcall,
        ledgerentry::{self, LedgerEntry},
    },
    routehandler::choose::Explanation,
};

/// Reads by the operator of an exchange.
const READ: &str = "exchange:read";
/// Everything that only the operator may do.
const WRITE: &str = "exchange:write";
/// Keys that are bound to a buyer's account.
const BUY: &[&str] = &["exchange:buy"];
/// Keys that are bound to a seller's account.
const SELL: &[&str] = &["exchange:sell"];
/// Both.
const BOUND: &[&str] = &["exchange:buy", "exchange:sell"];

/// A bid over a socket.
const PLACE_BID: Op = Op {
    name: "bid",
    answer: "ack",
    pause: Duration::ZERO,
    has_connection: false,
};
/// SIP over WebSocket (RFC 7118).
const SIP: Carrier = Carrier {
    path: "/ws/v1/sip",
    protocol: "sip",
};

/// The route table.
pub(crate) fn routes() -> Routes<App> {
    let routes = account_routes(Routes::default());
    let routes = market_routes(routes);
    let routes = call_routes(routes);
    let routes = compliance::routes(ping_routes(routes));
    let routes = carrier_routes(routes);
    inbound_routes(routes)
        .post_without_effect("/v1/sip/frames", sip::frame)
        .public()
        .carries(SIP)
}

/// What a carrier tells and asks of calls on a campaign's numbers.
fn carrier_routes(routes: Routes<App>) -> Routes<App> {
    const SIGNED: &[&str] = &[SIGNATURE];
    routes
        .post(
            "/v1/webhooks/call_campaigns/<call-campaign-id>/voice",
            carriers::voice,
        )
        .public()
        .raw(SIGNED)
        .xml("text")
        .post(
            "/v1/webhooks/call_campaigns/<call-campaign-id>/dialed",
            carriers::dialed,
        )
        .public()
        .raw(SIGNED)
        .xml("text")
        .post(
            "/v1/webhooks/call_campaigns/<call-campaign-id>/leg",
            carriers::leg,
        )
        .public()
        .raw(SIGNED)
        .xml("text")
        .post(
            "/v1/webhooks/call_campaigns/<call-campaign-id>/whisper",
            carriers::whisper,
        )
        .public()
        .raw(SIGNED)
        .xml("text")
}

/// What a call would bring, and whether it is a fraud.
fn ping_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/pings", pings::create)
        .scope(WRITE)
        .or_bound(SELL)
        .get("/v1/pings/<ping-id>", pings::get)
        .scope(READ)
        .or_bound(SELL)
        .post("/v1/pings/<ping-id>/accept", pings::accept)
        .scope(WRITE)
        .or_bound(SELL)
        .get("/v1/fraud/checks", frauds::checks)
        .filtered_by(fraudcheck::FILTERS)
        .scope(READ)
        .resource_for::<FraudEntry>(
            "/v1/fraud/entries",
            "/v1/fraud/entries/<fraud-entry-id>",
            READ,
            WRITE,
        )
}

/// Who trades, and what they own.
fn account_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/accounts", accounts::create)
        .scope(WRITE)
        .get("/v1/accounts", accounts::list)
        .filtered_by(Account::FILTERS)
        .scope(READ)
        .or_bound(BOUND)
        .stream("accounts", "account")
        .stream_to("id")
        .get("/v1/accounts/<account-id>", accounts::get)
        .scope(READ)
        .or_bound(BOUND)
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
        .or_bound(BOUND)
        .replies::<Vec<LedgerEntry>>()
        .csv("text")
        .get("/v1/ledger_entries", accounts::entries)
        .filtered_by(ledgerentry::FILTERS)
        .scope(READ)
        .or_bound(BOUND)
        .stream("ledger_entries", "ledger")
        .stream_to("account_id")
}

/// What is sold, and who takes it at what price.
fn market_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .creatable::<CallCampaign>("/v1/call_campaigns", WRITE)
        .get("/v1/call_campaigns", campaigns::list)
        .replies::<Vec<CallCampaign>>()
        .filtered_by(CallCampaign::FILTERS)
        .scope(READ)
        .or_bound(SELL)
        .stream("call_campaigns", "callcampaign")
        // What a buyer pays, and what is a fraud, is no seller's business.
        .stream_views(views::campaign)
        .get("/v1/call_campaigns/<call-campaign-id>", campaigns::get)
        .replies::<CallCampaign>()
        .scope(READ)
        .or_bound(SELL)
        .changes::<CallCampaign>("/v1/call_campaigns/<call-campaign-id>", WRITE)
        .post("/v1/bid_profiles", profiles::create)
        .scope(WRITE)
        .or_bound(BUY)
        .get("/v1/bid_profiles", profiles::list)
        .filtered_by(BidProfile::FILTERS)
        .scope(READ)
        .or_bound(BUY)
        .stream("bid_profiles", "bidprofile")
        .stream_to("buyer_id")
        .get("/v1/bid_profiles/<bid-profile-id>", profiles::get)
        .scope(READ)
        .or_bound(BUY)
        .put("/v1/bid_profiles/<bid-profile-id>", profiles::update)
        .scope(WRITE)
        .or_bound(BUY)
        .delete("/v1/bid_profiles/<bid-profile-id>", profiles::delete)
        .scope(WRITE)
        .or_bound(BUY)
}

/// Calls, who gets them, and what becomes of them.
fn call_routes(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/v1/calls", calls::create)
        .scope(WRITE)
        .or_bound(SELL)
        .get("/v1/calls", calls::list)
        .filtered_by(call::FILTERS)
        .scope(READ)
        .or_bound(BOUND)
        .stream("calls", "call")
        // Price and payout are in one event.
        .stream_views(views::call)
        .get("/v1/calls/<call-id>", calls::get)
        .scope(READ)
        .or_bound(BOUND)
        .post("/v1/calls/<call-id>/route", calls::route)
        .scope(WRITE)
        .or_bound(SELL)
        .post("/v1/calls/<call-id>/status", calls::report)
        .scope(WRITE)
        .post("/v1/calls/status", calls::report_by_reference)
        .scope(WRITE)
        .post("/v1/calls/<call-id>/conversion", calls::convert)
        .scope(WRITE)
        .get("/v1/calls/<call-id>/explanation", calls::explanation)
        .replies::<Explanation<'static>>()
        .scope(READ)
        .or_bound(BOUND)
        .post("/v1/refunds", calls::refund)
        .scope(WRITE)
        .post("/v1/auctions", auctions::open)
        .scope(WRITE)
        .or_bound(SELL)
        .get("/v1/auctions", auctions::list)
        .filtered_by(auction::FILTERS)
        .scope(READ)
        .or_bound(BOUND)
        .stream("auctions", "auction")
        // Whose bid won is no seller's business.
        .stream_views(views::auction)
        .get("/v1/auctions/<auction-id>", auctions::get)
        .scope(READ)
        .or_bound(BOUND)
        .post("/v1/auctions/<auction-id>/close", auctions::close)
        .scope(WRITE)
        .or_bound(SELL)
        .post("/v1/auctions/<auction-id>/bids", auctions::place)
        .scope(WRITE)
        .or_bound(BUY)
        .op(PLACE_BID)
        .get("/v1/auctions/<auction-id>/bids", auctions::bids_of)
        .filtered_by(bid::FILTERS)
        .scope(READ)
        .or_bound(BUY)
        .get("/v1/bids", auctions::bids)
        .filtered_by(bid::FILTERS)
        .scope(READ)
        .or_bound(BUY)
        .stream("bids", "bid")
        .stream_to("buyer_id")
}

/// A carrier tries its fallback after that.
const WEBHOOK_WITHIN: Duration = Duration::from_secs(10);

/// Calls at businesses' numbers, and what carriers tell of them. The webhooks are no effects to the router, so that
/// nothing is written for a stranger; their one effect is noted once it is known whose they are.
fn inbound_routes(routes: Routes<App>) -> Routes<App> {
    let routes = routes
        .post_without_effect("/v1/webhooks/twilio/voice", webhooks::voice)
        .entered_as("A call comes in");
    let routes =
        from_carrier(routes).post_without_effect("/v1/webhooks/twilio/dialed", webhooks::dialled);
    let routes =
        from_carrier(routes).post_without_effect("/v1/webhooks/twilio/status", webhooks::status);
    let routes = routes.entered_as("Call status changes");
    from_carrier(routes)
        .get("/v1/inbound_calls", webhooks::list)
        .filtered_by(inboundcall::FILTERS)
        .scope(READ)
        .get("/v1/inbound_calls/<inbound-call-id>", webhooks::get)
        .scope(READ)
}

fn from_carrier(routes: Routes<App>) -> Routes<App> {
    routes
        .public()
        .raw(&[SIGNATURE])
        .xml("twiml")
        .within(WEBHOOK_WITHIN)
}

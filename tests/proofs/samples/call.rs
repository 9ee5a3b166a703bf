//! Samples of call-manager's routes.

use std::collections::BTreeMap;

use bin_common_handler::{
    ids,
    listenhandler::RouteInfo,
    models::{
        raw::RawRequest,
        sock::Method::{Delete, Get, Post, Put},
    },
};
use serde_json::json;

use super::{Picker, Sample, body, nothing};

/// What goes with a route of this manager.
pub(super) fn sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    market_sample(route, picker)
        .or_else(|| exchange_sample(route, picker))
        .or_else(|| law_sample(route, picker))
}

/// Who trades, and under which terms.
fn market_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    let money = || json!({"amount": 1, "currency": "USD"});
    let refused = |body: Sample| Sample {
        status: 409,
        ..body
    };
    Some(match (route.method, route.template) {
        // A keep-alive: a call would need a digest.
        (Post, "/v1/sip/frames") => body(json!({
            "connection_id": ids::next(), "address": "203.0.113.9", "body_base64": "DQoNCg==",
        })),
        (Post, "/v1/accounts") => body(json!({"type": "buyer", "name": "x"})),
        (Put, "/v1/accounts/<account-id>") => body(json!({"email": "desk@example.com"})),
        // It has money.
        (Delete, "/v1/accounts/<account-id>") => refused(nothing()),
        (Post, "/v1/accounts/<account-id>/deposits" | "/v1/accounts/<account-id>/withdrawals") => {
            body(money())
        }
        (Post, "/v1/call_campaigns") => body(json!({"name": "x", "seller_id": pick("seller-id")})),
        (Put, "/v1/call_campaigns/<call-campaign-id>") => body(json!({"ring_seconds": 30})),
        (Post, "/v1/bid_profiles") => body(json!({
            "buyer_id": pick("account-id"), "call_campaign_id": pick("call-campaign-id"),
            "amount": 1,
        })),
        (Put, "/v1/bid_profiles/<bid-profile-id>") => {
            body(json!({"call_campaign_id": pick("call-campaign-id")}))
        }
        (
            Get,
            "/v1/accounts"
            | "/v1/accounts/<account-id>"
            | "/v1/accounts/<account-id>/ledger_entries"
            | "/v1/ledger_entries"
            | "/v1/call_campaigns"
            | "/v1/bid_profiles",
        )
        | (
            Get | Delete,
            "/v1/call_campaigns/<call-campaign-id>" | "/v1/bid_profiles/<bid-profile-id>",
        ) => nothing(),
        _ => return None,
    })
}

/// Calls, auctions, and what was paid for them.
fn exchange_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    let refused = |body: Sample| Sample {
        status: 409,
        ..body
    };
    Some(match (route.method, route.template) {
        (Post, "/v1/calls") => body(json!({
            "call_campaign_id": pick("call-campaign-id"), "from_number": "+12125550123",
            "to_number": "+12125550100",
        })),
        (Post, "/v1/calls/status") => {
            body(json!({"reference": pick("reference"), "status": "completed"}))
        }
        (Post, "/v1/pings") => body(json!({
            "call_campaign_id": pick("call-campaign-id"), "from_number": "+12125550124",
        })),
        // It has no caller, so nobody takes it.
        (Post, "/v1/pings/<ping-id>/accept") => refused(nothing()),
        (Post, "/v1/fraud/entries") => body(json!({"phone": "+12125550125", "list": "allow"})),
        (Put, "/v1/fraud/entries/<fraud-entry-id>") => body(json!({"reason": "known"})),
        (Get, "/v1/pings/<ping-id>" | "/v1/fraud/checks" | "/v1/fraud/entries")
        | (Get | Delete, "/v1/fraud/entries/<fraud-entry-id>") => nothing(),
        // Nobody signed it.
        (
            Post,
            "/v1/webhooks/call_campaigns/<call-campaign-id>/voice"
            | "/v1/webhooks/call_campaigns/<call-campaign-id>/dialed"
            | "/v1/webhooks/call_campaigns/<call-campaign-id>/leg"
            | "/v1/webhooks/call_campaigns/<call-campaign-id>/whisper",
        ) => {
            let url = "https://exchange.example/voice".to_owned();
            let raw = RawRequest::new(Post, url, BTreeMap::new(), b"CallSid=CA1");
            Sample {
                status: 403,
                ..body(serde_json::to_value(raw).unwrap())
            }
        }
        // It is sold, told of and paid already.
        (Post, "/v1/calls/<call-id>/route") => refused(nothing()),
        (Post, "/v1/calls/<call-id>/status") => body(json!({"status": "completed"})),
        (Post, "/v1/calls/<call-id>/conversion") => {
            body(json!({"kind": "press1", "converted": true}))
        }
        (Post, "/v1/refunds") => {
            body(json!({"call_id": pick("call-id"), "amount": 1, "currency": "USD"}))
        }
        (Post, "/v1/auctions") => refused(body(json!({"call_id": pick("call-id")}))),
        (Post, "/v1/auctions/<auction-id>/bids") => refused(body(json!({
            "buyer_id": pick("account-id"), "amount": 1, "currency": "USD",
        }))),
        (Post, "/v1/auctions/<auction-id>/close")
        | (
            Get,
            "/v1/calls"
            | "/v1/calls/<call-id>"
            | "/v1/calls/<call-id>/explanation"
            | "/v1/auctions"
            | "/v1/auctions/<auction-id>"
            | "/v1/auctions/<auction-id>/bids"
            | "/v1/bids",
        ) => nothing(),
        _ => return None,
    })
}

/// What the law asks, and what it stands on.
fn law_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    Some(match (route.method, route.template) {
        (Post, "/v1/compliance/checks") => body(json!({
            "phone": pick("phone"), "call_campaign_id": pick("call-campaign-id"),
        })),
        (Post, "/v1/compliance/checks/bulk") => body(json!({"checks": [{
            "phone": pick("phone"), "call_campaign_id": pick("call-campaign-id"),
        }]})),
        (Post, "/v1/compliance/rules") => body(json!({"state": "NY", "open": "10:00"})),
        (Post, "/v1/business_relationships") => {
            body(json!({"phone": pick("phone"), "kind": "inquiry"}))
        }
        (Post, "/v1/subject_requests") => body(json!({"phone": pick("phone"), "kind": "access"})),
        (Post, "/v1/consents") => body(json!({"phone": pick("phone")})),
        (Post, "/v1/consents/<consent-id>/grant") => {
            // It has been proven.
            body(json!({"proofs": []}))
        }
        (Post, "/v1/dnc_entries") => body(json!({"phone": pick("phone"), "list": "litigation"})),
        (Post, "/v1/dnc_entries/bulk") => Sample {
            query: "list=custom".to_owned(),
            ..body(json!([{"phone": pick("phone")}]))
        },
        (Post, "/v1/dnc_lists") => body(json!({"list": "custom"})),
        (Post, "/v1/consents/<consent-id>/revoke")
        | (
            Get,
            "/v1/compliance/rules"
            | "/v1/business_relationships"
            | "/v1/call_campaigns/<call-campaign-id>/abandonment"
            | "/v1/consents"
            | "/v1/consents/<consent-id>"
            | "/v1/dnc_entries"
            | "/v1/dnc_lists"
            | "/v1/dnc_lists/<dnc-list-id>",
        )
        | (
            Get | Delete,
            "/v1/compliance/rules/<compliance-rule-id>"
            | "/v1/business_relationships/<business-relationship-id>"
            | "/v1/dnc_entries/<dnc-entry-id>",
        ) => nothing(),
        _ => return None,
    })
}

//! For each route a request that its owner is answered with success, and the ids and texts in it that could be
//! another tenant's.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bin_common_handler::{
    clock::Clock,
    ids,
    listenhandler::RouteInfo,
    models::{
        raw::RawRequest,
        sock::Method::{Delete, Get, Post, Put},
    },
};
use serde_json::{Value as Json, json};

use crate::{
    contact_center::{holder, queue_sample, visitor_sample},
    tenant::{KEY, Values, booked_hour, urlencoded},
};

/// What goes with a route's path.
#[derive(Debug, Default, Clone)]
pub struct Sample {
    pub query: String,
    pub body: Option<Json>,
    /// What its owner is answered when it is asked for again.
    pub status: u16,
}

/// Gives values out and notes which were wanted: those could be another's.
pub struct Picker<'v> {
    values: &'v Values,
    /// Which of them is not the caller's own.
    swapped: &'v str,
    picked: RefCell<BTreeSet<&'static str>>,
}

impl<'v> Picker<'v> {
    pub fn new(values: &'v Values) -> Self {
        Self {
            values,
            swapped: "",
            picked: RefCell::default(),
        }
    }

    /// With one of the values another's, or nobody's.
    pub fn with_swapped(self, swapped: &'v str) -> Self {
        Self { swapped, ..self }
    }

    /// What could be another's.
    pub fn pick(&self, name: &str) -> &'v str {
        let (name, value) = self
            .values
            .get_key_value(name)
            .unwrap_or_else(|| panic!("no tenant has a value for {name}: let Tenant::new make it"));
        self.picked.borrow_mut().insert(name);
        value
    }

    /// What is always the caller's own.
    pub fn own(&self, name: &str) -> &'v str {
        self.values.get(name).unwrap()
    }

    /// The dialer's id of a call: another call each time, or it would be a repetition of the one before.
    fn call(&self) -> String {
        let uniqueid = self.pick("uniqueid");
        if self.swapped == "uniqueid" {
            uniqueid.to_owned()
        } else {
            format!("{uniqueid}.{}", ids::next())
        }
    }

    /// The route's path with its placeholders filled in.
    pub fn path(&self, route: &RouteInfo) -> String {
        let segments = route.template.split('/').map(|segment| {
            placeholder(segment).map_or(segment, |name| self.pick(holder(route.template, name)))
        });
        segments.collect::<Vec<_>>().join("/")
    }

    pub fn picked(self) -> BTreeSet<&'static str> {
        self.picked.into_inner()
    }
}

/// The name in a segment of a template that stands for a value.
fn placeholder(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('<')?.strip_suffix('>')
}

/// Whether this value stands in the route's path.
pub fn is_in_path(route: &RouteInfo, name: &str) -> bool {
    let placeholders = route.template.split('/').filter_map(placeholder);
    placeholders
        .map(|placeholder| holder(route.template, placeholder))
        .any(|holder| holder == name)
}

/// What goes with a route's path; a route that is not here fails the proof.
pub fn of(route: &RouteInfo, picker: &Picker<'_>) -> Sample {
    let sample = did_sample(route, picker)
        .or_else(|| business_sample(route, picker))
        .or_else(|| plain_sample(route))
        .or_else(|| call_sample(route, picker))
        .or_else(|| outdial_sample(route))
        .or_else(|| market_sample(route, picker))
        .or_else(|| exchange_sample(route, picker))
        .or_else(|| law_sample(route, picker))
        .or_else(|| conversation_sample(route, picker))
        .or_else(|| offer_sample(route, picker))
        .or_else(|| booking_sample(route, picker))
        .or_else(|| queue_sample(route, picker))
        .or_else(|| visitor_sample(route, picker));
    let (method, template) = (route.method, route.template);
    sample.unwrap_or_else(|| panic!("{method} {template} has no sample in {}", file!()))
}

pub fn nothing() -> Sample {
    Sample {
        status: 200,
        ..Sample::default()
    }
}

pub fn body(body: Json) -> Sample {
    Sample {
        body: Some(body),
        ..nothing()
    }
}

fn query(pairs: &[(&str, &str)]) -> Sample {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", urlencoded(value)));
    Sample {
        query: pairs.collect::<Vec<_>>().join("&"),
        ..nothing()
    }
}

/// Tenants, people, keys, numbers and how they are chosen.
fn did_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    let dids = |ids: [&str; 1]| json!({"did_ids": ids});
    Some(match (route.method, route.template) {
        (Post, "/v1/customers") => body(json!({"name": "one more"})),
        (Put, "/v1/customers/<customer-id>") => body(json!({"didpool_id": pick("didpool-id")})),
        (Post, "/v1/users") => Sample {
            // A user of that address may be there with somebody else, and is with its owner.
            status: 409,
            ..body(json!({"email": pick("email"), "name": "x"}))
        },
        (Post, "/v1/accesskeys") => body(json!({"name": "x", "scopes": ["did:next"]})),
        (Post, "/v1/accesskeys/verify") => {
            let (prefix, hash) = pick(KEY).split_once(':')?;
            body(json!({"prefix": prefix, "hash": hash}))
        }
        (
            Put,
            "/v1/users/<user-id>"
            | "/v1/accesskeys/<accesskey-id>"
            | "/v1/rotation_rules/<rule-id>",
        ) => body(json!({"name": "renamed"})),
        (Post, "/v1/dids") => Sample {
            status: 409,
            ..body(json!({"number": pick("number")}))
        },
        (Put, "/v1/dids/<did-id>") => body(json!({"description": "changed"})),
        (Post, "/v1/dids/bulk") => Sample {
            body: Some(json!([{"cid": picker.own("number")}])),
            ..query(&[("didpool_id", pick("didpool-id"))])
        },
        (Post, "/v1/didpools") => body(json!({"name": "x", "did_ids": [pick("did-id")]})),
        (Put, "/v1/didpools/<didpool-id>") => body(dids([pick("did-id")])),
        (Post | Delete, "/v1/didpools/<didpool-id>/dids") => body(dids([pick("did-id")])),
        (Post, "/v1/campaigns") => body(json!({
            "vicidial_campaign_id": format!("{}-2", picker.own("campaign")),
            "didpool_id": pick("didpool-id"), "rule_id": pick("rule-id"),
        })),
        (Put, "/v1/campaigns/<campaign-id>") => {
            body(json!({"didpool_id": pick("didpool-id"), "rule_id": pick("rule-id")}))
        }
        (Post, "/v1/rotation_rules") => body(json!({"name": "x"})),
        _ => return None,
    })
}

/// Providers, the numbers of businesses, and what carriers tell of calls.
fn business_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    let refused = |status: u16, sample: Sample| Sample { status, ..sample };
    Some(match (route.method, route.template) {
        (
            Get,
            "/v1/providers"
            | "/v1/providers/<provider-id>"
            | "/v1/phone_numbers"
            | "/v1/phone_numbers/<phone-number-id>"
            | "/v1/inbound_calls"
            | "/v1/inbound_calls/<inbound-call-id>",
        )
        | (Delete, "/v1/phone_numbers/<phone-number-id>") => nothing(),
        (Post, "/v1/providers") => body(json!({"account_id": "AC1", "secret": "long-enough"})),
        (Put, "/v1/providers/<provider-id>") => body(json!({"opt_out_replies": "tandem"})),
        (Delete, "/v1/providers/<provider-id>") => nothing(),
        // The number is its owner's already: it is one business's at a time, as calls at it find their way by it alone.
        (Post, "/v1/phone_numbers") => refused(
            409,
            body(json!({"number": picker.own("number"), "provider_id": pick("provider-id")})),
        ),
        (Put, "/v1/phone_numbers/<phone-number-id>") => {
            body(json!({"provider_id": pick("provider-id")}))
        }
        // Nobody said how carriers reach this installation.
        (Post, "/v1/phone_numbers/<phone-number-id>/purchase") => refused(409, nothing()),
        (Get, "/v1/phone_numbers/lookup") => query(&[("number", pick("number"))]),
        // No carrier is asked.
        (Get, "/v1/phone_numbers/search") => refused(
            400,
            query(&[("area_code", "41"), ("provider_id", pick("provider-id"))]),
        ),
        // For other managers, which are trusted with every tenant.
        (Post, "/v1/phone_numbers/resolve") => body(json!({"number": picker.own("number")})),
        (Post, "/v1/onboardings") => body(json!({"assistant": {"ai_takeover_delay_seconds": 30}})),
        // Of a number that is nobody's: there is no secret to verify it by.
        (
            Post,
            "/v1/webhooks/twilio/voice"
            | "/v1/webhooks/twilio/dialed"
            | "/v1/webhooks/twilio/status",
        ) => body(json!({"method": "POST", "url": "http://h/", "headers": {}, "body_base64": ""})),
        _ => return None,
    })
}

/// Routes of tenants, people, keys and numbers that need nothing besides their path.
fn plain_sample(route: &RouteInfo) -> Option<Sample> {
    Some(match (route.method, route.template) {
        (
            Get,
            "/v1/customers"
            | "/v1/users"
            | "/v1/accesskeys"
            | "/v1/audit_logs"
            | "/v1/dids"
            | "/v1/dids/export"
            | "/v1/didpools"
            | "/v1/didpools/<didpool-id>/dids"
            | "/v1/campaigns"
            | "/v1/rotation_rules"
            | "/v1/usages"
            | "/v1/usages/<usage-id>"
            | "/v1/callresults"
            | "/v1/analytics/exports/<export-id>",
        )
        | (
            Get | Delete,
            "/v1/customers/<customer-id>"
            | "/v1/users/<user-id>"
            | "/v1/accesskeys/<accesskey-id>"
            | "/v1/dids/<did-id>"
            | "/v1/didpools/<didpool-id>"
            | "/v1/campaigns/<campaign-id>"
            | "/v1/rotation_rules/<rule-id>",
        ) => nothing(),
        _ => return None,
    })
}

/// Numbers given, how calls ended, and figures of both.
fn call_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    Some(match (route.method, route.template) {
        (Get, "/v1/dids/next" | "/v1/vicidial/next-did") => query(&[
            ("campaign_id", pick("campaign")),
            ("customer_phone", pick("phone")),
            ("uniqueid", &picker.call()),
            ("call_id", pick("call_id")),
            ("lead_id", pick("lead")),
        ]),
        (Post, "/v1/calls/report") => body(json!({
            "campaign_id": pick("campaign"), "customer_phone": pick("phone"), "uniqueid": pick("uniqueid"),
            "call_id": pick("call_id"), "call_result": "BUSY",
        })),
        (Post, "/v1/call-results") => body(json!({
            "uniqueid": pick("uniqueid"), "customerPhone": pick("phone"), "phoneNumber": pick("number"),
            "campaignId": pick("campaign"), "leadId": pick("lead"), "dialStatus": "BUSY",
        })),
        (Post, "/v1/vicidial/call-result") => body(json!({
            "phoneNumber": pick("number"), "campaign_id": pick("campaign"), "customer_phone": pick("phone"),
            "result": "busy",
        })),
        (Get, "/v1/vicidial/dispo" | "/v1/vicidial/no-agent") => query(&[
            ("uniqueid", pick("uniqueid")),
            ("call_id", pick("call_id")),
            ("phone", pick("phone")),
            ("campaign_id", pick("campaign")),
            ("lead_id", pick("lead")),
            ("dispo", "B"),
        ]),
        (Get, "/v1/analytics/metrics") => query(&[("by", "campaign")]),
        (Get, "/v1/analytics/reports") => query(&[("group_by", "did")]),
        (Post, "/v1/analytics/export") => body(json!({"group_by": "did"})),
        _ => return None,
    })
}

fn outdial_sample(route: &RouteInfo) -> Option<Sample> {
    let target = || json!({"destination_0": {"type": "tel", "target": "+14155550123"}});
    Some(match (route.method, route.template) {
        (Post, "/v1/outdials") => body(json!({"name": "x"})),
        (Put, "/v1/outdials/<outdial-id>") => body(json!({"name": "renamed"})),
        (Put, "/v1/outdials/<outdial-id>/campaign_id") => body(json!({"campaign_id": null})),
        (Put, "/v1/outdials/<outdial-id>/data") => body(json!({"data": "x"})),
        (Post, "/v1/outdials/<outdial-id>/targets") => body(target()),
        (Post, "/v1/outdials/<outdial-id>/targets/bulk") => body(json!([target()])),
        (Get, "/v1/outdials/<outdial-id>/available") => {
            query(&[("try_count_0", "5"), ("lease", "0")])
        }
        (Post, "/v1/outdialtargets/<target-id>/progressing") => {
            body(json!({"destination_index": 0}))
        }
        (Put, "/v1/outdialtargets/<target-id>/status") => body(json!({"status": "done"})),
        (
            Get,
            "/v1/outdials"
            | "/v1/outdials/<outdial-id>/stats"
            | "/v1/outdials/<outdial-id>/targetcalls"
            | "/v1/outdials/<outdial-id>/targets"
            | "/v1/outdialtargets/<target-id>/calls",
        )
        | (Get | Delete, "/v1/outdials/<outdial-id>" | "/v1/outdialtargets/<target-id>") => {
            nothing()
        }
        _ => return None,
    })
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

/// Conversations that are closed, opt-outs, and what carriers tell of texts.
fn conversation_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let refused = |status: u16, sample: Sample| Sample { status, ..sample };
    let raw = || json!({"method": "POST", "url": "http://h/", "headers": {}, "body_base64": ""});
    Some(match (route.method, route.template) {
        (
            Get,
            "/v1/conversations"
            | "/v1/conversations/<conversation-id>"
            | "/v1/conversations/<conversation-id>/messages"
            | "/v1/turns"
            | "/v1/optouts",
        ) => nothing(),
        (Post, "/v1/conversations/<conversation-id>/messages") => {
            refused(409, body(json!({"client_message_id": "m", "body": "x"})))
        }
        // It is closed, and another one with the same person is open.
        (
            Post,
            "/v1/conversations/<conversation-id>/takeover"
            | "/v1/conversations/<conversation-id>/release"
            | "/v1/conversations/<conversation-id>/close"
            | "/v1/conversations/<conversation-id>/reopen",
        ) => refused(409, nothing()),
        (Post, "/v1/optouts") => body(json!({"number": picker.own("number")})),
        // They just opted out.
        (Post, "/v1/optouts/ask") => refused(403, body(json!({"number": picker.own("number")}))),
        (Get, "/v1/optouts/lookup") => query(&[("number", picker.own("number"))]),
        // Of a number that is nobody's: there is no secret to verify it by.
        (Post, "/v1/webhooks/twilio/sms") => body(raw()),
        (Post, "/v1/webhooks/twilio/sms-status") => refused(403, body(raw())),
        _ => return None,
    })
}

/// What can be booked, of whom, and when.
fn offer_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    Some(match (route.method, route.template) {
        (Post, "/v1/templates") => body(json!({
            "name": format!("x_{}", ids::next().simple()), "body": "Hello.",
        })),
        (Put, "/v1/templates/<template-id>") => body(json!({"body": "Hi."})),
        (Post, "/v1/catalog_items") => body(json!({"name": "x"})),
        (Put, "/v1/catalog_items/<catalog-item-id>") => body(json!({"price_cents": 1})),
        (Post, "/v1/catalog_items/match") => body(json!({"text": "my sink is blocked"})),
        (Post, "/v1/catalog_items/quote") => {
            body(json!({"catalog_item_id": pick("catalog-item-id")}))
        }
        (Post, "/v1/rates") => body(json!({"name": "x", "factor": 1})),
        (Put, "/v1/rates/<rate-id>") => body(json!({"factor": 1.5})),
        (Post, "/v1/resources") => body(json!({"name": "x"})),
        (Put, "/v1/resources/<resource-id>") => body(json!({"hours": "06:00-22:00"})),
        // It has been booked.
        (Delete, "/v1/resources/<resource-id>") => Sample {
            status: 409,
            ..nothing()
        },
        (Post, "/v1/holidays") => body(json!({"date": "2026-12-25"})),
        (Put, "/v1/holidays/<holiday-id>") => body(json!({"name": "x"})),
        (Get, "/v1/availabilities") => query(&[
            ("service_id", pick("catalog-item-id")),
            ("resource_id", pick("resource-id")),
        ]),
        (Post, "/v1/addresses/validate") => body(json!({"address": "1 Main St, 10001"})),
        (
            Get,
            "/v1/templates"
            | "/v1/catalog_items"
            | "/v1/rates"
            | "/v1/resources"
            | "/v1/resources/<resource-id>"
            | "/v1/holidays",
        )
        | (
            Get | Delete,
            "/v1/templates/<template-id>"
            | "/v1/catalog_items/<catalog-item-id>"
            | "/v1/rates/<rate-id>"
            | "/v1/holidays/<holiday-id>",
        ) => nothing(),
        _ => return None,
    })
}

/// What was booked, for whom, and what is counted and watched.
fn booking_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let pick = |name| picker.pick(name);
    Some(match (route.method, route.template) {
        (Post, "/v1/reservations") => {
            let [tm_start, tm_end] = booked_hour();
            body(json!({
                "resource_id": pick("resource-id"), "tm_start": tm_start, "tm_end": tm_end,
            }))
        }
        // The hold has become one already.
        (Post, "/v1/appointments") => Sample {
            status: 409,
            ..body(json!({
                "reservation_id": pick("reservation-id"), "lead_id": pick("lead-id"),
                "catalog_item_id": pick("catalog-item-id"), "title": "x",
            }))
        },
        (Put, "/v1/appointments/<appointment-id>") => body(json!({"title": "x"})),
        (Post, "/v1/appointments/<appointment-id>/reschedule") => {
            let [tm_start, tm_end] = booked_hour();
            body(json!({
                "tm_start": tm_start, "tm_end": tm_end, "resource_id": pick("resource-id"),
            }))
        }
        (Post, "/v1/leads") => body(json!({"name": "x"})),
        (Put, "/v1/leads/<lead-id>") => body(json!({"urgency": "high"})),
        (Post, "/v1/leads/<lead-id>/status") => body(json!({"status": "qualified"})),
        (Post, "/v1/calendars") => body(json!({"name": "x"})),
        (Put, "/v1/calendars/<calendar-id>") => body(json!({"name": "x"})),
        (Post, "/v1/alert_rules") => body(json!({"metric": "outbox_age", "threshold": 1})),
        (Put, "/v1/alert_rules/<alert-rule-id>") => body(json!({"threshold": 5})),
        (Post, "/v1/alerts") => body(json!({"metric": "provider_failures", "value": 1})),
        (Post, "/v1/alerts/<alert-id>/snooze") => {
            let tomorrow = Clock::default().now().plus(Duration::from_secs(86_400));
            body(json!({"tm_until": tomorrow}))
        }
        (
            Get,
            "/v1/reservations"
            | "/v1/appointments"
            | "/v1/appointments/<appointment-id>"
            | "/v1/leads"
            | "/v1/calendars"
            | "/v1/calendars/<calendar-id>/feed/<token>"
            | "/v1/alert_rules"
            | "/v1/alert_rules/shipped"
            | "/v1/alerts"
            | "/v1/alerts/<alert-id>"
            | "/v1/kpis",
        )
        | (
            Post,
            "/v1/appointments/<appointment-id>/confirm"
            | "/v1/appointments/<appointment-id>/cancel"
            | "/v1/calendars/<calendar-id>/rotate"
            | "/v1/alerts/<alert-id>/acknowledge"
            | "/v1/alerts/<alert-id>/resolve",
        )
        | (
            Get | Delete,
            "/v1/reservations/<reservation-id>"
            | "/v1/leads/<lead-id>"
            | "/v1/calendars/<calendar-id>"
            | "/v1/alert_rules/<alert-rule-id>",
        ) => nothing(),
        _ => return None,
    })
}

//! Samples of did-manager's routes.

use bin_common_handler::{
    listenhandler::RouteInfo,
    models::sock::Method::{Delete, Get, Post, Put},
};
use serde_json::json;

use super::{Picker, Sample, body, nothing, query};
use crate::tenant::KEY;

/// What goes with a route of this manager.
pub(super) fn sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    did_sample(route, picker)
        .or_else(|| business_sample(route, picker))
        .or_else(|| plain_sample(route))
        .or_else(|| call_sample(route, picker))
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
        // No carrier is asked.
        (Post, "/v1/phone_numbers/<phone-number-id>/register") => refused(
            400,
            body(json!({
                "brand_id": "BN1", "description": "short", "message_flow": "short", "samples": [],
            })),
        ),
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

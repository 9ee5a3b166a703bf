//! Samples of chat-manager's routes.

use std::time::Duration;

use bin_common_handler::{
    clock::Clock,
    ids,
    listenhandler::RouteInfo,
    models::sock::Method::{Delete, Get, Post, Put},
};
use serde_json::json;

use super::{Picker, Sample, body, nothing, query};
use crate::{
    contact_center::{queue_sample, visitor_sample},
    notifications::notification_sample,
    tenant::booked_hour,
};

/// What goes with a route of this manager.
pub(super) fn sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    conversation_sample(route, picker)
        .or_else(|| offer_sample(route, picker))
        .or_else(|| booking_sample(route, picker))
        .or_else(|| queue_sample(route, picker))
        .or_else(|| visitor_sample(route, picker))
        .or_else(|| notification_sample(route, picker))
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
            | "/v1/conversations/<conversation-id>/events"
            | "/v1/conversations/<conversation-id>/summary"
            | "/v1/turns"
            | "/v1/optouts"
            | "/v1/optouts/paused",
        ) => nothing(),
        (Post, "/v1/conversations/<conversation-id>/messages") => {
            refused(409, body(json!({"client_message_id": "m", "body": "x"})))
        }
        (Post, "/v1/conversations/<conversation-id>/read") => body(json!({"seq": 1})),
        (Post, "/v1/conversations/<conversation-id>/typing") => body(json!({"on": true})),
        (Post, "/v1/conversations/<conversation-id>/frames/msg") => {
            refused(409, body(json!({"client_message_id": "m", "body": "x"})))
        }
        // A carrier has it.
        (Put, "/v1/conversations/<conversation-id>/messages/<message-id>") => {
            refused(409, body(json!({"body": "x"})))
        }
        (Delete, "/v1/conversations/<conversation-id>/messages/<message-id>") => {
            refused(409, nothing())
        }
        (Get, "/v1/conversations/search") => query(&[("query", "x")]),
        // A text carries no file.
        (Post, "/v1/conversations/<conversation-id>/attachments") => refused(
            409,
            body(json!({"client_message_id": "f", "content_base64": "aGk="})),
        ),
        (Post, "/v1/greetings/promise") => body(json!({
            "from": picker.own("phone"), "to": picker.own("number"),
        })),
        (Post, "/v1/subjects/lookup") => body(json!({"phone": picker.own("phone")})),
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
        (Post, "/v1/optouts/decide") => body(json!({
            "number": picker.own("number"), "opted_out": true,
        })),
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
        // A feed has nothing to be kept in step with.
        (Get | Post, "/v1/calendars/<calendar-id>/sync") => Sample {
            status: 409,
            ..nothing()
        },
        (Post, "/v1/alert_rules") => body(json!({"metric": "outbox_age", "threshold": 1})),
        (Put, "/v1/alert_rules/<alert-rule-id>") => body(json!({"threshold": 5})),
        (Post, "/v1/alerts") => body(json!({"metric": "provider_failures", "value": 1})),
        (Post, "/v1/alerts/figures") => body(json!({
            "metric": "outbox_age", "value": 0, "entity_id": ids::next(),
        })),
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

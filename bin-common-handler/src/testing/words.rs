//! What no caller may read: the words of the libraries that read a request.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Client;
use crate::{
    listenhandler::RouteInfo,
    models::sock::{Method, Request},
};

/// Texts of serde, `serde_json`, regex, chrono, uuid and sqlx about this program's types.
pub const LIBRARY_WORDS: &[&str] = &[
    "invalid type",
    "invalid value",
    "invalid length",
    "unknown variant",
    "unknown field",
    "missing field",
    "duplicate field",
    "expected struct",
    "expected a map",
    "expected value",
    "expected ident",
    "expected one of",
    "expected i8",
    "expected i16",
    "expected i32",
    "expected i64",
    "expected u8",
    "expected u16",
    "expected u32",
    "expected u64",
    "expected usize",
    "expected f64",
    "expected a string",
    "expected a boolean",
    "expected a sequence",
    "expected unit",
    "key must be a string",
    "trailing characters",
    "trailing comma",
    "EOF while",
    "recursion limit",
    "control character",
    "number out of range",
    "at line ",
    " column ",
    "did not match any variant",
    "premature end",
    "input contains invalid characters",
    "regex parse",
    "UUID parsing",
    "urn:uuid",
    "invalid digit",
    "panicked",
    "SELECT ",
    "sqlx",
    "serde",
];

/// The first of [`LIBRARY_WORDS`] in a text.
pub fn library_word(text: &str) -> Option<&'static str> {
    LIBRARY_WORDS
        .iter()
        .copied()
        .find(|word| text.contains(word))
}

/// Bodies that fit no route, of every shape.
pub fn hostile_bodies() -> Vec<Json> {
    let mut bodies = vec![
        json!(null),
        json!(true),
        json!(7),
        json!(-1.5),
        json!("text"),
        json!([]),
        json!([[]]),
        json!([null]),
        json!([7, "text", {}]),
        json!([{"name": 7, "number": {}}]),
        json!({}),
        json!({"": 1}),
    ];
    let values = [
        json!(null),
        json!(true),
        json!(7),
        json!(0.5),
        json!(-1),
        json!(1e300),
        json!("text"),
        json!(""),
        json!([7]),
        json!({"a": {"b": []}}),
    ];
    for value in values {
        let fields = FIELDS
            .iter()
            .map(|name| ((*name).to_owned(), value.clone()));
        bodies.push(Json::Object(fields.collect()));
    }
    // One wrong field at a time, so that none hides behind another.
    for name in FIELDS {
        for value in [
            json!(true),
            json!(0.5),
            json!({"a": 1}),
            json!(["x"]),
            json!("?"),
        ] {
            bodies.push(json!({ *name: value }));
        }
    }
    bodies
}

/// Fields of the managers' bodies.
const FIELDS: &[&str] = &[
    "id",
    "customer_id",
    "campaign_id",
    "name",
    "detail",
    "data",
    "destination_0",
    "destination_index",
    "status",
    "key",
    "number",
    "until",
    "daily_cap",
    "weight",
    "tags",
    "attestation",
    "latitude",
    "did_ids",
    "hours",
    "fallback",
    "didpool_id",
    "algorithm",
    "tiers",
    "sticky",
    "parameters",
    "valid_from",
    "email",
    "role",
    "scopes",
    "tm_expire",
    "warmup_daily_caps",
    "dispositions",
    "uniqueid",
    "phoneNumber",
    "token",
    "limit",
];

/// Sends every hostile body to every POST and PUT route of a manager; how many were refused. `id` stands in the
/// paths.
///
/// # Panics
/// When an answer has a library's words, or says that the fault is ours.
pub async fn prove(client: &Client, routes: &[RouteInfo], id: Uuid) -> usize {
    let mut refused = 0;
    for route in routes {
        if !matches!(route.method, Method::Post | Method::Put) {
            continue;
        }
        let parts = route.template.split('/').map(|part| {
            if part.starts_with('<') {
                id.to_string()
            } else {
                part.to_owned()
            }
        });
        let uri = parts.collect::<Vec<_>>().join("/");
        for body in hostile_bodies() {
            let mut request = Request::new(route.method, uri.as_str(), "tandem")
                .json(&body)
                .expect("JSON");
            request.customer_id = client.customer_id;
            let reply = client.send(&request).await.expect("an answer");
            let asked = format!("{} {uri} {body}: {}", route.method, reply.body());
            assert!(reply.status_code < 500, "{asked}");
            if reply.status_code >= 400 {
                refused += 1;
                let word = library_word(reply.body());
                assert_eq!(word, None, "{asked}");
            }
        }
    }
    refused
}

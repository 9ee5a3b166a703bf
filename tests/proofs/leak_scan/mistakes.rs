//! What callers do wrong, with planted numbers and keys in the wrong places: made from the route tables and from
//! the names of all fields.

use std::collections::BTreeSet;

use bin_common_handler::{
    daemon::Manager,
    listenhandler::{Access, RouteInfo},
    models::sock::{
        Method::{Delete, Get},
        Request,
    },
    resource::Resource,
    testing::Client,
};
use bin_did_manager::models::{
    accesskey::Accesskey, campaign::Campaign, customer::Customer, did::Did, didpool::Didpool,
    rotationrule::RotationRule, user::User,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value as Json, json};

use super::journey::{Journey, Refusal};
use crate::{samples::Picker, tenant::urlencoded};

/// Fields that are no resource's, but some route's.
const OTHERS: &[&str] = &[
    "address",
    "agent_id",
    "body",
    "by",
    "call_duration",
    "call_result",
    "callDate",
    "campaign_id",
    "client_message_id",
    "conversation_id",
    "customer_id",
    "customer_phone",
    "customerPhone",
    "data",
    "deleted",
    "destination_0",
    "destination_4",
    "destination_index",
    "device",
    "dialStatus",
    "did_ids",
    "disposition",
    "dry_run",
    "duration",
    "endEpoch",
    "expires",
    "format",
    "from",
    "from_number",
    "group_by",
    "hangupCause",
    "hash",
    "key",
    "latitude",
    "lead_id",
    "lease",
    "limit",
    "page_size",
    "page_token",
    "person",
    "phone",
    "phoneCode",
    "phoneNumber",
    "prefix",
    "reference",
    "result",
    "startEpoch",
    "status",
    "timestamp",
    "tm_expire",
    "to",
    "to_number",
    "token",
    "try_count_0",
    "uniqueid",
    "update",
    "user_id",
    "widget_id",
];
/// Requests on their way.
const AT_ONCE: usize = 16;

fn fields() -> BTreeSet<&'static str> {
    let own = [
        Accesskey::FIELDS,
        Campaign::FIELDS,
        Customer::FIELDS,
        Did::FIELDS,
        Didpool::FIELDS,
        RotationRule::FIELDS,
        User::FIELDS,
        OTHERS,
    ];
    own.into_iter().flatten().copied().collect()
}

/// A number where something else belongs.
fn misplaced(phone: &str) -> [Json; 3] {
    let digits: u64 = phone.trim_start_matches('+').parse().unwrap();
    [
        json!(phone),
        json!(digits),
        json!([{ "type": phone, "target": phone }]),
    ]
}

/// Each field of each route, one at a time.
fn wrong_values(journey: &Journey, route: &RouteInfo) -> Vec<(String, String)> {
    let phone = journey.tenant.value("phone");
    let path = Picker::new(&journey.tenant.values).path(route);
    let line = format!("{} {path}", route.method);
    let filters = route.filters.iter().map(|(name, _)| name);
    let queries = OTHERS.iter().chain(filters);
    let queries = queries.map(|name| {
        (
            format!("{line}?{name}={}", urlencoded(phone)),
            String::new(),
        )
    });
    if route.method == Get {
        return queries.collect();
    }
    let bodies = fields().into_iter().flat_map(|name| {
        misplaced(phone).map(|value| {
            let row = json!({ name: value });
            let body = if route.is_bulk { json!([row]) } else { row };
            (line.clone(), body.to_string())
        })
    });
    queries.chain(bodies).collect()
}

/// Bodies that are none, and paths that lead nowhere.
fn broken(journey: &Journey, route: &RouteInfo) -> Vec<(String, String)> {
    let phone = journey.tenant.value("phone");
    let (method, path) = (
        route.method,
        Picker::new(&journey.tenant.values).path(route),
    );
    let bodies = [
        format!("\"{phone}\""),
        format!("{{\"number\": {phone}"),
        format!("{{\"number\": \"{phone}\\ud800\"}}"),
        format!("[\"{phone}\"]"),
        format!("[{{\"number\": \"{phone}\"}}, \"{phone}\"]"),
        format!("customer_phone={phone}"),
        format!("{{\"{phone}\": 1}}"),
        format!("{{\"name\": \"{phone}{}\"}}", "x".repeat(1024 * 1024)),
    ];
    let mut asks: Vec<_> = bodies
        .into_iter()
        .map(|body| (format!("{method} {path}"), body))
        .collect();
    for line in [
        format!("{method} {path}/{phone}"),
        format!("{method} /v1/{phone}"),
    ] {
        asks.push((line, String::new()));
    }
    asks
}

impl Journey {
    /// Every route with every field wrong.
    pub async fn mistakes(&self, managers: &[Manager]) {
        let routes = managers.iter().flat_map(|manager| (manager.routes)());
        let routes = routes.filter(|route| route.method != Delete && !route.edge.is_internal);
        let asks: Vec<_> = routes
            .flat_map(|route| {
                let all = [wrong_values(self, &route), broken(self, &route)].concat();
                all.into_iter().map(move |ask| (route.edge.access, ask))
            })
            .collect();
        assert!(asks.len() > 5_000, "{}", asks.len());
        stream::iter(&asks)
            .for_each_concurrent(AT_ONCE, |(access, (line, body))| async move {
                self.ask(*access, line, body).await;
            })
            .await;
    }

    /// Keys that open nothing, wherever a key may stand.
    pub async fn wrong_keys(&self, keys: &[&str]) {
        for key in keys {
            let own = format!("x-api-key: {key}");
            let bearer = format!("authorization: Bearer {key}");
            let basic = format!("authorization: Basic {key}");
            for header in [&own, &bearer, &basic] {
                assert_eq!(self.send("GET /v1/dids", &[header], "").await.status, 401);
            }
            let in_query = format!("GET /v1/vicidial/dispo?key={key}&phone=1");
            assert_eq!(self.send(&in_query, &[], "").await.status, 401);
            let elsewhere = format!("GET /v1/dids?api_key={key}&token={key}");
            self.ask(Access::ByEffect, &elsewhere, "").await;
        }
    }

    /// Over the queue, where no bridge looks at a request first.
    pub async fn over_queue(&self, client: &Client) -> Vec<Refusal> {
        let phone = self.tenant.value("phone");
        let filters = misplaced(phone)
            .into_iter()
            .map(|value| json!({ "number": value, "deleted": value }));
        let mut refusals = Vec::new();
        for body in filters.chain([json!({ phone: phone }), json!(phone), json!([phone])]) {
            let request = Request::new(Get, "/v1/dids", "test").json(&body).unwrap();
            refusals.push(refusal(client, &request).await);
        }
        let nowhere = Request::new(Get, format!("/v1/dids/{phone}"), phone);
        refusals.push(refusal(client, &nowhere).await);
        refusals
    }
}

async fn refusal(client: &Client, request: &Request) -> Refusal {
    let reply = client.send(request).await.unwrap();
    assert!(reply.status_code >= 400, "{request:?}");
    Refusal {
        asked: format!("{request:?}"),
        said: serde_json::to_string(&reply).unwrap(),
    }
}

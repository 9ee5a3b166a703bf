//! Tenancy: under a scope, what is another tenant's is answered exactly as what is not there.

use bin_common_handler::{
    ids,
    listenhandler::RouteInfo,
    models::sock::{
        Method::{self, Delete, Get, Post},
        Request,
    },
    testing::{Client, Kind},
};
use bin_outdial_manager::MANAGER;
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, list, progress, refused, tel, text};

const MINE: Uuid = Uuid::from_u128(0x1111);
const FOREIGN: Uuid = Uuid::from_u128(0x2222);

/// Everything that any route's body wants; each takes its own and ignores the rest.
fn body_for(route: &RouteInfo) -> Option<Json> {
    if route.is_bulk {
        return Some(json!([{"destination_0": tel(0)}]));
    }
    match route.method {
        Method::Post | Method::Put => Some(json!({
            "name": "x", "campaign_id": MINE, "data": "x", "destination_0": tel(0),
            "destination_index": 0, "status": "done",
        })),
        Get if route.template.ends_with("/available") => Some(json!({"try_count_0": 5})),
        Get | Delete => None,
    }
}

/// What a tenant has.
struct Holding {
    outdial: String,
    target: String,
}

impl Holding {
    async fn of(client: &Client) -> Self {
        let outdial = client.ok(Post, "/v1/outdials", Some(json!({}))).await;
        let uri = format!("/v1/outdials/{}/targets", text(&outdial, "id"));
        let body = json!({"destination_0": tel(0)});
        let target = client.ok(Post, &uri, Some(body)).await;
        Self {
            outdial: text(&outdial, "id").to_owned(),
            target: text(&target, "id").to_owned(),
        }
    }

    fn unknown() -> Self {
        Self {
            outdial: ids::next().to_string(),
            target: ids::next().to_string(),
        }
    }

    fn uri(&self, route: &RouteInfo) -> String {
        let uri = route
            .template
            .replace("<outdial-id>", &self.outdial)
            .replace("<target-id>", &self.target);
        assert!(!uri.contains('<'), "a placeholder without a holding: {uri}");
        uri
    }
}

/// The reply as it is on the wire.
async fn wire(client: &Client, route: &RouteInfo, uri: &str) -> String {
    let mut request = Request::new(route.method, uri, "test");
    if let Some(body) = body_for(route) {
        request = request.json(&body).unwrap();
    }
    request.customer_id = client.customer_id;
    let reply = client.send(&request).await.unwrap();
    serde_json::to_string(&reply).unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_id_is_answered_as_an_unknown_one_on_every_route(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let (mine, theirs) = (world.client.within(MINE), world.client.within(FOREIGN));
    let foreign = Holding::of(&theirs).await;
    let routes = (MANAGER.routes)();
    let with_ids = || routes.iter().filter(|route| route.template.contains('<'));
    assert!(with_ids().count() >= 12, "the whole table");
    for route in with_ids() {
        let as_foreign = wire(&mine, route, &foreign.uri(route)).await;
        let as_unknown = wire(&mine, route, &Holding::unknown().uri(route)).await;
        let asked = format!("{} {}", route.method, route.template);
        assert_eq!(as_foreign, as_unknown, "{asked}");
        assert!(as_foreign.starts_with(r#"{"status_code":404,"#), "{asked}");
    }
    // The same requests do something in the owner's hands, the deletes last.
    let last = |route: &&RouteInfo| route.method == Delete;
    let in_order = with_ids()
        .filter(|route| !last(route))
        .chain(with_ids().filter(last));
    for route in in_order {
        let own = wire(&theirs, route, &foreign.uri(route)).await;
        let asked = format!("{} {}: {own}", route.method, route.template);
        assert!(own.starts_with(r#"{"status_code":200,"#), "{asked}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_tenant_changes(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let (mine, theirs) = (world.client.within(MINE), world.client.within(FOREIGN));
    let foreign = Holding::of(&theirs).await;
    let target = json!({"id": foreign.target});
    assert_eq!(progress(&theirs, &target, 0).await.0, 200);
    let outdial = format!("/v1/outdials/{}", foreign.outdial);
    let mut before = Vec::new();
    let reads = ["", "/targets", "/targetcalls", "/stats"];
    for tail in reads {
        before.push(theirs.ok(Get, &format!("{outdial}{tail}"), None).await);
    }
    for route in (MANAGER.routes)() {
        if route.template.contains('<') {
            wire(&mine, &route, &foreign.uri(&route)).await;
        }
    }
    for (tail, before) in reads.iter().zip(before) {
        let now = theirs.ok(Get, &format!("{outdial}{tail}"), None).await;
        assert_eq!(now, before, "{tail}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_list_never_shows_foreign_rows(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let (mine, theirs) = (world.client.within(MINE), world.client.within(FOREIGN));
    let own = Holding::of(&mine).await;
    let foreign = Holding::of(&theirs).await;
    let trusted = list(world.client.ok(Get, "/v1/outdials", None).await);
    assert_eq!(trusted.len(), 2, "a trusted peer sees all");
    let queries = [
        (String::new(), json!({}), true),
        (String::new(), json!({"customer_id": MINE}), true),
        (String::new(), json!({"customer_id": FOREIGN}), false),
        (format!("?customer_id={FOREIGN}"), json!({}), false),
        (format!("?customer_id={MINE}"), json!({}), true),
        (String::new(), json!({"id": foreign.outdial}), false),
        ("?page_size=1".to_owned(), json!({}), true),
    ];
    for (query, filters, sees_own) in queries {
        let uri = format!("/v1/outdials{query}");
        let rows = list(mine.ok(Get, &uri, Some(filters.clone())).await);
        let expected = if sees_own {
            vec![own.outdial.clone()]
        } else {
            vec![]
        };
        assert_eq!(crate::world::ids(&rows), expected, "{query} {filters}");
    }
    let targets = format!("/v1/outdials/{}/targets", own.outdial);
    let filter = Some(json!({"outdial_id": foreign.outdial}));
    assert_eq!(mine.ok(Get, &targets, filter).await, json!([]));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_outdial_is_the_scopes_whatever_the_body_says(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let mine = world.client.within(MINE);
    for body in [
        json!({}),
        json!({"customer_id": MINE}),
        json!({"customer_id": Uuid::nil()}),
    ] {
        let made = mine.ok(Post, "/v1/outdials", Some(body)).await;
        assert_eq!(made["customer_id"], json!(MINE));
    }
    let other = Some(json!({"customer_id": FOREIGN}));
    let (status, reason) = refused(&mine, Post, "/v1/outdials", other).await;
    assert_eq!((status, reason.as_str()), (403, "CUSTOMER_MISMATCH"));
    let all = list(world.client.ok(Get, "/v1/outdials", None).await);
    assert_eq!(all.len(), 3);
    world.end().await;
}

//! What is proven, for every route of every manager, over the queue and over HTTP.

use bin_common_handler::{
    listenhandler::{Access, RouteInfo},
    models::{
        page::FilterKind,
        sock::{
            Method::{Delete, Post},
            Request,
        },
    },
    testing::{Kind, http},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    asks::{Ask, Said, Way},
    normal::normal,
    world::{World, manager},
};
use crate::{
    samples::{self, Picker},
    tenant::{CUSTOMER, Tenant, Values},
};

const WAYS: [Way; 2] = [Way::Queue, Way::Http];

impl World {
    /// Asks with one value of the other's in the place of one's own, and with one that is nobody's: the two
    /// answers must tell nothing apart. The first of them.
    async fn as_nobodys(&self, way: Way, name: &str, ask: impl Fn(&str) -> Ask) -> Said {
        let foreign = self.foreign.value(name);
        let (asked, unknown) = (ask(foreign), self.nobody[name].as_str());
        let said = self.ask(way, &self.mine, &asked).await;
        let expected = self.ask(way, &self.mine, &ask(unknown)).await;
        let what = format!("{way:?} {name} in {asked:?}");
        assert_eq!(
            said.status, expected.status,
            "{what}: {} {}",
            said.text, expected.text
        );
        assert_eq!(
            normal(&said.text, foreign),
            normal(&expected.text, unknown),
            "{what}"
        );
        let seen = self.seen_in(&said.text);
        let is_own = |seen: &&str| foreign.contains(seen) || foreign.to_lowercase().contains(seen);
        assert!(
            seen.iter().all(is_own),
            "{what} shows {seen:?}: {}",
            said.text
        );
        said
    }
}

/// Placeholders of the path and whatever the route's sample takes.
fn names(route: &RouteInfo, values: &Values) -> Vec<&'static str> {
    let picker = Picker::new(values);
    picker.path(route);
    samples::of(route, &picker);
    picker.picked().into_iter().collect()
}

/// The one answer to an id in the path that is not the caller's.
fn is_wall(route: &RouteInfo, said: &Said) -> bool {
    if route.edge.access == Access::Operator {
        return said.status == 403 && said.text.contains("OPERATOR_ONLY");
    }
    // Anybody may ask, so whatever is shown is no proof, and no more is said.
    let reasons = ["BAD_TOKEN", "BAD_SIGNATURE", "BAD_LINK"];
    let is_no_proof = reasons.iter().any(|reason| said.text.contains(reason));
    if route.edge.access == Access::Public && is_no_proof {
        return [401, 403].contains(&said.status);
    }
    said.status == 404 && said.text.contains("_NOT_FOUND")
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_answered_as_what_is_not_there(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    for (way, route) in WAYS
        .iter()
        .flat_map(|way| world.routes().into_iter().map(|route| (*way, route)))
    {
        for name in names(&route, &world.mine.values) {
            let ask = |value: &str| Ask::swapped(&route, &world.mine.values, name, value);
            let said = world.as_nobodys(way, name, ask).await;
            assert!(
                !samples::is_in_path(&route, name) || is_wall(&route, &said),
                "{way:?} {route:?}: {said:?}"
            );
        }
    }
    world.end_untouched().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_becomes_another_by_naming_it(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    // Deleting one's own things would leave nothing to ask with.
    let routes = || {
        world
            .routes()
            .into_iter()
            .filter(|route| route.method != Delete)
    };
    for (way, route) in WAYS
        .iter()
        .flat_map(|way| routes().map(|route| (*way, route)))
    {
        let own = Ask::of(&route, &world.mine.values);
        // What it does, it has done before the two are compared.
        world.ask(way, &world.mine, &own).await;
        let in_query = |value: &str| own.clone().with_query("customer_id", value);
        world.as_nobodys(way, CUSTOMER, in_query).await;
        if own.clone().with_field("customer_id", "").is_some() {
            let in_body = |value: &str| own.clone().with_field("customer_id", value).unwrap();
            world.as_nobodys(way, CUSTOMER, in_body).await;
        }
    }
    world.end_untouched().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_shows_what_is_anothers(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let routes = || {
        world
            .routes()
            .into_iter()
            .filter(|route| route.method != Delete)
    };
    for (way, route) in WAYS
        .iter()
        .flat_map(|way| routes().map(|route| (*way, route)))
    {
        let said = world
            .ask(way, &world.mine, &Ask::of(&route, &world.mine.values))
            .await;
        let seen = world.seen_in(&said.text);
        assert!(
            seen.is_empty(),
            "{way:?} {route:?} shows {seen:?}: {said:?}"
        );
    }
    world.end_untouched().await;
}

/// A value of one of the tenant's own rows that a list's filter finds.
async fn own_value(world: &World, route: &RouteInfo, name: &str) -> String {
    let ask = Ask::of(route, &world.foreign.values);
    let said = world.ask(Way::Queue, &world.foreign, &ask).await;
    let reply: Json = serde_json::from_str(&said.text).unwrap();
    let rows = reply["data"].as_array().unwrap().clone();
    let values = rows.iter().filter_map(|row| row[name].as_str());
    let mut values = values.filter(|value| !value.trim_matches(['0', '-']).is_empty());
    let found = values.next().map(str::to_owned);
    found.unwrap_or_else(|| panic!("no row of {} has {name}: {rows:?}", route.template))
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_filter_finds_what_is_anothers(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let routes = world.routes();
    let filters = routes
        .iter()
        .flat_map(|route| route.filters.iter().map(move |filter| (route, *filter)));
    for (route, (name, kind)) in filters {
        let value = match kind {
            FilterKind::Deleted => "false".to_owned(),
            _ => own_value(&world, route, name).await,
        };
        for way in WAYS {
            let own = Ask::of(route, &world.foreign.values).with_filter(way, name, &value);
            let said = world.ask(Way::Queue, &world.foreign, &own).await;
            assert!(
                said.text.contains("\"id\""),
                "it finds its own by {name}: {said:?}"
            );
            let mine = Ask::of(route, &world.mine.values).with_filter(way, name, &value);
            let said = world.ask(way, &world.mine, &mine).await;
            let what = format!("{way:?} {} by {name}: {said:?}", route.template);
            assert_eq!(said.status, 200, "{what}");
            assert!(world.seen_in(&said.text).is_empty(), "{what}");
            assert!(
                kind != FilterKind::Uuid || !said.text.contains("\"id\""),
                "{what}"
            );
        }
    }
    world.end_untouched().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn anothers_idempotency_key_is_no_key(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let body = json!({"name": "one of mine"});
    let routes = [
        (bin_did_manager::NAME, "/v1/didpools"),
        (bin_outdial_manager::NAME, "/v1/outdials"),
    ];
    for (name, uri) in routes {
        let keyed = |tenant: &Tenant| Request {
            customer_id: Some(tenant.customer_id),
            idempotency_key: Some("the same key".to_owned()),
            ..Request::new(Post, uri, "test").json(&body).unwrap()
        };
        let client = world.whole.client(manager(&world.whole, name));
        let mine = client.send(&keyed(&world.mine)).await.unwrap();
        let key = format!("x-api-key: {}", world.foreign.token);
        let headers = [&key, "idempotency-key: the same key"];
        let line = format!("POST {uri}");
        let over_http = http(world.whole.bridge, &line, &headers, &body.to_string())
            .await
            .unwrap();
        let theirs = client.send(&keyed(&world.foreign)).await.unwrap();
        assert_eq!(theirs.body(), over_http.body, "its own key");
        assert!(
            theirs.body().contains(world.foreign.value(CUSTOMER)),
            "{}",
            theirs.body()
        );
        assert!(
            mine.body().contains(world.mine.value(CUSTOMER)),
            "{}",
            mine.body()
        );
    }
    world.whole.end().await;
}

/// Without this the proof could pass with requests that are refused for another reason.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_requests_do_something_in_their_owners_hands(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let (deletes, others): (Vec<_>, Vec<_>) = world
        .routes()
        .into_iter()
        .partition(|route| route.method == Delete);
    // What is in something else goes first.
    for route in others.into_iter().chain(deletes.into_iter().rev()) {
        let ask = Ask::of(&route, &world.foreign.values);
        let said = world.ask(Way::Queue, &world.foreign, &ask).await;
        let asked = format!("{} {}: {said:?}", route.method, route.template);
        if route.edge.access != Access::Operator {
            assert_eq!(said.status, ask.sample.status, "{asked}");
            continue;
        }
        assert!(is_wall(&route, &said), "{asked}");
        let body = ask.sample.body.clone();
        let (status, _) = world.operator.call(route.method, &ask.path, body).await;
        assert_eq!(status, 200, "{asked}");
    }
    world.whole.end().await;
}

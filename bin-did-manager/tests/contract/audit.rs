//! The audit log: who changed what, written with each change and never changed.

use bin_common_handler::{
    models::sock::Method::{self, Delete, Get, Post, Put},
    testing::Kind,
};
use bin_did_manager::MANAGER;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, ask_as, id_of, list, refused, text};

const LOGS: &str = "/v1/audit_logs";

async fn logs(world: &World, query: &str) -> Vec<Json> {
    list(world.client.ok(Get, &format!("{LOGS}{query}"), None).await)
}

fn keys(fields: &Json) -> Vec<&str> {
    let fields = fields.as_object().unwrap();
    fields.keys().map(String::as_str).collect()
}

#[rstest]
#[tokio::test]
async fn each_change_leaves_a_line(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let key = world
        .client
        .ok(
            Post,
            "/v1/accesskeys",
            Some(json!({"scopes": ["key:write"]})),
        )
        .await;
    let by = id_of(&key);
    let body = Some(json!({"email": "ana@example.com", "name": "Ana"}));
    let (_, user) = ask_as(&world.client, by, Post, "/v1/users", body).await;
    let uri = format!("/v1/users/{}", text(&user, "id"));
    let changed = world
        .client
        .ok(Put, &uri, Some(json!({"role": "admin", "name": "Ana"})))
        .await;
    world.client.ok(Delete, &uri, None).await;
    world.client.ok(Delete, &uri, None).await;

    let lines = logs(&world, &format!("?resource_id={}", text(&user, "id"))).await;
    let actions: Vec<_> = lines.iter().map(|line| text(line, "action")).collect();
    assert_eq!(actions, ["deleted", "updated", "created"]);
    let [deleted, updated, created] = lines.as_slice() else {
        panic!("three lines")
    };
    assert_eq!(
        (&created["accesskey_id"], &created["before"]),
        (&json!(by), &json!({}))
    );
    assert_eq!(created["after"], user);
    assert_eq!(
        (text(created, "resource"), &created["customer_id"]),
        ("user", &json!(world.customer_id))
    );
    assert_eq!(
        updated["before"],
        json!({"role": "viewer", "tm_update": user["tm_update"]}),
        "only what changed"
    );
    assert_eq!(
        updated["after"],
        json!({"role": "admin", "tm_update": changed["tm_update"]})
    );
    assert_eq!(keys(&deleted["after"]), ["tm_delete", "tm_update"]);
    assert_eq!(deleted["accesskey_id"], json!(uuid::Uuid::nil()));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_refused_or_repeated_request_leaves_none(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let body = json!({"email": "ana@example.com", "name": "Ana"});
    for _ in 0..2 {
        let (key, body) = (Some("once"), Some(body.clone()));
        let (status, _) = world.client.call_keyed(Post, "/v1/users", body, key).await;
        assert_eq!(status, 200);
    }
    assert_eq!(
        refused(&world.client, Post, "/v1/users", Some(body))
            .await
            .0,
        409
    );
    assert_eq!(logs(&world, "?resource=user").await.len(), 1);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn lines_are_filtered_and_paged(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": "4155550123"})).await;
    let uri = format!("/v1/dids/{}", text(&did, "id"));
    for cap in 1..=4 {
        world
            .client
            .ok(Put, &uri, Some(json!({"daily_cap": cap})))
            .await;
    }
    assert_eq!(
        logs(&world, "?resource=customer&action=created")
            .await
            .len(),
        1
    );
    assert_eq!(logs(&world, "?resource=did").await.len(), 5);
    assert_eq!(logs(&world, "?action=updated").await.len(), 4);
    assert!(
        logs(&world, &format!("?accesskey_id={}", text(&did, "id")))
            .await
            .is_empty()
    );
    let first = logs(&world, "?resource=did&page_size=2").await;
    let token = text(&first[1], "tm_create");
    let second = logs(
        &world,
        &format!("?resource=did&page_size=2&page_token={token}"),
    )
    .await;
    let caps = |lines: &[Json]| {
        lines
            .iter()
            .map(|line| line["after"]["daily_cap"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (caps(&first), caps(&second)),
        (vec![json!(4), json!(3)], vec![json!(2), json!(1)])
    );
    let no = refused(&world.client, Get, LOGS, Some(json!({"after": "x"}))).await;
    assert_eq!(no, (400, "UNKNOWN_FILTER".to_owned()));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_tenant_reads_its_own_lines_only(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({"name": "o"})))
        .await;
    let stranger = world.operator.within(id_of(&other));
    stranger
        .ok(Post, "/v1/dids", Some(json!({"number": "4155550123"})))
        .await;
    let all = list(world.operator.ok(Get, LOGS, None).await);
    assert_eq!(all.len(), 3, "two customers and a number");
    let foreign = format!("?customer_id={}", text(&other, "id"));
    assert!(logs(&world, &foreign).await.is_empty());
    let own = logs(&world, "").await;
    assert_eq!(
        (own.len(), &own[0]["resource_id"]),
        (1, &json!(world.customer_id))
    );
    let by_operator = format!("{LOGS}{foreign}");
    assert_eq!(
        list(world.operator.ok(Get, &by_operator, None).await).len(),
        2
    );
    world.end().await;
}

#[test]
fn no_route_changes_a_line() {
    let routes: Vec<_> = (MANAGER.routes)()
        .into_iter()
        .filter(|route| route.template.starts_with(LOGS))
        .map(|route| (route.method, route.is_effect))
        .collect();
    assert_eq!(routes, [(Method::Get, false)]);
}

//! Outdials: made, read, changed, deleted; values as the contract writes them.

use bin_common_handler::{
    databasehandler::Value,
    models::{
        sock::{
            Method::{Delete, Get, Post, Put},
            Request,
        },
        time::Timestamp,
    },
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id_of, is_wire_time, list, text, version};

const NIL: &str = "00000000-0000-0000-0000-000000000000";
const ID: &str = "5b1a0000-0000-4000-8000-00000000000a";

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_outdial_has_every_field_and_is_announced_as_it_is(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let body = json!({
        "customer_id": ID, "campaign_id": ID, "name": "n", "detail": "d", "data": "{\"a\":1}",
        "id": ID, "tm_create": "x", "unknown": [1],
    });
    let made = world.client.ok(Post, "/v1/outdials", Some(body)).await;

    let mut keys: Vec<_> = made.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "campaign_id",
            "customer_id",
            "data",
            "detail",
            "id",
            "name",
            "tm_create",
            "tm_delete",
            "tm_update"
        ]
    );
    assert_eq!(made["customer_id"], ID);
    assert_eq!(made["campaign_id"], ID);
    assert_eq!((&made["name"], &made["detail"]), (&json!("n"), &json!("d")));
    assert_eq!(made["data"], "{\"a\":1}", "data is text and stays text");
    assert_ne!(made["id"], ID, "an id is ours to give");
    assert_eq!(text(&made, "id"), id_of(text(&made, "id")).to_string());
    assert!(is_wire_time(&made["tm_create"]), "{made}");
    assert_eq!(made["tm_update"], Json::Null, "not changed yet");
    assert_eq!(made["tm_delete"], Json::Null);

    let heard = events.wait_for(1).await;
    assert_eq!(heard[0].event.kind, "outdial_created");
    assert_eq!(heard[0].event.publisher, world.client.name);
    assert_eq!(heard[0].event.data_type, "application/json");
    let announced: Json =
        serde_json::from_str(heard[0].event.data.as_ref().unwrap().get()).unwrap();
    assert_eq!(announced, made, "an event is the whole entity");
    let topic = format!(
        "{}.outdial.{}.created",
        world.client.name,
        text(&made, "id")
    );
    assert_eq!(heard[0].routing_key, topic);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_null_has_its_default(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let nulls = json!({"customer_id": null, "campaign_id": null, "name": null, "detail": null, "data": null});
    for body in [json!({}), nulls] {
        let made = world.client.ok(Post, "/v1/outdials", Some(body)).await;
        assert_eq!(made["customer_id"], NIL);
        assert_eq!(made["campaign_id"], NIL);
        for field in ["name", "detail", "data"] {
            assert_eq!(made[field], "");
        }
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_uuid_in_a_body_may_be_written_in_any_form(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let forms = [
        "5b1a0000-0000-4000-8000-00000000000a",
        "5B1A0000-0000-4000-8000-00000000000A",
        "5b1a000000004000800000000000000a",
        "{5b1a0000-0000-4000-8000-00000000000a}",
        "urn:uuid:5b1a0000-0000-4000-8000-00000000000a",
    ];
    for form in forms {
        let body = json!({"customer_id": form, "campaign_id": form});
        let made = world.client.ok(Post, "/v1/outdials", Some(body)).await;
        assert_eq!(
            (&made["customer_id"], &made["campaign_id"]),
            (&json!(ID), &json!(ID)),
            "{form}"
        );
        let uri = format!("/v1/outdials/{}/campaign_id", text(&made, "id"));
        let changed = world
            .client
            .ok(Put, &uri, Some(json!({"campaign_id": form})))
            .await;
        assert_eq!(changed["campaign_id"], ID, "{form}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_fit_is_400_and_makes_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let before = world.client.ok(Get, &outdial.uri, None).await;
    let campaign = format!("{}/campaign_id", outdial.uri);
    let data = format!("{}/data", outdial.uri);
    let long_name = json!({"name": "ä".repeat(256)});
    let long_text = json!({"detail": "x".repeat(65_536)});
    let cases = [
        (Post, "/v1/outdials", json!({"name": {}})),
        (Post, "/v1/outdials", json!({"detail": []})),
        (Post, "/v1/outdials", json!({"data": {"a": 1}})),
        (Post, "/v1/outdials", json!({"name": 7})),
        (Post, "/v1/outdials", json!({"customer_id": "me"})),
        (Post, "/v1/outdials", json!({"customer_id": 7})),
        (Post, "/v1/outdials", json!({"campaign_id": ""})),
        (Post, "/v1/outdials", json!("text")),
        (Post, "/v1/outdials", json!([])),
        (Post, "/v1/outdials", json!([ID, ID, "n"])),
        (Put, outdial.uri.as_str(), json!(["n"])),
        (Post, "/v1/outdials", long_name.clone()),
        (Post, "/v1/outdials", long_text.clone()),
        (Put, outdial.uri.as_str(), json!({"name": {}})),
        (Put, outdial.uri.as_str(), json!({"detail": 1})),
        (Put, outdial.uri.as_str(), long_name),
        (Put, outdial.uri.as_str(), long_text),
        (Put, campaign.as_str(), json!({"campaign_id": "x"})),
        (Put, data.as_str(), json!({"data": {}})),
    ];
    for (method, uri, body) in cases {
        let (status, _) = world.refused(method, uri, Some(body.clone())).await;
        assert_eq!(status, 400, "{method} {uri} {body}");
    }
    assert_eq!(world.refused(Post, "/v1/outdials", None).await.0, 400);
    let all = list(world.client.ok(Get, "/v1/outdials", None).await);
    assert_eq!(all, [before], "nothing was made or changed");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_longest_texts_are_kept_whole(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let body = json!({
        "name": "ä".repeat(255), "detail": "x".repeat(65_535), "data": "\u{1F4DE}\u{0} \" \\ \n",
    });
    let made = world
        .client
        .ok(Post, "/v1/outdials", Some(body.clone()))
        .await;
    let uri = format!("/v1/outdials/{}", text(&made, "id"));
    let kept = world.client.ok(Get, &uri, None).await;
    for field in ["name", "detail", "data"] {
        assert_eq!(kept[field], body[field], "{field}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_changes_what_it_names_and_is_announced(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let body = json!({"customer_id": ID, "name": "n", "detail": "d", "data": "x"});
    let mut now = world.client.ok(Post, "/v1/outdials", Some(body)).await;
    let uri = format!("/v1/outdials/{}", text(&now, "id"));
    let steps = [
        ("", json!({"name": "n2", "detail": "d2"}), "name"),
        ("", json!({"detail": "d3"}), "detail"),
        ("/campaign_id", json!({"campaign_id": ID}), "campaign_id"),
        ("/campaign_id", json!({"campaign_id": null}), "campaign_id"),
        ("/data", json!({"data": "y"}), "data"),
        (
            "",
            json!({"name": "n3", "data": "z", "campaign_id": ID, "more": {}}),
            "name",
        ),
    ];
    let count = steps.len();
    for (tail, change, field) in steps {
        let changed = world
            .client
            .ok(Put, &format!("{uri}{tail}"), Some(change.clone()))
            .await;
        let expected = match &change[field] {
            Json::Null => json!(NIL),
            value => value.clone(),
        };
        assert_eq!(changed[field], expected, "{change}");
        assert_eq!(changed["tm_create"], now["tm_create"]);
        assert!(version(&changed) > version(&now), "a version moves on");
        assert_eq!(world.client.ok(Get, &uri, None).await, changed);
        now = changed;
    }
    assert_eq!(
        now["data"], "y",
        "PUT on the outdial sets name and detail only"
    );
    assert_eq!(now["campaign_id"], NIL);
    let heard = events.wait_for(count + 1).await;
    assert!(
        heard[1..]
            .iter()
            .all(|event| event.event.kind == "outdial_updated")
    );
    let last = heard.last().unwrap();
    let announced: Json = serde_json::from_str(last.event.data.as_ref().unwrap().get()).unwrap();
    assert_eq!(announced, now, "the last event equals the row");
    assert_eq!(last.version, Some(version(&now).micros()));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_outdial_is_read_but_neither_changed_nor_filled_nor_dialled(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;

    let deleted = world.client.ok(Delete, &outdial.uri, None).await;
    assert!(is_wire_time(&deleted["tm_delete"]));
    assert_eq!(deleted["tm_delete"], deleted["tm_update"]);
    assert_eq!(
        world.client.ok(Delete, &outdial.uri, None).await,
        deleted,
        "a second delete changes nothing"
    );
    assert_eq!(world.client.ok(Get, &outdial.uri, None).await, deleted);
    for (tail, body) in [
        ("", json!({"name": "x"})),
        ("/campaign_id", json!({"campaign_id": ID})),
        ("/data", json!({"data": "x"})),
    ] {
        let (status, reason) = world
            .refused(Put, &format!("{}{tail}", outdial.uri), Some(body))
            .await;
        assert_eq!((status, reason.as_str()), (404, "OUTDIAL_NOT_FOUND"));
    }
    let (status, _) = world
        .refused(Post, &format!("{}/targets", outdial.uri), Some(json!({})))
        .await;
    assert_eq!(status, 404);
    assert!(outdial.available("try_count_0=5").await.is_empty());
    assert!(outdial.available("try_count_0=5&lease=0").await.is_empty());
    let targets = list(
        world
            .client
            .ok(Get, &format!("{}/targets", outdial.uri), None)
            .await,
    );
    assert_eq!(targets, [target]);

    // The next thing to be heard tells that nothing else was said before.
    world.outdial().await;
    let kinds = events.kinds(4).await;
    assert_eq!(
        kinds,
        [
            "outdial_created",
            "outdialtarget_created",
            "outdial_deleted",
            "outdial_created"
        ]
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let made = world.client.ok(Post, "/v1/outdials", Some(json!({}))).await;
    let known = text(&made, "id").to_owned();
    let unknown = format!("/v1/outdials/{ID}");
    let body = Some(json!({"name": "x", "campaign_id": ID, "data": "x"}));
    for (method, uri, body) in [
        (Get, unknown.clone(), None),
        (Put, unknown.clone(), body.clone()),
        (Delete, unknown.clone(), None),
        (Put, format!("{unknown}/campaign_id"), body.clone()),
        (Put, format!("{unknown}/data"), body.clone()),
        (Post, format!("{unknown}/targets"), body.clone()),
        (Get, format!("{unknown}/targets"), None),
        (Get, format!("{unknown}/available?try_count_0=1"), None),
        (Get, format!("{unknown}/stats"), None),
        (Get, format!("{unknown}/targetcalls"), None),
    ] {
        let (status, reason) = world.refused(method, &uri, body).await;
        assert_eq!(
            (status, reason.as_str()),
            (404, "OUTDIAL_NOT_FOUND"),
            "{method} {uri}"
        );
    }
    let upper = known.to_uppercase();
    for (method, uri) in [
        (Get, format!("/v1/outdials/{upper}")),
        (Delete, format!("/v1/outdials/{upper}")),
        (Get, format!("/v1/outdials/{}", known.replace('-', ""))),
        (Get, format!("/v1/outdials/{{{known}}}")),
        (Get, "/v2/outdials".to_owned()),
        (Post, format!("/v1/outdials/{known}")),
        (Put, "/v1/outdials".to_owned()),
        (Get, String::new()),
    ] {
        let (status, reason) = world.refused(method, &uri, None).await;
        assert_eq!(
            (status, reason.as_str()),
            (404, "ROUTE_NOT_FOUND"),
            "{method} {uri}"
        );
    }
    assert_eq!(
        world
            .client
            .ok(Get, &format!("/v1/outdials/{known}?x=1"), None)
            .await,
        made
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_utc_with_its_zeros_trimmed(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let second = 1_795_083_759_000_000;
    for (micros, wire) in [
        (second, "2026-11-19T10:22:39Z"),
        (second + 248_690, "2026-11-19T10:22:39.24869Z"),
        (second + 500_000, "2026-11-19T10:22:39.5Z"),
        (second + 1, "2026-11-19T10:22:39.000001Z"),
    ] {
        let time = Value::Time(Timestamp::from_micros(micros));
        world
            .sql(
                "UPDATE outdial_outdials SET tm_create = ?, tm_update = ?, tm_delete = ? WHERE id = ?",
                vec![
                    time.clone(),
                    Value::Time(Timestamp::from_micros(micros + 60_000_000)),
                    time,
                    outdial.id().into(),
                ],
            )
            .await;
        let row = list(world.client.ok(Get, "/v1/outdials", None).await).remove(0);
        assert_eq!(row["tm_create"], wire);
        assert_eq!(row["tm_update"], wire.replace("10:22", "10:23"));
        assert_eq!(row["tm_delete"], wire);
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_its_data_type(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let read = Request::new(Get, "/v1/outdials?page_size=10", "test");
    let reply = world.client.send(&read).await.unwrap();
    assert_eq!(
        serde_json::to_value(&reply).unwrap(),
        json!({"status_code": 200, "data_type": "application/json", "data": []}),
        "an empty list is []"
    );
    let unknown = Request::new(Get, "/v1/nothing", "test");
    let reply = world.client.send(&unknown).await.unwrap();
    let reply = serde_json::to_value(&reply).unwrap();
    assert_eq!(reply["data_type"], "voipbin_error");
    assert_eq!(reply["data"]["status"], "NOT_FOUND");
    world.end().await;
}

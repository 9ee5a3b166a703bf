//! What we did not write: rows with odd values, words that we do not know, and requests as voipbin makes them.

mod rows;

use bin_common_handler::{
    databasehandler::Value,
    models::{
        sock::Method::{Delete, Get, Post, Put},
        time::Timestamp,
    },
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use rows::write;

use crate::world::{
    LONG_LEASES, Outdial, World, ids, list, progress, put_status, target_uri, text,
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn unknown_words_pass_through_and_stay(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let id: Uuid = text(&target, "id").parse().unwrap();
    let fax = r#"{"type":"fax","target":"1","name":"n"}"#;
    write(
        &world,
        "outdial_outdialtargets",
        "destination_1",
        &fax.into(),
        id,
    )
    .await;
    write(
        &world,
        "outdial_outdialtargets",
        "status",
        &"paused".into(),
        id,
    )
    .await;
    let read = world.client.ok(Get, &target_uri(&target), None).await;
    assert_eq!(read["status"], "paused");
    assert_eq!(
        read["destination_1"],
        json!({"type": "fax", "target": "1", "name": "n"})
    );
    let (status, refused) = progress(&world.client, &target, 0).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(put_status(&world.client, &target, "paused").await.0, 400);

    // By its other destination it may be dialled.
    assert_eq!(put_status(&world.client, &target, "idle").await.0, 200);
    assert_eq!(outdial.available("try_count_1=5&lease=0").await.len(), 0);
    assert_eq!(
        outdial.available("try_count_0=5&try_count_1=5").await.len(),
        1
    );
    let deleted = world.client.ok(Delete, &target_uri(&target), None).await;
    assert_eq!(deleted["destination_1"]["type"], "fax");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_an_outdial_is_read_and_deleted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    for lost in [Value::Null, Uuid::from_u128(99).into(), Uuid::nil().into()] {
        let target = outdial.target().await;
        let id = text(&target, "id").parse().unwrap();
        write(&world, "outdial_outdialtargets", "outdial_id", &lost, id).await;
        world.client.ok(Get, &target_uri(&target), None).await;
        assert_eq!(put_status(&world.client, &target, "done").await.0, 200);
        world.client.ok(Delete, &target_uri(&target), None).await;
        let tenant = world.client.within(Uuid::from_u128(5));
        assert_eq!(tenant.call(Get, &target_uri(&target), None).await.0, 404);
        assert_eq!(tenant.call(Delete, &target_uri(&target), None).await.0, 404);
    }
    world.end().await;
}

/// Three rows whose tm_create is not known stand once on the last page.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn pages_end_with_rows_whose_time_is_not_known(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let mut expected = Vec::new();
    for n in 0..7 {
        let outdial = world.outdial().await;
        expected.push(outdial.id().to_string());
        if n < 3 {
            write(
                &world,
                "outdial_outdials",
                "tm_create",
                &Value::Null,
                outdial.id(),
            )
            .await;
        }
    }
    for size in 1..=8 {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let uri = format!("/v1/outdials?page_size={size}&page_token={token}");
            let page = list(world.client.ok(Get, &uri, None).await);
            seen.extend(ids(&page));
            match page.last().and_then(|row| row["tm_create"].as_str()) {
                Some(last) => token = last.to_owned(),
                None => break,
            }
        }
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "pages of {size}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_says_no_size_gets_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    use bin_common_handler::models::sock::Request;

    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    progress(&world.client, &target, 0).await;
    put_status(&world.client, &target, "idle").await;
    let base = &outdial.uri;
    for (uri, is_sized) in [
        ("/v1/outdials".to_owned(), false),
        ("/v1/outdials?page_size=0".to_owned(), false),
        ("/v1/outdials?page_size=".to_owned(), false),
        ("/v1/outdials?page_size=10".to_owned(), true),
        ("/v1/outdials?page_size=10.0".to_owned(), true),
        (format!("{base}/targets"), false),
        (format!("{base}/targets?page_size=0.0"), false),
        (format!("{base}/targets?page_size=1"), true),
        (format!("{base}/targetcalls"), false),
        (format!("{base}/targetcalls?page_size=5"), true),
        (format!("{}/calls", target_uri(&target)), false),
        (format!("{}/calls?page_size=5", target_uri(&target)), true),
        (format!("{base}/available?try_count_0=3&lease=0"), false),
        (
            format!("{base}/available?try_count_0=3&lease=0&limit=0"),
            false,
        ),
        (
            format!("{base}/available?try_count_0=3.0&lease=0&limit=2.0"),
            true,
        ),
    ] {
        let rows = async |publisher: &str| {
            let request = Request::new(Get, uri.as_str(), publisher);
            let reply = world.client.send(&request).await.unwrap();
            assert_eq!(reply.status_code, 200, "{uri}");
            list(serde_json::from_str(reply.body()).unwrap()).len()
        };
        assert_eq!(
            rows("campaign-manager").await,
            usize::from(is_sized),
            "{uri}"
        );
        assert_eq!(rows("").await, usize::from(is_sized), "{uri}");
        assert_eq!(rows("http-bridge").await, 1, "{uri}: a person");
    }
    world.end().await;
}

/// What voipbin's own daemon takes.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_read_as_voipbin_reads_them(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let made = outdial
        .target_with(json!({
            "name": "n", "detail": "d", "data": "x", "destination_0": {"type": "tel", "target": "+14155550123"},
            "destination_1": {}, "destination_2": {"type": "", "target": ""}, "destination_3": null,
        }))
        .await;
    for n in 1..5 {
        assert_eq!(made[format!("destination_{n}")], Json::Null);
    }
    let uri = format!("{}/progressing", target_uri(&made));
    for (body, tries) in [
        (Some(json!({})), 1),
        (None, 2),
        (Some(json!({"destination_index": null})), 3),
        (Some(json!({"destination_index": 0.0})), 4),
    ] {
        let called = world.client.ok(Post, &uri, body).await;
        assert_eq!(called["try_count_0"], tries);
        put_status(&world.client, &made, "idle").await;
    }
    let uri = format!("{}/available", outdial.uri);
    let body = json!({"try_count_0": 5.0, "limit": 1.0, "lease": 0.0});
    assert_eq!(list(world.client.ok(Get, &uri, Some(body)).await).len(), 1);

    let uri = format!("{}/targets", outdial.uri);
    outdial.target().await;
    for filter in [
        json!({"detail": "d"}),
        json!({"data": "x"}),
        json!({"data": "x", "detail": "d", "name": "n"}),
    ] {
        let found = list(world.client.ok(Get, &uri, Some(filter.clone())).await);
        assert_eq!(ids(&found), [text(&made, "id")], "{filter}");
    }
    world
        .client
        .ok(
            Put,
            &format!("{}/data", outdial.uri),
            Some(json!({"data": "mine"})),
        )
        .await;
    let found = list(
        world
            .client
            .ok(Get, "/v1/outdials", Some(json!({"data": "mine"})))
            .await,
    );
    assert_eq!(ids(&found), [outdial.id().to_string()]);
    world.end().await;
}

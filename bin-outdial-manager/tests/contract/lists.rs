//! Lists: pages that lose and repeat nothing, and filters that are a whitelist.

use bin_common_handler::{
    databasehandler::Value,
    models::{
        sock::Method::{Delete, Get, Post},
        time::Timestamp,
    },
    testing::Kind,
};
use proptest::{prelude::*, test_runner::TestRunner};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{Outdial, World, ids, list, text};

const MINE: &str = "5b1a0000-0000-4000-8000-00000000000a";
const OTHER: &str = "5b1a0000-0000-4000-8000-00000000000b";

async fn get(world: &World, uri: &str, filters: Json) -> Vec<Json> {
    list(world.client.ok(Get, uri, Some(filters)).await)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_a_default_size_and_a_largest_one(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    outdial.fill(1_100).await;
    for (query, rows) in [
        ("", 100),
        ("?page_size=", 100),
        ("?page_size=0", 100),
        ("?page_size=7", 7),
        ("?page_size=1000", 1_000),
        ("?page_size=1001", 1_000),
        ("?page_size=99999999999", 1_000),
    ] {
        let uri = format!("{}/targets{query}", outdial.uri);
        let page = list(world.client.ok(Get, &uri, None).await);
        assert_eq!(page.len(), rows, "{query}");
    }
    for query in ["page_size=-1", "page_size=ten", "page_token=yesterday"] {
        let uri = format!("{}/targets?{query}", outdial.uri);
        assert_eq!(world.refused(Get, &uri, None).await.0, 400, "{query}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bulk_rows_have_a_microsecond_each(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    outdial.fill(300).await;
    let uri = format!("{}/targets?page_size=1000", outdial.uri);
    let mut times: Vec<_> = list(world.client.ok(Get, &uri, None).await)
        .iter()
        .map(|row| text(row, "tm_create").parse::<Timestamp>().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a > b), "newest first, none equal");
    times.dedup();
    assert_eq!(times.len(), 300);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_the_last_rows_time_in_either_form(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    for _ in 0..3 {
        world.outdial().await;
    }
    let all = get(&world, "/v1/outdials", json!({})).await;
    let time: Timestamp = text(&all[0], "tm_create").parse().unwrap();
    let rfc = time.to_string();
    let plain = rfc.trim_end_matches('Z').replace('T', " ");
    let escaped = plain.replace(' ', "%20").replace(':', "%3A");
    for token in [rfc, plain, escaped] {
        let uri = format!("/v1/outdials?page_token={token}");
        assert_eq!(get(&world, &uri, json!({})).await, all[1..], "{token}");
    }
    assert_eq!(
        get(&world, "/v1/outdials?page_token=", json!({})).await,
        all
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn filters_stand_in_the_body_or_in_the_query(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let mut made = Vec::new();
    for (customer, campaign, name) in [(MINE, MINE, "a"), (MINE, OTHER, "b"), (OTHER, OTHER, "a")] {
        let body = json!({"customer_id": customer, "campaign_id": campaign, "name": name});
        made.push(world.client.ok(Post, "/v1/outdials", Some(body)).await);
    }
    let gone = format!("/v1/outdials/{}", text(&made[1], "id"));
    made[1] = world.client.ok(Delete, &gone, None).await;
    let id = made[0]["id"].clone();

    let upper = MINE.to_uppercase();
    for (query, filters, expected) in [
        ("", json!({}), vec![2, 1, 0]),
        ("", Json::Null, vec![2, 1, 0]),
        ("", json!({"deleted": false}), vec![2, 0]),
        ("", json!({"deleted": true}), vec![1]),
        ("?deleted=false", json!({}), vec![2, 0]),
        ("", json!({"customer_id": MINE}), vec![1, 0]),
        ("", json!({"customer_id": upper}), vec![1, 0]),
        (
            "?customer_id=5b1a0000-0000-4000-8000-00000000000b",
            json!({}),
            vec![2],
        ),
        (
            "?customer_id=5b1a0000-0000-4000-8000-00000000000a",
            json!({"deleted": false}),
            vec![0],
        ),
        ("", json!({"campaign_id": OTHER}), vec![2, 1]),
        ("", json!({"name": "a"}), vec![2, 0]),
        ("", json!({"name": "a", "customer_id": MINE}), vec![0]),
        ("", json!({"name": "%"}), vec![]),
        ("", json!({"name": "' OR 1=1 -- "}), vec![]),
        ("", json!({"id": id}), vec![0]),
    ] {
        let found = get(&world, &format!("/v1/outdials{query}"), filters.clone()).await;
        let expected: Vec<_> = expected
            .into_iter()
            .map(|n: usize| made[n].clone())
            .collect();
        assert_eq!(found, expected, "{query} {filters}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn targets_are_filtered_by_status(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let (outdial, other) = (world.outdial().await, world.outdial().await);
    let one = outdial.target().await;
    let two = outdial.target().await;
    other.target().await;
    let (_, one) = crate::world::put_status(&world.client, &one, "done").await;
    let uri = format!("{}/targets", outdial.uri);
    for (filters, expected) in [
        (json!({}), vec![&two, &one]),
        (json!({"status": "done"}), vec![&one]),
        (json!({"status": "idle"}), vec![&two]),
        (json!({"status": "progressing"}), vec![]),
        (json!({"outdial_id": other.id()}), vec![]),
        (json!({"outdial_id": outdial.id()}), vec![&two, &one]),
    ] {
        let found = get(&world, &uri, filters.clone()).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filters}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn an_unknown_parameter_is_refused_on_every_list(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    outdial.target().await;
    for tail in ["", "/targets", "/targetcalls", "/available"] {
        let uri = match tail {
            "" => "/v1/outdials".to_owned(),
            tail => format!("{}{tail}", outdial.uri),
        };
        for name in [
            "tag",
            "pagesize",
            "Deleted",
            "details",
            "try_count",
            "a%20b",
        ] {
            let uri = format!("{uri}?{name}=x");
            let (status, reason) = world.refused(Get, &uri, None).await;
            assert_eq!(
                (status, reason.as_str()),
                (400, "UNKNOWN_PARAMETER"),
                "{uri}"
            );
        }
        let known = "page_size=1&page_token=&customer_id=";
        get(&world, &format!("{uri}?{known}"), json!({})).await;
    }
    for (query, count) in [
        ("deleted=0", 1),
        ("deleted=No", 1),
        ("deleted=YES", 0),
        ("deleted=1", 0),
    ] {
        let rows = get(&world, &format!("/v1/outdials?{query}"), json!({})).await;
        assert_eq!(rows.len(), count, "{query}");
    }
    let targets = format!("{}/targets", outdial.uri);
    let idle = get(&world, &format!("{targets}?status=Idle"), json!({})).await;
    assert_eq!(idle.len(), 1);
    for bad in ["status=idel", "status=", "deleted=2"] {
        let (status, reason) = world.refused(Get, &format!("{targets}?{bad}"), None).await;
        assert_eq!((status, reason.as_str()), (400, "INVALID_FILTER"), "{bad}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_outside_the_whitelist_is_400_and_harms_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    outdial.target().await;
    let before = get(&world, "/v1/outdials", json!({})).await;
    let keys = [
        "1=1 OR customer_id",
        "customer_id = '' OR 1=1 -- ",
        "id); DROP TABLE outdial_outdials; -- ",
        "tm_create",
        "tm_create",
        "Customer_id",
        "",
        "deleted ",
    ];
    for tail in ["", "/targets", "/targetcalls"] {
        let uri = match tail {
            "" => "/v1/outdials".to_owned(),
            tail => format!("{}{tail}", outdial.uri),
        };
        for key in keys {
            let (status, reason) = world.refused(Get, &uri, Some(json!({key: MINE}))).await;
            assert_eq!((status, reason.as_str()), (400, "UNKNOWN_FILTER"), "{key}");
        }
        for filters in [
            json!({"deleted": 1}),
            json!({"deleted": null}),
            json!({"campaign_id": "x"}),
            json!({"id": 7}),
            json!({"name": ["a"]}),
            json!([]),
            json!("deleted"),
        ] {
            let status = world.refused(Get, &uri, Some(filters.clone())).await.0;
            assert_eq!(status, 400, "{uri} {filters}");
        }
    }
    for query in ["customer_id=x", "deleted=maybe", "id=%27"] {
        let uri = format!("/v1/outdials?{query}");
        assert_eq!(world.refused(Get, &uri, None).await.0, 400, "{query}");
    }
    assert_eq!(get(&world, "/v1/outdials", json!({})).await, before);
    world.end().await;
}

const ROWS: usize = 24;

/// Gives each row the tm_create that `times` names, in microseconds.
async fn set_times(world: &World, rows: &[String], times: &[u8]) {
    for time in 0..=u8::MAX {
        let at: Vec<_> = rows
            .iter()
            .zip(times)
            .filter(|(_, of_row)| **of_row == time)
            .map(|(id, _)| Value::Uuid(id.parse().unwrap()))
            .collect();
        if at.is_empty() {
            continue;
        }
        let marks = vec!["?"; at.len()].join(", ");
        let created = Timestamp::from_micros(1_795_083_759_000_000 + i64::from(time));
        let values = std::iter::once(Value::Time(created)).chain(at).collect();
        world
            .sql(
                &format!("UPDATE outdial_outdialtargets SET tm_create = ? WHERE id IN ({marks})"),
                values,
            )
            .await;
    }
}

/// Reads page after page, as a client does.
async fn walk(outdial: &Outdial<'_>, size: usize) -> Vec<Json> {
    let mut rows: Vec<Json> = Vec::new();
    loop {
        let token = rows.last().map_or("", |row| text(row, "tm_create"));
        let uri = format!(
            "{}/targets?page_size={size}&page_token={token}",
            outdial.uri
        );
        let page = list(outdial.client.ok(Get, &uri, None).await);
        if page.is_empty() {
            return rows;
        }
        assert!(page.len() >= size || rows.len() + page.len() == ROWS);
        rows.extend(page);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_on_exactly_one_page(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    outdial.fill(ROWS).await;
    let all = ids(&walk(&outdial, 100).await);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let cases = (1..ROWS + 2, proptest::collection::vec(0..6_u8, ROWS));
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        runner.run(&cases, |(size, times)| {
            let rows = runtime.block_on(async {
                set_times(&world, &all, &times).await;
                walk(&outdial, size).await
            });
            let created: Vec<Timestamp> = rows
                .iter()
                .map(|row| text(row, "tm_create").parse().unwrap())
                .collect();
            prop_assert!(created.is_sorted_by(|a, b| a >= b), "newest first");
            let (mut found, mut expected) = (ids(&rows), all.clone());
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
            Ok(())
        })
    })
    .unwrap();
    world.end().await;
}

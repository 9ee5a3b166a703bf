//! `available`: who may be dialled, in which order.

use bin_common_handler::{
    databasehandler::Value,
    models::{
        sock::Method::{Get, Post},
        time::Timestamp,
    },
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{
    LONG_LEASES, World, get_target, id, ids, list, progress, put_status, tel, text,
};

/// Writes how often its destinations were tried.
async fn set_tries(world: &World, target: &Json, tries: [i64; 5]) {
    let mut values: Vec<Value> = tries.into_iter().map(Value::Int).collect();
    values.push(Value::Uuid(text(target, "id").parse().unwrap()));
    let sql = "UPDATE outdial_outdialtargets SET try_count_0 = ?, try_count_1 = ?, try_count_2 = ?, \
               try_count_3 = ?, try_count_4 = ? WHERE id = ?";
    assert_eq!(world.sql(sql, values).await, 1);
}

/// Writes when it was changed last, in seconds.
async fn set_updated(world: &World, target: &Json, second: i64) {
    let values = vec![
        Value::Time(Timestamp::from_micros(second * 1_000_000)),
        Value::Uuid(text(target, "id").parse().unwrap()),
    ];
    let sql = "UPDATE outdial_outdialtargets SET tm_update = ? WHERE id = ?";
    assert_eq!(world.sql(sql, values).await, 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn limits_stand_in_the_query_or_in_the_body_which_wins(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    for _ in 0..3 {
        let target = outdial.target().await;
        set_tries(&world, &target, [1, 0, 0, 0, 0]).await;
    }
    for (query, body, count) in [
        ("", None, 0),
        ("try_count_0=1", None, 0),
        ("try_count_0=2", None, 3),
        ("try_count_0=2&limit=2", None, 2),
        ("try_count_0=2&limit=0", None, 3),
        ("try_count_0=2&limit=", None, 3),
        ("try_count_0=4294967295&limit=4294967295", None, 3),
        ("", Some(json!({"try_count_0": 2})), 3),
        ("", Some(json!({"try_count_0": 2, "limit": 1})), 1),
        ("try_count_0=2&limit=3", Some(json!({"limit": 2})), 2),
        ("try_count_0=9", Some(json!({"try_count_0": 1})), 0),
        (
            "try_count_0=0",
            Some(json!({"try_count_0": 2, "unknown": 1})),
            3,
        ),
        ("try_count_0=2", Some(json!({"try_count_0": null})), 3),
        ("try_count_0=2", Some(Json::Null), 3),
        ("try_count_0=2", Some(json!({})), 3),
    ] {
        let uri = format!("{}/available?lease=0&{query}", outdial.uri);
        let found = list(world.client.ok(Get, &uri, body.clone()).await);
        assert_eq!(found.len(), count, "{query} {body:?}");
    }
    for (query, body) in [
        ("try_count_0=-1", None),
        ("limit=many", None),
        ("", Some(json!({"limit": "1"}))),
        ("", Some(json!({"try_count_0": -1}))),
        ("", Some(json!("1"))),
        ("", Some(json!([1]))),
    ] {
        let uri = format!("{}/available?{query}", outdial.uri);
        assert_eq!(world.refused(Get, &uri, body).await.0, 400, "{query}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_destination_counts_under_its_own_limit(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial
        .target_with(json!({"destination_0": tel(0), "destination_2": tel(2)}))
        .await;
    set_tries(&world, &target, [1, 0, 3, 0, 0]).await;
    for (query, offered) in [
        ("try_count_0=1", false),
        ("try_count_0=2", true),
        ("try_count_1=9", false),
        ("try_count_2=3", false),
        ("try_count_2=4", true),
        ("try_count_0=1&try_count_2=3", false),
        ("try_count_0=1&try_count_2=4", true),
        ("try_count_0=2&try_count_2=1", true),
        ("try_count_3=9&try_count_4=9", false),
        ("try_count_0=20", true),
        ("try_count_0=1&try_count_2=20", true),
        ("try_count_0=1&try_count_1=20&try_count_3=20", false),
    ] {
        let found = outdial.available(&format!("lease=0&{query}")).await;
        assert_eq!(!found.is_empty(), offered, "{query}");
        let found = outdial.available(query).await;
        assert_eq!(!found.is_empty(), offered, "{query}, leasing");
        // A change of status ends the lease.
        put_status(&world.client, &target, "idle").await;
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_live_idle_targets_of_this_outdial_are_offered(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let (outdial, other) = (world.outdial().await, world.outdial().await);
    let expected = outdial.target().await;
    other.target().await;
    outdial
        .target_with(json!({"name": "nowhere to call"}))
        .await;
    for status in ["progressing", "done"] {
        let target = outdial.target().await;
        put_status(&world.client, &target, status).await;
    }
    for query in [
        "try_count_0=5&lease=0",
        "try_count_0=40&lease=0",
        "try_count_0=5",
    ] {
        assert_eq!(
            outdial.available(query).await,
            std::slice::from_ref(&expected),
            "{query}"
        );
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_least_recently_updated_comes_first(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let mut expected = Vec::new();
    for (n, second) in [50, 20, 40, 10, 30].into_iter().enumerate() {
        let target = outdial
            .target_with(json!({"destination_0": tel(n), "destination_1": tel(n)}))
            .await;
        // Of each count some: the order is over all of them.
        let tries = i64::try_from(n % 3).unwrap();
        set_tries(&world, &target, [tries, 2 - tries, 0, 0, 0]).await;
        set_updated(&world, &target, second).await;
        expected.push((second, id(&target)));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    for query in [
        "try_count_0=3",
        "try_count_0=3&try_count_1=3",
        "try_count_0=30&try_count_1=30",
    ] {
        let looked = outdial.available(&format!("{query}&lease=0")).await;
        assert_eq!(ids(&looked), expected, "{query}");
    }
    let first = outdial
        .available("try_count_0=3&try_count_1=3&limit=2")
        .await;
    assert_eq!(ids(&first), expected[..2]);
    let rest = outdial.available("try_count_0=30&try_count_1=30").await;
    assert_eq!(ids(&rest), expected[2..]);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_target_with_several_destinations_takes_one_place(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let mut expected = Vec::new();
    for n in 0..4 {
        let body = if n < 2 {
            json!({"destination_0": tel(n), "destination_1": tel(n), "destination_4": tel(n)})
        } else {
            json!({"destination_1": tel(n)})
        };
        expected.push(id(&outdial.target_with(body).await));
    }
    let query = "try_count_0=1&try_count_1=1&try_count_4=1&limit=4";
    let looked = outdial.available(&format!("{query}&lease=0")).await;
    assert_eq!(ids(&looked), expected);
    let taken = outdial.available(query).await;
    assert_eq!(
        ids(&taken),
        expected,
        "as many as there are, up to the limit"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_json_text_null_is_an_absent_destination(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial
        .target_with(json!({"destination_0": tel(0), "destination_1": tel(1)}))
        .await;
    let sql = "UPDATE outdial_outdialtargets SET destination_0 = 'null' WHERE id = ?";
    let values = vec![Value::Uuid(text(&target, "id").parse().unwrap())];
    assert_eq!(world.sql(sql, values).await, 1);

    let read = get_target(&world.client, &target).await;
    assert_eq!(read["destination_0"], Json::Null);
    for query in ["try_count_0=9", "try_count_0=9&lease=0", "try_count_0=40"] {
        assert!(outdial.available(query).await.is_empty(), "{query}");
    }
    assert_eq!(progress(&world.client, &target, 0).await.0, 400);
    assert_eq!(
        outdial.available("try_count_0=9&try_count_1=1").await,
        [read]
    );
    // Nor when its lease has ended.
    let ended = "UPDATE outdial_outdialtargets SET lease_until = 1";
    world.sql(ended, vec![]).await;
    assert!(outdial.available("try_count_0=9").await.is_empty());
    assert_eq!(outdial.available("try_count_1=1").await.len(), 1);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn limits_of_many_counts_find_every_target(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::with(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let mut expected = Vec::new();
    for (n, tries) in [
        [29, 30],
        [30, 0],
        [30, 30],
        [0, 0],
        [17, 99],
        [99, 29],
        [31, 31],
    ]
    .into_iter()
    .enumerate()
    {
        let target = outdial
            .target_with(json!({"destination_0": tel(n), "destination_3": tel(n)}))
            .await;
        set_tries(&world, &target, [tries[0], 0, 0, tries[1], 0]).await;
        if tries.iter().any(|tries| *tries < 30) {
            expected.push(id(&target));
        }
    }
    let query = "try_count_0=30&try_count_3=30";
    let looked = outdial.available(&format!("{query}&lease=0")).await;
    assert_eq!(ids(&looked), expected);
    let mut taken = Vec::new();
    for _ in 0..expected.len() {
        taken.extend(ids(&outdial.available(&format!("{query}&limit=1")).await));
    }
    assert_eq!(taken, expected);
    assert!(outdial.available(query).await.is_empty());
    world
        .sql(
            "UPDATE outdial_outdialtargets SET lease_until = 1 WHERE lease_until IS NOT NULL",
            vec![],
        )
        .await;
    assert_eq!(
        ids(&outdial.available(query).await),
        expected,
        "after their leases"
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_no_way_to_ask(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let uri = format!("{}/available", outdial.uri);
    assert_eq!(world.refused(Post, &uri, Some(json!({}))).await.0, 404);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_opted_out_is_offered_no_more_until_they_opt_in(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let number = text(&target["destination_0"], "target").to_owned();
    let uri = format!("{}/available?try_count_0=9&lease=0", outdial.uri);
    let offered = async || list(world.client.ok(Get, &uri, None).await).len();
    assert_eq!(offered().await, 1);
    let outdial = world.client.ok(Get, &outdial.uri, None).await;
    let owner: uuid::Uuid = text(&outdial, "customer_id").parse().unwrap();
    let note = "INSERT INTO outdial_optouts (customer_id, number) VALUES (?, ?)";
    let foreign = vec![
        Value::Uuid(uuid::Uuid::from_u128(99)),
        number.as_str().into(),
    ];
    world.sql(note, foreign).await;
    assert_eq!(offered().await, 1, "another customer's");
    let own = vec![Value::Uuid(owner), number.as_str().into()];
    world.sql(note, own).await;
    assert_eq!(offered().await, 0);
    let claimed = format!("{}/available?try_count_0=9", outdial_uri(&outdial));
    assert_eq!(list(world.client.ok(Get, &claimed, None).await).len(), 0);
    let forget = "DELETE FROM outdial_optouts WHERE customer_id = ?";
    world.sql(forget, vec![Value::Uuid(owner)]).await;
    assert_eq!(offered().await, 1);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_opted_out_is_offered_under_no_sip_address(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    let sip = |text: &str| json!({"type": "sip", "target": text});
    let mut made = Vec::new();
    for body in [
        json!({"destination_0": sip("sip:+14155550123@10.0.0.1")}),
        json!({"destination_0": sip("sips:4155550123;user=phone@gw.example")}),
        json!({"destination_0": sip("sip:%2B14155550123@gw.example:5070")}),
        // There is another way to reach them.
        json!({"destination_0": sip("+14155550123@10.0.0.1"), "destination_1": tel(7)}),
        json!({"destination_0": sip("ann@example.com")}),
        json!({"destination_0": sip("+14155550124@10.0.0.1")}),
    ] {
        made.push(id(&outdial.target_with(body).await));
    }
    let look = "try_count_0=1&try_count_1=1&lease=0";
    assert_eq!(ids(&outdial.available(look).await), made);
    let row = world.client.ok(Get, &outdial.uri, None).await;
    let owner: uuid::Uuid = text(&row, "customer_id").parse().unwrap();
    let note = "INSERT INTO outdial_optouts (customer_id, number) VALUES (?, ?)";
    let person = vec![Value::Uuid(owner), "+14155550123".into()];
    world.sql(note, person).await;
    // Those behind come up, one after the other, whether they are taken or not.
    let one = format!("{look}&limit=1");
    assert_eq!(ids(&outdial.available(&one).await), made[3..4]);
    assert_eq!(ids(&outdial.available(look).await), made[3..]);
    let mut taken = Vec::new();
    for _ in 3..made.len() {
        let one = "try_count_0=1&try_count_1=1&limit=1";
        taken.extend(ids(&outdial.available(one).await));
    }
    assert_eq!(taken, made[3..]);
    assert!(outdial.available(look).await.is_empty());
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_passes_over_opt_outs_in_sip_addresses(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, LONG_LEASES).await;
    let outdial = world.outdial().await;
    for _ in 0..3 {
        let address = json!({"type": "sip", "target": "+14155550123@10.0.0.1"});
        outdial
            .target_with(json!({ "destination_0": address }))
            .await;
    }
    let other = outdial.target().await;
    let row = world.client.ok(Get, &outdial.uri, None).await;
    let owner: uuid::Uuid = text(&row, "customer_id").parse().unwrap();
    let note = "INSERT INTO outdial_optouts (customer_id, number) VALUES (?, ?)";
    let person = vec![Value::Uuid(owner), "+14155550123".into()];
    world.sql(note, person).await;
    let taken = outdial.available("try_count_0=1&limit=2").await;
    assert_eq!(ids(&taken), [id(&other)]);
    world.end().await;
}

fn outdial_uri(outdial: &Json) -> String {
    format!("/v1/outdials/{}", id(outdial))
}

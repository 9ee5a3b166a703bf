//! Rows that we did not write, each column as loose as its type allows: an odd value takes nothing but itself away.

use super::*;

/// A column, and what may stand in it: on both databases, and only where types are loose.
struct Odd {
    column: &'static str,
    everywhere: Vec<Value>,
    sqlite: Vec<Value>,
}

fn odd(column: &'static str, everywhere: Vec<Value>, sqlite: Vec<Value>) -> Odd {
    Odd {
        column,
        everywhere,
        sqlite,
    }
}

fn odd_texts(column: &'static str) -> Odd {
    let blob = Value::Bytes(vec![b'a', 0xff, 0xfe]);
    odd(
        column,
        vec![Value::Null, "".into()],
        vec![blob, Value::Int(7), Value::Float(1.5)],
    )
}

fn odd_times(column: &'static str) -> Odd {
    let at = |micros| Value::Time(Timestamp::from_micros(micros));
    odd(
        column,
        vec![Value::Null, at(0), at(253_402_300_799_999_999)],
        vec![
            Value::Int(i64::MAX),
            Value::Int(i64::MIN + 1),
            "yesterday".into(),
            Value::Float(0.5),
            Value::Bytes(vec![1]),
        ],
    )
}

fn odd_ids(column: &'static str) -> Odd {
    odd(
        column,
        vec![Value::Null, Uuid::nil().into(), Value::Bytes(vec![7; 5])],
        vec![Value::Bytes(vec![7; 17]), "an id".into(), Value::Int(7)],
    )
}

fn odd_numbers(column: &'static str) -> Odd {
    odd(
        column,
        vec![Value::Null, Value::Int(-5), Value::Int(i32::MAX.into())],
        vec![Value::Int(5_000_000_000), "three".into(), Value::Float(1.5)],
    )
}

fn odd_statuses() -> Odd {
    odd(
        "status",
        vec![
            Value::Null,
            "".into(),
            "paused".into(),
            "IDLE".into(),
            "idle ".into(),
            "finished".into(),
        ],
        vec![Value::Int(1), Value::Bytes(vec![0xff])],
    )
}

fn odd_destinations(column: &'static str) -> Odd {
    odd(
        column,
        vec![
            Value::Null,
            "null".into(),
            "{}".into(),
            r#""tel""#.into(),
            "7".into(),
            "[]".into(),
            "true".into(),
            r#"{"type":"fax","target":"1"}"#.into(),
            r#"{"type":"TEL","target":"+14155550123"}"#.into(),
            r#"{"type":null,"target":null}"#.into(),
            r#"{"type":7,"target":{}}"#.into(),
            r#"{"target":14155550123}"#.into(),
        ],
        vec![],
    )
}

fn cases(kind: Kind, odds: Vec<Odd>) -> Vec<(&'static str, Value)> {
    odds.into_iter()
        .flat_map(|odd| {
            let loose = (kind == Kind::Embedded).then_some(odd.sqlite);
            let values = odd
                .everywhere
                .into_iter()
                .chain(loose.into_iter().flatten());
            values.map(move |value| (odd.column, value))
        })
        .collect()
}

/// Whether a client in Go can read a row: times are null or RFC 3339, ids are ids, texts are texts.
fn assert_readable(row: &Json, asked: &str) {
    let fields = row.as_object().unwrap_or_else(|| panic!("{asked}: {row}"));
    for (name, value) in fields {
        let fits = match name.as_str() {
            "id" => value.as_str().is_some_and(|id| Uuid::try_parse(id).is_ok()),
            name if name.ends_with("_id") => {
                value.as_str().is_some_and(|id| Uuid::try_parse(id).is_ok())
            }
            name if name.starts_with("tm_") => {
                value.is_null()
                    || value
                        .as_str()
                        .is_some_and(|time| time.len() <= 27 && time.parse::<Timestamp>().is_ok())
            }
            name if name.starts_with("destination_") && name != "destination_index" => {
                value.is_null() || value.is_object()
            }
            name if name.starts_with("try_count") || name == "destination_index" => value
                .as_i64()
                .is_some_and(|count| i32::try_from(count).is_ok()),
            "destination" => value.is_null() || value.is_object(),
            _ => value.is_string(),
        };
        assert!(fits, "{asked}: {name} is {value}");
    }
}

pub(super) async fn write(world: &World, table: &str, column: &str, value: &Value, id: Uuid) {
    let sql = format!("UPDATE {table} SET {column} = ? WHERE id = ?");
    let touched = world.sql(&sql, vec![value.clone(), id.into()]).await;
    assert_eq!(touched, 1, "{column} {value:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_outdial_is_served_and_so_are_the_others(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let good = world.outdial().await;
    let odds = vec![
        odd_ids("customer_id"),
        odd_ids("campaign_id"),
        odd_texts("name"),
        odd_texts("detail"),
        odd_texts("data"),
        odd_times("tm_create"),
        odd_times("tm_update"),
    ];
    for (column, value) in cases(kind, odds) {
        let asked = format!("{column} {value:?}");
        let outdial = world.outdial().await;
        let target = outdial.target().await;
        write(&world, "outdial_outdials", column, &value, outdial.id()).await;

        let read = world.client.ok(Get, &outdial.uri, None).await;
        assert_readable(&read, &asked);
        let all = list(world.client.ok(Get, "/v1/outdials", None).await);
        assert!(ids(&all).contains(&good.id().to_string()), "{asked}");
        assert!(ids(&all).contains(&outdial.id().to_string()), "{asked}");
        all.iter().for_each(|row| assert_readable(row, &asked));
        for tail in [
            "/targets",
            "/targetcalls",
            "/stats",
            "/available?try_count_0=1&lease=0",
        ] {
            let uri = format!("{}{tail}", outdial.uri);
            world.client.ok(Get, &uri, None).await;
        }
        assert_eq!(
            outdial.available("try_count_0=1&limit=1").await.len(),
            1,
            "{asked}"
        );
        assert_eq!(progress(&world.client, &target, 0).await.0, 200, "{asked}");
        assert_eq!(
            put_status(&world.client, &target, "idle").await.0,
            200,
            "{asked}"
        );
        for (tail, body) in [
            ("", json!({"name": "new"})),
            ("/data", json!({"data": "new"})),
            ("/campaign_id", json!({"campaign_id": Uuid::from_u128(7)})),
        ] {
            let uri = format!("{}{tail}", outdial.uri);
            let changed = world.client.ok(Put, &uri, Some(body)).await;
            assert_readable(&changed, &asked);
        }
        outdial.target().await;
        let deleted = world.client.ok(Delete, &outdial.uri, None).await;
        assert!(deleted["tm_delete"].is_string(), "{asked}: {deleted}");
    }
    world.end().await;
}

async fn serves_target(world: &World, outdial: &Outdial<'_>, target: &Json, asked: &str) {
    let read = world.client.ok(Get, &target_uri(target), None).await;
    assert_readable(&read, asked);
    let all = list(
        world
            .client
            .ok(Get, &format!("{}/targets", outdial.uri), None)
            .await,
    );
    assert_eq!(all.len(), 2, "{asked}");
    all.iter().for_each(|row| assert_readable(row, asked));
    world
        .client
        .ok(Get, &format!("{}/stats", outdial.uri), None)
        .await;
    world
        .client
        .ok(Get, &format!("{}/calls", target_uri(target)), None)
        .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_target_is_served_and_so_are_the_others(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, LONG_LEASES).await;
    let mut odds = vec![
        odd_texts("name"),
        odd_texts("detail"),
        odd_texts("data"),
        odd_statuses(),
        odd_times("tm_create"),
        odd_times("tm_update"),
        odd_destinations("destination_0"),
        odd_destinations("destination_4"),
        odd_numbers("try_count_0"),
        odd_numbers("try_count_3"),
    ];
    // What is not understood in these keeps a target from being dialled.
    let is_undialable = |column: &str, value: &Value| match column {
        "status" | "destination_0" => true,
        "try_count_0" => !matches!(value, Value::Null) && *value != Value::Int(i32::MAX.into()),
        _ => false,
    };
    odds.retain(|odd| !odd.everywhere.is_empty());
    for (column, value) in cases(kind, odds) {
        let asked = format!("{column} {value:?}");
        let outdial = world.outdial().await;
        let (target, good) = (outdial.target().await, outdial.target().await);
        let id = text(&target, "id").parse().unwrap();
        write(&world, "outdial_outdialtargets", column, &value, id).await;

        serves_target(&world, &outdial, &target, &asked).await;
        for query in [
            "try_count_0=3&lease=0",
            "try_count_0=40&lease=0",
            "try_count_0=3",
        ] {
            let offered = ids(&outdial.available(query).await);
            assert!(
                offered.contains(&text(&good, "id").to_owned()),
                "{asked} {query}"
            );
            if is_undialable(column, &value) {
                assert_eq!(offered.len(), 1, "{asked} {query}: {offered:?}");
            }
        }
        let (status, _) = progress(&world.client, &target, 0).await;
        assert!([200, 400, 409].contains(&status), "{asked}: {status}");
        assert_eq!(
            put_status(&world.client, &target, "idle").await.0,
            200,
            "{asked}"
        );
        serves_target(&world, &outdial, &target, &asked).await;
        let deleted = world.client.ok(Delete, &target_uri(&target), None).await;
        assert!(deleted["tm_delete"].is_string(), "{asked}: {deleted}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_attempt_is_listed_with_the_others(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    for _ in 0..2 {
        assert_eq!(progress(&world.client, &target, 0).await.0, 200);
        assert_eq!(put_status(&world.client, &target, "idle").await.0, 200);
    }
    let odds = vec![
        odd_ids("customer_id"),
        odd_ids("campaign_id"),
        odd_ids("activeflow_id"),
        odd_ids("reference_id"),
        odd("status", vec![Value::Null, "ringing".into()], vec![]),
        odd("reference_type", vec![Value::Null, "chat".into()], vec![]),
        odd_destinations("destination"),
        odd_numbers("destination_index"),
        odd_numbers("try_count"),
        odd_times("tm_create"),
        odd_times("tm_update"),
        odd_times("tm_delete"),
    ];
    let uri = format!("{}/targetcalls", outdial.uri);
    let odd_one = list(world.client.ok(Get, &uri, None).await).remove(0);
    let id = text(&odd_one, "id").parse().unwrap();
    for (column, value) in cases(kind, odds) {
        let asked = format!("{column} {value:?}");
        write(&world, "outdial_outdialtargetcalls", column, &value, id).await;
        for uri in [&uri, &format!("{}/calls", target_uri(&target))] {
            let calls = list(world.client.ok(Get, uri, None).await);
            assert_eq!(calls.len(), 2, "{asked}");
            calls.iter().for_each(|row| assert_readable(row, &asked));
        }
        world
            .client
            .ok(Get, &format!("{}/stats", outdial.uri), None)
            .await;
    }
    world.end().await;
}

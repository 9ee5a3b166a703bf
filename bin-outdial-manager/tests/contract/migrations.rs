//! Migrations: up and down and up again, and broken off, on an empty database and on one that voipbin filled; their
//! schema and the entities.

use bin_common_handler::{
    databasehandler::Value,
    models::{sock::Method::Get, time::Timestamp},
    testing::{
        Installation, Kind, migrations,
        schema::{Schema, all_are_listed, break_off},
        spawn,
    },
};
use bin_outdial_manager::{
    MANAGER,
    models::{
        outdial::Outdial, outdialtarget::OutdialTarget, outdialtargetcall::OutdialTargetCall,
    },
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, list, progress, put_status, text};

/// voipbin's tables, without anything of ours.
const TABLES: &str = include_str!("voipbin.sql");

const OUTDIAL: Uuid = Uuid::from_u128(0xa1);
const FRESH: Uuid = Uuid::from_u128(0xb1);
const TRIED: Uuid = Uuid::from_u128(0xb2);
const CALL: Uuid = Uuid::from_u128(0xc1);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn up_down_and_up_again_leaves_the_rows(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let (_, target) = progress(&world.client, &target, 0).await;
    let World {
        mut installation,
        replicas,
        ..
    } = world;
    let before = installation.client();
    for replica in replicas {
        replica.stop().await.unwrap();
    }
    drop(before);

    let db = installation.db();
    let migrations = MANAGER.migrations;
    let count = migrations.status(&db).await.unwrap().len();
    assert_eq!(migrations.up(&db).await.unwrap(), 0, "the start did it");
    assert_eq!(migrations.down(&db, 1).await.unwrap(), 1);
    assert_eq!(migrations.down(&db, 1_000).await.unwrap(), count - 1);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| !state.applied));
    assert_eq!(migrations.down(&db, 1).await.unwrap(), 0);
    let kept = db
        .execute("UPDATE outdial_outdialtargets SET data = 'kept'", vec![])
        .await
        .unwrap();
    assert_eq!(
        kept, 1,
        "tables that may be voipbin's stay, with their rows"
    );
    assert_eq!(migrations.up(&db).await.unwrap(), count);
    assert_eq!(migrations.up(&db).await.unwrap(), 0);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| state.applied));

    let replica = installation.start().await;
    let client = installation.client();
    let read = crate::world::get_target(&client, &target).await;
    assert_eq!(
        (&read["id"], text(&read, "data"), text(&read, "status")),
        (&target["id"], "kept", "progressing")
    );
    replica.stop().await.unwrap();
    installation.remove().await;
}

/// What a voipbin service stored: no tm_update before the first change, the JSON text `null` for what is absent.
async fn fill_as_voipbin(installation: &Installation) {
    let db = installation.db();
    let tables = TABLES.split(';').map(str::trim);
    for table in tables.filter(|table| !table.is_empty()) {
        db.execute(table, vec![]).await.unwrap();
    }
    let time = |second: i64| Value::Time(Timestamp::from_micros(second * 1_000_000));
    let tel = || {
        Value::from(
            r#"{"type":"tel","target":"+14155550123","target_name":"","name":"","detail":""}"#,
        )
    };
    let null = || Value::from("null");
    let outdial = "INSERT INTO outdial_outdials \
         (id, customer_id, campaign_id, name, detail, data, tm_create, tm_update, tm_delete) \
         VALUES (?, ?, ?, 'old', '', '', ?, NULL, NULL)";
    let values = vec![
        OUTDIAL.into(),
        Uuid::from_u128(1).into(),
        Uuid::from_u128(2).into(),
        time(1_000),
    ];
    db.execute(outdial, values).await.unwrap();
    let target = "INSERT INTO outdial_outdialtargets \
         (id, outdial_id, name, detail, data, status, \
         destination_0, destination_1, destination_2, destination_3, destination_4, \
         try_count_0, try_count_1, try_count_2, try_count_3, try_count_4, tm_create, tm_update, tm_delete) \
         VALUES (?, ?, 'old', '', '', 'idle', ?, ?, ?, NULL, NULL, ?, 0, 0, 0, 0, ?, ?, NULL)";
    for (id, tries, updated) in [(FRESH, 0, Value::Null), (TRIED, 1, time(3_000))] {
        let values = vec![
            id.into(),
            OUTDIAL.into(),
            tel(),
            null(),
            tel(),
            Value::Int(tries),
            time(2_000),
            updated,
        ];
        db.execute(target, values).await.unwrap();
    }
    let call = "INSERT INTO outdial_outdialtargetcalls \
         (id, customer_id, campaign_id, outdial_id, outdial_target_id, activeflow_id, reference_type, \
         reference_id, status, destination, destination_index, try_count, tm_create, tm_update, tm_delete) \
         VALUES (?, ?, ?, ?, ?, ?, 'call', ?, 'done', ?, 0, 1, ?, ?, NULL)";
    let some = || Value::Uuid(Uuid::from_u128(1));
    let values = vec![
        CALL.into(),
        some(),
        some(),
        OUTDIAL.into(),
        TRIED.into(),
        some(),
        some(),
        tel(),
        time(2_500),
        time(3_000),
    ];
    db.execute(call, values).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_voipbin_wrote_are_kept_and_served() {
    let mut installation = Installation::new(Kind::Full, MANAGER, &[]).await;
    fill_as_voipbin(&installation).await;
    let replica = installation.start().await;
    let client = installation.client();
    let uri = format!("/v1/outdials/{OUTDIAL}");

    let outdial = client.ok(Get, &uri, None).await;
    assert_eq!(
        outdial,
        json!({
            "id": OUTDIAL, "customer_id": Uuid::from_u128(1), "campaign_id": Uuid::from_u128(2),
            "name": "old", "detail": "", "data": "",
            "tm_create": "1970-01-01T00:16:40Z", "tm_update": null, "tm_delete": null,
        })
    );
    assert_eq!(client.ok(Get, "/v1/outdials", None).await, json!([outdial]));
    let targets = list(client.ok(Get, &format!("{uri}/targets"), None).await);
    assert_eq!(targets.len(), 2);
    for target in &targets {
        assert_eq!(
            target["destination_0"],
            json!({"type": "tel", "target": "+14155550123"})
        );
        assert_eq!(target["destination_1"], Json::Null);
    }
    let available = format!("{uri}/available?try_count_0=2&lease=0");
    let offered = list(client.ok(Get, &available, None).await);
    let ids: Vec<_> = offered.iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, [json!(FRESH), json!(TRIED)]);
    assert_eq!(
        offered[0]["tm_update"], offered[0]["tm_create"],
        "never tried"
    );

    let calls = list(client.ok(Get, &format!("{uri}/targetcalls"), None).await);
    assert_eq!(
        (&calls[0]["id"], text(&calls[0], "reference_type")),
        (&json!(CALL), "call")
    );
    let (status, called) = progress(&client, &offered[1], 0).await;
    assert_eq!((status, &called["try_count_0"]), (200, &json!(2)));
    assert_eq!(put_status(&client, &offered[1], "done").await.0, 200);
    let calls = list(client.ok(Get, &format!("{uri}/targetcalls"), None).await);
    assert_eq!(calls.len(), 2);
    replica.stop().await.unwrap();
    installation.remove().await;
}

#[tokio::test]
async fn rows_that_voipbin_wrote_survive_migrations_that_are_broken_off() {
    let installation = Installation::new(Kind::Full, MANAGER, &[]).await;
    fill_as_voipbin(&installation).await;
    let db = installation.db();
    let theirs = Schema::read(&db).await;
    break_off(&db, MANAGER.migrations).await;
    MANAGER.migrations.down(&db, 1_000).await.unwrap();
    assert_eq!(Schema::read(&db).await, theirs, "nothing of ours is left");
    for (table, rows) in [
        ("outdial_outdials", 1),
        ("outdial_outdialtargets", 2),
        ("outdial_outdialtargetcalls", 1),
    ] {
        let sql = format!("UPDATE {table} SET tm_delete = tm_create");
        assert_eq!(db.execute(&sql, vec![]).await.unwrap(), rows, "{table}");
    }
    installation.remove().await;
}

#[tokio::test]
async fn an_adopted_database_has_the_schema_of_a_new_one() {
    let mut schemas = Vec::new();
    for is_adopted in [false, true] {
        let installation = Installation::new(Kind::Full, MANAGER, &[]).await;
        if is_adopted {
            fill_as_voipbin(&installation).await;
        }
        let db = installation.db();
        MANAGER.migrations.up(&db).await.unwrap();
        schemas.push(Schema::read(&db).await);
        installation.remove().await;
    }
    assert_eq!(schemas[0], schemas[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_migrate_once() {
    let installation = Installation::new(Kind::Full, MANAGER, &[]).await;
    fill_as_voipbin(&installation).await;
    let replicas: Vec<_> = (0..8)
        .map(|_| installation.db())
        .map(|db| spawn(async move { MANAGER.migrations.up(&db).await.unwrap() }))
        .collect();
    let mut applied = Vec::new();
    for replica in replicas {
        applied.push(replica.await.unwrap());
    }
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, MANAGER.migrations.count()]);
    installation.remove().await;
}

#[test]
fn every_file_is_part_of_the_program() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    all_are_listed(dir, MANAGER.migrations.own());
}

#[rstest]
#[tokio::test]
async fn one_that_was_broken_off_is_gone_on_with(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    migrations::broken_off_and_gone_on_with(kind, MANAGER).await;
}

#[tokio::test]
async fn both_databases_have_the_same_schema_and_a_column_for_each_field() {
    let mut schemas = Vec::new();
    for kind in [Kind::Embedded, Kind::Full] {
        let schema = migrations::schema(kind, MANAGER).await.in_any_words();
        assert_eq!(schema.beyond::<Outdial>(), [""; 0]);
        assert_eq!(schema.beyond::<OutdialTargetCall>(), [""; 0]);
        assert_eq!(
            schema.beyond::<OutdialTarget>(),
            [
                "idle_try_0",
                "idle_try_1",
                "idle_try_2",
                "idle_try_3",
                "idle_try_4",
                "import_key",
                "lease_until",
                "refusals",
                "refused",
                "refused_until",
                "winner"
            ]
        );
        schemas.push(schema);
    }
    assert_eq!(schemas[0], schemas[1]);
}

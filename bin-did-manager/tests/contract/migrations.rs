//! Migrations: up, down to nothing, up again, and broken off, on both databases; their schema and the entities.

use bin_common_handler::{
    models::sock::Method::Post,
    testing::{
        Installation, Kind,
        schema::{Schema, all_are_listed, break_off},
    },
};
use bin_did_manager::{
    MANAGER,
    models::{
        accesskey::Accesskey, auditlog::AuditLog, callresult::Unmatched, campaign::Campaign,
        customer::Customer, did::Did, didpool::Didpool, phonenumber::PhoneNumber,
        provider::Provider, rotationrule::RotationRule, usage::Usage, user::User,
    },
};
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn up_down_and_up_again(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut installation = Installation::new(kind, MANAGER, &[]).await;
    let (db, migrations) = (installation.db(), MANAGER.migrations);
    let count = migrations.up(&db).await.unwrap();
    assert_eq!(count, migrations.count());
    assert_eq!(migrations.up(&db).await.unwrap(), 0);
    assert_eq!(migrations.down(&db, 1).await.unwrap(), 1);
    assert_eq!(migrations.up(&db).await.unwrap(), 1);
    assert_eq!(migrations.down(&db, 1_000).await.unwrap(), count);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| !state.applied));
    let left = Schema::read(&db).await;
    assert_eq!(left, Schema::default(), "nothing of ours is left");
    assert_eq!(migrations.up(&db).await.unwrap(), count);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| state.applied));
    drop(db);

    let replica = installation.start().await;
    let client = installation.client();
    client
        .ok(Post, "/v1/customers", Some(json!({"name": "Acme"})))
        .await;
    client
        .ok(Post, "/v1/accesskeys", Some(json!({"name": "dialer"})))
        .await;
    replica.stop().await.unwrap();
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
    let installation = Installation::new(kind, MANAGER, &[]).await;
    break_off(&installation.db(), MANAGER.migrations).await;
    installation.remove().await;
}

async fn schema(kind: Kind) -> Schema {
    let installation = Installation::new(kind, MANAGER, &[]).await;
    let db = installation.db();
    MANAGER.migrations.up(&db).await.unwrap();
    let schema = Schema::read(&db).await;
    installation.remove().await;
    schema
}

#[rstest]
#[tokio::test]
async fn an_entity_has_a_column_for_each_field(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let schema = schema(kind).await;
    // MySQL has no partial indexes; this column stands for what is not deleted.
    let live: &[&str] = match kind {
        Kind::Embedded => &[],
        Kind::Full => &["live_key"],
    };
    for (beyond, expected) in [
        (schema.beyond::<Accesskey>(), &[] as &[&str]),
        (schema.beyond::<AuditLog>(), &[]),
        (schema.beyond::<Unmatched>(), &[]),
        (schema.beyond::<Campaign>(), live),
        (schema.beyond::<Customer>(), &[]),
        (schema.beyond::<Did>(), live),
        (schema.beyond::<Didpool>(), &[]),
        (schema.beyond::<PhoneNumber>(), live),
        (schema.beyond::<Provider>(), &[]),
        (schema.beyond::<RotationRule>(), &[]),
        (
            schema.beyond::<Usage>(),
            &[
                "blocked",
                "call_id_ref",
                "call_ref",
                "outcome_rank",
                "request_key",
                "request_until",
            ],
        ),
        (schema.beyond::<User>(), live),
    ] {
        assert_eq!(beyond, expected);
    }
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let sqlite = schema(Kind::Embedded).await.in_any_words();
    let mut mysql = schema(Kind::Full).await.in_any_words();
    for (table, index, key) in [
        (
            "did_campaigns",
            "did_campaigns_live",
            "vicidial_campaign_id",
        ),
        ("did_dids", "did_dids_live", "number"),
        ("did_phone_numbers", "did_phone_numbers_live", "number"),
        ("did_users", "did_users_live", "email"),
    ] {
        let table = mysql.0.get_mut(table).unwrap();
        table.columns.retain(|column| column.name != "live_key");
        let columns = &mut table.indexes.get_mut(index).unwrap().columns;
        assert_eq!(columns.pop().as_deref(), Some("live_key"));
        columns.push(key.to_owned());
    }
    assert_eq!(mysql.0.len(), MANAGER.migrations.count());
    for (name, table) in &mysql.0 {
        assert_eq!(Some(table), sqlite.0.get(name), "{name}");
    }
    assert_eq!(mysql, sqlite);
}

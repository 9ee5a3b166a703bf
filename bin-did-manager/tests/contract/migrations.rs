//! Migrations: up, down to nothing, up again, and broken off, on both databases; their schema and the entities.

use bin_common_handler::{
    databasehandler::Value,
    models::{sock::Method::Post, time::Timestamp},
    testing::{Installation, Kind, migrations, schema::all_are_listed},
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
use uuid::Uuid;

/// Tables of which MySQL has a column more, in the place of a partial index: table, index, column of the others.
const LIVE_KEYS: &[(&str, &str, &str)] = &[
    (
        "did_campaigns",
        "did_campaigns_live",
        "vicidial_campaign_id",
    ),
    ("did_dids", "did_dids_live", "number"),
    ("did_phone_numbers", "did_phone_numbers_live", "number"),
    ("did_users", "did_users_live", "email"),
];

#[rstest]
#[tokio::test]
async fn up_down_and_up_again(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut installation = migrations::up_down_and_up_again(kind, MANAGER).await;
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
    migrations::broken_off_and_gone_on_with(kind, MANAGER).await;
}

#[rstest]
#[tokio::test]
async fn an_entity_has_a_column_for_each_field(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let schema = migrations::schema(kind, MANAGER).await;
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
    migrations::same_on_both(MANAGER, LIVE_KEYS).await;
}

/// One of them was deleted while deletion still left the secret in the row.
#[rstest]
#[tokio::test]
async fn what_was_deleted_before_its_secret_was_wiped_loses_it(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    #[derive(bin_common_handler::FromRow)]
    struct Stored {
        secret: String,
    }
    let installation = Installation::new(kind, MANAGER, &[]).await;
    let (db, migrations) = (installation.db(), MANAGER.migrations);
    migrations.up(&db).await.unwrap();
    let states = migrations.status(&db).await.unwrap();
    let after = states.iter().filter(|state| state.version >= 1071).count();
    migrations.down(&db, after).await.unwrap();
    let then = Timestamp::from_micros(1_700_000_000_000_000);
    for (id, tm_delete) in [(1, None), (2, Some(then))] {
        let make = "INSERT INTO did_providers (id, customer_id, type, account_id, secret, opt_out_replies, tm_create, \
                    tm_update, tm_delete) VALUES (?, ?, 'twilio', 'AC1', 'v1.sealed', 'provider', ?, ?, ?)";
        let values: Vec<Value> = vec![
            Uuid::from_u128(id).into(),
            Uuid::from_u128(7).into(),
            then.into(),
            then.into(),
            tm_delete.into(),
        ];
        db.execute(make, values).await.unwrap();
    }
    migrations.up(&db).await.unwrap();
    let stored: Vec<Stored> = db
        .fetch_all("SELECT secret FROM did_providers ORDER BY id", vec![])
        .await
        .unwrap();
    let secrets: Vec<&str> = stored.iter().map(|row| row.secret.as_str()).collect();
    assert_eq!(secrets, ["v1.sealed", ""]);
    installation.remove().await;
}

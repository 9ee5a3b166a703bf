//! Migrations: up, down to nothing, up again, and broken off, on both databases; their schema and the entities.

use bin_call_manager::{
    MANAGER,
    models::{
        account::Account, auction::Auction, bid::Bid, bidprofile::BidProfile, call::Call,
        callcampaign::CallCampaign, fraudcheck::FraudCheck, fraudentry::FraudEntry,
        inboundcall::InboundCall, ledgerentry::LedgerEntry, ping::Ping, refund::Refund,
    },
};
use bin_common_handler::{
    models::sock::Method::Post,
    testing::{
        Installation, Kind,
        schema::{Schema, all_are_listed, break_off},
    },
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

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
    let client = installation.client().within(Uuid::from_u128(7));
    client
        .ok(Post, "/v1/accounts", Some(json!({"type": "buyer"})))
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
    for beyond in [
        schema.beyond::<Account>(),
        schema.beyond::<Auction>(),
        schema.beyond::<Bid>(),
        schema.beyond::<BidProfile>(),
        schema.beyond::<Call>(),
        schema.beyond::<CallCampaign>(),
        schema.beyond::<InboundCall>(),
        schema.beyond::<LedgerEntry>(),
        schema.beyond::<Refund>(),
        schema.beyond::<Ping>(),
        schema.beyond::<FraudCheck>(),
        schema.beyond::<FraudEntry>(),
    ] {
        assert_eq!(beyond, [] as [&str; 0]);
    }
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let sqlite = schema(Kind::Embedded).await.in_any_words();
    let mysql = schema(Kind::Full).await.in_any_words();
    assert_eq!(mysql.0.len(), MANAGER.migrations.count());
    for (name, table) in &mysql.0 {
        assert_eq!(Some(table), sqlite.0.get(name), "{name}");
    }
    assert_eq!(mysql, sqlite);
}

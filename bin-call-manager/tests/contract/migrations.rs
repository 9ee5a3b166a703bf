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
    testing::{Kind, migrations, schema::all_are_listed},
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

#[rstest]
#[tokio::test]
async fn up_down_and_up_again(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut installation = migrations::up_down_and_up_again(kind, MANAGER).await;
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
    migrations::broken_off_and_gone_on_with(kind, MANAGER).await;
}

#[rstest]
#[tokio::test]
async fn an_entity_has_a_column_for_each_field(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let schema = migrations::schema(kind, MANAGER).await;
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
    migrations::same_on_both(MANAGER, &[]).await;
}

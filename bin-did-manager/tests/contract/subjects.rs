//! What call-manager tells: a person is forgotten, and an account's keys end with it.

use bin_common_handler::{
    ids,
    models::sock::Method::{Get, Post},
    sockhandler::Outgoing,
    testing::{Installation, Kind, until},
};
use bin_did_manager::MANAGER;
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    accounts::{ACCOUNT, SECOND},
    given::Given,
    world::{World, id_of, text},
};

const PERSON: &str = "+14155550123";

/// An event of call-manager about one of its things.
async fn told(world: &World, resource: &str, action: &str, id: Uuid, data: Json) {
    // Where it has a stand-in, that has a name of its own.
    let beside = world.installation.beside.first();
    let name = beside.map_or("call-manager", |manager| manager.name);
    let body = json!({
        "type": format!("{resource}_{action}"), "publisher": name, "data": data,
    });
    let event = Outgoing {
        routing_key: format!("{name}.{resource}.{id}.{action}"),
        message_id: ids::next().to_string(),
        version: 1,
        customer_id: Some(world.customer_id),
        trace: None,
        body: body.to_string().into_bytes(),
    };
    let transport = &world.client.transport;
    let mut lease = transport.lease(name, &id.to_string()).await.unwrap();
    assert_eq!(lease.publish(&[event]).await, [true]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_found_by_the_hash_and_forgotten(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": "+12125550100"})).await;
    let given = Given::new(world.customer_id, id_of(&did));
    let person = world.give(&given).await;
    let other = world
        .give(&Given {
            phone: "+14155550124".to_owned(),
            ..given
        })
        .await;
    let known = async || {
        let body = json!({"phone": PERSON});
        let uri = "/v1/subjects/lookup";
        world.client.ok(Post, uri, Some(body)).await
    };
    let all = known().await;
    assert_eq!(all["usages"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!(text(&all["usages"][0], "id"), person.to_string());

    let request = ids::next();
    let data = json!({
        "id": request, "customer_id": world.customer_id, "phone": PERSON, "pseudonym": "erased:00",
    });
    told(&world, "subject", "erased", request, data).await;
    until("the person is forgotten", async || {
        let all = known().await;
        all["usages"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    for (usage, digits) in [(person, ""), (other, "0124")] {
        let uri = format!("/v1/usages/{usage}");
        let seen = world.client.ok(Get, &uri, None).await;
        assert_eq!(text(&seen, "phone_last4"), digits);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_an_account_end_with_it() {
    // Scopes of another service are given only where there may be one.
    let world = World::with_accounts(Kind::Full).await;
    let (gone, stays) = (ACCOUNT, SECOND);
    let key = async |account: Uuid| {
        let body = json!({"name": "b", "account_id": account, "scopes": ["exchange:buy"]});
        let made = world.client.ok(Post, "/v1/accesskeys", Some(body)).await;
        format!("/v1/accesskeys/{}", text(&made, "id"))
    };
    let (ends, lives) = (key(gone).await, key(stays).await);
    // Another customer's account of the same id is none of ours.
    let foreign = json!({"id": stays, "customer_id": Uuid::from_u128(9)});
    told(&world, "account", "deleted", stays, foreign).await;
    let data = json!({"id": gone, "customer_id": world.customer_id});
    told(&world, "account", "deleted", gone, data).await;
    until("the key is revoked", async || {
        let key = world.client.ok(Get, &ends, None).await;
        (!key["tm_delete"].is_null()).then_some(())
    })
    .await;
    let key = world.client.ok(Get, &lives, None).await;
    assert!(key["tm_delete"].is_null(), "{key}");
    world.end().await;
}

/// Who would make the key in an event's transaction would wait for itself, where one writer is all there is.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_hashes_is_there_before_anybody_needs_it(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    #[derive(bin_common_handler::FromRow)]
    struct Name {
        #[expect(dead_code, reason = "it is there or not")]
        name: String,
    }
    let mut installation = Installation::new(kind, MANAGER, &[]).await;
    let replica = installation.start().await;
    until("a new installation has its key", async || {
        let db = installation.db();
        let sql = "SELECT name FROM did_secrets";
        let found: Option<Name> = db.fetch_optional(sql, vec![]).await.unwrap();
        found.map(drop)
    })
    .await;
    replica.stop().await.unwrap();
    installation.remove().await;
}

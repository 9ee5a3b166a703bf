//! Tenancy: whose a new outdial is, and who sees all. That nothing of another tenant's is seen or changed is proven
//! for every route by tenant_isolation in the workspace's own tests.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::Kind,
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, list, refused};

const MINE: Uuid = Uuid::from_u128(0x1111);
const FOREIGN: Uuid = Uuid::from_u128(0x2222);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_outdial_is_the_scopes_whatever_the_body_says(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let mine = world.client.within(MINE);
    for body in [
        json!({}),
        json!({"customer_id": MINE}),
        json!({"customer_id": Uuid::nil()}),
    ] {
        let made = mine.ok(Post, "/v1/outdials", Some(body)).await;
        assert_eq!(made["customer_id"], json!(MINE));
    }
    let other = Some(json!({"customer_id": FOREIGN}));
    let (status, reason) = refused(&mine, Post, "/v1/outdials", other).await;
    assert_eq!((status, reason.as_str()), (403, "CUSTOMER_MISMATCH"));
    let theirs = world.client.within(FOREIGN);
    theirs.ok(Post, "/v1/outdials", Some(json!({}))).await;
    for (client, sees, who) in [
        (&mine, 3, "a tenant its own"),
        (&world.client, 4, "a trusted peer all"),
    ] {
        let seen = list(client.ok(Get, "/v1/outdials", None).await);
        assert_eq!(seen.len(), sees, "{who}");
    }
    world.end().await;
}

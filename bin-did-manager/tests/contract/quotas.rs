//! How many rows of each kind a customer may have.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post},
    testing::{Installation, Kind, until},
};
use rstest::rstest;
use serde_json::json;

use super::world::{refused, text};

const SMALL: &[(&str, &str)] = &[("DIDS_PER_CUSTOMER", "3"), ("ROWS_PER_CUSTOMER", "2")];

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_has_so_many_rows_of_each_kind(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let mut installation = Installation::new(kind, bin_did_manager::MANAGER, SMALL).await;
    let replica = installation.start().await;
    let operator = installation.client();
    let mut customers = Vec::new();
    for name in ["one", "two"] {
        let made = operator
            .ok(Post, "/v1/customers", Some(json!({"name": name})))
            .await;
        customers.push(text(&made, "id").to_owned());
    }
    let did = |n: usize, customer: &str| json!({"number": format!("+1415555{n:04}"), "customer_id": customer});
    let bulk = json!([{"number": "4155550101"}, {"number": "4155550102"}]);
    let bulk_uri = format!("/v1/dids/bulk?customer_id={}", customers[0]);
    operator.ok(Post, &bulk_uri, Some(bulk.clone())).await;
    // What is there already takes no room.
    operator.ok(Post, &bulk_uri, Some(bulk)).await;
    let crossing = json!([{"number": "4155550103"}, {"number": "4155550104"}]);
    let (status, reason) = refused(&operator, Post, &bulk_uri, Some(crossing)).await;
    assert_eq!((status, reason.as_str()), (409, "TOO_MANY_DIDS"));
    let last = operator
        .ok(Post, "/v1/dids", Some(did(103, &customers[0])))
        .await;
    let (status, reason) =
        refused(&operator, Post, "/v1/dids", Some(did(104, &customers[0]))).await;
    assert_eq!((status, reason.as_str()), (409, "TOO_MANY_DIDS"));
    operator
        .ok(Post, "/v1/dids", Some(did(104, &customers[1])))
        .await;

    operator
        .ok(Delete, &format!("/v1/dids/{}", text(&last, "id")), None)
        .await;
    until("room for one more", async || {
        let (status, _) = operator
            .call(Post, "/v1/dids", Some(did(105, &customers[0])))
            .await;
        (status == 200).then_some(())
    })
    .await;

    let pool = |n: usize| json!({"name": format!("pool {n}"), "customer_id": customers[0]});
    for n in 0..2 {
        operator.ok(Post, "/v1/didpools", Some(pool(n))).await;
    }
    let (status, reason) = refused(&operator, Post, "/v1/didpools", Some(pool(2))).await;
    assert_eq!((status, reason.as_str()), (409, "TOO_MANY_DIDPOOLS"));
    let uri = format!("/v1/didpools?customer_id={}", customers[0]);
    let pools = operator.ok(Get, &uri, None).await;
    assert_eq!(pools.as_array().map(Vec::len), Some(2));
    replica.stop().await.unwrap();
    installation.remove().await;
}

//! outdial-manager hands out only what call-manager's law allows, and nothing while nobody can say what that is.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

use bin_common_handler::{
    ids,
    models::sock::Method::{Get, Post},
    testing::{Client, Kind, Whole},
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

const OWNER: Uuid = Uuid::from_u128(7);
const ON: (&str, &str) = ("COMPLIANCE", "true");

async fn outdial(client: &Client, destinations: &[(&str, &str)]) -> String {
    let made = client
        .ok(Post, "/v1/outdials", Some(json!({"name": "people"})))
        .await;
    let id = made["id"].as_str().unwrap().to_owned();
    for (kind, target) in destinations {
        let body = json!({"name": target, "destination_0": {"type": kind, "target": target}});
        client
            .ok(Post, &format!("/v1/outdials/{id}/targets"), Some(body))
            .await;
    }
    id
}

fn names(targets: &Value) -> Vec<&str> {
    let targets = targets.as_array().unwrap();
    targets
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_be_called_is_passed_over(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let exchange: &'static str = format!("call-{}", ids::next().simple()).leak();
    let managers = [bin_outdial_manager::MANAGER, bin_call_manager::MANAGER];
    let settings = [ON, ("CALL_MANAGER_NAME", exchange)];
    let whole = Whole::start(kind, &managers, tandem::bridge::sidecar, &settings).await;
    let client = whole.client(&whole.managers[0]).within(OWNER);
    let law = Client {
        name: exchange,
        ..client.clone()
    };
    let entry = json!({"phone": "+14045550123", "list": "internal"});
    law.ok(Post, "/v1/dnc_entries", Some(entry)).await;
    let id = outdial(
        &client,
        &[
            ("tel", "+14045550123"),
            // Toll-free: nobody knows what time it is there.
            ("tel", "+18005550123"),
            ("sip", "sip:ann@example.com"),
        ],
    )
    .await;
    let look = format!("/v1/outdials/{id}/available?try_count_0=2&limit=2&lease=0");
    let take = format!("/v1/outdials/{id}/available?try_count_0=2&limit=2");
    assert_eq!(
        names(&client.ok(Get, &look, None).await),
        ["sip:ann@example.com"]
    );
    assert_eq!(
        names(&client.ok(Get, &take, None).await),
        ["sip:ann@example.com"]
    );
    // Taken, and the others are put off.
    assert_eq!(client.ok(Get, &take, None).await, json!([]));
    whole.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_to_ask_is_no_empty_list(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let nobody: &'static str = format!("call-{}", ids::next().simple()).leak();
    let managers = [bin_outdial_manager::MANAGER];
    let settings = [ON, ("CALL_MANAGER_NAME", nobody)];
    let whole = Whole::start(kind, &managers, tandem::bridge::sidecar, &settings).await;
    let client = whole.client(&whole.managers[0]).within(OWNER);
    let id = outdial(&client, &[("tel", "+14045550123")]).await;
    let uri = format!("/v1/outdials/{id}/available?try_count_0=2&limit=2");
    let (status, reply) = client.call(Get, &uri, None).await;
    assert_eq!(status, 503, "{reply}");
    whole.end().await;
}

//! outdial-manager hands out only what call-manager's law allows, and nothing while nobody can say what that is.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

use bin_common_handler::{
    clock::Clock,
    ids,
    models::{
        sock::Method::{Get, Post, Put},
        time::Timestamp,
    },
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

const PERSON: &str = "+14045550123";

/// Both managers at noon, a limit of two calls a day in Georgia, and the dialler.
async fn two_a_day(kind: Kind) -> (Whole, Client) {
    let exchange: &'static str = format!("call-{}", ids::next().simple()).leak();
    let managers = [bin_outdial_manager::MANAGER, bin_call_manager::MANAGER];
    let settings = [
        ON,
        ("CALL_MANAGER_NAME", exchange),
        ("OUTDIAL_LEASE", "4999ms"),
    ];
    let whole = Whole::start(kind, &managers, tandem::bridge::sidecar, &settings).await;
    let noon: Timestamp = "2026-12-02T18:00:00Z".parse().unwrap();
    let real = Clock::default().now();
    whole.parts.clock.shift(noon.micros() - real.micros());
    let client = whole.client(&whole.managers[0]).within(OWNER);
    let law = Client {
        name: exchange,
        ..client.clone()
    };
    let list = "/v1/dnc_entries/bulk?list=federal";
    let others = json!([{"phone": "+12125550199"}]);
    law.ok(Post, list, Some(others)).await;
    let rule = json!({
        "state": "GA", "open": "00:00", "close": "24:00", "max_per_24h": 2, "source": "house rule",
    });
    law.ok(Post, "/v1/compliance/rules", Some(rule)).await;
    (whole, client)
}

fn target_ids(targets: &Value) -> Vec<String> {
    let targets = targets.as_array().unwrap();
    targets
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn progress(client: &Client, id: &str) -> u16 {
    let uri = format!("/v1/outdialtargets/{id}/progressing");
    let body = json!({"destination_index": 0});
    client.call(Post, &uri, Some(body)).await.0
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn targets_of_one_number_are_dialled_one_at_a_time_and_no_more_than_the_law_allows(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (whole, client) = two_a_day(kind).await;
    let by_sip = format!("{PERSON}@10.0.0.1");
    let people = [
        ("tel", PERSON),
        ("sip", by_sip.as_str()),
        ("whatsapp", PERSON),
        ("tel", PERSON),
    ];
    let first = outdial(&client, &people).await;
    let second = outdial(&client, &people).await;
    let uri = |id: &str| format!("/v1/outdials/{id}/available?try_count_0=5&limit=10");
    let available = async |id: &str| target_ids(&client.ok(Get, &uri(id), None).await);
    let all = client
        .ok(Get, &format!("/v1/outdials/{second}/targets"), None)
        .await;
    let another = target_ids(&all)[0].clone();
    for n in 0..2 {
        let handed = available(&first).await;
        assert_eq!(handed.len(), 1, "call {n}: one for each number");
        let none: [String; 0] = [];
        assert_eq!(available(&first).await, none, "it was handed out");
        assert_eq!(available(&second).await, none, "and from another list, too");
        assert_eq!(progress(&client, &handed[0]).await, 200);
        assert_eq!(available(&second).await, none, "it is being called");
        assert_eq!(progress(&client, &another).await, 409);
        let status = format!("/v1/outdialtargets/{}/status", handed[0]);
        let done = json!({"status": "done"});
        client.ok(Put, &status, Some(done)).await;
    }
    // call-manager, which listens to another name, has not heard of the calls.
    assert_eq!(available(&first).await.len(), 0);
    assert_eq!(available(&second).await.len(), 0);
    whole.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_diallers_at_once_one_gets_the_number(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (whole, client) = two_a_day(kind).await;
    let id = outdial(&client, &[("tel", PERSON); 6]).await;
    let uri = format!("/v1/outdials/{id}/available?try_count_0=5&limit=1");
    let available = async || client.ok(Get, &uri, None).await.as_array().unwrap().len();
    let (one, two, three, four) = tokio::join!(available(), available(), available(), available());
    assert_eq!(one + two + three + four, 1);
    let look = format!("/v1/outdials/{id}/available?try_count_0=5&limit=9&lease=0");
    assert_eq!(client.ok(Get, &look, None).await, json!([]));
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

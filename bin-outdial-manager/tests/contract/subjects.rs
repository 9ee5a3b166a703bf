//! A person asks what is known about a number, or is forgotten.

use bin_common_handler::{
    ids,
    models::sock::Method::{Get, Post},
    sockhandler::Outgoing,
    testing::{Client, Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{World, id, progress, text};

const PERSON: &str = "+14045550123";
const PSEUDONYM: &str = "erased:00112233445566778899aabbccddeeff0011223344556677";

/// call-manager tells that a number was erased.
async fn erase(world: &World, customer_id: Uuid) {
    let request = ids::next();
    let data = json!({
        "id": request, "customer_id": customer_id, "phone": PERSON, "pseudonym": PSEUDONYM,
    });
    let body = json!({"type": "subject_erased", "publisher": "call-manager", "data": data});
    let event = Outgoing {
        routing_key: format!("call-manager.subject.{request}.erased"),
        message_id: request.to_string(),
        version: 1,
        customer_id: Some(customer_id),
        trace: None,
        body: body.to_string().into_bytes(),
    };
    let transport = &world.client.transport;
    let mut lease = transport
        .lease("call-manager", &request.to_string())
        .await
        .unwrap();
    assert_eq!(lease.publish(&[event]).await, [true]);
}

async fn known(client: &Client) -> Json {
    let body = json!({"phone": PERSON});
    client.ok(Post, "/v1/subjects/lookup", Some(body)).await
}

fn count(known: &Json, what: &str) -> usize {
    known[what].as_array().unwrap().len()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_found_and_forgotten_in_one_customers_lists(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    // Nobody else's: what call-manager tells, every outdial-manager at this broker hears.
    let owner = ids::next();
    let client = world.client.within(owner);
    let stranger = world.client.within(Uuid::from_u128(8));
    let tel = |number: &str| json!({"type": "tel", "target": number, "name": "Ann"});
    let mut uris = Vec::new();
    for client in [&client, &stranger] {
        let outdial = client.ok(Post, "/v1/outdials", Some(json!({}))).await;
        let uri = format!("/v1/outdials/{}", text(&outdial, "id"));
        for (name, number) in [("Ann", PERSON), ("Bob", "+14045550124")] {
            let body = json!({
                "name": name, "detail": "roof", "data": "x", "destination_0": tel("+14155550111"),
                "destination_3": tel(number),
            });
            client.ok(Post, &format!("{uri}/targets"), Some(body)).await;
        }
        uris.push(uri);
    }
    let all = known(&client).await;
    assert_eq!((count(&all, "targets"), count(&all, "targetcalls")), (1, 0));
    let ann = all["targets"][0].clone();
    assert_eq!(text(&ann, "name"), "Ann");
    assert_eq!(progress(&client, &ann, 3).await.0, 200);
    assert_eq!(count(&known(&client).await, "targetcalls"), 1);

    erase(&world, owner).await;
    let uri = format!("/v1/outdialtargets/{}", id(&ann));
    let gone = until("the target is forgotten", async || {
        let target = client.ok(Get, &uri, None).await;
        (!target["tm_delete"].is_null()).then_some(target)
    })
    .await;
    assert_eq!(
        (
            text(&gone, "name"),
            text(&gone, "detail"),
            text(&gone, "data")
        ),
        ("", "", "")
    );
    assert_eq!(
        gone["destination_3"],
        json!({"type": "tel", "target": PSEUDONYM})
    );
    assert_eq!(text(&gone, "status"), "done");
    let calls = client.ok(Get, &format!("{uri}/calls"), None).await;
    assert_eq!(calls[0]["destination"], gone["destination_3"]);
    let all = known(&client).await;
    assert_eq!((count(&all, "targets"), count(&all, "targetcalls")), (0, 0));
    // Nobody else is forgotten, and nobody else's.
    for (client, uri, names) in [(&client, &uris[0], 1), (&stranger, &uris[1], 2)] {
        let uri = format!("{uri}/available?try_count_0=1&limit=9&lease=0");
        let left = client.ok(Get, &uri, None).await;
        assert_eq!(left.as_array().unwrap().len(), names, "{left}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_number_in_a_sip_address_is_found_and_forgotten_too(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    // Nobody else's: what call-manager tells, every outdial-manager at this broker hears.
    let owner = ids::next();
    let client = world.client.within(owner);
    let outdial = client.ok(Post, "/v1/outdials", Some(json!({}))).await;
    let uri = format!("/v1/outdials/{}/targets", text(&outdial, "id"));
    let mut made = Vec::new();
    for target in [
        format!("{PERSON}@10.0.0.1"),
        format!("{PERSON};user=phone@gw.example"),
        // The same digits, and somebody else.
        format!("{PERSON}99@10.0.0.1"),
    ] {
        let body = json!({"destination_0": {"type": "sip", "target": target}});
        made.push(client.ok(Post, &uri, Some(body)).await);
    }
    assert_eq!(count(&known(&client).await, "targets"), 2);
    erase(&world, owner).await;
    until("nothing is known any more", async || {
        (count(&known(&client).await, "targets") == 0).then_some(())
    })
    .await;
    let kept = format!("/v1/outdialtargets/{}", id(&made[2]));
    let kept = client.ok(Get, &kept, None).await;
    assert_eq!(kept["destination_0"], made[2]["destination_0"]);
    let gone = format!("/v1/outdialtargets/{}", id(&made[0]));
    let gone = client.ok(Get, &gone, None).await;
    let expected = json!({"type": "sip", "target": PSEUDONYM});
    assert_eq!(gone["destination_0"], expected);
    world.end().await;
}

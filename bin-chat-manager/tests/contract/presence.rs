//! Presence: devices, one event at the end of the last, and what becomes of an agent's chats.

use std::collections::HashSet;

use bin_common_handler::{
    models::{
        role::Role,
        sock::Method::{Get, Put},
        time::Timestamp,
    },
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::ContactCenter,
    world::{reason, text},
};

async fn status(desk: &ContactCenter) -> String {
    let uri = format!("/v1/presences?user_id={}", Uuid::from_u128(1));
    let found = desk.client.ok(Get, &uri, None).await;
    let found = found.get("result").unwrap_or(&found).clone();
    text(&found[0], "status").to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_last_device_ends_presence_once(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let desk = ContactCenter::new(kind).await;
    let events = desk.client.events().await;
    desk.presence(1, "phone", "away").await;
    let both = desk.presence(1, "desk", "online").await;
    assert_eq!(text(&both, "status"), "online");
    desk.at(60);
    desk.presence(1, "phone", "away").await;
    // The desk was heard of 121 seconds ago, the phone 61.
    desk.at(121);
    until("only the phone is left", async || {
        (status(&desk).await == "away").then_some(())
    })
    .await;
    desk.at(170);
    assert_eq!(status(&desk).await, "away", "not before its time");
    desk.at(181);
    until("nobody is there", async || {
        (status(&desk).await == "offline").then_some(())
    })
    .await;
    let back = desk.presence(1, "desk", "busy").await;
    assert_eq!(text(&back, "status"), "busy");
    let gone = desk.presence(1, "desk", "offline").await;
    assert_eq!(text(&gone, "status"), "offline");
    let told = until("each change is told", async || {
        let heard = events.heard();
        let changes = heard
            .iter()
            .filter(|event| event.event.kind == "presence_changed");
        let told: Vec<String> = changes
            .map(|event| {
                event.data::<Json>().unwrap()["status"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        (told.len() >= 6).then_some(told)
    })
    .await;
    let expected = ["away", "online", "away", "offline", "busy", "offline"];
    assert_eq!(told, expected, "once each");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_leaves_no_ghosts() {
    let mut desk = ContactCenter::new(Kind::Full).await;
    let events = desk.client.events().await;
    desk.presence(1, "desk", "online").await;
    desk.replicas.pop().unwrap().kill();
    desk.at(110);
    assert_eq!(status(&desk).await, "online", "not before its time");
    desk.at(121);
    until("nobody is there", async || {
        (status(&desk).await == "offline").then_some(())
    })
    .await;
    desk.presence(1, "desk", "busy").await;
    let told = until("who came back is told of", async || {
        let heard = events.heard();
        // What a process told that was killed before it knew, is told again under the same id.
        let mut ids = HashSet::new();
        let told: Vec<String> = heard
            .iter()
            .filter(|event| event.event.kind == "presence_changed")
            .filter(|event| ids.insert(event.message_id.clone()))
            .map(|event| text(&event.data::<Json>().unwrap(), "status").to_owned())
            .collect();
        told.contains(&"busy".to_owned()).then_some(told)
    })
    .await;
    assert_eq!(told, ["online", "offline", "busy"], "once each");
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn chats_of_who_is_gone_go_to_others_after_the_grace(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let queue = desk.queue(json!({})).await;
    desk.agent(1, json!({})).await;
    desk.presence(1, "desk", "online").await;
    let widget = desk.widget(Some(&queue)).await;
    let visitor = desk.visitor(&widget).await;
    desk.say(&visitor, "1", "Hello?").await;
    let entry = desk.entry(&visitor.conversation, "offered").await;
    assert_eq!(desk.answer(&entry, "accept").await.0, 200);

    // Gone and back within the grace: nothing is lost.
    desk.presence(1, "desk", "offline").await;
    desk.at(30);
    desk.presence(1, "desk", "online").await;
    desk.at(62);
    desk.presence(1, "desk", "offline").await;
    let held = desk.entry(&visitor.conversation, "assigned").await;
    desk.at(110);
    assert_eq!(
        desk.entry(&visitor.conversation, "assigned").await["id"],
        held["id"]
    );
    desk.at(123);
    let waiting = desk.entry(&visitor.conversation, "waiting").await;
    assert_eq!(waiting["waiting_since"], entry["waiting_since"]);
    let conversation = desk.conversation(&visitor.conversation).await;
    assert_eq!(conversation["owner_id"], Json::Null);
    assert_eq!(conversation["needs_human"], true);

    let bea = desk.agent(2, json!({})).await;
    desk.presence(2, "desk", "online").await;
    let offered = desk.entry(&visitor.conversation, "offered").await;
    assert_eq!(text(&offered, "agent_id"), bea);
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_refused_by_its_field(
    #[values((json!({"device": "a b"}), "device"), (json!({"device": ""}), "device"),
             (json!({"status": "asleep"}), "The body"), (json!({"user_id": null}), "user_id"))]
    case: (Json, &str),
) {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let mut body = json!({"user_id": Uuid::from_u128(1), "device": "desk", "status": "online"});
    for (key, value) in case.0.as_object().unwrap() {
        body[key] = value.clone();
    }
    let refused = desk.client.call(Put, "/v1/presence", Some(body)).await;
    assert_eq!(reason(&refused).0, 400);
    assert!(
        text(&refused.1, "message").starts_with(case.1),
        "{}",
        refused.1
    );
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_key_of_their_own_need_not_name_themselves() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let beat = async |more: Json| {
        let mut body = json!({"device": "desk", "status": "online"});
        body["user_id"] = more;
        let by = desk.by((Role::Agent, 1), (Put, "/v1/presence"), Some(body));
        by.await
    };
    let (status, own) = beat(json!(null)).await;
    assert_eq!(status, 200, "{own}");
    assert_eq!(text(&own, "user_id"), Uuid::from_u128(1).to_string());
    let others = beat(json!(Uuid::from_u128(2))).await;
    assert_eq!(reason(&others), (403, "USER_MISMATCH"));
    let bare = json!({"device": "desk", "status": "away"});
    let by = desk.by((Role::Agent, 1), (Put, "/v1/presence"), Some(bare));
    let (status, own) = by.await;
    assert_eq!(status, 200, "{own}");
    assert_eq!(text(&own, "status"), "away");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_and_typing_have_a_pace_and_going_is_always_heard() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let change = async |status: &str| {
        let body = json!({"user_id": Uuid::from_u128(1), "device": "desk", "status": status});
        desk.client.call(Put, "/v1/presence", Some(body)).await
    };
    // Ten tries, of which five are too many; on a slow machine one less for each pause that passes meanwhile.
    let too_many = |refused: i64, since: Timestamp| {
        let pauses = (desk.clock.now().micros() - since.micros()) / 3_000_000;
        (5 - pauses..=5).contains(&refused)
    };
    let (mut refused, began) = (0, desk.clock.now());
    for _ in 0..10 {
        refused += i64::from(reason(&change("online").await) == (429, "RATE_LIMITED"));
        assert_eq!(change("offline").await.0, 200);
    }
    assert!(too_many(refused, began), "{refused}");
    assert_eq!(status(&desk).await, "offline");
    desk.at(3);
    assert_eq!(change("online").await.0, 200);
    // A heartbeat changes nothing.
    assert_eq!(change("online").await.0, 200);

    let widget = desk.widget(None).await;
    let visitor = desk.visitor(&widget).await;
    let (mut refused, began) = (0, desk.clock.now());
    for number in 0..10 {
        let typed = desk.act(
            &visitor.conversation,
            "typing",
            json!({"on": number % 2 == 0}),
        );
        refused += i64::from(reason(&typed.await) == (429, "RATE_LIMITED"));
    }
    assert!(too_many(refused, began), "{refused}");
    desk.end().await;
}

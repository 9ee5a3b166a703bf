//! Queues: offers, capacity, lapses, timeouts, promises, and what the conversation has of it.

use std::collections::BTreeMap;

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Kind, until},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::{ContactCenter, PAGE},
    world::{reason, text},
};

fn user(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_is_offered_accepted_transferred_and_closed(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let queue = desk.queue(json!({})).await;
    let ann = desk.agent(1, json!({"capacity": 1})).await;
    desk.presence(1, "desk", "online").await;
    let events = desk.client.events().await;
    let widget = desk.widget(Some(&queue)).await;
    let visitor = desk.visitor(&widget).await;
    assert_eq!(desk.say(&visitor, "1", "Hello?").await.0, 200);

    let entry = desk.entry(&visitor.conversation, "offered").await;
    assert_eq!(text(&entry, "agent_id"), ann);
    let (status, offer) = desk.answer(&entry, "accept").await;
    assert_eq!((status, text(&offer, "status")), (200, "accepted"));
    assert_eq!(
        desk.answer(&entry, "accept").await.0,
        200,
        "once more changes nothing"
    );
    let declined = desk.answer(&entry, "decline").await;
    assert_eq!(reason(&declined), (409, "OFFER_OVER"));
    let conversation = desk.conversation(&visitor.conversation).await;
    assert_eq!(text(&conversation, "status"), "human");
    assert_eq!(text(&conversation, "owner_id"), user(1));

    // Another agent: who is offline or full gets nothing.
    let bea = desk.agent(2, json!({"capacity": 1})).await;
    let to_bea = json!({"agent_id": bea});
    let offline = desk
        .act(&visitor.conversation, "transfer", to_bea.clone())
        .await;
    assert_eq!(reason(&offline), (409, "AGENT_OFFLINE"));
    desk.presence(2, "desk", "busy").await;
    let moved = desk
        .act(&visitor.conversation, "transfer", to_bea.clone())
        .await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    let conversation = desk.conversation(&visitor.conversation).await;
    assert_eq!(text(&conversation, "owner_id"), user(2));
    let other = desk.visitor(&widget).await;
    desk.say(&other, "1", "Me, too").await;
    desk.entry(&other.conversation, "offered").await;
    let full = desk.act(&other.conversation, "assign", to_bea).await;
    assert_eq!(reason(&full), (409, "AGENT_FULL"));

    assert_eq!(
        desk.act(&visitor.conversation, "close", json!({})).await.0,
        200
    );
    let ended = desk.entry(&visitor.conversation, "ended").await;
    assert_eq!(text(&ended, "reason"), "closed");
    let late = desk
        .act(
            &visitor.conversation,
            "escalate",
            json!({"queue_id": queue}),
        )
        .await;
    assert_eq!(reason(&late), (409, "CONVERSATION_CLOSED"));
    until("offers and queues are told", async || {
        let heard = events.heard();
        let told = |kind: &str| heard.iter().any(|event| event.event.kind == kind);
        (told("offer_created") && told("offer_updated") && told("queue_updated")).then_some(())
    })
    .await;
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_fits_and_none_is_assigned_twice(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let queue = desk.queue(json!({"offer_seconds": 600})).await;
    for number in 1..=3 {
        desk.agent(number, json!({"capacity": 2})).await;
        desk.presence(number, "desk", "online").await;
    }
    let widget = desk.widget(Some(&queue)).await;
    let come = (0..12).map(|_| async {
        let visitor = desk.visitor(&widget).await;
        assert_eq!(desk.say(&visitor, "1", "Hello?").await.0, 200);
        visitor.conversation
    });
    let conversations = join_all(come).await;
    let mut left = conversations.len();
    while left > 0 {
        let expected = left.min(6);
        let offered = until("everybody has as much as fits", async || {
            let offered = desk.entries("status=offered").await;
            (offered.len() == expected).then_some(offered)
        })
        .await;
        let mut loads: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &offered {
            *loads.entry(text(entry, "agent_id")).or_default() += 1;
        }
        assert!(loads.values().all(|load| *load <= 2), "{loads:?}");
        let accept = offered.iter().map(|entry| desk.answer(entry, "accept"));
        assert!(
            join_all(accept)
                .await
                .iter()
                .all(|(status, _)| *status == 200)
        );
        let close = offered
            .iter()
            .map(|entry| desk.act(text(entry, "conversation_id"), "close", json!({})));
        assert!(
            join_all(close)
                .await
                .iter()
                .all(|(status, _)| *status == 200)
        );
        left -= expected;
    }
    let ended = desk.entries("status=ended").await;
    assert_eq!(ended.len(), 12);
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_lets_an_offer_lapse_is_not_asked_again_while_another_may(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let queue = desk.queue(json!({})).await;
    let widget = desk.widget(None).await;
    let ann = desk.agent(1, json!({})).await;
    let bea = desk.agent(2, json!({"capacity": 3})).await;
    desk.presence(1, "desk", "online").await;
    desk.presence(2, "desk", "online").await;
    let visitor = desk.visitor(&widget).await;
    let body = json!({"queue_id": queue});
    let uri = format!("/v1/conversations/{}/escalate", visitor.conversation);
    let post = bin_common_handler::models::sock::Method::Post;
    for _ in 0..2 {
        let again = desk
            .client
            .call_keyed(post, &uri, Some(body.clone()), Some("key"))
            .await;
        assert_eq!(again.0, 200, "{}", again.1);
    }
    let query = format!("conversation_id={}", visitor.conversation);
    assert_eq!(desk.entries(&query).await.len(), 1);
    let elsewhere = json!({"queue_id": desk.queue(json!({"name": "other"})).await});
    let refused = desk.act(&visitor.conversation, "escalate", elsewhere).await;
    assert_eq!(reason(&refused), (409, "ALREADY_QUEUED"));

    let first = desk.entry(&visitor.conversation, "offered").await;
    assert_eq!(
        text(&first, "agent_id"),
        ann,
        "who has the largest spare capacity"
    );
    desk.at(31);
    let second = until("it is offered to another", async || {
        let entry = desk.entry(&visitor.conversation, "offered").await;
        (text(&entry, "agent_id") == bea).then_some(entry)
    })
    .await;
    assert_eq!(second["waiting_since"], first["waiting_since"]);
    let late = desk.answer(&first, "accept").await;
    assert_eq!(reason(&late), (409, "OFFER_OVER"));
    let body = json!({"user_id": user(1)});
    let uri = format!("/v1/offers/{}/accept", text(&second, "offer_id"));
    let not_hers = desk.client.call(post, &uri, Some(body)).await;
    assert_eq!(reason(&not_hers), (403, "NOT_YOUR_OFFER"));
    let stranger = desk.installation.client().within(Uuid::from_u128(8));
    assert_eq!(stranger.call(post, &uri, None).await.0, 404);
    assert_eq!(desk.answer(&second, "accept").await.0, 200);
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn waiting_has_an_end_and_promises_are_watched(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let overflow = desk
        .queue(json!({"name": "all", "skills": [], "timeout_seconds": 600}))
        .await;
    let sla = json!({"first_response_seconds": 100});
    let queue = desk
        .queue(json!({"timeout_seconds": 200, "overflow_queue_id": overflow, "sla": sla}))
        .await;
    let events = desk.client.events().await;
    let widget = desk.widget(Some(&queue)).await;
    let visitor = desk.visitor(&widget).await;
    desk.say(&visitor, "1", "Hello?").await;
    let entry = desk.entry(&visitor.conversation, "waiting").await;
    let uri = format!("/v1/queue_entries/{}", text(&entry, "id"));
    let view = desk.client.ok(Get, &uri, None).await;
    assert_eq!(view["position"], 1);
    assert_eq!(
        view["estimated_wait_seconds"],
        Json::Null,
        "nobody is there"
    );
    let used = desk
        .client
        .call(Delete, &format!("/v1/queues/{queue}"), None)
        .await;
    assert_eq!(reason(&used), (409, "QUEUE_IN_USE"));

    let told = async |kind: &str| {
        until(kind, async || {
            let heard = events.heard();
            heard
                .iter()
                .any(|event| event.event.kind == kind)
                .then_some(())
        })
        .await;
    };
    desk.at(85);
    told("queueentry_sla_warning").await;
    desk.at(105);
    told("queueentry_sla_breached").await;
    desk.at(205);
    told("queueentry_timed_out").await;
    let moved = until("it overflows", async || {
        let entry = desk.entry(&visitor.conversation, "waiting").await;
        (text(&entry, "queue_id") == overflow).then_some(entry)
    })
    .await;
    assert_eq!(moved["waiting_since"], entry["waiting_since"]);
    assert_eq!(moved["breaches"], json!(["first_response"]));
    desk.at(820);
    let ended = desk.entry(&visitor.conversation, "ended").await;
    assert_eq!(text(&ended, "reason"), "timed_out");
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_something_leads_to_is_not_deleted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let overflow = desk.queue(json!({"name": "all"})).await;
    let queue = desk.queue(json!({"overflow_queue_id": overflow})).await;
    desk.widget(Some(&queue)).await;
    let uri = |what: &str, id: &str| format!("/v1/{what}/{id}");
    let delete = async |id: &str| desk.client.call(Delete, &uri("queues", id), None).await;
    for id in [&queue, &overflow] {
        assert_eq!(reason(&delete(id).await), (409, "QUEUE_IN_USE"));
    }
    let listed = desk.client.ok(Get, "/v1/widgets", None).await;
    let widget = text(&listed[0], "id").to_owned();
    let edit = async |body: Json| {
        let widget = uri("widgets", &widget);
        desk.client.call(Put, &widget, Some(body)).await
    };
    let named = edit(json!({"name": "store"})).await;
    assert_eq!(named.0, 200, "{}", named.1);
    let away = edit(json!({"queue_id": null})).await;
    assert_eq!(away.0, 200, "{}", away.1);
    for id in [&queue, &overflow] {
        let (status, gone) = delete(id).await;
        assert_eq!(status, 200, "{gone}");
    }
    let back = edit(json!({"queue_id": queue})).await;
    assert_eq!(reason(&back), (404, "QUEUE_NOT_FOUND"));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_named_by_nobody_while_it_is_deleted() {
    let desk = ContactCenter::new(Kind::Full).await;
    for _ in 0..5 {
        let queue = desk.queue(json!({})).await;
        let body = json!({"name": "shop", "origins": [PAGE], "queue_id": queue});
        let uri = format!("/v1/queues/{queue}");
        let (deleted, named) = tokio::join!(
            desk.client.call(Delete, &uri, None),
            desk.client.call(Post, "/v1/widgets", Some(body)),
        );
        let both = (deleted.0, named.0);
        assert!([(200, 404), (409, 200)].contains(&both), "{both:?}");
    }
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_whose_queue_is_gone_need_somebody_all_the_same() {
    let desk = ContactCenter::new(Kind::Embedded).await;
    let queue = desk.queue(json!({})).await;
    let widget = desk.widget(Some(&queue)).await;
    // As it was deleted before such a queue was kept.
    let sql = "UPDATE chat_queues SET tm_delete = tm_create";
    let db = desk.installation.db();
    db.execute(sql, vec![]).await.unwrap();
    let visitor = desk.visitor(&widget).await;
    let said = desk.say(&visitor, "1", "Hello?").await;
    assert_eq!(said.0, 200, "{}", said.1);
    let conversation = desk.conversation(&visitor.conversation).await;
    assert_eq!(conversation["needs_human"], json!(true));
    desk.end().await;
}

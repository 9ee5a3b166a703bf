//! Holds and appointments: whoever comes first has the time, and nobody else.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Put},
    testing::{Kind, until},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::{
    desk::{Desk, OWNER, told},
    world::{id, reason, text},
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_want_overlapping_times_one_has_it(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = Desk::with_replicas(kind, 2).await;
    let resource = desk.resource(json!({})).await;
    for round in 0..100 {
        // Each round has two hours of its own; the two overlap by half an hour.
        let start = round * 120;
        let both = [
            desk.try_hold(&resource, start),
            desk.try_hold(&resource, start + 30),
        ];
        let answers = join_all(both).await;
        let mut told: Vec<_> = answers.iter().map(|answer| answer.0).collect();
        told.sort_unstable();
        assert_eq!(told, [200, 409], "round {round}: {answers:?}");
        let refused = answers.iter().find(|answer| answer.0 == 409).unwrap();
        assert_eq!(reason(refused), (409, "SLOT_UNAVAILABLE"));
    }
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_becomes_one_appointment_and_no_second(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = Desk::with_replicas(kind, 2).await;
    let resource = desk.resource(json!({})).await;
    let reservation = desk.hold(&resource, 0).await;
    let body = json!({"reservation_id": reservation, "title": "Leak", "address": "1 Main St"});
    let twice = [(); 2].map(|()| {
        desk.client.call(
            bin_common_handler::models::sock::Method::Post,
            "/v1/appointments",
            Some(body.clone()),
        )
    });
    let answers = join_all(twice).await;
    let mut told: Vec<_> = answers.iter().map(reason).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [(200, ""), (409, "RESERVATION_BOOKED")],
        "{answers:?}"
    );
    let made = answers.iter().find(|answer| answer.0 == 200).unwrap();
    assert_eq!(text(&made.1, "status"), "pending");
    assert_eq!(
        text(&desk.get("reservations", &reservation).await, "status"),
        "booked"
    );
    // The hold is over, and the time is still taken; it is named before the clock may pass midnight.
    let taken = json!({"resource_id": resource, "tm_start": desk.at(30), "tm_end": desk.at(90)});
    desk.clock.shift(3_600_000_000);
    let post = bin_common_handler::models::sock::Method::Post;
    let refused = desk
        .client
        .call(post, "/v1/reservations", Some(taken))
        .await;
    assert_eq!(refused.0, 409);
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_over_is_gone_and_its_time_is_free(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = Desk::new(kind).await;
    let resource = desk.resource(json!({})).await;
    let reservation = desk.hold(&resource, 0).await;
    desk.clock.shift(500_000_000);
    assert_eq!(desk.try_hold(&resource, 0).await.0, 409);
    desk.clock.shift(601_000_000);
    let late = json!({"reservation_id": reservation, "title": "Leak"});
    let post = bin_common_handler::models::sock::Method::Post;
    let late = desk.client.call(post, "/v1/appointments", Some(late)).await;
    assert_eq!(reason(&late), (410, "RESERVATION_EXPIRED"));
    assert_eq!(text(&late.1, "status"), "FAILED_PRECONDITION");
    desk.hold(&resource, 0).await;
    until("the hold is marked", async || {
        let held = desk.get("reservations", &reservation).await;
        (text(&held, "status") == "expired").then_some(())
    })
    .await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_is_free_and_a_rest_is_kept() {
    let desk = Desk::new(Kind::Embedded).await;
    let resource = desk.resource(json!({"buffer_minutes": 30})).await;
    let reservation = desk.hold(&resource, 120).await;
    for (minutes, expected) in [(31, 409), (30, 200), (209, 409), (210, 200)] {
        assert_eq!(
            desk.try_hold(&resource, minutes).await.0,
            expected,
            "{minutes}"
        );
    }
    let uri = format!("/v1/reservations/{reservation}");
    let released = desk.client.ok(Delete, &uri, None).await;
    assert_eq!(text(&released, "status"), "released");
    desk.hold(&resource, 120).await;
    let other = desk.resource(json!({})).await;
    desk.hold(&other, 120).await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_offers_other_slots() {
    let desk = Desk::new(Kind::Embedded).await;
    let resource = desk.resource(json!({})).await;
    let start = desk.at(0);
    desk.hold(&resource, 0).await;
    let refused = desk.try_hold(&resource, 0).await;
    assert_eq!(reason(&refused), (409, "SLOT_UNAVAILABLE"));
    let offers = refused.1["details"].as_array().unwrap();
    assert_eq!(offers.len(), 3, "{offers:?}");
    for offer in offers {
        assert_eq!(text(offer, "resource_id"), resource);
        assert_ne!(offer["tm_start"], json!(start));
    }
    let body = json!({
        "resource_id": resource, "tm_start": offers[0]["tm_start"], "tm_end": offers[0]["tm_end"],
    });
    desk.make("reservations", body).await;
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_confirmed_moved_and_called_off(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = Desk::new(kind).await;
    let sink = desk.client.events().await;
    let resource = desk.resource(json!({})).await;
    let made = desk.appointment(&resource, 0, json!({})).await;
    let other = desk.appointment(&resource, 120, json!({})).await;
    let (made, other) = (id(&made), id(&other));
    let confirmed = desk.act("appointments", &made, "confirm", json!({})).await;
    assert_eq!(text(&confirmed.1, "status"), "confirmed");
    let again = desk.act("appointments", &made, "confirm", json!({})).await;
    assert_eq!(again, confirmed);

    let to = |minutes| json!({"tm_start": desk.at(minutes), "tm_end": desk.at(minutes + 60)});
    let taken = desk.act("appointments", &made, "reschedule", to(150)).await;
    assert_eq!(reason(&taken), (409, "SLOT_UNAVAILABLE"));
    // Its own time is not in its way.
    let moved = desk.act("appointments", &made, "reschedule", to(30)).await;
    assert_eq!((moved.0, &moved.1["tm_start"]), (200, &json!(desk.at(30))));
    assert_eq!(moved.1["sequence"], 2);
    let past = json!({"tm_start": "2020-01-01T00:00:00Z", "tm_end": "2020-01-01T01:00:00Z"});
    let past = desk.act("appointments", &made, "reschedule", past).await;
    assert_eq!(reason(&past), (400, "INVALID_FIELD"));

    let canceled = desk
        .act("appointments", &other, "cancel", json!({"reason": "sold"}))
        .await;
    assert_eq!(text(&canceled.1, "reason"), "sold");
    let late = desk.act("appointments", &other, "confirm", json!({})).await;
    assert_eq!(reason(&late), (409, "INVALID_APPOINTMENT_STATE"));
    desk.hold(&resource, 120).await;
    let uri = format!("/v1/appointments/{made}");
    let begun = desk
        .client
        .ok(Put, &uri, Some(json!({"status": "in_progress"})))
        .await;
    assert_eq!(begun["sequence"], 3);
    let back = desk
        .client
        .call(Put, &uri, Some(json!({"status": "pending"})))
        .await;
    assert_eq!(reason(&back), (409, "INVALID_APPOINTMENT_STATE"));
    assert_eq!(
        back.1["details"][0]["allowed"],
        json!(["completed", "canceled"])
    );
    told(&sink, "appointment_created", 2).await;
    told(&sink, "appointment_updated", 4).await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_reminded_once_a_day_before_unless_it_is_off() {
    let desk = Desk::new(Kind::Embedded).await;
    let sink = desk.client.events().await;
    let resource = desk.resource(json!({})).await;
    let kept = desk.appointment(&resource, 0, json!({})).await;
    let off = desk.appointment(&resource, 120, json!({})).await;
    desk.act("appointments", &id(&off), "cancel", json!({}))
        .await;
    desk.clock.shift(2 * 86_400_000_000);
    told(&sink, "appointment_reminder_due", 1).await;
    let kept = desk.get("appointments", &id(&kept)).await;
    assert!(kept["tm_remind"].is_string(), "{kept}");
    let off = desk.get("appointments", &id(&off)).await;
    assert!(off["tm_remind"].is_null(), "{off}");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_neither_sees_nor_takes_anything() {
    let desk = Desk::new(Kind::Embedded).await;
    let resource = desk.resource(json!({})).await;
    let made = desk.appointment(&resource, 0, json!({})).await;
    let stranger = desk.installation.client().within(Uuid::from_u128(8));
    let uri = format!("/v1/appointments/{}", id(&made));
    assert_eq!(stranger.call(Get, &uri, None).await.0, 404);
    let post = bin_common_handler::models::sock::Method::Post;
    let cancel = format!("{uri}/cancel");
    assert_eq!(stranger.call(post, &cancel, None).await.0, 404);
    let body = json!({"resource_id": resource, "tm_start": desk.at(300), "tm_end": desk.at(360)});
    let held = stranger.call(post, "/v1/reservations", Some(body)).await;
    assert_eq!(reason(&held), (404, "RESOURCE_NOT_FOUND"));
    // Nor does the operator take it in a stranger's name.
    let operator = desk.installation.client();
    for (customer, expected) in [(Uuid::from_u128(8), 404), (OWNER, 200)] {
        let body = json!({
            "customer_id": customer, "resource_id": resource, "tm_start": desk.at(300), "tm_end": desk.at(360),
        });
        let (status, held) = operator.call(post, "/v1/reservations", Some(body)).await;
        assert_eq!(status, expected, "{held}");
        if status == 200 {
            assert_eq!(text(&held, "customer_id"), customer.to_string());
        }
    }
    let in_use = format!("/v1/resources/{resource}");
    let in_use = desk.client.call(Delete, &in_use, None).await;
    assert_eq!(reason(&in_use), (409, "RESOURCE_IN_USE"));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_told_in_its_conversation_and_in_no_other() {
    let desk = Desk::linked(Kind::Embedded, 1, &[]).await;
    let post = bin_common_handler::models::sock::Method::Post;
    let widget = json!({"name": "shop", "origins": ["https://shop.test"]});
    let widget = desk.make("widgets", widget).await;
    let open = async || {
        let body = json!({"widget_id": widget["public_id"]}).to_string();
        let headers = [("origin".to_owned(), vec!["https://shop.test".to_owned()])];
        let url = "http://localhost/v1/chat_sessions".to_owned();
        let raw = bin_common_handler::models::raw::RawRequest::new(
            post,
            url,
            headers.into(),
            body.as_bytes(),
        );
        let raw = serde_json::to_value(&raw).unwrap();
        let anyone = desk.installation.client();
        anyone.ok(post, "/v1/chat_sessions", Some(raw)).await
    };
    let (first, second) = (open().await, open().await);
    let resource = desk.resource(json!({})).await;
    let of_first = json!({"conversation_id": first["conversation_id"]});
    let appointment = id(&desk.appointment(&resource, 0, of_first).await);
    let say = async |session: &serde_json::Value, more: serde_json::Value| {
        let mut body = json!({"client_message_id": "1", "user_id": Uuid::from_u128(9)});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let chat = text(session, "conversation_id");
        desk.act("conversations", chat, "messages", body).await
    };
    let told = json!({"kind": "appointment", "appointment_id": appointment});
    for (wrong, expected) in [
        (json!({"kind": "appointment"}), (400, "INVALID_FIELD")),
        (
            json!({"kind": "text", "body": "x", "appointment_id": appointment}),
            (400, "INVALID_FIELD"),
        ),
        (
            json!({"kind": "appointment", "appointment_id": Uuid::from_u128(1)}),
            (404, "APPOINTMENT_NOT_FOUND"),
        ),
        (
            json!({"kind": "system", "body": "x"}),
            (400, "INVALID_FIELD"),
        ),
    ] {
        assert_eq!(
            reason(&say(&first, wrong.clone()).await),
            expected,
            "{wrong}"
        );
    }
    let foreign = say(&second, told.clone()).await;
    assert_eq!(reason(&foreign), (404, "APPOINTMENT_NOT_FOUND"));
    let (status, said) = say(&first, told.clone()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(text(&said, "kind"), "appointment");
    assert_eq!(text(&said, "appointment_id"), appointment);
    let words = text(&said, "body").to_owned();
    assert!(
        words.starts_with("Leak: ") && !words.contains("UTC"),
        "{words}"
    );
    // Moved meanwhile, the same message is still the same.
    let moved = json!({"tm_start": desk.at(120), "tm_end": desk.at(180)});
    let moved = desk
        .act("appointments", &appointment, "reschedule", moved)
        .await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    assert_eq!(id(&say(&first, told).await.1), id(&said));

    let uri = format!("/v1/chat_sessions/{}/history", id(&first));
    let body = json!({"token": first["token"]});
    let read = desk.installation.client().ok(post, &uri, Some(body)).await;
    let seen = &read["messages"][0];
    assert_eq!(
        (
            text(seen, "kind"),
            text(seen, "appointment_id"),
            text(seen, "body")
        ),
        ("appointment", appointment.as_str(), words.as_str())
    );
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_says_what_it_does_not_change() {
    let desk = Desk::new(Kind::Embedded).await;
    let resource = desk.resource(json!({})).await;
    let made = desk.appointment(&resource, 0, json!({})).await;
    let uri = format!("/v1/appointments/{}", id(&made));
    for (field, value) in [
        ("tm_start", json!(desk.at(600))),
        ("tm_end", json!(desk.at(660))),
        ("resource_id", json!(Uuid::from_u128(1))),
        ("conversation_id", json!(Uuid::from_u128(1))),
        ("lead_id", json!(Uuid::from_u128(1))),
        ("reservation_id", json!(Uuid::from_u128(1))),
        ("price_cents", json!(1)),
        ("sequence", json!(7)),
        ("title", json!("a\u{0}b")),
        ("title", json!("nice \u{202e}live")),
        ("address", json!("1 Main St\u{1b}[2J")),
    ] {
        let refused = desk
            .client
            .call(Put, &uri, Some(json!({field: value})))
            .await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{field}");
        let message = text(&refused.1, "message");
        assert!(message.starts_with(field), "{message}");
    }
    // Who sends the whole of it back, with another title, changes that.
    let mut whole = made.clone();
    whole["title"] = json!("Leak, two sinks");
    let changed = desk.client.ok(Put, &uri, Some(whole)).await;
    assert_eq!(text(&changed, "title"), "Leak, two sinks");
    assert_eq!(changed["tm_start"], made["tm_start"]);
    for (what, field) in [("resources", "name"), ("addresses/validate", "address")] {
        let wrong = json!({field: "Van \u{202e}1"});
        let post = bin_common_handler::models::sock::Method::Post;
        let refused = desk
            .client
            .call(post, &format!("/v1/{what}"), Some(wrong))
            .await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{what}");
    }
    desk.end().await;
}

//! Opt-outs: written before the carrier is answered, and obeyed by everything from then on.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use std::time::Duration;

use super::{
    by_text::until_hour,
    siblings::{AT_ONCE, NUMBER, PENDING},
    world::{PERSON, World, all, id, reason, text},
};

/// Somebody else.
const OTHER: &str = "+14155550177";

async fn is_out(world: &World, number: &str) -> bool {
    let uri = "/v1/optouts/lookup?number=%2B14155550123";
    world.of(number).ok(Get, uri, None).await["opted_out"] == json!(true)
}

fn word(id: &str, body: &str) -> Json {
    json!({"client_message_id": id, "body": body})
}

#[rstest]
#[case::whatsapp("whatsapp:")]
#[case::rcs("rcs:")]
#[tokio::test(flavor = "multi_thread")]
async fn stop_counts_by_whatever_channel_it_comes(#[case] channel: &str) {
    let world = World::new(Kind::Embedded).await;
    let from = format!("{channel}{PERSON}");
    assert_eq!(world.text(&from, NUMBER, "Hello?").await, 200);
    assert!(!is_out(&world, NUMBER).await);
    assert_eq!(world.text(&from, NUMBER, "STOP").await, 200);
    assert!(is_out(&world, NUMBER).await);
    let conversation = world
        .conversation("the wish", NUMBER, |it| it["inbound_seq"] == json!(1))
        .await;
    assert_eq!(text(&conversation, "person"), PERSON);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn stop_stops_everything_before_the_carrier_is_answered(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    world.miss(1, PERSON, NUMBER).await;
    let conversation = world
        .conversation("greeted", NUMBER, |it| it["last_seq"].as_i64() >= Some(1))
        .await;
    until("sent", async || {
        (!world.provider.messages().is_empty()).then_some(())
    })
    .await;
    assert_eq!(world.text(PERSON, NUMBER, " Stop! ").await, 200);
    // At once, not after the work.
    assert!(is_out(&world, NUMBER).await);
    let refused = world
        .act(NUMBER, &conversation, "messages", Some(word("a", "Hi")))
        .await;
    assert_eq!(reason(&refused), (403, "OPTED_OUT"));
    let blocked = world
        .conversation("blocked, with the text in it", NUMBER, |it| {
            // Reports of the carrier take numbers, too, but no inbound one.
            it["inbound_seq"].as_i64() >= Some(1)
        })
        .await;
    assert_eq!(text(&blocked, "status"), "blocked");
    assert_eq!(blocked["block_reasons"], json!(["opted_out"]));
    // A further miss greets nobody, and no time brings anything.
    world.miss(2, PERSON, NUMBER).await;
    world
        .conversation("the call is noted", NUMBER, |it| {
            it["call_ids"].as_array().unwrap().len() == 2
        })
        .await;
    world.pass(3_600);
    assert_eq!(world.text(PERSON, NUMBER, "hello?").await, 200);
    world
        .conversation("heard", NUMBER, |it| it["last_seq"].as_i64() >= Some(3))
        .await;
    assert_eq!(
        world.provider.texts_to(PERSON).len(),
        1,
        "the greeting, and nothing since"
    );
    let listed = world.client.ok(Get, "/v1/optouts", None).await;
    assert_eq!(all(listed.as_array().unwrap(), "number"), [PERSON]);
    let told = until("all managers are told", async || {
        let heard = events.heard().into_iter();
        heard
            .map(|event| event.event)
            .find(|event| event.kind == "optout_changed")
    })
    .await;
    let told: Json = serde_json::from_str(told.data.unwrap().get()).unwrap();
    assert_eq!(told["opted_out"], json!(true));
    assert_eq!(text(&told, "number"), PERSON);
    // It is of one business only.
    assert!(!is_out(&world, AT_ONCE).await);

    assert_eq!(world.text(PERSON, NUMBER, "yes").await, 200);
    world
        .conversation("a bare YES lifts nothing", NUMBER, |it| {
            it["last_seq"].as_i64() >= Some(4)
        })
        .await;
    assert!(is_out(&world, NUMBER).await);
    assert_eq!(world.text(PERSON, NUMBER, "START").await, 200);
    world
        .conversation("lifted", NUMBER, |it| text(it, "status") == "open")
        .await;
    assert!(!is_out(&world, NUMBER).await);
    let sent = world
        .act(
            NUMBER,
            &conversation,
            "messages",
            Some(word("b", "Hi again")),
        )
        .await;
    assert_eq!(sent.0, 200, "{}", sent.1);
    world.end().await;
}

#[rstest]
#[case::the_carrier_answers_its_words(NUMBER, "STOP", 0)]
#[case::but_no_other_wording(NUMBER, "please stop texting me", 1)]
#[case::or_we_do(AT_ONCE, "STOP", 1)]
#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_is_confirmed_at_most_once(
    #[case] number: &str,
    #[case] wording: &str,
    #[case] confirmations: usize,
) {
    let world = World::new(Kind::Embedded).await;
    for seq in 1..=3 {
        assert_eq!(world.text(PERSON, number, wording).await, 200);
        world
            .conversation("heard", number, |it| {
                it["inbound_seq"].as_i64() >= Some(seq)
            })
            .await;
    }
    let messages = world
        .until_messages("three and a confirmation", number, |messages| {
            messages.len() == 3 + confirmations
                && messages
                    .iter()
                    .all(|it| text(it, "status") != "queued" && text(it, "status") != "sending")
        })
        .await;
    let said: Vec<_> = messages
        .iter()
        .filter(|it| text(it, "sender") == "system")
        .collect();
    assert_eq!(said.len(), confirmations);
    assert_eq!(world.provider.texts_to(PERSON).len(), confirmations);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_may_not_send_confirms_nothing() {
    let world = World::new(Kind::Embedded).await;
    world.text(PERSON, PENDING, "please stop texting me").await;
    let heard = |it: &Json| it["answered_seq"] == it["inbound_seq"] && it["last_seq"] != json!(0);
    let conversation = world.conversation("heard", PENDING, heard).await;
    assert_eq!(conversation["block_reasons"].as_array().unwrap().len(), 2);
    let messages = world.messages(PENDING, &conversation).await;
    assert_eq!(all(&messages, "sender"), ["customer"]);
    assert_eq!(world.provider.texts_to(PERSON), []);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_once_of_an_opt_out_without_an_open_conversation(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let told = async || {
        let alerts = world.client.ok(Get, "/v1/alerts", None).await;
        let alerts = alerts.as_array().unwrap().clone();
        let alerts = alerts.into_iter();
        let reasons = alerts.filter(|it| text(it, "metric") == "optout");
        reasons
            .map(|it| text(&it, "reason").to_owned())
            .collect::<Vec<_>>()
    };
    for said in ["STOP", "stop", "please stop texting me"] {
        world.text(PERSON, NUMBER, said).await;
    }
    let heard = |it: &Json| it["answered_seq"].as_i64() >= Some(3);
    world.conversation("heard", NUMBER, heard).await;
    assert_eq!(told().await, ["word"]);
    for _ in 0..2 {
        let body = json!({"number": OTHER});
        world.client.ok(Post, "/v1/optouts", Some(body)).await;
    }
    let mut all = told().await;
    all.sort_unstable();
    assert_eq!(all, ["human", "word"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_answered_once_an_hour_at_each_number() {
    let world = World::new(Kind::Embedded).await;
    let count = |messages: &[Json], sender: &str| {
        let senders = all(messages, "sender");
        senders.iter().filter(|it| **it == sender).count()
    };
    // A text and its answer are written at once, so whoever sees the text sees the answer, too. Numbers of a conversation
    // would not tell: reports of the carrier take some.
    for (nth, passed, answers) in [(1, 0, 1), (2, 0, 1), (3, 3_500, 1), (4, 3_610, 2)] {
        world.pass(passed);
        assert_eq!(world.text(PERSON, AT_ONCE, "HELP").await, 200);
        let messages = world
            .until_messages("heard", AT_ONCE, |it| count(it, "customer") == nth)
            .await;
        let answered = count(&messages, "system");
        assert_eq!(answered, answers, "after {passed} s: {messages:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_waits_when_the_opt_out_comes_is_not_sent() {
    let world = World::with(
        Kind::Embedded,
        &[("TEXTS_PER_SECOND", "1"), ("TEXTS_BURST", "1")],
    )
    .await;
    let conversation = {
        world.text(PERSON, NUMBER, "hello").await;
        world.conversation("heard", NUMBER, |_| true).await
    };
    // So many that some still wait where each takes its time.
    for at in 0..10 {
        let said = world
            .act(
                NUMBER,
                &conversation,
                "messages",
                Some(word(&at.to_string(), "x")),
            )
            .await;
        assert_eq!(said.0, 200, "{}", said.1);
    }
    let body = json!({"number": PERSON});
    let out = world.client.ok(Post, "/v1/optouts", Some(body)).await;
    assert_eq!(out["opted_out"], json!(true));
    let before = world.provider.requests(provider_stand_in::Route::Send);
    world.pass(60);
    let messages = world
        .until_messages("none waits", NUMBER, |messages| {
            messages
                .iter()
                .all(|it| text(it, "status") != "queued" && text(it, "status") != "sending")
        })
        .await;
    let refused = messages
        .iter()
        .filter(|it| text(it, "error_code") == "OPTED_OUT")
        .count();
    assert!(refused >= 2, "{messages:?}");
    let after = world.provider.requests(provider_stand_in::Route::Send);
    // A request that was marked may still have left.
    assert!(
        after <= before + 1 && after + refused == 10,
        "{before} {after} {refused}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_carriers_own_list_counts() {
    let world = World::new(Kind::Embedded).await;
    world.provider.refuse(PERSON, 21_610);
    world.miss(1, PERSON, NUMBER).await;
    world
        .conversation("blocked", NUMBER, |it| text(it, "status") == "blocked")
        .await;
    assert!(is_out(&world, NUMBER).await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_outlives_the_number() {
    let world = World::new(Kind::Embedded).await;
    world
        .client
        .ok(
            Post,
            "/v1/optouts",
            Some(json!({"number": "(415) 555-0123"})),
        )
        .await;
    // As an erasure does it.
    let db = world.installation.db();
    db.execute("UPDATE chat_contacts SET number = ''", Vec::new())
        .await
        .unwrap();
    assert!(is_out(&world, NUMBER).await);
    world.miss(1, PERSON, NUMBER).await;
    let conversation = world.conversation("noted", NUMBER, |_| true).await;
    assert_eq!(text(&conversation, "status"), "blocked");
    assert_eq!(world.provider.messages(), []);
    let refused = world
        .client
        .call(Post, "/v1/optouts", Some(json!({"number": "x"})))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    let _ = id(&conversation);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_yes_lifts_only_as_the_answer_to_our_question() {
    let world = World::new(Kind::Embedded).await;
    let client = world.of(NUMBER);
    world.text(PERSON, NUMBER, "Hello").await;
    world.conversation("heard", NUMBER, |_| true).await;
    let ask = json!({"number": PERSON});
    // Nobody is asked at night, nor twice a day.
    let night = until_hour(&world, 3);
    world.pass(night);
    let refused = client
        .call(Post, "/v1/optouts/ask", Some(ask.clone()))
        .await;
    assert_eq!(reason(&refused), (409, "NOT_ALLOWED_NOW"));
    assert!(
        refused.1["details"].to_string().contains("next_allowed"),
        "{}",
        refused.1
    );
    world.pass(night + 9 * 3_600);
    let asked = client.ok(Post, "/v1/optouts/ask", Some(ask.clone())).await;
    assert!(asked["tm_asked"].is_string(), "{asked}");
    let again = client
        .call(Post, "/v1/optouts/ask", Some(ask.clone()))
        .await;
    assert_eq!(reason(&again), (409, "ALREADY_ASKED"));
    until("the question is sent", async || {
        let texts = world.provider.texts_to(PERSON);
        texts
            .iter()
            .any(|text| text.body.contains("Reply YES"))
            .then_some(())
    })
    .await;
    assert_eq!(world.text(PERSON, NUMBER, "STOP").await, 200);
    assert!(is_out(&world, NUMBER).await);
    // Whoever wants no texts is not asked by one, and the old question is void.
    let refused = client.call(Post, "/v1/optouts/ask", Some(ask)).await;
    assert_eq!(reason(&refused), (403, "OPTED_OUT"));
    world.text(PERSON, NUMBER, "YES").await;
    world
        .conversation("heard", NUMBER, |it| text(it, "status") == "blocked")
        .await;
    assert!(is_out(&world, NUMBER).await);
    world.text(PERSON, NUMBER, "START").await;
    until("lifted", async || {
        (!is_out(&world, NUMBER).await).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_names_the_business_and_a_bare_cancel_is_told_to_its_people() {
    let world = World::new(Kind::Embedded).await;
    world.text(PERSON, AT_ONCE, "help!").await;
    let messages = world
        .until_messages("answered", AT_ONCE, |messages| messages.len() == 2)
        .await;
    assert!(text(&messages[1], "body").contains("Mission Plumbing"));
    assert_eq!(world.text(PERSON, AT_ONCE, "Cancel.").await, 200);
    assert!(is_out(&world, AT_ONCE).await);
    until("its people are told", async || {
        let alerts = world.of(AT_ONCE).ok(Get, "/v1/alerts", None).await;
        let alerts = alerts.as_array().unwrap().clone();
        all(&alerts, "reason")
            .contains(&"bare_cancel")
            .then_some(())
    })
    .await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_somebody_goes_with_their_opt_out(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let client = world.of(NUMBER);
    let talks = async |person: &'static str| {
        world.text(person, NUMBER, "My sink is clogged").await;
        world
            .conversation("heard", NUMBER, |it| text(it, "person") == person)
            .await
    };
    let (theirs, others) = (talks(PERSON).await, talks(OTHER).await);
    let van = client
        .ok(Post, "/v1/resources", Some(json!({"name": "Van 1"})))
        .await;
    let hold = async |conversation: &Json, hours: u64| {
        let span = |hours: u64| Duration::from_secs((48 + hours) * 3_600);
        let now = world.clock.now();
        let body = json!({
            "resource_id": id(&van), "conversation_id": id(conversation),
            "tm_start": now.plus(span(hours)), "tm_end": now.plus(span(hours + 1)),
        });
        client.call(Post, "/v1/reservations", Some(body)).await
    };
    let booked = hold(&theirs, 0).await;
    let body = json!({"reservation_id": id(&booked.1), "title": "Sink"});
    let booked = client.ok(Post, "/v1/appointments", Some(body)).await;
    assert_eq!(booked["conversation_id"], theirs["id"]);
    let (held, kept) = (hold(&theirs, 3).await, hold(&others, 6).await);
    assert_eq!((held.0, kept.0), (200, 200), "{} {}", held.1, kept.1);
    assert_eq!(hold(&others, 3).await.0, 409);

    assert_eq!(world.text(PERSON, NUMBER, "Stop").await, 200);
    // At once, with the ledger.
    let again = hold(&others, 3).await;
    assert_eq!(again.0, 200, "{}", again.1);
    let seen = async |what: &str, row: &Json| {
        let uri = format!("/v1/{what}/{}", id(row));
        let row = client.ok(Get, &uri, None).await;
        text(&row, "status").to_owned()
    };
    assert_eq!(seen("reservations", &held.1).await, "released");
    assert_eq!(seen("reservations", &kept.1).await, "held");
    assert_eq!(seen("appointments", &booked).await, "pending");
    // Of another business's conversation nothing is held.
    let foreign = json!({
        "resource_id": id(&van), "conversation_id": "01900000-0000-7000-8000-000000000001",
        "tm_start": world.clock.now().plus(Duration::from_secs(90 * 3_600)),
        "tm_end": world.clock.now().plus(Duration::from_secs(91 * 3_600)),
    });
    let refused = client.call(Post, "/v1/reservations", Some(foreign)).await;
    assert_eq!(reason(&refused), (404, "CONVERSATION_NOT_FOUND"));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_want_no_texts_is_listed_until_a_person_decides(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let client = world.of(NUMBER);
    let listed = async |query: &str| {
        let uri = format!("/v1/optouts{query}");
        let listed = client.ok(Get, &uri, None).await;
        let numbers = all(listed.as_array().unwrap(), "number").into_iter();
        numbers.map(str::to_owned).collect::<Vec<_>>()
    };
    for person in [PERSON, OTHER] {
        world.text(person, NUMBER, "Hello").await;
        world
            .conversation("heard", NUMBER, |it| text(it, "person") == person)
            .await;
    }
    // As the assistant does it.
    let db = world.installation.db();
    let sql = "UPDATE chat_contacts SET paused = ? WHERE number = ?";
    db.execute(sql, vec![true.into(), PERSON.into()])
        .await
        .unwrap();
    assert_eq!(listed("/paused").await, [PERSON]);
    assert_eq!(listed("").await, [""; 0]);
    let decision = json!({"number": PERSON, "opted_out": true});
    client.ok(Post, "/v1/optouts/decide", Some(decision)).await;
    assert_eq!(listed("/paused").await, [""; 0]);
    assert_eq!(listed("").await, [PERSON]);
    drop(db);
    world.end().await;
}

//! Texts on their way: tried again only when they surely did not arrive, and never sent twice.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use provider_stand_in::{Delivery, Fault, Route};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    siblings::NUMBER,
    world::{PERSON, PUBLIC, World, all, reason, text},
};

async fn greeting(world: &World, status: &str) -> Json {
    let messages = world
        .until_messages(&format!("the greeting is {status}"), NUMBER, |messages| {
            all(messages, "status") == [status]
        })
        .await;
    messages[0].clone()
}

/// The carrier has the request: a text counts as on its way a moment before it is.
async fn asked_for(world: &World) {
    until("it was asked for", async || {
        (world.provider.requests(Route::Send) == 1).then_some(())
    })
    .await;
}

#[rstest]
#[case::busy(Fault::Status(429))]
#[case::broken(Fault::Status(503))]
#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_arrive_is_sent_again(#[case] fault: Fault) {
    let world = World::new(Kind::Embedded).await;
    world.provider.fail(Route::Send, fault, 2);
    world.miss(1, PERSON, NUMBER).await;
    greeting(&world, "delivered").await;
    assert_eq!(world.provider.requests(Route::Send), 3);
    assert_eq!(world.provider.texts_to(PERSON).len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_that_never_left_is_none() {
    let world = World::new(Kind::Embedded).await;
    world.provider.fail(Route::Send, Fault::Status(503), 6);
    world.miss(1, PERSON, NUMBER).await;
    let mut passed = 0;
    until("it is given up", async || {
        // Each pause is as long as chance wants.
        passed += 1;
        world.pass(passed);
        let conversation = world.conversations(NUMBER).await.into_iter().next()?;
        let messages = world.messages(NUMBER, &conversation).await;
        (all(&messages, "status") == ["failed"]).then_some(())
    })
    .await;
    world.provider.heal();
    // Whoever calls again soon is greeted; whoever was, is not.
    world.miss(2, PERSON, NUMBER).await;
    let greeted = world
        .until_messages("the second call is greeted", NUMBER, |messages| {
            all(messages, "status") == ["failed", "delivered"]
        })
        .await;
    world.miss(3, PERSON, NUMBER).await;
    world
        .conversation("the third call is known", NUMBER, |it| {
            it["call_ids"].as_array().unwrap().len() == 3
        })
        .await;
    let conversation = &world.conversations(NUMBER).await[0];
    assert_eq!(
        world.messages(NUMBER, conversation).await.len(),
        greeted.len()
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_that_the_carrier_refuses_is_none() {
    let world = World::new(Kind::Embedded).await;
    world.provider.fail(Route::Send, Fault::Code(30_034), 1);
    world.miss(1, PERSON, NUMBER).await;
    let refused = greeting(&world, "failed").await;
    assert_eq!(text(&refused, "error_code"), "30034");
    world.miss(2, PERSON, NUMBER).await;
    world
        .until_messages("whoever calls again is greeted", NUMBER, |messages| {
            all(messages, "status") == ["failed", "delivered"]
        })
        .await;
    world.end().await;
}

#[rstest]
#[case("21211", 21_211, "no phone number")]
#[case("21614", 21_614, "landline")]
#[case("30007", 30_007, "spam")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_never_sent_again_and_says_why(
    #[case] code: &str,
    #[case] number: u32,
    #[case] told: &str,
) {
    let world = World::new(Kind::Embedded).await;
    world.provider.refuse(PERSON, number);
    let events = world.client.events().await;
    world.miss(1, PERSON, NUMBER).await;
    let failed = greeting(&world, "failed").await;
    assert_eq!(text(&failed, "error_code"), code);
    assert!(text(&failed, "error_message").contains(told), "{failed}");
    until("somebody is told", async || {
        events
            .heard()
            .iter()
            .any(|event| event.event.kind == "alert_triggered")
            .then_some(())
    })
    .await;
    let alerts = world.client.ok(Get, "/v1/alerts", None).await;
    assert_eq!(
        (text(&alerts[0], "metric"), text(&alerts[0], "reason")),
        ("provider_failure", code)
    );
    assert_eq!(alerts[0]["message_id"], failed["id"]);
    let uri = format!("/v1/alerts/{}/acknowledge", text(&alerts[0], "id"));
    world.client.ok(Post, &uri, None).await;
    world.pass(3_600);
    greeting(&world, "failed").await;
    assert_eq!(world.provider.requests(Route::Send), 1);
    world.end().await;
}

#[rstest]
#[case::dropped(Fault::AcceptThenDrop)]
#[tokio::test(flavor = "multi_thread")]
async fn no_second_text_after_an_unanswered_one_that_was_taken(
    #[case] fault: Fault,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    world.provider.fail(Route::Send, fault, 1);
    world.miss(1, PERSON, NUMBER).await;
    // Its callbacks tell that it was taken.
    greeting(&world, "delivered").await;
    world.pass(3_600);
    greeting(&world, "delivered").await;
    assert_eq!(world.provider.texts_to(PERSON).len(), 1);
    assert_eq!(world.provider.requests(Route::Send), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_text_is_found_in_the_carriers_list() {
    let world = World::new(Kind::Embedded).await;
    world.provider.deliver(Delivery::of(&[]));
    world.provider.fail(Route::Send, Fault::AcceptThenDrop, 1);
    world.miss(1, PERSON, NUMBER).await;
    greeting(&world, "sending").await;
    asked_for(&world).await;
    until("it was looked for", async || {
        world.pass(12);
        let messages = world.conversations(NUMBER).await;
        let messages = world.messages(NUMBER, &messages[0]).await;
        (!messages[0]["tm_sent"].is_null()).then_some(())
    })
    .await;
    world.pass(3_600);
    greeting(&world, "sending").await;
    assert_eq!(world.provider.requests(Route::Send), 1);
    world.end().await;
}

#[rstest]
#[case::delivered("delivered", None, "")]
#[case::undelivered("undelivered", Some(30_003), "30003")]
#[tokio::test(flavor = "multi_thread")]
async fn a_status_whose_callbacks_were_lost_is_asked_for(
    #[case] status: &str,
    #[case] error_code: Option<u32>,
    #[case] told: &str,
) {
    let world = World::new(Kind::Embedded).await;
    // Nobody is behind the URL that the carrier knows; a port that was let go might be somebody's by then.
    world.provider.reach(PUBLIC, ([127, 0, 0, 1], 1).into());
    world.provider.deliver(Delivery {
        error_code,
        ..Delivery::of(&["sent", status])
    });
    world.miss(1, PERSON, NUMBER).await;
    let taken = until("the carrier has it", async || {
        let conversation = world.conversations(NUMBER).await.into_iter().next()?;
        let messages = world.messages(NUMBER, &conversation).await;
        let message = messages.into_iter().next()?;
        (!message["tm_sent"].is_null()).then_some(message)
    })
    .await;
    assert_eq!(text(&taken, "status"), "sending");
    world.provider.settle().await;
    assert_eq!(world.provider.requests(Route::List), 0);
    world.pass(310);
    let known = greeting(&world, status).await;
    assert_eq!(text(&known, "error_code"), told);
    // It is over, and asked for no more.
    let asked = world.provider.requests(Route::List);
    world.pass(7_200);
    world.pass(90_000);
    assert_eq!(world.provider.requests(Route::List), asked);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_another_customer_is_not_taken_for_ours() {
    let world = World::new(Kind::Embedded).await;
    world.provider.deliver(Delivery::of(&[]));
    let conversation = heard(&world).await;
    let say = async |key: &str| {
        let word = json!({"client_message_id": key, "body": "We come today."});
        let said = world
            .act(NUMBER, &conversation, "messages", Some(word))
            .await;
        assert_eq!(said.0, 200, "{}", said.1);
        text(&said.1, "id").to_owned()
    };
    let read = async |id: &str| {
        let messages = world.messages(NUMBER, &conversation).await;
        messages.into_iter().find(|it| text(it, "id") == id)
    };
    let first = say("a").await;
    until("the carrier has the first", async || {
        let message = read(&first).await?;
        (!message["tm_sent"].is_null()).then_some(())
    })
    .await;
    // As if it were of somebody who shares the account at the carrier.
    let db = world.installation.db();
    let sql = "UPDATE chat_messages SET customer_id = ? WHERE id = ?";
    let other = uuid::Uuid::from_u128(99);
    let id: uuid::Uuid = first.parse().unwrap();
    db.execute(sql, vec![other.into(), id.into()])
        .await
        .unwrap();
    drop(db);
    world.provider.fail(Route::Send, Fault::Drop, 1);
    let second = say("b").await;
    until("the second was asked for", async || {
        (world.provider.requests(Route::Send) == 2).then_some(())
    })
    .await;
    world.pass(40);
    until("nobody knows of the second", async || {
        let message = read(&second).await?;
        (text(&message, "status") == "unknown").then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_unknown_and_never_sent_again() {
    let world = World::new(Kind::Embedded).await;
    world.provider.fail(Route::Send, Fault::Drop, 1);
    world.miss(1, PERSON, NUMBER).await;
    greeting(&world, "sending").await;
    asked_for(&world).await;
    world.pass(40);
    let unknown = greeting(&world, "unknown").await;
    assert_eq!(text(&unknown, "error_code"), "UNANSWERED");
    world.pass(7_200);
    greeting(&world, "unknown").await;
    assert_eq!(world.provider.requests(Route::Send), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_in_any_order_and_number_end_alike() {
    let world = World::new(Kind::Embedded).await;
    world.provider.deliver(Delivery {
        times: 3,
        ..Delivery::of(&["delivered", "sent", "queued"])
    });
    world.miss(1, PERSON, NUMBER).await;
    greeting(&world, "delivered").await;
    world.provider.settle().await;
    let last = greeting(&world, "delivered").await;
    assert!(!last["delivered_at"].is_null());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_not_the_carriers_is_refused() {
    let world = World::new(Kind::Embedded).await;
    world.provider.deliver(Delivery::of(&[]));
    let hook = world.provider.text_hook(PERSON, NUMBER, "Hi").unwrap();
    let forged = world.provider.forge(&hook, "AAAA").await.unwrap();
    assert_eq!(forged.status, 403);
    let foreign = hook
        .clone()
        .with("AccountSid", "AC00000000000000000000000000000002");
    assert_eq!(world.provider.send(&foreign).await.unwrap().status, 403);
    assert_eq!(world.conversations(NUMBER).await, Vec::<Json>::new());
    assert_eq!(world.provider.send(&hook).await.unwrap().status, 200);
    world
        .conversation("the true one counts", NUMBER, |_| true)
        .await;
    // A number of nobody: nothing is written, and nobody is told so.
    let stray = hook.with("To", "+14155550177");
    assert_eq!(world.provider.send(&stray).await.unwrap().status, 200);
    assert_eq!(world.conversations(NUMBER).await.len(), 1);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_text_delivered_five_times_at_once_is_one_message(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let hook = world
        .provider
        .text_hook(PERSON, NUMBER, "My sink leaks")
        .unwrap();
    let send = async || world.provider.send(&hook).await.unwrap().status;
    let statuses = tokio::join!(send(), send(), send(), send(), send());
    assert_eq!(statuses, (200, 200, 200, 200, 200));
    let messages = world
        .until_messages("it is there", NUMBER, |messages| !messages.is_empty())
        .await;
    assert_eq!(all(&messages, "body"), ["My sink leaks"]);
    assert_eq!(world.provider.send(&hook).await.unwrap().status, 200);
    let conversation = &world.conversations(NUMBER).await[0];
    assert_eq!(conversation["last_seq"], json!(1));
    assert_eq!(conversation["findings"]["service"], json!("My sink leaks"));
    world.end().await;
}

#[rstest]
#[case::refused_at_once(true)]
#[case::reported_later(false)]
#[tokio::test(flavor = "multi_thread")]
async fn a_landline_is_texted_once_and_people_are_told_to_call(#[case] at_once: bool) {
    let world = World::new(Kind::Embedded).await;
    if at_once {
        world.provider.refuse(PERSON, 21_614);
    } else {
        world.provider.deliver(Delivery {
            error_code: Some(30_006),
            ..Delivery::of(&["undelivered"])
        });
    }
    world.miss(1, PERSON, NUMBER).await;
    let status = if at_once { "failed" } else { "undelivered" };
    let message = greeting(&world, status).await;
    assert!(text(&message, "error_message").contains("takes no texts"));
    let explained = async || {
        let uri = "/v1/optouts/lookup?number=%2B14155550123";
        let told = world.client.ok(Get, uri, None).await;
        assert_eq!(told["opted_out"], json!(false));
        text(&told, "explanation").contains("takes no texts")
    };
    until("it is remembered", async || explained().await.then_some(())).await;

    // A day later, when whoever calls would be greeted again.
    world.pass(25 * 3_600);
    world.miss(2, PERSON, NUMBER).await;
    let conversation = world
        .conversation("a person is asked", NUMBER, |it| {
            it["call_ids"].as_array().unwrap().len() == 2
        })
        .await;
    assert_eq!(conversation["needs_human"], json!(true));
    let alerts = world.client.ok(Get, "/v1/alerts", None).await;
    let reasons = all(alerts.as_array().unwrap(), "reason").join(" ");
    assert!(reasons.contains("takes_no_texts"), "{reasons}");
    let body = json!({"client_message_id": "m", "body": "We come today."});
    let said = async |key: &str| {
        let mut body = body.clone();
        body["client_message_id"] = json!(key);
        world
            .act(NUMBER, &conversation, "messages", Some(body))
            .await
    };
    assert_eq!(reason(&said("a").await), (409, "TAKES_NO_TEXTS"));
    assert_eq!(world.provider.requests(Route::Send), 1);

    // Whoever writes can be written to.
    world.text(PERSON, NUMBER, "This is my new mobile").await;
    world
        .conversation("heard", NUMBER, |it| it["inbound_seq"].as_i64() > Some(1))
        .await;
    assert!(!explained().await);
    assert_eq!(said("b").await.0, 200);
    world.end().await;
}

/// A conversation in which somebody of the business may write.
async fn heard(world: &World) -> Json {
    world.text(PERSON, NUMBER, "My sink leaks").await;
    world.conversation("heard", NUMBER, |_| true).await
}

async fn say(world: &World, conversation: &Json, body: &str) {
    let word = json!({"client_message_id": body, "body": body});
    let said = world
        .act(NUMBER, conversation, "messages", Some(word))
        .await;
    assert_eq!(said.0, 200, "{}", said.1);
}

/// What the carrier took, in its order, once it is so much.
async fn taken(world: &World, count: usize) -> Vec<String> {
    until("the carrier has them", async || {
        let texts = world.provider.texts_to(PERSON);
        let bodies: Vec<_> = texts.into_iter().map(|it| it.body).collect();
        (bodies.len() == count).then_some(bodies)
    })
    .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn texts_of_one_conversation_leave_in_their_order(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let conversation = heard(&world).await;
    // The first waits for its second try, while those after it could leave.
    world.provider.fail(Route::Send, Fault::Status(503), 1);
    let bodies = ["one", "two", "three", "four"];
    for body in bodies {
        say(&world, &conversation, body).await;
    }
    assert_eq!(taken(&world, bodies.len()).await, bodies);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_which_nobody_knows_holds_up_the_next_for_its_deadline_only() {
    let world = World::new(Kind::Embedded).await;
    let conversation = heard(&world).await;
    world.provider.fail(Route::Send, Fault::Drop, 1);
    say(&world, &conversation, "one").await;
    asked_for(&world).await;
    say(&world, &conversation, "two").await;
    world.pass(12);
    assert_eq!(taken(&world, 1).await, ["two"]);
    world.end().await;
}

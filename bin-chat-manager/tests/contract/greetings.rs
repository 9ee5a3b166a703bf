//! From the ring to the text: a missed call becomes one conversation and one greeting.

use std::{collections::BTreeSet, time::Duration};

use bin_common_handler::{
    models::sock::Method::Post,
    testing::{Kind, until},
};
use provider_stand_in::{Fault, Route};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::{
    by_text::until_hour,
    siblings::{AT_NOON, AT_ONCE, CUSTOMER, NUMBER, PENDING, SUSPENDED, give, owner},
    world::{PERSON, World, all, text},
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_missed_call_is_a_conversation_and_a_text_that_arrives(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    world.miss(1, PERSON, NUMBER).await;
    let messages = world
        .until_messages("the greeting arrived", NUMBER, |messages| {
            all(messages, "status") == ["delivered"]
        })
        .await;
    let greeting = &messages[0];
    assert_eq!(text(greeting, "sender"), "system");
    assert_eq!(
        text(greeting, "cause_key"),
        format!("greet:{}", Uuid::from_u128(1))
    );
    assert!(text(greeting, "body").contains("Mission Plumbing"));
    assert_eq!(greeting["segments"], json!(1));
    assert_eq!(greeting["seq"], json!(1));
    let conversation = &world.conversations(NUMBER).await[0];
    assert_eq!(text(conversation, "person"), PERSON);
    assert_eq!(conversation["call_ids"], json!([Uuid::from_u128(1)]));
    let texts = world.provider.texts_to(PERSON);
    assert_eq!(texts.len(), 1);
    assert_eq!(texts[0].from, NUMBER);
    world.end().await;
}

#[rstest]
#[case::open(12, "Sorry we missed your call")]
#[case::closed(3, "We are closed right now")]
#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_knows_the_hours(#[case] hour: u32, #[case] expected: &str) {
    let world = World::new(Kind::Embedded).await;
    world.own(AT_NOON);
    world.pass(until_hour(&world, hour));
    world.miss(1, PERSON, AT_NOON).await;
    let messages = world
        .until_messages("greeted", AT_NOON, |messages| messages.len() == 1)
        .await;
    let body = text(&messages[0], "body");
    assert!(body.contains(expected), "{body}");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn two_misses_at_once_are_one_conversation_and_one_greeting(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    tokio::join!(
        world.miss(1, PERSON, NUMBER),
        world.miss(2, PERSON, NUMBER),
        world.miss(1, PERSON, NUMBER),
    );
    let conversation = world
        .conversation("both calls are in it", NUMBER, |conversation| {
            conversation["call_ids"].as_array().unwrap().len() == 2
        })
        .await;
    until("the greeting was sent", async || {
        (world.provider.texts_to(PERSON).len() == 1).then_some(())
    })
    .await;
    assert_eq!(world.conversations(NUMBER).await.len(), 1);
    assert_eq!(world.messages(NUMBER, &conversation).await.len(), 1);
    assert_eq!(world.provider.repeated_causes(), Vec::<String>::new());
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_or_need_not_be_greeted_is_not(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    // Another number of the business itself.
    const OWN: &str = "+14155550172";
    give(OWN, Some(CUSTOMER));
    let world = World::new(kind).await;
    world.miss(1, "anonymous", NUMBER).await;
    world.miss(2, "55512", NUMBER).await;
    world.miss(3, OWN, NUMBER).await;
    world
        .miss_at(4, "+14155550124", NUMBER, Duration::from_secs(601))
        .await;
    world.miss(5, PERSON, PENDING).await;
    world.miss(6, PERSON, NUMBER).await;
    // Calls are worked on side by side: the conversation of the last one need not be the newest.
    until("the greeting was sent", async || {
        let all = world.conversations(NUMBER).await;
        let person = all.iter().find(|one| text(one, "person") == PERSON)?;
        let messages = world.messages(NUMBER, person).await;
        (!messages.is_empty()).then_some(())
    })
    .await;
    let blocked = world
        .conversation("the blocked one", PENDING, |_| true)
        .await;
    assert_eq!(text(&blocked, "status"), "blocked");
    assert_eq!(blocked["block_reasons"], json!(["campaign_pending"]));
    until(
        "the stale miss and the own number are conversations all the same",
        async || (world.conversations(NUMBER).await.len() == 3).then_some(()),
    )
    .await;
    let greeted = until("somebody was greeted", async || {
        let texts = world.provider.messages().into_iter();
        let greeted: BTreeSet<_> = texts.map(|text| text.to).collect();
        (!greeted.is_empty()).then_some(greeted)
    })
    .await;
    assert_eq!(greeted, BTreeSet::from([PERSON.to_owned()]));
    world.end().await;
}

/// Whoever names a person's number as its own must not make their calls vanish.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_number_another_tenant_has_is_greeted_as_anybody() {
    const MOBILE: &str = "+14155550173";
    give(MOBILE, Some(owner(AT_ONCE)));
    let world = World::new(Kind::Embedded).await;
    world.miss(1, MOBILE, NUMBER).await;
    let conversation = world
        .conversation("a lead", NUMBER, |it| !it["lead_id"].is_null())
        .await;
    assert_eq!(text(&conversation, "person"), MOBILE);
    until("the greeting was sent", async || {
        (world.provider.texts_to(MOBILE).len() == 1).then_some(())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_greeted_twice_a_day() {
    let world = World::new(Kind::Embedded).await;
    world.miss(1, PERSON, NUMBER).await;
    // One that the leap keeps from leaving would be none.
    world
        .until_messages("greeted", NUMBER, |messages| {
            all(messages, "status") == ["delivered"]
        })
        .await;
    world.pass(23 * 3_600);
    world.miss(2, PERSON, NUMBER).await;
    world
        .conversation("the second call", NUMBER, |it| {
            it["call_ids"].as_array().unwrap().len() == 2
        })
        .await;
    world.pass(25 * 3_600);
    world.miss(3, PERSON, NUMBER).await;
    let messages = world
        .until_messages("greeted again", NUMBER, |messages| messages.len() == 2)
        .await;
    let causes = [1, 3].map(|call| format!("greet:{}", Uuid::from_u128(call)));
    assert_eq!(all(&messages, "cause_key"), causes);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_that_did_not_leave_is_none() {
    let world = World::new(Kind::Embedded).await;
    world.provider.fail(Route::Send, Fault::Status(503), 100);
    world.miss(1, PERSON, NUMBER).await;
    let mut passed = 0;
    until("the carrier is given up", async || {
        passed += 1;
        world.pass(passed);
        let conversation = world.conversations(NUMBER).await.into_iter().next()?;
        let messages = world.messages(NUMBER, &conversation).await;
        (all(&messages, "error_code") == ["PROVIDER_UNAVAILABLE"]).then_some(())
    })
    .await;
    world.provider.heal();
    world.miss(2, PERSON, NUMBER).await;
    world
        .until_messages("whoever calls again is greeted", NUMBER, |messages| {
            all(messages, "status") == ["failed", "delivered"]
        })
        .await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_is_approved_opens_conversations_without_stale_greetings(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    world.miss(1, PERSON, PENDING).await;
    assert_eq!(world.text(PERSON, PENDING, "My sink leaks").await, 200);
    world
        .conversation("heard, and blocked", PENDING, |it| {
            let calls = it["call_ids"].as_array().map(Vec::len);
            // Whichever comes first: after the call, the block has a number of its own before the text.
            let is_heard = it["inbound_seq"].as_i64() >= Some(1);
            text(it, "status") == "blocked" && is_heard && calls == Some(1)
        })
        .await;
    world.pass(120);
    assert_eq!(world.provider.texts_to(PERSON), []);
    world.decide("approved").await;
    let open = world
        .conversation("open", PENDING, |it| text(it, "status") == "open")
        .await;
    // Who wrote is answered, after people had their time; nobody is greeted for the old call.
    assert_eq!(text(&open, "ai_state"), "waiting");
    let messages = world.messages(PENDING, &open).await;
    assert_eq!(all(&messages, "sender"), ["customer"]);
    world.decide("rejected").await;
    world
        .conversation("blocked again", PENDING, |it| {
            text(it, "status") == "blocked"
        })
        .await;
    world.pass(600);
    assert_eq!(world.provider.texts_to(PERSON), []);
    world.end().await;
}

/// The daemon that has the caller on the line asks before it promises anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_promised_only_to_whoever_gets_one() {
    const WAITING: &str = "+14155550124";
    give(SUSPENDED, Some(CUSTOMER));
    let world = World::new(Kind::Embedded).await;
    let is_promised = async |from: &str, to: &str| {
        let body = json!({"from": from, "to": to});
        let client = world.of(to);
        let told = client.ok(Post, "/v1/greetings/promise", Some(body)).await;
        told["greeting"] == json!(true)
    };
    for (from, to, expected) in [
        (PERSON, NUMBER, true),
        (PERSON, PENDING, false),
        (PERSON, SUSPENDED, false),
        (NUMBER, NUMBER, false),
        ("anonymous", NUMBER, false),
        (PERSON, "+14155550199", false),
    ] {
        assert_eq!(is_promised(from, to).await, expected, "{from} {to}");
    }
    // Nothing was written: who asks is greeted all the same.
    world.miss(1, PERSON, NUMBER).await;
    world
        .until_messages("greeted", NUMBER, |messages| messages.len() == 1)
        .await;
    assert!(!is_promised(PERSON, NUMBER).await);
    assert!(is_promised(WAITING, NUMBER).await);
    let out = Some(json!({"number": WAITING}));
    world.client.ok(Post, "/v1/optouts", out).await;
    assert!(!is_promised(WAITING, NUMBER).await);
    world.end().await;
}

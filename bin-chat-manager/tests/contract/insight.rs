//! Summaries, search, and who sees which conversations.

use bin_common_handler::{
    models::{
        role::Role,
        sock::{
            Method::{self, Get, Post},
            Request,
        },
    },
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::ContactCenter,
    model::{Next, with_model},
    siblings::NUMBER,
    world::{PERSON, id, reason, text},
};

/// What a key of an agent is answered, as the bridge asks for it.
async fn as_agent(
    desk: &ContactCenter,
    user: u128,
    method: Method,
    uri: &str,
    body: Option<Json>,
) -> (u16, Json) {
    let mut request = Request::new(method, uri, "http-bridge");
    if let Some(body) = body {
        request = request.json(&body).unwrap();
    }
    request.customer_id = Some(Uuid::from_u128(7));
    request.role = Some(Role::Agent);
    request.user_id = Some(Uuid::from_u128(user));
    let reply = desk.client.send(&request).await.unwrap();
    (
        reply.status_code,
        serde_json::from_str(reply.body()).unwrap(),
    )
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_summary_without_a_model_is_an_extract_and_says_so(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(
        &visitor,
        "1",
        "My water heater is leaking. This is terrible!",
    )
    .await;
    let uri = format!("/v1/conversations/{}/summary", visitor.conversation);
    let summary = desk.client.ok(Get, &uri, None).await;
    assert_eq!(
        (text(&summary, "source"), &summary["up_to_seq"]),
        ("extract", &json!(1))
    );
    assert!(text(&summary, "text").contains("water heater"), "{summary}");
    let feels = desk
        .client
        .ok(Get, &format!("{uri}?kind=sentiment"), None)
        .await;
    assert_eq!(text(&feels, "text"), "negative");
    let refused = desk
        .client
        .call(Get, &format!("{uri}?kind=poem"), None)
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    let foreign = desk.client.within(Uuid::from_u128(99));
    assert_eq!(
        reason(&foreign.call(Get, &uri, None).await),
        (404, "CONVERSATION_NOT_FOUND")
    );
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_model_sums_up_once_until_something_else_is_said(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let script = [
        Next::Content("The heater leaks."),
        Next::Content("Negative."),
        Next::Content("The heater leaks, on Main Street."),
        Next::Never,
        Next::Content("It was long."),
    ];
    let (world, model) = with_model(kind, &script).await;
    world.text(PERSON, NUMBER, "My heater leaks").await;
    let conversation = world.conversation("heard", NUMBER, |_| true).await;
    // A person answers, and the assistant asks the model for nothing.
    let taken = world.act(NUMBER, &conversation, "takeover", None).await;
    assert_eq!(taken.0, 200, "{}", taken.1);
    let client = world.of(NUMBER);
    let sum_up = async |query: &str| {
        let uri = format!("/v1/conversations/{}/summary{query}", id(&conversation));
        let summary = client.ok(Get, &uri, None).await;
        let word = |key: &str| text(&summary, key).to_owned();
        (word("source"), word("text"), summary["up_to_seq"].clone())
    };
    let hear = async |words: &str| {
        let before = world.conversations(NUMBER).await[0]["inbound_seq"].clone();
        world.text(PERSON, NUMBER, words).await;
        world
            .conversation("heard", NUMBER, |it| it["inbound_seq"] != before)
            .await;
    };
    let first = sum_up("").await;
    assert_eq!(
        (first.0.as_str(), first.1.as_str()),
        ("model", "The heater leaks.")
    );
    assert_eq!(sum_up("?kind=conversation").await, first);
    assert_eq!(model.asked(), 1, "it is kept");
    assert_eq!(sum_up("?kind=sentiment").await.1, "negative");
    assert_eq!(model.asked(), 2, "each kind has its own");

    hear("12 Main Street").await;
    let second = sum_up("").await;
    assert_eq!(second.1, "The heater leaks, on Main Street.");
    assert!(second.2.as_i64() > first.2.as_i64(), "{second:?}");
    assert_eq!(model.asked(), 3);

    // A model that does not answer in time is asked again by the next who wants to know.
    hear("Please come soon").await;
    assert_eq!(sum_up("").await.0, "extract");
    let last = sum_up("").await;
    assert_eq!(
        (last.0.as_str(), last.1.as_str()),
        ("model", "It was long.")
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn all_words_are_found_page_by_page_within_the_tenant(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    for (key, said) in [
        "Water heater, 100% broken",
        "water only",
        "heater and WATER",
    ]
    .iter()
    .enumerate()
    {
        desk.say(&visitor, &key.to_string(), said).await;
    }
    let search = async |query: &str| {
        let uri = format!("/v1/conversations/search?{query}");
        desk.client.ok(Get, &uri, None).await
    };
    let first = search("query=water%20heater&page_size=1").await;
    assert_eq!(text(&first["hits"][0], "body"), "heater and WATER");
    assert_eq!(text(&first, "source"), "full_text", "there is no model");
    let token = text(&first, "next_page_token").replace(':', "%3A");
    let second = search(&format!(
        "query=water%20heater&page_size=1&page_token={token}"
    ))
    .await;
    assert_eq!(
        text(&second["hits"][0], "body"),
        "Water heater, 100% broken"
    );
    assert_eq!(
        search("query=100%25%20water").await["hits"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(search("query=1_0").await["hits"], json!([]), "no pattern");
    let foreign = desk.client.within(Uuid::from_u128(99));
    let none = foreign
        .ok(Get, "/v1/conversations/search?query=water", None)
        .await;
    assert_eq!(none["hits"], json!([]));
    let refused = desk
        .client
        .call(Get, "/v1/conversations/search?query=%20", None)
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_the_conversations_of_their_queues_and_their_own(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let desk = ContactCenter::new(kind).await;
    desk.agent(1, json!({})).await;
    let (sales, law) = (
        desk.queue(json!({})).await,
        desk.queue(json!({"name": "law", "skills": ["law"]})).await,
    );
    let mine = desk.visitor(&desk.widget(Some(&sales)).await).await;
    let theirs = desk.visitor(&desk.widget(Some(&law)).await).await;
    for visitor in [&mine, &theirs] {
        desk.say(visitor, "1", "hello water").await;
        desk.entry(&visitor.conversation, "waiting").await;
    }
    let (status, listed) = as_agent(&desk, 1, Get, "/v1/conversations", None).await;
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(it, "id"))
        .collect();
    assert_eq!((status, ids), (200, vec![mine.conversation.as_str()]));
    let (_, found) = as_agent(&desk, 1, Get, "/v1/conversations/search?query=water", None).await;
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);

    for part in ["", "/messages", "/transcript", "/summary"] {
        let uri = |id: &str| format!("/v1/conversations/{id}{part}");
        let own = as_agent(&desk, 1, Get, &uri(&mine.conversation), None).await;
        assert_eq!(own.0, 200, "{part} {}", own.1);
        let other = as_agent(&desk, 1, Get, &uri(&theirs.conversation), None).await;
        assert_eq!(reason(&other), (404, "CONVERSATION_NOT_FOUND"), "{part}");
    }
    let take = format!("/v1/conversations/{}/takeover", theirs.conversation);
    let refused = as_agent(&desk, 1, Post, &take, None).await;
    assert_eq!(reason(&refused), (404, "CONVERSATION_NOT_FOUND"));
    let take = format!("/v1/conversations/{}/takeover", mine.conversation);
    let as_other = json!({"user_id": Uuid::from_u128(2)});
    let refused = as_agent(&desk, 1, Post, &take, Some(as_other)).await;
    assert_eq!(reason(&refused), (403, "USER_MISMATCH"));
    let (status, taken) = as_agent(&desk, 1, Post, &take, None).await;
    assert_eq!(
        (status, text(&taken, "owner_id")),
        (200, Uuid::from_u128(1).to_string().as_str())
    );
    desk.end().await;
}

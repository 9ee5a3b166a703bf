//! Search by meaning, beside a model that makes vectors.

use std::sync::{Arc, Mutex};

use bin_common_handler::{
    models::{
        role::Role,
        sock::Method::{Delete, Get, Post, Put},
    },
    testing::{Client, Installation, Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    contact_center::ContactCenter,
    modelserver::serve,
    siblings::NUMBER,
    world::{PERSON, World, id, reason, text},
};

/// Words of one meaning each.
const MEANINGS: [&[&str]; 2] = [
    &["pipe", "leak", "drip", "tap"],
    &["price", "cost", "invoice"],
];
/// A text that the model does not take, and no other beside it.
const POISON: &str = "poison";

/// How the model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mood {
    #[default]
    Well,
    /// It refuses everybody.
    Ill,
    /// It never answers.
    Silent,
}

/// A model of two meanings: a vector says how often words of each stand in a text.
#[derive(Clone, Default)]
struct Model {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<Json>>>,
}

impl Model {
    /// The model, and its URL.
    async fn start() -> (Self, String) {
        let model = Self::default();
        let serving = model.clone();
        let address = serve(move |head, body| serving.clone().answer(head, body)).await;
        (model, format!("http://{address}"))
    }

    fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What it was asked first.
    fn first(&self) -> Json {
        self.asked.lock().unwrap()[0].clone()
    }

    async fn answer(self, head: String, body: Json) -> (u16, Json) {
        let texts: Vec<String> = serde_json::from_value(body["input"].clone()).unwrap();
        let is_poisoned = texts.iter().any(|it| it.contains(POISON));
        let mood = *self.mood.lock().unwrap();
        let is_well = mood == Mood::Well && head.starts_with("POST /v1/embeddings ");
        self.asked
            .lock()
            .unwrap()
            .push(json!({"head": head, "body": body}));
        if mood == Mood::Silent {
            return std::future::pending().await;
        }
        let status = match (is_well, is_poisoned) {
            (false, _) => 500,
            (true, true) => 400,
            (true, false) => 200,
        };
        // The order of an answer is its indexes'.
        let data: Vec<Json> = texts
            .iter()
            .enumerate()
            .map(|(index, it)| json!({"index": index, "embedding": vector(it)}))
            .rev()
            .collect();
        (status, json!({ "data": data }))
    }
}

fn vector(text: &str) -> Vec<f64> {
    let text = text.to_lowercase();
    let mut vector: Vec<f64> = MEANINGS
        .iter()
        .map(|words| {
            let found = words.iter().filter(|word| text.contains(**word)).count();
            f64::from(u32::try_from(found).unwrap())
        })
        .collect();
    // What means nothing has a direction, too.
    vector.push(0.1);
    vector
}

/// What finds messages by this model, at once.
fn settings(url: &str) -> [(&'static str, &str); 5] {
    [
        ("ALLOW_PRIVATE_ENDPOINTS", "true"),
        ("EMBEDDINGS_BASE_URL", url),
        ("EMBEDDINGS_API_KEY", "sk-test"),
        ("EMBEDDINGS_DIMENSIONS", "3"),
        ("EMBEDDINGS_PERIOD", "100ms"),
    ]
}

async fn search(desk: &ContactCenter, query: &str) -> Json {
    let uri = format!("/v1/conversations/search?query={query}");
    desk.client.ok(Get, &uri, None).await
}

/// What is found by meaning. The model has a second for each question, which a slow machine may miss.
async fn by_meaning(client: &Client, query: &str) -> Json {
    let uri = format!("/v1/conversations/search?query={query}");
    until("the model answers in time", async || {
        let found = client.ok(Get, &uri, None).await;
        (text(&found, "source") == "semantic").then_some(found)
    })
    .await
}

/// The nearest message, as soon as it says this.
async fn nearest(desk: &ContactCenter, query: &str, body: &str) -> Json {
    until(&format!("{body:?} for {query}"), async || {
        let found = search(desk, query).await;
        (text(&found["hits"][0], "body") == body).then_some(found)
    })
    .await
}

#[derive(bin_common_handler::FromRow)]
struct Row {
    message_id: Uuid,
    status: String,
}

/// Rows of messages that have a vector, or wait for one, once they fit.
async fn until_rows(
    installation: &Installation,
    what: &str,
    fits: impl Fn(&[Row]) -> bool,
) -> Vec<Row> {
    let db = installation.db();
    until(what, async || {
        let sql = "SELECT message_id, status FROM chat_embeddings";
        let rows: Vec<Row> = db.fetch_all(sql, Vec::new()).await.unwrap();
        fits(&rows).then_some(rows)
    })
    .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_by_other_words_within_the_tenant(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (model, url) = Model::start().await;
    let desk = ContactCenter::with(kind, &settings(&url)).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(&visitor, "1", "What does it cost?").await;
    desk.say(&visitor, "2", "My pipe is leaking").await;
    nearest(&desk, "your%20invoice", "What does it cost?").await;
    let found = nearest(&desk, "a%20dripping%20tap", "My pipe is leaking").await;
    assert_eq!(
        (text(&found, "source"), text(&found, "next_page_token")),
        ("semantic", "")
    );
    let score = |at: usize| found["hits"][at]["score"].as_f64().unwrap();
    assert!(score(0) > 0.9 && score(0) > score(1), "{found}");
    let one = by_meaning(&desk.client, "a%20dripping%20tap&page_size=1").await;
    assert_eq!(one["hits"].as_array().unwrap().len(), 1);

    let asked = model.first();
    let head = text(&asked, "head").to_lowercase();
    assert!(head.contains("authorization: bearer sk-test"), "{head}");
    assert_eq!(
        (text(&asked["body"], "model"), &asked["body"]["dimensions"]),
        ("text-embedding-3-small", &json!(3))
    );

    let foreign = desk.client.within(Uuid::from_u128(99));
    let none = by_meaning(&foreign, "tap").await;
    assert_eq!(none["hits"], json!([]));
    // An agent with no queue and no conversation sees none.
    let uri = "/v1/conversations/search?query=tap";
    let (status, none) = desk.by((Role::Agent, 1), (Get, uri), None).await;
    assert_eq!((status, &none["hits"]), (200, &json!([])));
    desk.end().await;
}

#[rstest]
#[case::silent(Mood::Silent)]
#[case::ill(Mood::Ill)]
#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_words_are_looked_for_and_that_is_said(#[case] mood: Mood) {
    let (model, url) = Model::start().await;
    let desk = ContactCenter::with(Kind::Embedded, &settings(&url)).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    model.be(mood);
    // Nothing that is said waits for the model.
    let (status, _) = desk.say(&visitor, "1", "My pipe is leaking").await;
    assert_eq!(status, 200);
    let found = search(&desk, "LEAKING%20pipe").await;
    assert_eq!(text(&found, "source"), "full_text");
    assert_eq!(text(&found["hits"][0], "body"), "My pipe is leaking");
    assert_eq!(found["hits"][0].get("score"), None);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_words_gets_words() {
    let (_, url) = Model::start().await;
    let desk = ContactCenter::with(Kind::Embedded, &settings(&url)).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(&visitor, "1", "My pipe is leaking").await;
    nearest(&desk, "tap", "My pipe is leaking").await;
    for (query, source, hits) in [
        ("tap&mode=full_text", "full_text", 0),
        ("pipe&mode=full_text", "full_text", 1),
        ("pipe&page_token=2030-01-01T00%3A00%3A00Z", "full_text", 1),
    ] {
        let found = search(&desk, query).await;
        let count = found["hits"].as_array().unwrap().len();
        assert_eq!((text(&found, "source"), count), (source, hits), "{query}");
    }
    // By meaning a question may be a sentence.
    let question = ["how"; 12].join("%20");
    by_meaning(&desk.client, &question).await;
    for query in [
        format!("{question}&mode=full_text"),
        "tap&mode=magic".to_owned(),
        "%20".to_owned(),
    ] {
        let uri = format!("/v1/conversations/search?query={query}");
        let refused = desk.client.call(Get, &uri, None).await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{query}");
    }
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_the_model_refuses_holds_up_no_other(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (_, url) = Model::start().await;
    let desk = ContactCenter::with(kind, &settings(&url)).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(&visitor, "1", POISON).await;
    desk.say(&visitor, "2", "My pipe is leaking").await;
    nearest(&desk, "tap", "My pipe is leaking").await;
    until_rows(&desk.installation, "it is let go", |rows| {
        let is = |status: &str| rows.iter().filter(|it| it.status == status).count();
        is("refused") == 1 && is("waiting") == 0
    })
    .await;
    desk.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_otherwise_is_found_by_its_new_meaning_alone(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (_, url) = Model::start().await;
    let desk = ContactCenter::with(kind, &settings(&url)).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(&visitor, "1", "Hello there").await;
    let uri = format!("/v1/conversations/{}/messages", visitor.conversation);
    let words = json!({"client_message_id": "m", "body": "Our price"});
    let said = desk.client.ok(Post, &uri, Some(words)).await;
    nearest(&desk, "invoice", "Our price").await;
    let one = format!("{uri}/{}", id(&said));
    let edited = json!({"body": "A new pipe"});
    desk.client.ok(Put, &one, Some(edited)).await;
    let found = nearest(&desk, "drip", "A new pipe").await;
    let hits = found["hits"].as_array().unwrap();
    let of_it: Vec<_> = hits
        .iter()
        .filter(|hit| text(hit, "message_id") == id(&said))
        .collect();
    assert_eq!(of_it.len(), 1, "{found}");
    desk.client.ok(Delete, &one, None).await;
    let found = search(&desk, "drip").await;
    let is_there = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .any(|hit| text(hit, "message_id") == id(&said));
    assert!(!is_there, "{found}");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_from_before_are_given_their_vectors_little_by_little() {
    let (_, url) = Model::start().await;
    let mut desk = ContactCenter::with(Kind::Embedded, &settings(&url)).await;
    let visitor = desk.visitor(&desk.widget(None).await).await;
    desk.say(&visitor, "1", "My pipe is leaking").await;
    nearest(&desk, "tap", "My pipe is leaking").await;
    desk.replicas.pop().unwrap().stop().await.unwrap();
    // As if there had been no model when it was said.
    let db = desk.installation.db();
    db.execute("DELETE FROM chat_embeddings", Vec::new())
        .await
        .unwrap();
    drop(db);
    let clock = desk.clock.clone();
    desk.replicas
        .push(desk.installation.start_with_clock(clock).await);
    desk.client = desk.installation.client().within(Uuid::from_u128(7));
    nearest(&desk, "tap", "My pipe is leaking").await;
    desk.end().await;
}

#[rstest]
#[case::time(true)]
#[case::erasure(false)]
#[tokio::test(flavor = "multi_thread")]
async fn vectors_go_with_what_was_said(
    #[case] is_over: bool,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (_, url) = Model::start().await;
    let mut settings = settings(&url).to_vec();
    settings.push(("RETENTION_PERIOD", "100ms"));
    let world = World::with(kind, &settings).await;
    world.text(PERSON, NUMBER, "My pipe is leaking").await;
    let rows = until_rows(&world.installation, "a vector", |rows| {
        rows.iter().any(|row| row.status == "ready")
    })
    .await;
    let ids: Vec<Uuid> = rows.into_iter().map(|row| row.message_id).collect();
    if is_over {
        world.pass(181 * 86_400);
    } else {
        world.erase(PERSON, "erased:0123").await;
    }
    until_rows(&world.installation, "none of these", |rows| {
        rows.iter().all(|row| !ids.contains(&row.message_id))
    })
    .await;
    world.end().await;
}

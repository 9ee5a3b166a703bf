//! Who may not: every scope and every frame, for strangers, foreign customers, other visitors, and tokens that are over.

use std::time::Duration;

use bin_common_handler::testing::{BRIDGE_KEY, Kind, until};
use rstest::rstest;
use serde_json::{Value as Json, json};
use tandem::socket::{Heard, Socket};
use tokio::time::timeout;

use super::world::{Client, Desk, PAGE, PATIENCE, World, call, text};

fn frames(conversation: &str) -> Vec<Json> {
    vec![
        json!({"op": "msg", "conversation_id": conversation, "client_message_id": "x", "body": "x"}),
        json!({"op": "read", "conversation_id": conversation, "seq": 1}),
        json!({"op": "typing", "conversation_id": conversation, "on": true}),
        json!({"op": "presence", "status": "online"}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_into_a_room_that_is_not_theirs() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let (_, queue) = desk
        .ask("POST", "/v1/queues", Some(json!({"name": "sales"})))
        .await;
    let scopes = [visitor.scope(), format!("queue:{}", text(&queue, "id"))];

    let foreign = Desk::open(&desk.at, BRIDGE_KEY).await;
    let mut client = foreign.agent().await;
    for scope in &scopes {
        for last_seq in [Json::Null, json!(0)] {
            let said = client
                .ask(json!({"op": "sub", "scope": scope, "last_seq": last_seq}))
                .await;
            let code = text(&said, "code");
            assert!(code.ends_with("_NOT_FOUND"), "{scope}: {said}");
        }
    }
    for frame in &frames(&visitor.conversation)[..3] {
        let said = client.ask(frame.clone()).await;
        assert_eq!(
            text(&said, "code"),
            "CONVERSATION_NOT_FOUND",
            "{frame}: {said}"
        );
    }
    // In its own scopes it hears nothing of others.
    client.sub("customer").await;
    client.sub("me").await;
    let mut page = desk.join(&visitor).await;
    page.say(visitor.msg("m", "Hello?")).await;
    page.until("ack").await;
    assert_eq!(client.ask(json!({"op": "ping"})).await["op"], "pong");

    let other = desk.visitor().await;
    let mut client = Client::open(&desk.at, "/ws/v1/events", &other.token).await;
    let beyond = [
        scopes[0].clone(),
        scopes[1].clone(),
        "me".to_owned(),
        "customer".to_owned(),
        "conversations".to_owned(),
        "offers".to_owned(),
    ];
    for scope in &beyond {
        let said = client.ask(json!({"op": "sub", "scope": scope})).await;
        let code = text(&said, "code");
        assert!(
            ["CONVERSATION_NOT_FOUND", "SCOPE_REQUIRED"].contains(&code),
            "{scope}: {said}"
        );
    }
    for frame in frames(&visitor.conversation) {
        let said = client.ask(frame.clone()).await;
        let code = text(&said, "code");
        assert!(
            ["CONVERSATION_NOT_FOUND", "SCOPE_REQUIRED"].contains(&code),
            "{frame}: {said}"
        );
    }
    client.sub(&other.scope()).await;
    // A path is one room, also for who may be in others.
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let mut client = Client::try_open(&desk.at, &path, &other.token, &[])
        .await
        .unwrap();
    assert_eq!(client.closed().await, 4403);
    let mut client = Client::try_open(&desk.at, &path, &foreign.key, &[])
        .await
        .unwrap();
    assert_eq!(client.closed().await, 4403);
    let mut client = Client::open(&desk.at, &path, &desk.key).await;
    let said = client
        .ask(json!({"op": "sub", "scope": other.scope()}))
        .await;
    assert_eq!(text(&said, "code"), "SCOPE_REQUIRED");
    let said = client.ask(other.msg("x", "x")).await;
    assert_eq!(text(&said, "code"), "SCOPE_REQUIRED");
    let (_, unheard) = desk
        .ask(
            "GET",
            &format!("/v1/conversations/{}/messages", other.conversation),
            None,
        )
        .await;
    assert_eq!(unheard, json!([]));
    world.end().await;
}

/// Every scope there is, for this conversation and queue.
fn every_scope(conversation: &str, queue: &str) -> Vec<String> {
    let mut scopes = vec![conversation.to_owned(), format!("queue:{queue}")];
    let plain = [
        "me",
        "customer",
        "calls",
        "auctions",
        "bids",
        "accounts",
        "ledger_entries",
        "call_campaigns",
        "bid_profiles",
        "conversations",
        "queue_entries",
        "presences",
        "offers",
        "appointments",
        "alerts",
    ];
    scopes.extend(plain.map(str::to_owned));
    scopes
}

/// A key of this customer with these fields.
async fn key_of(at: &str, customer: &str, more: Json) -> String {
    let mut body = json!({"customer_id": customer, "name": "stranger"});
    let fields = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    let (status, made) = call(at, BRIDGE_KEY, ("POST", "/v1/accesskeys"), &[], Some(&body)).await;
    assert_eq!(status, 200, "{made}");
    text(&made, "token").to_owned()
}

/// Who may not, and what each scope has to say to them.
enum Stranger {
    /// Of another customer, with every right: rooms are not found, and the rest is their own.
    ForeignCustomer,
    /// Bound to an account, of ours or of others: nothing of chats.
    Account,
    /// Without the rights.
    Powerless,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scope_is_shut_to_every_stranger() {
    let world = World::everything(Kind::Embedded, &[]).await;
    let desk = &world.desk;
    let (visitor, foreign) = (desk.visitor().await, Desk::open(&desk.at, BRIDGE_KEY).await);
    let (_, queue) = desk
        .ask("POST", "/v1/queues", Some(json!({"name": "sales"})))
        .await;
    let queue = text(&queue, "id").to_owned();
    let all_rights =
        json!({"scopes": ["chat:read", "chat:write", "exchange:read", "exchange:write"]});
    let ours = key_of(&desk.at, &desk.customer, all_rights.clone()).await;
    let post = async |path: &str, mut body: Json| {
        body["customer_id"] = json!(desk.customer);
        let (status, made) = call(&desk.at, BRIDGE_KEY, ("POST", path), &[], Some(&body)).await;
        assert_eq!(status, 200, "{path}: {made}");
        made
    };
    let seller = post(
        "/v1/accounts",
        json!({"type": "seller", "name": "s", "status": "active"}),
    )
    .await;
    let seller = text(&seller, "id").to_owned();
    let bound = json!({"scopes": ["exchange:sell"], "account_id": seller});
    let strangers = [
        (
            Stranger::ForeignCustomer,
            key_of(&desk.at, &foreign.customer, all_rights).await,
        ),
        (
            Stranger::Account,
            key_of(&desk.at, &desk.customer, bound).await,
        ),
        (
            Stranger::Powerless,
            key_of(&desk.at, &desk.customer, json!({"scopes": ["did:read"]})).await,
        ),
    ];
    let scopes = every_scope(&visitor.scope(), &queue);
    let mut listening = Vec::new();
    for (who, key) in &strangers {
        let mut client = Client::open(&desk.at, "/ws/v1/events", key).await;
        for scope in &scopes {
            let said = client.ask(json!({"op": "sub", "scope": scope})).await;
            let code = said["code"].as_str().unwrap_or_default();
            let is_right = match who {
                Stranger::ForeignCustomer if scope.contains(':') => code.ends_with("_NOT_FOUND"),
                Stranger::ForeignCustomer => said["op"] == "subscribed",
                Stranger::Account => {
                    let own = [
                        "calls",
                        "auctions",
                        "accounts",
                        "ledger_entries",
                        "call_campaigns",
                    ];
                    code == "SCOPE_REQUIRED" || own.contains(&scope.as_str())
                }
                Stranger::Powerless => code == "SCOPE_REQUIRED",
            };
            assert!(is_right, "{scope}: {said}");
        }
        listening.push(client);
    }
    // Whoever may hears of each; what happens is heard by nobody else.
    let mut own = Client::open(&desk.at, "/ws/v1/events", &ours).await;
    for scope in &scopes {
        own.sub(scope).await;
    }
    let mut page = desk.join(&visitor).await;
    page.say(visitor.msg("m", "Hello?")).await;
    page.until("ack").await;
    let (status, said) = desk
        .ask(
            "POST",
            &format!("/v1/conversations/{}/escalate", visitor.conversation),
            Some(json!({"queue_id": queue})),
        )
        .await;
    assert_eq!(status, 200, "{said}");
    let buyer = post(
        "/v1/accounts",
        json!({"type": "buyer", "name": "b", "status": "active"}),
    )
    .await;
    let buyer = text(&buyer, "id").to_owned();
    let deposit = json!({"amount": 10_000, "currency": "USD"});
    post(&format!("/v1/accounts/{buyer}/deposits"), deposit).await;
    let campaign = post(
        "/v1/call_campaigns",
        json!({
            "name": "leads", "seller_id": seller, "numbers": ["+14155550100"], "payout": 300,
            "auction": {"form": "first_price", "reserve": 100, "increment": 1, "window_ms": 60_000,
                        "soft_close_ms": 0},
        }),
    )
    .await;
    let campaign = text(&campaign, "id").to_owned();
    post("/v1/bid_profiles", json!({
        "buyer_id": buyer, "call_campaign_id": campaign, "amount": 200, "destination": "+14155550199",
    }))
    .await;
    let made = post("/v1/calls", json!({
        "call_campaign_id": campaign, "from_number": "+14155550123", "to_number": "+14155550100",
    }))
    .await;
    let auction = post("/v1/auctions", json!({"call_id": text(&made, "id")})).await;
    let mut heard = std::collections::BTreeSet::new();
    // Of two scopes the narrower one tells.
    let (room, waiting) = (visitor.scope(), format!("queue:{queue}"));
    let wanted = ["calls", "auctions", "accounts", &room, &waiting];
    while !wanted.iter().all(|scope| heard.contains(*scope)) {
        let frame = own.until("ev").await;
        heard.insert(text(&frame, "scope").to_owned());
    }
    for ((who, _), mut client) in strangers.iter().zip(listening) {
        client.say(json!({"op": "ping"})).await;
        loop {
            let frame = client.next().await;
            if frame["op"] == "pong" {
                break;
            }
            let told = frame.to_string();
            assert!(matches!(who, Stranger::Account), "{frame}");
            for secret in [&buyer, &visitor.conversation, &queue] {
                assert!(!told.contains(secret.as_str()), "{frame}");
            }
        }
    }
    assert!(auction["id"].is_string());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_over_open_nothing_and_what_they_opened_ends() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let rights = json!(["chat:read", "chat:write"]);
    let short = json!({"scopes": rights, "expires": "1d"});
    let short = key_of(&desk.at, &desk.customer, short).await;
    let room = format!("/ws/v1/conversations/{}", visitor.conversation);
    let mut open = Client::open(&desk.at, "/ws/v1/events", &short).await;
    open.sub(&visitor.scope()).await;
    let mut page = desk.join(&visitor).await;
    let mut agent = desk.agent().await;
    // The key and the visitor's token are over then, the agent's key is not.
    let later = Duration::from_secs(8 * 24 * 3_600);
    world
        .whole
        .parts
        .clock
        .shift(i64::try_from(later.as_micros()).unwrap());
    assert_eq!(open.closed().await, 4401);
    assert_eq!(agent.ask(json!({"op": "ping"})).await["op"], "pong");
    for (path, token) in [
        ("/ws/v1/events", &short),
        (room.as_str(), &short),
        (room.as_str(), &visitor.token),
        ("/ws/v1/events", &visitor.token),
    ] {
        let mut client = Client::try_open(&desk.at, path, token, &[]).await.unwrap();
        assert_eq!(client.closed().await, 4401, "{path}");
        let socket = Socket::connect(&desk.at, path, &[]).await.unwrap();
        let mut client = Client(socket.unwrap());
        client.say(json!({"op": "auth", "token": token})).await;
        assert_eq!(client.closed().await, 4401, "{path}, by its first frame");
    }
    // A visitor's is looked at less often.
    let ended = timeout(Duration::from_secs(45), async {
        loop {
            if let Heard::Closed(code) = page.0.next().await {
                return code;
            }
        }
    });
    assert_eq!(ended.await.expect("in time"), 4401);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_open_nothing_when_they_are_over_or_on_a_foreign_page() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let open = async |token: &str, origin: &str| {
        let headers = [("origin", origin)];
        Client::try_open(&desk.at, &path, token, &headers).await
    };
    let mut own = open(&visitor.token, PAGE).await.unwrap();
    assert_eq!(own.next().await["op"], "hello");
    assert_eq!(
        open(&visitor.token, "https://evil.test")
            .await
            .unwrap()
            .closed()
            .await,
        4403
    );
    assert_eq!(
        open(&desk.key, PAGE).await.err(),
        Some(403),
        "a key is for no page of strangers"
    );
    for token in [
        format!("{}x", visitor.token),
        "a.b.c".to_owned(),
        "x".to_owned(),
    ] {
        let mut client = Client::try_open(&desk.at, &path, &token, &[])
            .await
            .unwrap();
        assert_eq!(client.closed().await, 4401, "{token}");
    }
    // By its first frame, a page of strangers may show a visitor's token only.
    for (token, code) in [(&visitor.token, 0), (&desk.key, 4403)] {
        let headers = [("origin", PAGE)];
        let socket = Socket::connect(&desk.at, &path, &headers).await.unwrap();
        let mut client = Client(socket.unwrap());
        client.say(json!({"op": "auth", "token": token})).await;
        if code == 0 {
            assert_eq!(client.next().await["op"], "hello");
        } else {
            assert_eq!(client.closed().await, code);
        }
    }
    // A session that ends closes its sockets, and nobody else's.
    let mut agent = desk.agent().await;
    let end = format!("/v1/chat_sessions/{}/end", visitor.session);
    let began = std::time::Instant::now();
    let ended = call(
        &desk.at,
        "",
        ("POST", &end),
        &[],
        Some(&json!({"token": visitor.token})),
    )
    .await;
    assert_eq!(ended.0, 200, "{}", ended.1);
    assert_eq!(own.closed().await, 4401);
    assert!(began.elapsed().as_secs() < 5);
    assert_eq!(agent.ask(json!({"op": "ping"})).await["op"], "pong");
    let revoke = format!("/v1/accesskeys/{}", desk.key_id);
    let revoked = call(&desk.at, BRIDGE_KEY, ("DELETE", &revoke), &[], None).await;
    assert_eq!(revoked.0, 200, "{}", revoked.1);
    assert_eq!(agent.closed().await, 4401);
    assert!(began.elapsed().as_secs() < 10);
    world.end().await;
}

#[rstest]
#[case::a_deleted_widget("DELETE", "/v1/widgets/WIDGET", json!(null), 4401)]
#[case::a_page_that_is_no_longer_its("PUT", "/v1/widgets/WIDGET", json!({"origins": ["https://other.test"]}), 4403)]
#[case::a_suspended_customer("PUT", "/v1/customers/CUSTOMER", json!({"status": "suspended"}), 4401)]
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_visitors_tokens_closes_their_sockets_within_5_s(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Json,
    #[case] code: u16,
) {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let room = format!("/ws/v1/conversations/{}", visitor.conversation);
    let page = [("origin", PAGE)];
    let mut open = Client::try_open(&desk.at, &room, &visitor.token, &page)
        .await
        .unwrap();
    assert_eq!(open.next().await["op"], "hello");
    let (status, widgets) = desk.ask("GET", "/v1/widgets", None).await;
    assert_eq!(status, 200, "{widgets}");
    let path = path
        .replace("WIDGET", text(&widgets[0], "id"))
        .replace("CUSTOMER", &desk.customer);
    let began = std::time::Instant::now();
    let body = (!body.is_null()).then_some(&body);
    let changed = call(&desk.at, BRIDGE_KEY, (method, &path), &[], body).await;
    assert_eq!(changed.0, 200, "{}", changed.1);
    assert_eq!(open.closed().await, code);
    assert!(began.elapsed().as_secs() < 5);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_has_a_bounded_number_of_sockets_and_leaves_none_behind() {
    let world = World::new(Kind::Embedded).await;
    let desk = &world.desk;
    let (visitor, other) = (desk.visitor().await, desk.visitor().await);
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(desk.join(&visitor).await);
    }
    let mut refused = Client::try_open(&desk.at, &path, &visitor.token, &[])
        .await
        .unwrap();
    assert_eq!(refused.closed().await, 4429);
    desk.join(&other).await;
    drop(open);
    until("places are free again", async || {
        let again = Client::try_open(&desk.at, &path, &visitor.token, &[]).await;
        // Whoever comes too early is closed once more.
        let said = timeout(PATIENCE, again.unwrap().0.next()).await.unwrap();
        matches!(said, Heard::Text(text) if text.contains("hello")).then_some(())
    })
    .await;
    world.end().await;
}

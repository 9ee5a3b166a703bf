//! A contact center: agents with queues, and visitors who come by a widget.

use bin_chat_manager::MANAGER;
use bin_common_handler::{
    clock::Clock,
    models::{
        raw::RawRequest,
        role::Role,
        sock::{
            Method::{self, Get, Post, Put},
            Request,
        },
    },
    testing::{Client, Installation, Kind, Replica, until},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    siblings::{CALLS, NUMBERS},
    world::{id, text},
};

pub const PAGE: &str = "https://shop.test";

pub struct ContactCenter {
    pub installation: Installation,
    pub replicas: Vec<Replica>,
    pub client: Client,
    pub clock: Clock,
}

/// A visitor with a token.
pub struct Visitor {
    pub session: String,
    pub conversation: String,
    pub token: String,
}

impl Visitor {
    fn of((status, made): (u16, Json)) -> Self {
        assert_eq!(status, 200, "{made}");
        Self {
            session: id(&made),
            conversation: text(&made, "conversation_id").to_owned(),
            token: text(&made, "token").to_owned(),
        }
    }
}

impl ContactCenter {
    /// Two replicas where there can be two: the embedded default is one process.
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, &[]).await
    }

    /// The same by these settings.
    pub async fn with(kind: Kind, more: &[(&'static str, &str)]) -> Self {
        let key = [("SECRETS_KEY", "0123456789abcdef0123456789abcdef")];
        let settings = [&key[..], more].concat();
        Self::of(Installation::new(kind, MANAGER, &settings).await, kind).await
    }

    /// With a stand-in of did-manager beside it.
    pub async fn beside_numbers(kind: Kind) -> Self {
        let key = "0123456789abcdef0123456789abcdef";
        let settings = [("SECRETS_KEY", key)];
        let installation = Installation::new(kind, MANAGER, &settings).await;
        Self::of(installation.with(NUMBERS), kind).await
    }

    /// With a mail server by these settings, and stand-ins of did-manager and call-manager beside it.
    pub async fn mailing(kind: Kind, more: &[(&'static str, &str)]) -> Self {
        let key = [("SECRETS_KEY", "0123456789abcdef0123456789abcdef")];
        let settings = [&key[..], more].concat();
        let installation = Installation::new(kind, MANAGER, &settings).await;
        Self::of(installation.with(NUMBERS).with(CALLS), kind).await
    }

    async fn of(mut installation: Installation, kind: Kind) -> Self {
        let clock = Clock::default();
        let mut replicas = vec![installation.start_with_clock(clock.clone()).await];
        if kind == Kind::Full {
            replicas.push(installation.start_with_clock(clock.clone()).await);
        }
        let client = installation.client().within(Uuid::from_u128(7));
        Self {
            installation,
            replicas,
            client,
            clock,
        }
    }

    pub async fn end(self) {
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.installation.remove().await;
    }

    /// So many seconds after the start.
    pub fn at(&self, seconds: i64) {
        self.clock.shift(seconds * 1_000_000);
    }

    pub async fn queue(&self, more: Json) -> String {
        let mut body = json!({"name": "sales", "skills": ["sales"]});
        merge(&mut body, more);
        id(&self.client.ok(Post, "/v1/queues", Some(body)).await)
    }

    /// An agent of the user with this number.
    pub async fn agent(&self, user: u128, more: Json) -> String {
        let mut body =
            json!({"user_id": Uuid::from_u128(user), "name": "Ann", "skills": ["Sales"]});
        merge(&mut body, more);
        id(&self.client.ok(Post, "/v1/agents", Some(body)).await)
    }

    pub async fn presence(&self, user: u128, device: &str, status: &str) -> Json {
        let body = json!({"user_id": Uuid::from_u128(user), "device": device, "status": status});
        self.client.ok(Put, "/v1/presence", Some(body)).await
    }

    /// The public id of a new widget.
    pub async fn widget(&self, queue: Option<&str>) -> String {
        let body = json!({"name": "shop", "origins": [PAGE], "queue_id": queue, "greeting": "Hi!"});
        let made = self.client.ok(Post, "/v1/widgets", Some(body)).await;
        text(&made, "public_id").to_owned()
    }

    pub async fn open(&self, widget: &str, page: &str) -> (u16, Json) {
        self.open_as(widget, page, json!({"name": "Bob"})).await
    }

    async fn open_as(&self, widget: &str, page: &str, who: Json) -> (u16, Json) {
        let body = json!({"widget_id": widget, "visitor": who}).to_string();
        let headers = [("origin".to_owned(), vec![page.to_owned()])];
        let url = "http://localhost/v1/chat_sessions".to_owned();
        let raw = RawRequest::new(Post, url, headers.into(), body.as_bytes());
        let raw = serde_json::to_value(&raw).unwrap();
        self.installation
            .client()
            .call(Post, "/v1/chat_sessions", Some(raw))
            .await
    }

    pub async fn visitor(&self, widget: &str) -> Visitor {
        let opened = self.open(widget, PAGE).await;
        Visitor::of(opened)
    }

    /// One who says that this mail address is theirs.
    pub async fn visitor_who_is(&self, widget: &str, email: &str) -> Visitor {
        let who = json!({"name": "Bob", "email": email});
        Visitor::of(self.open_as(widget, PAGE, who).await)
    }

    pub async fn say(&self, visitor: &Visitor, key: &str, words: &str) -> (u16, Json) {
        let uri = format!("/v1/chat_sessions/{}/messages", visitor.session);
        let body = json!({"token": visitor.token, "client_message_id": key, "body": words});
        self.installation
            .client()
            .call(Post, &uri, Some(body))
            .await
    }

    pub async fn entries(&self, query: &str) -> Vec<Json> {
        let uri = format!("/v1/queue_entries?page_size=1000&{query}");
        let found = self.client.ok(Get, &uri, None).await;
        found["result"]
            .as_array()
            .or_else(|| found.as_array())
            .unwrap()
            .clone()
    }

    /// The entry of a conversation as soon as it stands there.
    pub async fn entry(&self, conversation: &str, status: &str) -> Json {
        let query = format!("conversation_id={conversation}&status={status}");
        until(&format!("an entry that is {status}"), async || {
            self.entries(&query).await.into_iter().next()
        })
        .await
    }

    /// So many notifications have left, and it is written down that they have. Only then may the clock leap: a replica
    /// that died at it is taken over when its lease is over, by that clock.
    pub async fn until_sent(&self, count: usize) {
        until(&format!("{count} notifications are sent"), async || {
            let listed = self.client.ok(Get, "/v1/notifications", None).await;
            let is_sent = |row: &&Json| text(row, "status") == "sent";
            let sent = listed.as_array().unwrap().iter().filter(is_sent).count();
            (sent >= count).then_some(())
        })
        .await;
    }

    pub async fn answer(&self, entry: &Json, word: &str) -> (u16, Json) {
        let uri = format!("/v1/offers/{}/{word}", text(entry, "offer_id"));
        self.client.call(Post, &uri, None).await
    }

    pub async fn conversation(&self, id: &str) -> Json {
        let uri = format!("/v1/conversations/{id}");
        self.client.ok(Get, &uri, None).await
    }

    /// By somebody's key, with this role.
    pub async fn by(
        &self,
        (role, user): (Role, u128),
        (method, uri): (Method, &str),
        body: Option<Json>,
    ) -> (u16, Json) {
        let mut request = Request::new(method, uri, "tandem");
        if let Some(body) = body {
            request = request.json(&body).unwrap();
        }
        request.customer_id = self.client.customer_id;
        (request.role, request.user_id) = (Some(role), Some(Uuid::from_u128(user)));
        let answer = self.client.send(&request).await.unwrap();
        let body = serde_json::from_str(answer.body()).unwrap();
        (answer.status_code, body)
    }

    /// An agent's key does something with a conversation.
    pub async fn agent_acts(
        &self,
        user: u128,
        conversation: &str,
        word: &str,
        body: Json,
    ) -> (u16, Json) {
        let uri = format!("/v1/conversations/{conversation}/{word}");
        self.by((Role::Agent, user), (Post, &uri), Some(body)).await
    }

    /// What the visitor reads.
    pub async fn history(&self, visitor: &Visitor) -> Vec<Json> {
        let uri = format!("/v1/chat_sessions/{}/history", visitor.session);
        let body = json!({"token": visitor.token});
        let read = self.installation.client().ok(Post, &uri, Some(body)).await;
        read["messages"].as_array().unwrap().clone()
    }

    pub async fn act(&self, conversation: &str, word: &str, body: Json) -> (u16, Json) {
        let uri = format!("/v1/conversations/{conversation}/{word}");
        self.client.call(Post, &uri, Some(body)).await
    }
}

fn merge(body: &mut Json, more: Json) {
    if let (Json::Object(body), Json::Object(more)) = (body, more) {
        body.extend(more);
    }
}

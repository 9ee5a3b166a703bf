//! Managers and a bridge, and the people who talk over it.

use std::time::Duration;

use bin_common_handler::testing::{BRIDGE_KEY, Kind, Whole};
use serde_json::{Value as Json, json};
use tandem::{
    managers,
    socket::{Heard, Socket},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longest wait for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The widget's page.
pub const PAGE: &str = "https://shop.test";

/// Managers, a bridge, and a customer.
pub struct World {
    pub whole: Whole,
    pub desk: Desk,
}

/// Where everything is asked, and for whom.
#[derive(Debug, Clone)]
pub struct Desk {
    pub at: String,
    /// The access key of an agent, and its id.
    pub key: String,
    pub key_id: String,
    pub widget: String,
    pub customer: String,
}

/// Somebody of the business, with a key of their own.
pub struct Person {
    pub user: String,
    pub key: String,
}

/// A visitor with a token.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub session: String,
    pub conversation: String,
    pub token: String,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, &[]).await
    }

    /// With more settings.
    pub async fn with(kind: Kind, more: &[(&'static str, &str)]) -> Self {
        Self::of(kind, more, &["did-manager", "chat-manager"]).await
    }

    /// With the exchange, too.
    pub async fn everything(kind: Kind, more: &[(&'static str, &str)]) -> Self {
        let names: Vec<_> = managers::ALL.iter().map(|manager| manager.name).collect();
        Self::of(kind, more, &names).await
    }

    async fn of(kind: Kind, more: &[(&'static str, &str)], names: &[&str]) -> Self {
        let all: Vec<_> = managers::ALL
            .iter()
            .filter(|manager| names.contains(&manager.name))
            .copied()
            .collect();
        let mut settings = vec![
            ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
            ("RATE_LIMIT_PER_SECOND", "0"),
        ];
        settings.extend(more);
        let whole = Whole::start(kind, &all, tandem::bridge::sidecar, &settings).await;
        let desk = Desk::open(&whole.bridge.to_string(), BRIDGE_KEY).await;
        Self { whole, desk }
    }

    pub async fn end(self) {
        self.whole.end().await;
    }
}

/// How long a test is, where the environment says.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test is, is no setting of a daemon"
)]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A request over HTTP.
pub async fn call(
    at: &str,
    key: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: Option<&Json>,
) -> (u16, Json) {
    let body = body.map(Json::to_string).unwrap_or_default();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    if !key.is_empty() {
        head.push_str(&format!("x-api-key: {key}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(at).await.unwrap();
    let whole = format!("{head}\r\n{body}");
    stream.write_all(whole.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

pub fn text<'j>(value: &'j Json, key: &str) -> &'j str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} in {value}"))
}

impl Desk {
    /// A new customer with an agent's key and a widget.
    pub async fn open(at: &str, operator: &str) -> Self {
        let make = async |path: &str, body: Json| {
            let (status, made) = call(at, operator, ("POST", path), &[], Some(&body)).await;
            assert_eq!(status, 200, "{path}: {made}");
            made
        };
        let customer = make("/v1/customers", json!({"name": "Shop"})).await;
        let customer = text(&customer, "id").to_owned();
        let key = json!({"customer_id": customer, "name": "agent", "scopes": ["chat:read", "chat:write"]});
        let key = make("/v1/accesskeys", key).await;
        let widget = json!({"customer_id": customer, "name": "shop", "origins": [PAGE]});
        let widget = make("/v1/widgets", widget).await;
        Self {
            at: at.to_owned(),
            key: text(&key, "token").to_owned(),
            key_id: text(&key, "id").to_owned(),
            widget: text(&widget, "public_id").to_owned(),
            customer,
        }
    }

    /// A user with a key of this role.
    pub async fn person(&self, operator: &str, role: &str, name: &str) -> Person {
        let make = async |path: &str, body: Json| {
            let (status, made) = call(&self.at, operator, ("POST", path), &[], Some(&body)).await;
            assert_eq!(status, 200, "{path}: {made}");
            made
        };
        let email = format!("{name}@{}.example", self.customer);
        let user = json!({"customer_id": self.customer, "name": name, "email": email});
        let user = text(&make("/v1/users", user).await, "id").to_owned();
        let key = json!({"customer_id": self.customer, "name": name, "role": role, "user_id": user,
                         "scopes": ["chat:read", "chat:write"]});
        let key = text(&make("/v1/accesskeys", key).await, "token").to_owned();
        Person { user, key }
    }

    /// As the agent.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Json>) -> (u16, Json) {
        call(&self.at, &self.key, (method, path), &[], body.as_ref()).await
    }

    pub async fn visitor(&self) -> Visitor {
        let body = json!({"widget_id": self.widget});
        let origin = [("origin", PAGE)];
        let (status, made) = call(
            &self.at,
            "",
            ("POST", "/v1/chat_sessions"),
            &origin,
            Some(&body),
        )
        .await;
        assert_eq!(status, 200, "{made}");
        Visitor {
            session: text(&made, "id").to_owned(),
            conversation: text(&made, "conversation_id").to_owned(),
            token: text(&made, "token").to_owned(),
        }
    }

    pub async fn agent(&self) -> Client {
        Client::open(&self.at, "/ws/v1/events", &self.key).await
    }

    pub async fn join(&self, visitor: &Visitor) -> Client {
        let path = format!("/ws/v1/conversations/{}", visitor.conversation);
        Client::open(&self.at, &path, &visitor.token).await
    }
}

impl Visitor {
    pub fn scope(&self) -> String {
        format!("conversation:{}", self.conversation)
    }

    pub fn msg(&self, key: &str, body: &str) -> Json {
        json!({"op": "msg", "conversation_id": self.conversation, "client_message_id": key, "body": body})
    }
}

/// Somebody who asks over one connection, and over another when it ends.
pub struct Asker {
    at: String,
    key: String,
    stream: Option<TcpStream>,
}

impl Asker {
    pub fn new(at: &str, key: &str) -> Self {
        Self {
            at: at.to_owned(),
            key: key.to_owned(),
            stream: None,
        }
    }

    /// Says something under a word; whether it was taken.
    pub async fn says(&mut self, visitor: &Visitor, word: &str, body: &str) -> bool {
        let uri = format!("/v1/conversations/{}/messages", visitor.conversation);
        let body = json!({"client_message_id": word, "body": body}).to_string();
        matches!(self.ask("POST", &uri, &body).await, Some((200, _)))
    }

    /// How many messages there are, of the first thousand.
    pub async fn count(&mut self, visitor: &Visitor) -> Option<usize> {
        let uri = format!(
            "/v1/conversations/{}/messages?after_seq=0&limit=1000",
            visitor.conversation
        );
        let (_, body) = self.ask("GET", &uri, "").await?;
        let all: Json = serde_json::from_str(&body).ok()?;
        all.as_array().map(Vec::len)
    }

    /// Status and body; nothing where no answer came.
    async fn ask(&mut self, method: &str, uri: &str, body: &str) -> Option<(u16, String)> {
        let asked = timeout(PATIENCE, self.exchange(method, uri, body)).await;
        let answer = asked.ok()?;
        if answer.is_none() {
            self.stream = None;
        }
        answer
    }

    async fn exchange(&mut self, method: &str, uri: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.at).await.ok()?,
        };
        let request = format!(
            "{method} {uri} HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.at,
            self.key,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.split("content-length: ").nth(1)?.lines().next()?;
        let length: usize = length.trim().parse().ok()?;
        while bytes.len() < end + length {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        self.stream = Some(stream);
        let body = String::from_utf8_lossy(&bytes[end..end + length]);
        Some((status, body.into_owned()))
    }
}

/// A client of the socket.
pub struct Client(pub Socket);

impl Client {
    /// Connects with a token as the subprotocol, as pages do.
    pub async fn open(at: &str, path: &str, token: &str) -> Self {
        let mut client = Self::try_open(at, path, token, &[]).await.unwrap();
        let hello = client.next().await;
        assert_eq!(hello["op"], "hello", "{hello}");
        client
    }

    /// As [`Self::open`]; nothing where the bridge is away or does not let it in now.
    pub async fn come(at: &str, path: &str, token: &str) -> Option<Self> {
        let protocol = format!("bearer, {token}");
        let headers = [("sec-websocket-protocol", protocol.as_str())];
        let socket = Socket::connect(at, path, &headers).await.ok()?.ok()?;
        Some(Self(socket))
    }

    pub async fn try_open(
        at: &str,
        path: &str,
        token: &str,
        more: &[(&str, &str)],
    ) -> Result<Self, u16> {
        let protocol = format!("bearer, {token}");
        let mut headers = vec![("sec-websocket-protocol", protocol.as_str())];
        headers.extend_from_slice(more);
        Socket::connect(at, path, &headers).await.unwrap().map(Self)
    }

    pub async fn say(&mut self, frame: Json) {
        self.0.send(&frame.to_string()).await.unwrap();
    }

    /// The next frame.
    pub async fn next(&mut self) -> Json {
        match timeout(PATIENCE, self.0.next()).await.expect("in time") {
            Heard::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// That it hears nothing more of a conversation.
    pub async fn hears_nothing_of(&mut self, conversation: &str) {
        self.say(json!({"op": "ping"})).await;
        loop {
            let frame = self.next().await;
            assert!(!frame.to_string().contains(conversation), "{frame}");
            if frame["op"] == "pong" {
                return;
            }
        }
    }

    /// The next frame with this name; others are passed over.
    pub async fn until(&mut self, op: &str) -> Json {
        loop {
            let frame = self.next().await;
            if frame["op"] == op {
                return frame;
            }
        }
    }

    pub async fn ask(&mut self, frame: Json) -> Json {
        self.say(frame).await;
        self.next().await
    }

    /// Follows a scope; what is said of it.
    pub async fn sub(&mut self, scope: &str) -> Json {
        self.say(json!({"op": "sub", "scope": scope})).await;
        // What happened in scopes that it follows already may come before the answer.
        let said = loop {
            let frame = self.next().await;
            if frame["op"] != "ev" {
                break frame;
            }
        };
        assert_eq!(said["op"], "subscribed", "{said}");
        said
    }

    /// The code with which it is closed.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("in time") {
                Heard::Closed(code) => return code,
                Heard::Gone => return 0,
                Heard::Text(_) | Heard::Pong(_) => {}
            }
        }
    }
}

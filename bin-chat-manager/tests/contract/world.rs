//! An installation with its replicas and a carrier, and the sentences that most tests begin with.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use bin_chat_manager::MANAGER;
use bin_common_handler::{
    clock::Clock,
    models::{
        raw::RawRequest,
        sock::{
            Method::{Get, Post},
            Request,
        },
    },
    testing::{Client, Installation, Kind, Replica, spawn, until},
};
use provider_stand_in::{Hooks, Provider};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use super::siblings::{AT_ONCE, CALLS, NUMBER, NUMBERS, PENDING, owner};

/// The URL that the carrier knows.
pub const PUBLIC: &str = "https://texts.example.com";
/// Whoever calls and writes.
pub const PERSON: &str = "+14155550123";

/// A manager that runs, someone who calls it in a customer's name, and a carrier.
pub struct World {
    pub installation: Installation,
    pub replicas: Vec<Replica>,
    pub client: Client,
    pub clock: Clock,
    pub provider: Provider,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, &[]).await
    }

    pub async fn with(kind: Kind, settings: &[(&'static str, &str)]) -> Self {
        let provider = Provider::start().await.unwrap();
        let url = provider.url();
        let mut all = vec![
            ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
            ("ALLOW_PRIVATE_ENDPOINTS", "true"),
            ("PUBLIC_URL", PUBLIC),
            ("TWILIO_BASE_URL", url.as_str()),
        ];
        all.extend(settings);
        let clock = Clock::default();
        let installation = Installation::new(kind, MANAGER, &all).await;
        let mut installation = installation.with(NUMBERS).with(CALLS);
        let replicas = vec![installation.start_with_clock(clock.clone()).await];
        let client = installation.client().within(owner(NUMBER));
        let bridge = bridge(installation.client()).await;
        provider.reach(PUBLIC, bridge);
        let world = Self {
            installation,
            replicas,
            client,
            clock,
            provider,
        };
        for number in [NUMBER, AT_ONCE, PENDING] {
            world.own(number);
        }
        world
    }

    /// The carrier's account has this number, and passes its texts on.
    pub fn own(&self, number: &str) {
        let hooks = Hooks {
            sms_url: format!("{PUBLIC}/v1/webhooks/twilio/sms"),
            ..Hooks::default()
        };
        self.provider.own(number, &hooks);
    }

    /// Two replicas where there can be two: the embedded default is one process.
    pub async fn replicated(kind: Kind) -> Self {
        let mut world = Self::new(kind).await;
        if kind == Kind::Full {
            let clock = world.clock.clone();
            let second = world.installation.start_with_clock(clock).await;
            world.replicas.push(second);
        }
        world
    }

    /// As the tenant of this number.
    pub fn of(&self, number: &str) -> Client {
        self.client.within(owner(number))
    }

    pub async fn end(self) {
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.installation.remove().await;
        self.provider.stop().await;
    }

    /// From now on it is so many seconds later than without: two calls do not add up.
    pub fn pass(&self, seconds: i64) {
        self.clock.shift(seconds * 1_000_000);
    }

    /// Somebody calls in vain.
    pub async fn miss(&self, call: u128, from: &str, to: &str) {
        self.miss_at(call, from, to, Duration::ZERO).await;
    }

    pub async fn miss_at(&self, call: u128, from: &str, to: &str, ago: Duration) {
        let [.., calls] = self.installation.beside.as_slice() else {
            panic!("call-manager's stand-in is not there");
        };
        let client = Client {
            name: calls.name,
            ..self.client.clone()
        };
        let body = json!({
            "call_id": Uuid::from_u128(call), "customer_id": owner(to), "from": from, "to": to,
            "reason": "no_answer", "tm_ended": self.clock.now().minus(ago),
        });
        client.ok(Post, "/v1/missed", Some(body)).await;
    }

    /// call-manager tells that a person is to be forgotten.
    pub async fn erase(&self, phone: &str, pseudonym: &str) {
        let [.., calls] = self.installation.beside.as_slice() else {
            panic!("call-manager's stand-in is not there");
        };
        let client = Client {
            name: calls.name,
            ..self.client.clone()
        };
        let body = json!({
            "id": Uuid::from_u128(5), "customer_id": owner(super::siblings::NUMBER), "phone": phone,
            "pseudonym": pseudonym,
        });
        client.ok(Post, "/v1/erased", Some(body)).await;
    }

    /// The registry decides about the number that waits for it.
    pub async fn decide(&self, campaign_status: &str) {
        let body = json!({ "campaign_status": campaign_status });
        self.tell("/v1/decided", body).await;
    }

    /// The number that waits for the registry could not be given back.
    pub async fn keep_number(&self) {
        let body = json!({ "campaign_status": "pending", "status": "release_failed" });
        self.tell("/v1/decided", body).await;
    }

    /// The operator decides whether the tenant of most numbers may use the service.
    pub async fn set_status(&self, status: &str) {
        self.tell("/v1/suspended", json!({ "status": status }))
            .await;
    }

    /// did-manager tells something.
    async fn tell(&self, uri: &str, body: Json) {
        let [numbers, ..] = self.installation.beside.as_slice() else {
            panic!("did-manager's stand-in is not there");
        };
        let client = Client {
            name: numbers.name,
            ..self.client.clone()
        };
        client.ok(Post, uri, Some(body)).await;
    }

    /// Somebody writes; the answer's status.
    pub async fn text(&self, from: &str, to: &str, body: &str) -> u16 {
        let answer = self.provider.text(from, to, body).await.unwrap();
        if answer.status == 200 {
            assert!(answer.body.contains("Response"), "{}", answer.body);
        }
        answer.status
    }

    /// The conversations of a number's tenant, the newest first.
    pub async fn conversations(&self, number: &str) -> Vec<Json> {
        let listed = self.of(number).ok(Get, "/v1/conversations", None).await;
        listed.as_array().unwrap().clone()
    }

    /// The newest conversation, once there is one that fits.
    pub async fn conversation(
        &self,
        what: &str,
        number: &str,
        fits: impl Fn(&Json) -> bool,
    ) -> Json {
        until(what, async || {
            let newest = self.conversations(number).await.into_iter().next();
            newest.filter(|conversation| fits(conversation))
        })
        .await
    }

    pub async fn messages(&self, number: &str, conversation: &Json) -> Vec<Json> {
        let uri = format!(
            "/v1/conversations/{}/messages?after_seq=0",
            id(conversation)
        );
        let listed = self.of(number).ok(Get, &uri, None).await;
        listed.as_array().unwrap().clone()
    }

    /// All messages of the newest conversation, once they fit.
    pub async fn until_messages(
        &self,
        what: &str,
        number: &str,
        fits: impl Fn(&[Json]) -> bool,
    ) -> Vec<Json> {
        until(what, async || {
            let newest = self.conversations(number).await.into_iter().next()?;
            let messages = self.messages(number, &newest).await;
            fits(&messages).then_some(messages)
        })
        .await
    }

    /// Somebody of the business acts on a conversation.
    pub async fn act(
        &self,
        number: &str,
        conversation: &Json,
        what: &str,
        body: Option<Json>,
    ) -> (u16, Json) {
        let uri = format!("/v1/conversations/{}/{what}", id(conversation));
        self.of(number).call(Post, &uri, body).await
    }
}

/// A small bridge: each request is passed on as it came. The real one has tests of its own.
pub async fn bridge(client: Client) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(pass_on(stream, client.clone()));
        }
    });
    address
}

async fn pass_on(mut stream: TcpStream, client: Client) {
    let mut text = Vec::new();
    let (head, body) = loop {
        let mut chunk = [0; 4_096];
        let Ok(count) = stream.read(&mut chunk).await else {
            return;
        };
        if count == 0 {
            return;
        }
        text.extend_from_slice(&chunk[..count]);
        let all = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = all.split_once("\r\n\r\n") else {
            continue;
        };
        let length = header(head, "content-length").and_then(|it| it.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut headers = BTreeMap::new();
    for name in ["content-type", "x-twilio-signature"] {
        if let Some(value) = header(&head, name) {
            headers.insert(name.to_owned(), vec![value]);
        }
    }
    let raw = RawRequest::new(Post, format!("{PUBLIC}{target}"), headers, body.as_bytes());
    let mut request = Request::new(Post, target, "http-bridge")
        .json(&raw)
        .unwrap();
    request.customer_id = None;
    let (status, body) = match client.send(&request).await {
        Ok(reply) => {
            let reply_body: Json = serde_json::from_str(reply.body()).unwrap();
            (reply.status_code, text_of(&reply_body))
        }
        Err(_) => (503, String::new()),
    };
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn text_of(reply: &Json) -> String {
    reply["twiml"].as_str().unwrap_or_default().to_owned()
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}

pub fn id(value: &Json) -> String {
    text(value, "id").to_owned()
}

pub fn text<'j>(value: &'j Json, key: &str) -> &'j str {
    value[key].as_str().unwrap_or_default()
}

/// The reason of a refusal.
pub fn reason(reply: &(u16, Json)) -> (u16, &str) {
    (reply.0, text(&reply.1, "reason"))
}

/// The values of a field, in order.
pub fn all<'j>(values: &'j [Json], key: &str) -> Vec<&'j str> {
    values.iter().map(|value| text(value, key)).collect()
}

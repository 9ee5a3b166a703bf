//! A business whose time can be booked, and the sentences that tests of bookings begin with.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bin_chat_manager::{MANAGER, models::conversation::Conversation};
use bin_common_handler::{
    clock::Clock,
    databasehandler::Entity,
    health::Health,
    models::{
        sock::{
            Method::{Get, Post},
            Request, Response,
        },
        time::Timestamp,
    },
    sockhandler::{Delivered, Probe, Serve, request_queue},
    testing::{Client, Installation, Kind, Replica, Sink, spawn, until},
};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{siblings, world::id};

/// How long did-manager is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// In µs.
const DAY: i64 = 86_400_000_000;

/// The tenant of most tests.
pub const OWNER: Uuid = Uuid::from_u128(7);

/// chat-manager, and somebody who calls it for a business.
pub struct Desk {
    pub installation: Installation,
    pub replicas: Vec<Replica>,
    pub client: Client,
    pub clock: Clock,
    /// Days since 1970, UTC. A test that moves the clock past midnight still speaks of the same times.
    opened_on: i64,
    /// What did-manager says of the business; on the embedded default only, where nobody else asks.
    pub business: Arc<Mutex<Json>>,
    stop: CancellationToken,
}

/// did-manager, as far as it is asked.
struct Customers(Arc<Mutex<Json>>);

#[async_trait]
impl Serve for Customers {
    async fn serve(&self, delivered: Delivered, _: &dyn Probe) -> Option<Response> {
        let request: Request = serde_json::from_slice(&delivered.body).unwrap();
        assert_eq!(
            request.uri,
            format!("/v1/customers/{}", request.customer_id?)
        );
        Some(Response::ok(&*self.0.lock().unwrap()))
    }
}

/// Serves until `stop`; done when somebody was answered.
async fn serve_customers(client: &Client, business: &Arc<Mutex<Json>>, stop: &CancellationToken) {
    let customers = Arc::new(Customers(Arc::clone(business)));
    let (transport, stop) = (Arc::clone(&client.transport), stop.clone());
    spawn(async move {
        let health = Health::default();
        transport
            .serve("did-manager", customers, health, stop)
            .await;
    });
    let mut request = Request::new(Get, format!("/v1/customers/{OWNER}"), "tandem");
    request.customer_id = Some(OWNER);
    until("did-manager answers", async || {
        let queue = request_queue("did-manager");
        let asked = client.transport.request(&queue, &request, PATIENCE);
        asked.await.ok().map(drop)
    })
    .await;
}

impl Desk {
    pub async fn new(kind: Kind) -> Self {
        Self::with_replicas(kind, 1).await
    }

    /// One that looks addresses up at `geocoder`, on this machine.
    pub async fn with_geocoder(geocoder: &str) -> Self {
        let settings = [
            ("GEOCODER_URL", geocoder),
            ("ALLOW_PRIVATE_ENDPOINTS", "true"),
        ];
        Self::with_settings(Kind::Embedded, 1, &settings).await
    }

    /// So many replicas where there can be some: the embedded default is one process.
    pub async fn with_replicas(kind: Kind, count: usize) -> Self {
        Self::with_settings(kind, count, &[]).await
    }

    /// One that keeps calendars on this machine in step.
    pub async fn linked(kind: Kind, count: usize, more: &[(&'static str, &str)]) -> Self {
        let settings = [
            ("ALLOW_PRIVATE_ENDPOINTS", "true"),
            ("CALENDAR_PERIOD", "1s"),
            ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
        ];
        Self::with_settings(kind, count, &[&settings, more].concat()).await
    }

    async fn with_settings(kind: Kind, count: usize, more: &[(&'static str, &str)]) -> Self {
        let clock = Clock::default();
        let settings = [&[("ALERTS_PERIOD", "100ms")], more].concat();
        let mut installation = Installation::new(kind, MANAGER, &settings).await;
        if kind == Kind::Full {
            // Nobody would answer, and each question would wait in vain.
            installation = installation.with(siblings::NUMBERS);
        }
        let count = if kind == Kind::Full { count } else { 1 };
        let mut replicas = Vec::new();
        for _ in 0..count {
            replicas.push(installation.start_with_clock(clock.clone()).await);
        }
        let client = installation.client().within(OWNER);
        let business = Arc::new(Mutex::new(json!({
            "name": "Ann's Plumbing", "timezone": "America/New_York", "hours": "09:00-17:00",
        })));
        let stop = CancellationToken::new();
        if kind == Kind::Embedded {
            serve_customers(&client, &business, &stop).await;
        }
        Self {
            installation,
            replicas,
            client,
            opened_on: clock.now().micros().div_euclid(DAY),
            clock,
            business,
            stop,
        }
    }

    pub async fn end(self) {
        self.stop.cancel();
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.installation.remove().await;
    }

    /// 14:00 UTC, which is 9:00 or 10:00 in New York, on the second day after the desk was opened, and so many
    /// minutes.
    pub fn at(&self, minutes: u64) -> Timestamp {
        let day = self.opened_on + 2;
        let nine = Timestamp::from_micros(day * DAY + 14 * 3_600_000_000);
        nine.plus(Duration::from_secs(minutes * 60))
    }

    /// A conversation of the business, with this id.
    pub async fn conversation(&self, id: Uuid) -> String {
        let conversation = Conversation {
            id,
            customer_id: OWNER,
            person: "+14155550123".to_owned(),
            ..Conversation::default()
        };
        let marks = vec!["?"; Conversation::COLUMNS.len()].join(", ");
        let columns = Conversation::COLUMNS.join(", ");
        let sql = format!(
            "INSERT INTO {} ({columns}) VALUES ({marks})",
            Conversation::TABLE
        );
        let db = self.installation.db();
        db.execute(&sql, conversation.values()).await.unwrap();
        conversation.id.to_string()
    }

    pub async fn make(&self, what: &str, body: Json) -> Json {
        let uri = format!("/v1/{what}");
        self.client.ok(Post, &uri, Some(body)).await
    }

    pub async fn get(&self, what: &str, id: &str) -> Json {
        self.client.ok(Get, &format!("/v1/{what}/{id}"), None).await
    }

    pub async fn resource(&self, more: Json) -> String {
        let mut body = json!({"name": "Van 1"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        id(&self.make("resources", body).await)
    }

    /// Tries to hold an hour, so many minutes after nine.
    pub async fn try_hold(&self, resource: &str, minutes: u64) -> (u16, Json) {
        let body = json!({
            "resource_id": resource, "tm_start": self.at(minutes), "tm_end": self.at(minutes + 60),
        });
        self.client.call(Post, "/v1/reservations", Some(body)).await
    }

    pub async fn hold(&self, resource: &str, minutes: u64) -> String {
        let (status, held) = self.try_hold(resource, minutes).await;
        assert_eq!(status, 200, "{held}");
        id(&held)
    }

    /// An appointment of an hour, so many minutes after nine.
    pub async fn appointment(&self, resource: &str, minutes: u64, more: Json) -> Json {
        let reservation = self.hold(resource, minutes).await;
        let mut body = json!({"reservation_id": reservation, "title": "Leak"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.make("appointments", body).await
    }

    /// Does something with an appointment or a lead.
    pub async fn act(&self, what: &str, id: &str, action: &str, body: Json) -> (u16, Json) {
        let uri = format!("/v1/{what}/{id}/{action}");
        self.client.call(Post, &uri, Some(body)).await
    }
}

/// Waits until so many events of a kind were told.
pub async fn told(sink: &Sink, kind: &str, count: usize) {
    until(kind, async || {
        let heard = sink.heard();
        let of_kind = heard.iter().filter(|heard| heard.event.kind == kind);
        (of_kind.count() >= count).then_some(())
    })
    .await;
}

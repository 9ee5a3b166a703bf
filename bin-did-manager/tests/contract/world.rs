//! An installation with its replicas and a caller, and the sentences that most tests begin with.

use bin_common_handler::{
    clock::Clock,
    databasehandler::Value,
    models::sock::{
        Method::{self, Post},
        Request,
    },
    sockhandler::ReceivedEvent,
    testing::{Client, Installation, Kind, Replica, Sink, until},
};
use bin_did_manager::MANAGER;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{accounts::ACCOUNTS, given::HASH_KEY};

/// A manager that runs, one customer, and someone who calls it in that customer's name.
pub struct World {
    pub installation: Installation,
    pub replicas: Vec<Replica>,
    /// A trusted peer.
    pub operator: Client,
    /// Confined to the customer.
    pub client: Client,
    pub customer_id: Uuid,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, json!({})).await
    }

    /// With a customer that has these fields.
    pub async fn with(kind: Kind, customer: Json) -> Self {
        Self::with_clock(kind, customer, Clock::default()).await
    }

    /// With a clock that the test can shift; the database's stays.
    pub async fn with_clock(kind: Kind, customer: Json, clock: Clock) -> Self {
        let installation = Installation::new(kind, MANAGER, &[HASH_KEY]).await;
        Self::on(installation, customer, clock).await
    }

    /// With settings of its own.
    pub async fn set(kind: Kind, settings: &[(&'static str, &str)]) -> Self {
        let installation =
            Installation::new(kind, MANAGER, &[&[HASH_KEY], settings].concat()).await;
        Self::on(installation, json!({}), Clock::default()).await
    }

    /// Where there are accounts, too.
    pub async fn with_accounts(kind: Kind) -> Self {
        let installation = Installation::new(kind, MANAGER, &[HASH_KEY]).await;
        Self::on(installation.with(ACCOUNTS), json!({}), Clock::default()).await
    }

    async fn on(mut installation: Installation, customer: Json, clock: Clock) -> Self {
        let replicas = vec![installation.start_with_clock(clock).await];
        let operator = installation.client();
        let customer = operator.ok(Post, "/v1/customers", Some(customer)).await;
        let customer_id = id_of(&customer);
        let client = operator.within(customer_id);
        Self {
            installation,
            replicas,
            operator,
            client,
            customer_id,
        }
    }

    /// A second daemon on the same services; only where there can be two.
    pub async fn join(&mut self) {
        let replica = self.installation.start().await;
        self.replicas.push(replica);
    }

    pub async fn end(self) {
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.installation.remove().await;
    }

    /// Writes what no request can write.
    pub async fn sql(&self, sql: &str, values: Vec<Value>) -> u64 {
        self.installation.db().execute(sql, values).await.unwrap()
    }

    /// A number of the customer.
    pub async fn did(&self, fields: Json) -> Json {
        self.client.ok(Post, "/v1/dids", Some(fields)).await
    }

    /// As many numbers of one area code, in one go.
    pub async fn fill(&self, npa: u16, count: usize) {
        for rows in (0..count).collect::<Vec<_>>().chunks(1_000) {
            let rows: Vec<_> = rows
                .iter()
                .map(|n| json!({"cid": number(npa, *n)}))
                .collect();
            self.client
                .ok(Post, "/v1/dids/bulk", Some(json!(rows)))
                .await;
        }
    }
}

/// A call that must be refused: its status and reason.
pub async fn refused(
    client: &Client,
    method: Method,
    uri: &str,
    body: Option<Json>,
) -> (u16, String) {
    let mut request = Request::new(method, uri, "test");
    if let Some(body) = &body {
        request = request.json(body).unwrap();
    }
    request.customer_id = client.customer_id;
    let response = client.send(&request).await.unwrap();
    let error: Json = serde_json::from_str(response.body()).unwrap();
    let asked = format!("{method} {uri} {body:?}: {error}");
    assert!(response.status_code >= 400, "{asked}");
    assert_eq!(response.data_type, "voipbin_error", "{asked}");
    assert_eq!(error["domain"], client.name, "{asked}");
    (response.status_code, text(&error, "reason").to_owned())
}

/// Asks as the bridge does for a caller with an access key.
pub async fn ask_as(
    client: &Client,
    accesskey_id: Uuid,
    method: Method,
    uri: &str,
    body: Option<Json>,
) -> (u16, Json) {
    let mut request = Request::new(method, uri, "test");
    if let Some(body) = body {
        request = request.json(&body).unwrap();
    }
    request.customer_id = client.customer_id;
    request.access_key_id = Some(accesskey_id);
    let response = client.send(&request).await.unwrap();
    let body = serde_json::from_str(response.body()).unwrap();
    (response.status_code, body)
}

/// Waits until `expected` is what was heard of one thing, in this order.
pub async fn wait_for_events(events: &Sink, id: &Json, expected: &[&str]) -> Vec<ReceivedEvent> {
    until(&format!("{expected:?}"), async || {
        let is_of = |event: &ReceivedEvent| {
            let data = event.event.data.as_ref().map_or("null", |data| data.get());
            serde_json::from_str::<Json>(data).unwrap()["id"] == *id
        };
        let heard: Vec<_> = events.heard().into_iter().filter(is_of).collect();
        let kinds = heard.iter().map(|event| event.event.kind.as_str());
        kinds.eq(expected.iter().copied()).then_some(heard)
    })
    .await
}

/// The reply as it is on the wire.
pub async fn wire(client: &Client, method: Method, uri: &str, body: Option<Json>) -> String {
    let mut request = Request::new(method, uri, "test");
    if let Some(body) = body {
        request = request.json(&body).unwrap();
    }
    request.customer_id = client.customer_id;
    let reply = client.send(&request).await.unwrap();
    serde_json::to_string(&reply).unwrap()
}

/// The `n`th number of an area code, ten digits.
pub fn number(npa: u16, n: usize) -> String {
    format!("{npa}{:03}{:04}", 200 + n / 10_000, n % 10_000)
}

pub fn id_of(value: &Json) -> Uuid {
    text(value, "id").parse().unwrap()
}

pub fn text<'j>(value: &'j Json, key: &str) -> &'j str {
    value[key].as_str().unwrap_or_default()
}

pub fn list(value: Json) -> Vec<Json> {
    serde_json::from_value(value).unwrap()
}

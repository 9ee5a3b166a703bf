//! An installation with its replicas, one exchange in it, and the sentences that most tests begin with.

use std::{sync::Arc, time::Duration};

use bin_call_manager::{MANAGER, forget_callers, ledger_faults, sweep};
use bin_common_handler::{
    cachehandler::Cache,
    clock::Clock,
    databasehandler::Store,
    ids,
    models::{
        sock::{
            Method::{self, Get, Post},
            Request,
        },
        time::Timestamp,
    },
    testing::{Client, Installation, Kind, Replica, until},
};
use serde_json::{Value as Json, json};

/// A manager that runs, and someone who calls it in a customer's name.
pub struct World {
    pub installation: Installation,
    pub replicas: Vec<Replica>,
    pub client: Client,
    pub clock: Clock,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        Self::with_settings(kind, &[]).await
    }

    pub async fn with_settings(kind: Kind, settings: &[(&'static str, &str)]) -> Self {
        let clock = Clock::default();
        let mut installation = Installation::new(kind, MANAGER, settings).await;
        let replicas = vec![installation.start_with_clock(clock.clone()).await];
        // Of its own: what is told in the name of another daemon reaches every call-manager that runs.
        let client = installation.client().within(ids::next());
        Self {
            installation,
            replicas,
            client,
            clock,
        }
    }

    /// Two replicas where there can be two: the embedded default is one process.
    pub async fn replicated(kind: Kind) -> Self {
        Self::replicated_with(kind, &[]).await
    }

    pub async fn replicated_with(kind: Kind, settings: &[(&'static str, &str)]) -> Self {
        let mut world = Self::with_settings(kind, settings).await;
        if kind == Kind::Full {
            let clock = world.clock.clone();
            let second = world.installation.start_with_clock(clock).await;
            world.replicas.push(second);
        }
        world
    }

    /// Every replica vanishes, and one starts anew.
    pub async fn restart(&mut self) {
        for replica in self.replicas.drain(..) {
            replica.kill();
        }
        let clock = self.clock.clone();
        self.replicas = vec![self.installation.start_with_clock(clock).await];
        let customer_id = self.client.customer_id.unwrap();
        self.client = self.installation.client().within(customer_id);
    }

    /// What is over at `now` goes, as the daemon's job does it.
    pub async fn sweep(&self, now: Timestamp) {
        sweep(&self.store(), now).await.unwrap();
    }

    /// Who called long before `now` is forgotten, as the daemon's job does it.
    pub async fn forget_callers(&self, now: Timestamp) {
        forget_callers(&self.store(), now).await.unwrap();
    }

    fn store(&self) -> Store {
        Store::new(
            self.installation.db(),
            self.clock.clone(),
            Cache::local(),
            Arc::default(),
            "exchange",
            self.client.name,
        )
    }

    /// Stops, and looks whether every cent is where the ledger says.
    pub async fn end(self) {
        let db = self.installation.db();
        assert_eq!(ledger_faults(&db).await.unwrap(), []);
        drop(db);
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.installation.remove().await;
    }

    pub async fn account(&self, kind: &str, more: Json) -> String {
        let mut body = json!({"type": kind, "name": kind, "status": "active"});
        merge(&mut body, more);
        id(&self.client.ok(Post, "/v1/accounts", Some(body)).await)
    }

    /// A buyer with money.
    pub async fn buyer(&self, money: i64, more: Json) -> String {
        let buyer = self.account("buyer", more).await;
        if money > 0 {
            self.deposit(&buyer, money).await;
        }
        buyer
    }

    pub async fn deposit(&self, account: &str, amount: i64) -> Json {
        let uri = format!("/v1/accounts/{account}/deposits");
        let body = json!({"amount": amount, "currency": "USD"});
        self.client.ok(Post, &uri, Some(body)).await
    }

    /// A campaign of a new seller; its calls are worth their price at once, unless told otherwise.
    pub async fn campaign(&self, more: Json) -> String {
        let seller = self.account("seller", json!({})).await;
        let mut body = json!({"name": "leads", "seller_id": seller});
        merge(&mut body, more);
        id(&self.client.ok(Post, "/v1/call_campaigns", Some(body)).await)
    }

    /// A profile that bids for every call of a campaign.
    pub async fn profile(&self, buyer: &str, campaign: &str, amount: i64, more: Json) -> String {
        let mut body = json!({
            "buyer_id": buyer, "call_campaign_id": campaign, "amount": amount,
            "destination": "+14155550199",
        });
        merge(&mut body, more);
        id(&self.client.ok(Post, "/v1/bid_profiles", Some(body)).await)
    }

    /// Two buyers with money, of whom the first bids more for every call of a campaign.
    pub async fn rivals(&self, campaign: &str) -> (String, String) {
        let first = self.buyer(10_000, json!({})).await;
        let second = self.buyer(10_000, json!({})).await;
        self.profile(&first, campaign, 500, json!({})).await;
        self.profile(&second, campaign, 400, json!({})).await;
        (first, second)
    }

    /// Bids in an auction, each of a new buyer, for so many seconds; the buyers.
    pub async fn bids(&self, auction: &Json, bids: &[(i64, u64)]) -> Vec<String> {
        let uri = format!("/v1/auctions/{}/bids", id(auction));
        let mut buyers = Vec::new();
        for (amount, seconds) in bids {
            let buyer = self.buyer(1_000, json!({})).await;
            let expires = self.clock.now().plus(Duration::from_secs(*seconds));
            let body = json!({
                "buyer_id": buyer, "amount": amount, "currency": "USD", "expires": expires,
                "destination": "+14155550177",
            });
            self.client.ok(Post, &uri, Some(body)).await;
            buyers.push(buyer);
        }
        buyers
    }

    /// Waits until an auction that is over was closed by its timer.
    pub async fn closed(&self, auction: &Json) {
        until("the auction is closed", async || {
            let auction = self.get("auctions", &id(auction)).await;
            (auction["status"] == "completed").then_some(())
        })
        .await;
    }

    pub async fn call(&self, campaign: &str) -> String {
        let body = json!({
            "call_campaign_id": campaign, "from_number": "+14155550123", "to_number": "+14155550100",
        });
        id(&self.client.ok(Post, "/v1/calls", Some(body)).await)
    }

    pub async fn route(&self, call: &str) -> (u16, Json) {
        let uri = format!("/v1/calls/{call}/route");
        self.client.call(Post, &uri, None).await
    }

    pub async fn report(&self, call: &str, body: Json) -> (u16, Json) {
        let uri = format!("/v1/calls/{call}/status");
        self.client.call(Post, &uri, Some(body)).await
    }

    /// Reports states that must follow each other.
    pub async fn reports(&self, call: &str, states: &[&str]) -> Json {
        let mut last = Json::Null;
        for state in states {
            let (status, reply) = self
                .report(call, json!({"status": state, "duration_seconds": 60}))
                .await;
            assert_eq!(status, 200, "{state}: {reply}");
            last = reply;
        }
        last
    }

    pub async fn get(&self, what: &str, id: &str) -> Json {
        self.client.ok(Get, &format!("/v1/{what}/{id}"), None).await
    }

    /// Balance and held of an account.
    pub async fn money(&self, account: &str) -> (i64, i64) {
        let account = self.get("accounts", account).await;
        let sum = |field: &str| account[field].as_i64().unwrap();
        (sum("balance"), sum("held"))
    }

    /// How many calls were talked and cost nobody anything, as this was not told in time.
    pub fn uncharged(&self, missing: &str) -> u64 {
        self.counted(&format!("uncharged_calls_total{{missing=\"{missing}\"}}"))
    }

    /// What a counter of the manager has come to, by its name and labels; 0 where it never counted.
    pub fn counted(&self, name: &str) -> u64 {
        let label = format!("{name} ");
        let counted = |replica: &Replica| -> u64 {
            let figures = replica.parts.metrics.encode().unwrap();
            let figures = String::from_utf8(figures).unwrap();
            let found = figures
                .lines()
                .filter(|line| !line.starts_with('#'))
                .find_map(|line| line.split_once(label.as_str()));
            found.map_or(0, |(_, count)| count.parse().unwrap())
        };
        self.replicas.iter().map(counted).sum()
    }
}

/// A call by a key that is bound to an account.
pub async fn as_account(
    client: &Client,
    account: &str,
    method: Method,
    uri: &str,
    body: Option<Json>,
) -> (u16, Json) {
    let mut request = Request::new(method, uri, "http-bridge");
    if let Some(body) = &body {
        request = request.json(body).unwrap();
    }
    request.customer_id = client.customer_id;
    request.account_id = Some(account.parse().unwrap());
    let reply = client.send(&request).await.unwrap();
    (
        reply.status_code,
        serde_json::from_str(reply.body()).unwrap(),
    )
}

fn merge(body: &mut Json, more: Json) {
    if let (Json::Object(body), Json::Object(more)) = (body, more) {
        body.extend(more);
    }
}

/// Terms of a campaign whose auctions are open until the test closes them; the usual ones take bids for 5 s.
pub fn long_auctions() -> Json {
    json!({"auction": {"window_ms": 600_000}})
}

pub fn id(value: &Json) -> String {
    text(value, "id").to_owned()
}

pub fn text<'j>(value: &'j Json, key: &str) -> &'j str {
    value[key].as_str().unwrap_or_default()
}

/// Whether `number` is a value anywhere in it. Digits may be found in any id or time, so text is not searched.
pub fn holds(json: &Json, number: i64) -> bool {
    match json {
        Json::Array(values) => values.iter().any(|value| holds(value, number)),
        Json::Object(fields) => fields.values().any(|value| holds(value, number)),
        value => value.as_i64() == Some(number),
    }
}

/// The reason of a refusal.
pub fn reason(reply: &(u16, Json)) -> (u16, &str) {
    (reply.0, text(&reply.1, "reason"))
}

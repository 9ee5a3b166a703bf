//! Whose calls are sold: a seller, three buyers and their campaigns.

use std::sync::Arc;

use bin_common_handler::{
    ids,
    models::sock::{
        Method::{self, Post},
        Request,
    },
    testing::lab::{Callers, Site},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::tenant::{id_of, insist};

/// What a buyer has in the beginning, in cents.
const RICH: i64 = 1_000_000_000;
/// What one call costs each buyer, from the one who bids most: little money, few calls at once, neither limit.
pub const BIDS: [i64; 3] = [500, 400, 300];
/// What the poorest has in the beginning: some calls' worth.
const POOR: i64 = 2_000;
/// Calls at once of the second.
const AT_ONCE: i64 = 2;
/// What the seller gets for a call.
const PAYOUT: i64 = 200;
/// How long an auction takes bids that nobody closes.
const WINDOW_MS: i64 = 300;

/// The exchange of a round.
pub struct Market {
    /// Whose it is.
    pub customer_id: Uuid,
    /// The accounts of the buyers, in the order of [`BIDS`].
    pub buyers: [Uuid; 3],
    /// Campaigns whose calls are sold to whom bids most, and to one buyer after the other.
    pub campaigns: [Uuid; 2],
    /// What was paid in when it was made.
    pub paid: [i64; 3],
    /// How call-manager is asked.
    pub callers: Arc<Callers>,
}

impl Market {
    /// Makes it through daemons that serve.
    pub async fn new(site: &Site) -> Self {
        let mut market = Self {
            customer_id: ids::next(),
            buyers: [Uuid::nil(); 3],
            campaigns: [Uuid::nil(); 2],
            paid: [POOR, RICH, RICH],
            callers: Arc::new(Callers::new(site)),
        };
        let seller = json!({"type": "seller", "name": "seller", "status": "active"});
        let seller = market.make("/v1/accounts", seller).await;
        for (at, strategy) in ["highest_bid", "round_robin"].into_iter().enumerate() {
            let campaign = json!({
                "name": strategy, "seller_id": seller, "strategy": strategy, "payout": PAYOUT,
                "ring_seconds": 60, "max_attempts": 2, "auction": {"window_ms": WINDOW_MS},
            });
            market.campaigns[at] = market.make("/v1/call_campaigns", campaign).await;
        }
        for (at, amount) in BIDS.into_iter().enumerate() {
            let at_once = (at == 1).then_some(AT_ONCE);
            let buyer = json!({
                "type": "buyer", "name": format!("buyer {at}"), "status": "active",
                "concurrency_cap": at_once,
            });
            let buyer = market.make("/v1/accounts", buyer).await;
            let uri = format!("/v1/accounts/{buyer}/deposits");
            market.make(&uri, money(market.paid[at])).await;
            let profile = json!({
                "buyer_id": buyer, "amount": amount, "destination": "sip:desk@example.com",
                "criteria": {"tags": [{"key": "need", "op": "match", "value": "sol.*"}]},
            });
            market.make("/v1/bid_profiles", profile).await;
            market.buyers[at] = buyer;
        }
        market
    }

    async fn make(&self, uri: &str, body: Json) -> Uuid {
        let request = self.request(Post, uri, &body);
        id_of(&insist(&self.callers, &request).await)
    }

    /// A request in the customer's name, under a key of its own.
    pub fn request(&self, method: Method, uri: &str, body: &Json) -> Request {
        request(self.customer_id, method, uri, body)
    }
}

/// A request in a customer's name, under a key of its own.
pub fn request(customer_id: Uuid, method: Method, uri: &str, body: &Json) -> Request {
    let mut request = Request::new(method, uri, "test");
    if !body.is_null() {
        request = request.json(body).unwrap();
    }
    request.customer_id = Some(customer_id);
    request.idempotency_key = Some(ids::next().to_string());
    request
}

/// An amount, as it is written.
pub fn money(amount: i64) -> Json {
    json!({"amount": amount, "currency": "USD"})
}

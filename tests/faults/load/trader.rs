//! Traders: each brings calls, has them sold, and reports what became of them. Payers: each pays in, little by little.

use bin_common_handler::models::sock::Method::{self, Get, Post};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Kind, Left, Sale, asker::Asker};
use crate::{
    market::{self, BIDS, Market},
    tenant::id_of,
};

/// Of what was paid for a call so much goes back, in cents.
const REFUND: i64 = 150;
/// Paid in at a time: a tenth of what a call costs whoever has little.
const DEPOSIT: i64 = BIDS[0] / 10;

/// What becomes of a call, one after the other.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Routed, answered, completed, and in part refunded.
    Plain,
    /// The first buyer is busy.
    Busy,
    /// In an auction that is closed by request.
    Closed,
    /// In an auction that its timer closes.
    Timed,
    /// Routed, then canceled.
    Canceled,
    /// Routed, and never heard of again.
    Forgotten,
}

const WAYS: [Way; 6] = [
    Way::Plain,
    Way::Busy,
    Way::Closed,
    Way::Timed,
    Way::Canceled,
    Way::Forgotten,
];

/// Who brings calls.
pub struct Trader {
    asker: Asker,
    customer_id: Uuid,
    campaigns: [Uuid; 2],
    number: u64,
}

impl Trader {
    pub fn new(asker: Asker, market: &Market, number: u64) -> Self {
        Self {
            asker,
            customer_id: market.customer_id,
            campaigns: market.campaigns,
            number,
        }
    }

    pub async fn work(self) {
        let run = self.asker.book().run.clone();
        let mut step = 0;
        while self.asker.goes_on().await {
            let way = WAYS[step % WAYS.len()];
            if self.sell(way, step, &run).await.is_none() {
                return;
            }
            step += 1;
        }
    }

    /// One call, from its beginning to where this trader leaves it.
    async fn sell(&self, way: Way, step: usize, run: &str) -> Option<()> {
        let call = json!({
            "call_campaign_id": self.campaigns[step / WAYS.len() % self.campaigns.len()],
            "from_number": format!("+1415{:07}", 2_000_000 + step), "to_number": "+18005550100",
            "reference": format!("{run}.{}.{step}", self.number), "tags": {"need": "solar"},
        });
        let id = id_of(&self.insist(Post, "/v1/calls", &call).await?);
        let left = self.lead(way, id).await?;
        self.asker.book().sales.push(Sale { id, left });
        if matches!(way, Way::Plain) && left == Left::Completed {
            self.refund(id).await?;
        }
        Some(())
    }

    async fn lead(&self, way: Way, id: Uuid) -> Option<Left> {
        match way {
            Way::Timed => {
                self.auction(id).await?;
                return Some(Left::Open);
            }
            Way::Closed => {
                let auction = self.auction(id).await?;
                let uri = format!("/v1/auctions/{auction}/close");
                self.insist(Post, &uri, &Json::Null).await?;
            }
            _ => {
                let uri = format!("/v1/calls/{id}/route");
                self.insist(Post, &uri, &Json::Null).await?;
            }
        }
        match way {
            Way::Forgotten => Some(Left::Open),
            Way::Canceled => {
                let is = self.report(id, json!({"status": "canceled"})).await?;
                Some(left(&is))
            }
            Way::Busy => {
                let uri = format!("/v1/calls/{id}");
                let call = self.insist(Get, &uri, &Json::Null).await?;
                let bid = &call["bid_id"];
                self.report(id, json!({"status": "ringing", "bid_id": bid}))
                    .await?;
                self.report(id, json!({"status": "busy", "bid_id": bid}))
                    .await?;
                self.complete(id).await
            }
            _ => self.complete(id).await,
        }
    }

    async fn complete(&self, id: Uuid) -> Option<Left> {
        self.report(id, json!({"status": "ringing"})).await?;
        self.report(id, json!({"status": "in_progress"})).await?;
        let end = json!({"status": "completed", "duration_seconds": 60});
        let is = self.report(id, end).await?;
        Some(left(&is))
    }

    /// What a call is after a report. Timers may have been there first, where a fault lasted or a clock was wrong.
    async fn report(&self, id: Uuid, report: Json) -> Option<Json> {
        let uri = format!("/v1/calls/{id}/status");
        let request = market::request(self.customer_id, Post, &uri, &report);
        let is_answer = |status: u16, body: &Json| {
            status == 200 || (status == 409 && body["reason"] == "INVALID_CALL_STATE")
        };
        let answer = self.asker.insist_on(Kind::Sale, &request, is_answer).await;
        answer.map(|(_, body)| body)
    }

    async fn auction(&self, call: Uuid) -> Option<Uuid> {
        let body = json!({"call_id": call});
        let auction = self.insist(Post, "/v1/auctions", &body).await?;
        Some(id_of(&auction))
    }

    async fn refund(&self, call: Uuid) -> Option<()> {
        let refund = json!({
            "call_id": call, "amount": REFUND, "currency": "USD", "reason": "complaint",
        });
        let made = self.insist(Post, "/v1/refunds", &refund).await?;
        self.asker.book().refunds.push((id_of(&made), REFUND));
        Some(())
    }

    async fn insist(&self, method: Method, uri: &str, body: &Json) -> Option<Json> {
        let request = market::request(self.customer_id, method, uri, body);
        self.asker.insist(Kind::Sale, &request).await
    }
}

/// What an answer says; a refusal leaves the call to timers, or to whoever was first.
fn left(answer: &Json) -> Left {
    match answer["status"].as_str() {
        Some("completed") => Left::Completed,
        Some("canceled") => Left::Canceled,
        _ => Left::Open,
    }
}

/// Who pays in for the buyer that has little.
pub struct Payer {
    asker: Asker,
    customer_id: Uuid,
    account: Uuid,
}

impl Payer {
    pub fn new(asker: Asker, market: &Market) -> Self {
        Self {
            asker,
            customer_id: market.customer_id,
            account: market.buyers[0],
        }
    }

    pub async fn work(self) {
        let uri = format!("/v1/accounts/{}/deposits", self.account);
        while self.asker.goes_on().await {
            let body = market::money(DEPOSIT);
            let request = market::request(self.customer_id, Post, &uri, &body);
            if self.asker.insist(Kind::Payment, &request).await.is_none() {
                return;
            }
            self.asker.book().paid.push((self.account, DEPOSIT));
        }
    }
}

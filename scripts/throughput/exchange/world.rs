//! Markets with buyers and money, and calls to be sold.

use std::sync::Arc;

use bin_common_handler::{
    databasehandler::{Db, Value},
    ids,
    models::sock::{Method, Request},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{Result, line::Line, load::Job};

/// What each buyer has, in cents: more than a run can spend.
const MONEY: i64 = 1_000_000_000_000;
/// The longest that a buyer may have.
const RING_SECONDS: u32 = 300;
/// Rows of one transaction while calls are prepared.
const ROWS: usize = 1_000;
/// All columns of a call but its id.
const COLUMNS: &str = "SELECT column_name AS name FROM information_schema.columns \
    WHERE table_schema = DATABASE() AND table_name = 'exchange_calls' AND column_name <> 'id'";

/// A campaign with so many buyers, each of which bids for every call.
pub(super) struct Market {
    line: Line,
    customer_id: Uuid,
    /// A call of it that is never sold: the others are copies.
    first: Uuid,
}

impl Market {
    pub(super) async fn new(line: &Line, buyers: u32, strategy: &str) -> Result<Self> {
        let customer_id = ids::next();
        let account = |kind: &str| json!({"customer_id": customer_id, "type": kind, "name": kind, "status": "active"});
        let seller = made(line, "/v1/accounts", &account("seller")).await?;
        let campaign = json!({
            "customer_id": customer_id, "name": strategy, "seller_id": seller, "strategy": strategy,
            // Nobody answers: within the run no timer leads a call on to the next buyer.
            "ring_seconds": RING_SECONDS,
        });
        let campaign = made(line, "/v1/call_campaigns", &campaign).await?;
        for number in 0..buyers {
            let buyer = made(line, "/v1/accounts", &account("buyer")).await?;
            let money = json!({"amount": MONEY, "currency": "USD"});
            let uri = format!("/v1/accounts/{buyer}/deposits");
            line.ask(Method::Post, &uri, &money).await?;
            let profile = json!({
                "customer_id": customer_id, "buyer_id": buyer, "call_campaign_id": campaign,
                "amount": 500 + number, "destination": "+14155550199",
                "criteria": {"countries": ["US"], "tags": [{"key": "need", "op": "match", "value": "sol.*"}]},
            });
            made(line, "/v1/bid_profiles", &profile).await?;
        }
        let call = json!({
            "customer_id": customer_id, "call_campaign_id": campaign, "from_number": "+14155550123",
            "to_number": "+18005550100", "tags": {"need": "solar"},
        });
        Ok(Self {
            line: line.clone(),
            customer_id,
            first: made(line, "/v1/calls", &call).await?,
        })
    }

    /// So many pending calls, and the selling of them, each once.
    pub(super) async fn job(&self, db: &Db, calls: u64) -> Result<Job> {
        let ids: Vec<Uuid> = (0..calls).map(|_| ids::next()).collect();
        let columns: Vec<Column> = db.fetch_all(COLUMNS, vec![]).await?;
        let columns: Vec<String> = columns.into_iter().map(|column| column.name).collect();
        let columns = columns.join(", ");
        let sql = format!(
            "INSERT INTO exchange_calls (id, {columns}) SELECT ?, {columns} FROM exchange_calls WHERE id = ?"
        );
        for some in ids.chunks(ROWS) {
            let mut tx = db.begin().await?;
            for id in some {
                let values: Vec<Value> = vec![(*id).into(), self.first.into()];
                tx.execute(&sql, values).await?;
            }
            tx.commit().await?;
        }
        let (ids, customer_id) = (Arc::new(ids), self.customer_id);
        Ok(Job::new(&self.line, move |number| {
            let id = usize::try_from(number).ok().and_then(|at| ids.get(at));
            let uri = format!("/v1/calls/{}/route", id.copied().unwrap_or_default());
            Request {
                customer_id: Some(customer_id),
                ..Request::new(Method::Post, uri, "bench")
            }
        }))
    }
}

#[derive(bin_common_handler::FromRow)]
struct Column {
    name: String,
}

/// Makes something; its id.
async fn made(line: &Line, uri: &str, body: &Json) -> Result<Uuid> {
    let made = line.ask(Method::Post, uri, body).await?;
    let id = made.get("id").and_then(Json::as_str);
    Ok(id.ok_or("the answer has no id")?.parse()?)
}

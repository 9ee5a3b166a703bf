//! Customers with their numbers, and those who call with them.

use std::fmt::Write as _;

use bin_common_handler::{
    ids,
    models::sock::{Method, Request},
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    Result,
    line::Line,
    load::{Job, Until, closed},
};

/// Area codes that numbers and people are spread over.
const NPAS: [u16; 20] = [
    206, 212, 214, 216, 303, 305, 312, 313, 314, 404, 412, 415, 503, 504, 512, 602, 612, 615, 617,
    702,
];
/// Exchanges of each: none of them ends in 11.
const EXCHANGES: u64 = 90;
const EXCHANGE_FIRST: u64 = 220;
/// Rows of one request.
pub(crate) const BATCH_ROWS: u64 = 1_000;
/// Batches on their way: a tenant's changes wait for each other, so two are enough to keep it busy.
pub(crate) const BATCHES: usize = 4;
/// Requests a second of each key and customer: as good as no limit, and yet counted.
const RATE: i32 = 1_000_000;

/// What keeps numbers from being given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limits {
    /// Nothing: no caps, no rest.
    Off,
    /// What a customer has who says nothing.
    Usual,
}

/// The number at a position; those below 18 millions are different.
fn number(position: u64) -> String {
    let npas = NPAS.len() as u64;
    let npa = NPAS
        .iter()
        .cycle()
        .nth(usize::try_from(position % npas).unwrap_or(0));
    let line = position / npas;
    format!(
        "+1{}{}{:04}",
        npa.unwrap_or(&0),
        EXCHANGE_FIRST + line / 10_000 % EXCHANGES,
        line % 10_000
    )
}

/// A new customer.
pub(crate) async fn customer(line: &Line, limits: Limits) -> Result<Uuid> {
    let mut body = json!({"name": "bench", "rate_per_second": RATE, "rate_burst": RATE});
    if let (Limits::Off, Some(body)) = (limits, body.as_object_mut()) {
        for name in ["did_daily_cap", "did_hourly_cap", "did_cooldown_seconds"] {
            body.insert(name.to_owned(), 0.into());
        }
    }
    id_of(&line.ask(Method::Post, "/v1/customers", &body).await?)
}

/// A new customer with so many numbers, all in the pool that its calls use.
pub(crate) async fn tenant(line: &Line, numbers: u64, limits: Limits) -> Result<Uuid> {
    let id = customer(line, limits).await?;
    let uri = format!("/v1/didpools?customer_id={id}");
    let pool = id_of(
        &line
            .ask(Method::Post, &uri, &json!({"name": "bench"}))
            .await?,
    )?;
    let job = import(line, id, Some(pool), numbers);
    let batches = Until::Count(numbers.div_ceil(BATCH_ROWS));
    closed(&job, &[], BATCHES, batches)
        .await?
        .checked("preparing numbers")?;
    let uri = format!("/v1/customers/{id}");
    line.ask(Method::Put, &uri, &json!({"didpool_id": pool}))
        .await?;
    Ok(id)
}

/// An access key of a customer; its token.
pub(crate) async fn access_key(line: &Line, customer_id: Uuid) -> Result<String> {
    let uri = format!("/v1/accesskeys?customer_id={customer_id}");
    let body = json!({"name": "bench", "rate_per_second": RATE, "rate_burst": RATE});
    let key = line.ask(Method::Post, &uri, &body).await?;
    let token = key.get("token").and_then(Json::as_str);
    Ok(token.ok_or("the answer has no token")?.to_owned())
}

/// The first `numbers` numbers, a batch for each request.
pub(crate) fn import(line: &Line, customer_id: Uuid, pool: Option<Uuid>, numbers: u64) -> Job {
    let mut uri = format!("/v1/dids/bulk?customer_id={customer_id}");
    if let Some(pool) = pool {
        let _ = write!(uri, "&didpool_id={pool}");
    }
    Job::new(line, move |batch| {
        let rows = batch * BATCH_ROWS..numbers.min((batch + 1) * BATCH_ROWS);
        let rows: Vec<_> = rows
            .map(|position| {
                json!({"number": number(position), "carrier": "acme", "description": "bench"})
            })
            .collect();
        let request = Request::new(Method::Post, &uri, "bench");
        // Texts and numbers always have a JSON form.
        request.clone().json(&rows).unwrap_or(request)
    })
    .accepting(|response| response.status_code == 200 && response.body().contains("\"errors\":[]"))
}

/// The first `numbers` numbers as a file.
pub(crate) fn csv(numbers: u64) -> String {
    let mut text = String::from("number,carrier,description\n");
    for position in 0..numbers {
        let _ = writeln!(text, "{},acme,bench", number(position));
    }
    text
}

/// A number for a call: every request is for another call to another person, so that none repeats one before.
pub(crate) fn next(line: &Line, customer_id: Uuid) -> Job {
    let run = ids::next().simple();
    Job::new(line, move |number| {
        let person = self::number(number).replace('+', "%2B");
        let uri = format!(
            "/v1/dids/next?campaign_id=BENCH&agent_id=1001&lead_id={number}\
             &customer_phone={person}&uniqueid={run}.{number}"
        );
        Request {
            customer_id: Some(customer_id),
            ..Request::new(Method::Get, uri, "bench")
        }
    })
}

fn id_of(made: &Json) -> Result<Uuid> {
    let id = made.get("id").and_then(Json::as_str);
    Ok(id.ok_or("the answer has no id")?.parse()?)
}

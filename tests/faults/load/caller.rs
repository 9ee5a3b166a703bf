//! Callers: each asks for a number for a call, and now and then asks again.

use bin_common_handler::models::sock::{Method::Get, Request};
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{Given, Kind, asker::Asker};
use crate::tenant::Tenant;

/// For which they call.
pub const CAMPAIGN: &str = "A";
/// Of so many calls one is asked for once more after it was answered.
const REPEATED: u64 = 4;

/// Who asks for numbers.
pub struct Caller {
    asker: Asker,
    tenant: Tenant,
    number: u64,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Number(String),
    None(String),
}

impl Caller {
    pub fn new(asker: Asker, tenant: Tenant, number: u64) -> Self {
        Self {
            asker,
            tenant,
            number,
        }
    }

    pub async fn work(self) {
        let run = self.asker.book().run.clone();
        let mut call = 0;
        while self.asker.goes_on().await {
            let uniqueid = format!("{run}.{}.{call}", self.number);
            let uri = format!(
                "/v1/dids/next?campaign_id={CAMPAIGN}&uniqueid={uniqueid}&customer_phone=415{:07}",
                2_000_000 + self.number * 100_000 + call,
            );
            let request = self.tenant.request(Get, &uri);
            let began = Instant::now();
            let Some(told) = self.ask(&request).await else {
                return;
            };
            if call % REPEATED == 0 {
                self.repeat(&request, &told).await;
            }
            self.note(uniqueid, began, told);
            call += 1;
        }
    }

    async fn ask(&self, request: &Request) -> Option<Told> {
        // Who asks again is told that numbers rest while an earlier attempt may still get one.
        let is_answer = if self.asker.retries() {
            is_answer
        } else {
            is_any_answer
        };
        let (status, body) = self
            .asker
            .insist_on(Kind::Number, request, is_answer)
            .await?;
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        Some(if status == 200 {
            Told::Number(text(&body["selected_did"]))
        } else {
            Told::None(text(&body["details"][0]["reason"]))
        })
    }

    /// A call that has its number has it for good.
    async fn repeat(&self, request: &Request, told: &Told) {
        if matches!(told, Told::Number(_))
            && let Some(again) = self.ask(request).await
            && again != *told
        {
            let fault = format!("{}: first {told:?}, then {again:?}", request.uri);
            self.asker.fault(fault);
        }
    }

    fn note(&self, uniqueid: String, began: Instant, told: Told) {
        let mut book = self.asker.book();
        let customer_id = self.tenant.id;
        match told {
            Told::Number(number) => book.given.push(Given {
                customer_id,
                uniqueid,
                began,
                number,
            }),
            Told::None(reason) => book.refused.push((customer_id, reason)),
        }
    }
}

/// A number, or why there is none and will be none.
fn is_answer(status: u16, body: &Json) -> bool {
    is_any_answer(status, body) && body["details"][0]["reason"] != "cooling"
}

/// As [`is_answer`], or that all numbers rest.
fn is_any_answer(status: u16, body: &Json) -> bool {
    status == 200 || body["reason"] == "NO_DID_AVAILABLE"
}

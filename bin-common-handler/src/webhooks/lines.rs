//! Whose number a webhook is for, and whether the webhook is the carrier's.
//!
//! did-manager owns numbers and secrets. It is asked by a route that the bridge does not serve, and its answers stay in
//! this process's memory: for five seconds, never longer, so that every webhook of a busy number does not ask again and a
//! change is known soon. An answer that is older than the one that is known never takes its place. A signature that does
//! not fit an answer of some age is looked at once more with a new one: the secret may be another since.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::twilio;
use crate::{
    context::RequestContext,
    listenhandler::Raw,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    redact::Secret,
    requesthandler::RpcClient,
};

/// Who knows the numbers.
const OWNER: &str = "did-manager";
/// Where it tells; not served by the bridge.
const RESOLVE: &str = "/v1/phone_numbers/resolve";
/// The reason of its refusal of a number that is nobody's.
const UNKNOWN: &str = "PHONE_NUMBER_NOT_FOUND";
/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(5);
/// An answer that is younger is not asked for again, however many signatures are wrong.
const FRESH_TO_REFUSE: Duration = Duration::from_secs(1);
/// Numbers that are known at once; strangers may name any number.
const NUMBERS_MAX: u64 = 20_000;
/// Longest number that is asked for, in bytes.
const NUMBER_MAX: usize = 64;

/// A number of a business, for those who answer its webhooks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    /// Of the number's row.
    pub phone_number_id: Uuid,
    /// The business.
    pub customer_id: Uuid,
    /// E.164.
    pub number: String,
    /// Where its calls are put through to; empty for nowhere.
    pub forward_target: String,
    /// The messaging service that sends its texts; empty for none.
    pub messaging_service_id: String,
    /// none, pending, approved or rejected.
    pub campaign_status: String,
    /// How long a call rings before it is missed, in seconds.
    pub dial_timeout_seconds: i32,
    /// What the business is called.
    pub business_name: String,
    /// The provider's row.
    pub provider_id: Uuid,
    /// The account at the carrier.
    pub account_id: String,
    /// What signs its webhooks and opens its API.
    pub secret: Secret,
    /// Who answers the words of opt-outs: provider or tandem.
    pub opt_out_replies: String,
    /// The business may not use the service: its calls ring, and it sends no texts.
    #[serde(default)]
    pub suspended: bool,
    /// The newest change of any of it.
    pub version: Timestamp,
}

#[derive(Clone)]
struct Known {
    line: Option<Arc<Line>>,
    asked: Instant,
}

/// The numbers, as this process knows them. Clones share them.
#[derive(Clone)]
pub struct Lines {
    rpc: RpcClient,
    known: Cache<String, Known>,
}

#[derive(Serialize)]
struct Wanted<'n> {
    number: &'n str,
}

impl Lines {
    /// Asks by `rpc`.
    pub fn new(rpc: RpcClient) -> Self {
        let known = Cache::builder()
            .max_capacity(NUMBERS_MAX)
            .time_to_live(FRESH)
            .build();
        Self { rpc, known }
    }

    /// The line of a number (E.164); none where it is nobody's.
    ///
    /// # Errors
    /// 503 where nobody can say.
    pub async fn of(&self, ctx: &RequestContext, number: &str) -> Result<Option<Arc<Line>>> {
        Ok(self.known(ctx, number).await?.line)
    }

    /// The line of a number, where `request` is its carrier's: the account is the provider's, and the signature is made with
    /// its secret. None where the number is nobody's, so that there is nothing to prove it by.
    ///
    /// # Errors
    /// 403 `BAD_SIGNATURE`; 503 where nobody can say.
    pub async fn prove(
        &self,
        ctx: &RequestContext,
        number: &str,
        account_id: &str,
        request: &Raw,
    ) -> Result<Option<Arc<Line>>> {
        let is_right =
            |line: &Line| line.account_id == account_id && twilio::is_signed(&line.secret, request);
        let known = self.known(ctx, number).await?;
        let Some(line) = known.line else {
            return Ok(None);
        };
        if is_right(&line) {
            return Ok(Some(line));
        }
        if known.asked.elapsed() >= FRESH_TO_REFUSE
            && let Some(line) = self.ask(ctx, number).await?.line
            && is_right(&line)
        {
            return Ok(Some(line));
        }
        Err(Error::permission_denied(
            "BAD_SIGNATURE",
            "The signature is not right.",
        ))
    }

    async fn known(&self, ctx: &RequestContext, number: &str) -> Result<Known> {
        match self.known.get(number) {
            Some(known) if known.asked.elapsed() < FRESH => Ok(known),
            _ => self.ask(ctx, number).await,
        }
    }

    async fn ask(&self, ctx: &RequestContext, number: &str) -> Result<Known> {
        let asked = Instant::now();
        let line = if number.is_empty() || number.len() > NUMBER_MAX {
            None
        } else {
            self.resolve(ctx, number).await?.map(Arc::new)
        };
        let known = Known { line, asked };
        let entry = self.known.entry(number.to_owned());
        let kept = entry.and_upsert_with(|before| match before {
            Some(before) if is_newer(before.value(), &known) => before.into_value(),
            _ => known,
        });
        Ok(kept.into_value())
    }

    async fn resolve(&self, ctx: &RequestContext, number: &str) -> Result<Option<Line>> {
        let wanted = Wanted { number };
        match self.rpc.post(OWNER, RESOLVE, &wanted, ctx).await {
            Ok(line) => Ok(Some(line)),
            Err(refused) if refused.reason() == UNKNOWN => Ok(None),
            // Whatever it is, the carrier tries its fallback, and no caller is turned away.
            Err(fault) => Err(Error::unavailable("number", fault)),
        }
    }
}

/// Whether what is known was asked for later, or of a later change.
fn is_newer(known: &Known, answer: &Known) -> bool {
    match (&known.line, &answer.line) {
        (Some(known), Some(answer)) => known.version > answer.version,
        _ => known.asked > answer.asked,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::{
        models::{error::Status, sock::Response},
        requesthandler::MockRpc,
    };

    const NUMBER: &str = "+14155550100";

    type Answer = Arc<Mutex<Response>>;

    fn line(secret: &str, version: &str) -> Response {
        Response::ok(&json!({
            "phone_number_id": Uuid::from_u128(1), "customer_id": Uuid::from_u128(2), "number": NUMBER,
            "forward_target": "", "messaging_service_id": "", "campaign_status": "none",
            "dial_timeout_seconds": 20, "business_name": "", "provider_id": Uuid::from_u128(3),
            "account_id": "AC1", "secret": secret, "opt_out_replies": "provider", "version": version,
        }))
    }

    fn lines(first: Response) -> (Lines, Answer, Arc<AtomicUsize>) {
        let (answer, asked) = (Arc::new(Mutex::new(first)), Arc::new(AtomicUsize::new(0)));
        let (told, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let mut rpc = MockRpc::new();
        rpc.expect_send().returning(move |service, request, _| {
            assert_eq!((service, &*request.uri), (OWNER, RESOLVE));
            let body: Json = serde_json::from_str(request.data.as_ref().unwrap().get()).unwrap();
            assert_eq!(body, json!({ "number": NUMBER }));
            count.fetch_add(1, Ordering::SeqCst);
            Ok(told.lock().unwrap().clone())
        });
        let rpc = RpcClient::new(Arc::new(rpc), "call-manager");
        (Lines::new(rpc), answer, asked)
    }

    fn ctx() -> RequestContext {
        RequestContext::internal()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_believed_for_five_seconds() {
        let (lines, answer, asked) = lines(line("a", "2026-01-01T00:00:00Z"));
        for _ in 0..3 {
            assert!(lines.of(&ctx(), NUMBER).await.unwrap().is_some());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        *answer.lock().unwrap() = line("b", "2026-01-02T00:00:00Z");
        tokio::time::advance(FRESH).await;
        let found = lines.of(&ctx(), NUMBER).await.unwrap().unwrap();
        assert_eq!(found.secret.expose(), "b");
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_answer_never_takes_the_place_of_a_newer_one() {
        let (lines, answer, _) = lines(line("new", "2026-01-02T00:00:00Z"));
        lines.of(&ctx(), NUMBER).await.unwrap();
        *answer.lock().unwrap() = line("old", "2026-01-01T00:00:00Z");
        tokio::time::advance(FRESH).await;
        let found = lines.of(&ctx(), NUMBER).await.unwrap().unwrap();
        assert_eq!(found.secret.expose(), "new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_number_of_nobody_is_remembered_and_a_failure_is_not() {
        let unknown = Error::not_found("PHONE_NUMBER_NOT_FOUND", "x").to_response("did-manager");
        let (lines, answer, asked) = lines(unknown);
        assert_eq!(lines.of(&ctx(), NUMBER).await.unwrap(), None);
        assert_eq!(lines.of(&ctx(), NUMBER).await.unwrap(), None);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        tokio::time::advance(FRESH).await;
        *answer.lock().unwrap() = Error::internal("x").to_response("did-manager");
        let fault = lines.of(&ctx(), NUMBER).await.unwrap_err();
        assert_eq!(fault.status(), Status::Unavailable);
        *answer.lock().unwrap() = line("a", "2026-01-01T00:00:00Z");
        assert!(lines.of(&ctx(), NUMBER).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn nobody_is_asked_for_what_is_no_number() {
        let (lines, _, asked) = lines(line("a", "2026-01-01T00:00:00Z"));
        let long = "1".repeat(NUMBER_MAX + 1);
        for number in ["", &long] {
            assert_eq!(lines.of(&ctx(), number).await.unwrap(), None);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }

    fn signed_by(secret: &str) -> Raw {
        let (url, body) = ("http://h/v1/x".to_owned(), b"AccountSid=AC1");
        let content_type = "application/x-www-form-urlencoded";
        let signed = twilio::Signed {
            url: &url,
            content_type,
            body,
        };
        let signature = signed.by(&Secret::new(secret));
        let headers = [
            (twilio::SIGNATURE, &*signature),
            ("content-type", content_type),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
        Raw::new(&url, headers.into(), body)
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_secret_counts_at_once_and_a_flood_of_wrong_ones_asks_seldom() {
        let (lines, answer, asked) = lines(line("old", "2026-01-01T00:00:00Z"));
        let ctx = ctx();
        let prove = async |secret: &str, account: &str| {
            let raw = signed_by(secret);
            let proven = lines.prove(&ctx, NUMBER, account, &raw).await;
            proven
                .map(|line| line.is_some())
                .map_err(|error| error.status())
        };
        assert_eq!(prove("old", "AC1").await, Ok(true));
        assert_eq!(prove("old", "AC2").await, Err(Status::PermissionDenied));
        *answer.lock().unwrap() = line("new", "2026-01-02T00:00:00Z");
        assert_eq!(prove("new", "AC1").await, Err(Status::PermissionDenied));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        tokio::time::advance(FRESH_TO_REFUSE).await;
        assert_eq!(prove("new", "AC1").await, Ok(true));
        for _ in 0..100 {
            assert_eq!(prove("wrong", "AC1").await, Err(Status::PermissionDenied));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}

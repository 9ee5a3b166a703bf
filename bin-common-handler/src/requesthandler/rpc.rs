//! Requests to sibling services on behalf of the work at hand.
//!
//! ```ignore
//! let did: Did = manager.rpc.get("did-manager", &format!("/v1/dids/{id}"), &ctx).await?;
//! ```
//!
//! What travels along: the tenant, the request id, the time that is left, and for effects a key that follows from the
//! caller's own, so that work that is run again asks for the same thing again and not for another.
//!
//! No effect is to be asked for while a transaction is open on the embedded database: it has one writer, for which the
//! sibling would wait.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};

use super::Requester;
use crate::{
    context::RequestContext,
    daemon::Siblings,
    models::{
        error::{Error, Result, Status},
        sock::{Method, Request, Response},
    },
    trace::{Kind, Span},
};

/// The longest wait for a sibling's reply.
const WITHIN_MAX: Duration = Duration::from_secs(10);
/// Of the time that the caller has left: the rest is for our own answer, whatever the sibling does.
const SHARE: f64 = 0.9;

/// The way to other services. [`Requester`] is the one implementation; tests mock it.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait Rpc: Send + Sync + 'static {
    /// Sends a request as it is and gives the reply as it is.
    ///
    /// # Errors
    /// 503 when the service cannot be reached in time or its breaker is open.
    async fn send(&self, service: &str, request: Request, within: Duration) -> Result<Response>;
}

#[async_trait]
impl Rpc for Requester {
    async fn send(&self, service: &str, request: Request, within: Duration) -> Result<Response> {
        Self::send(self, service, &request, within).await
    }
}

/// Asks siblings. Clones share it.
#[derive(Clone)]
pub struct RpcClient {
    rpc: Arc<dyn Rpc>,
    publisher: &'static str,
    siblings: Siblings,
}

impl RpcClient {
    /// Asks in the name of `publisher`.
    pub fn new(rpc: Arc<dyn Rpc>, publisher: &'static str) -> Self {
        Self {
            rpc,
            publisher,
            siblings: Siblings::default(),
        }
    }

    /// With the names that siblings have here.
    #[must_use]
    pub fn knowing(self, siblings: Siblings) -> Self {
        Self { siblings, ..self }
    }

    /// What a service is called here.
    pub fn name<'n>(&self, service: &'n str) -> &'n str {
        self.siblings.name(service)
    }

    /// Reads something.
    ///
    /// # Errors
    /// What the service refuses with, as it came; 503 when it cannot be reached, or no time is left.
    pub async fn get<T: DeserializeOwned>(
        &self,
        service: &str,
        uri: &str,
        ctx: &RequestContext,
    ) -> Result<T> {
        self.ask(service, Request::new(Method::Get, uri, self.publisher), ctx)
            .await
    }

    /// Creates something, or acts.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        service: &str,
        uri: &str,
        body: &(impl Serialize + Sync),
        ctx: &RequestContext,
    ) -> Result<T> {
        let request = Request::new(Method::Post, uri, self.publisher);
        self.ask(service, request.json(body).map_err(Error::internal)?, ctx)
            .await
    }

    /// Changes something.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn put<T: DeserializeOwned>(
        &self,
        service: &str,
        uri: &str,
        body: &(impl Serialize + Sync),
        ctx: &RequestContext,
    ) -> Result<T> {
        let request = Request::new(Method::Put, uri, self.publisher);
        self.ask(service, request.json(body).map_err(Error::internal)?, ctx)
            .await
    }

    /// Removes something.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn delete<T: DeserializeOwned>(
        &self,
        service: &str,
        uri: &str,
        ctx: &RequestContext,
    ) -> Result<T> {
        let request = Request::new(Method::Delete, uri, self.publisher);
        self.ask(service, request, ctx).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        service: &str,
        mut request: Request,
        ctx: &RequestContext,
    ) -> Result<T> {
        let left = ctx
            .time_left()
            .map_or(WITHIN_MAX, |left| left.mul_f64(SHARE));
        let within = left.min(WITHIN_MAX);
        if within.is_zero() {
            return Err(Error::unavailable("service", "no time is left to ask it"));
        }
        request.customer_id = ctx.scope.customer_id();
        ctx.request_id.clone_into(&mut request.request_id);
        // The publisher stands in it: two managers may work for the same event.
        request.idempotency_key = ctx
            .next_key()
            .map(|key| format!("{}:{key}", self.publisher));
        let service = self.siblings.name(service);
        let mut span = Span::here(Kind::Client, self.publisher, || {
            format!("{} {service}", request.method)
        });
        request.trace = span.context();
        let reply = self.rpc.send(service, request, within).await?;
        span.status(reply.status_code);
        if reply.status_code >= 400 {
            return Err(refusal(service, &reply));
        }
        serde_json::from_str(reply.body()).map_err(Error::internal)
    }
}

/// A refusal as it came: one that says no more than its status keeps that.
fn refusal(service: &str, reply: &Response) -> Error {
    let code = reply.status_code;
    let typed = Error::from_reply(reply);
    let error = if typed.status().code() == code {
        typed
    } else {
        let message = format!("{service} refused with {code}.");
        Error::new(status(code), "SERVICE_REFUSED", message)
    };
    if error.status().code() >= 500 {
        let cause = format!("{service} said {code} {}", error.reason());
        return error.caused_by(cause);
    }
    error
}

fn status(code: u16) -> Status {
    match code {
        401 => Status::Unauthenticated,
        402 => Status::PaymentRequired,
        403 => Status::PermissionDenied,
        404 => Status::NotFound,
        409 => Status::FailedPrecondition,
        410 => Status::Gone,
        429 => Status::ResourceExhausted,
        400..500 => Status::InvalidArgument,
        500 => Status::Internal,
        _ => Status::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use rstest::rstest;
    use serde_json::{Value, json};
    use tokio::time::Instant;
    use uuid::Uuid;

    use super::*;
    use crate::{
        context::{DeliveryInfo, Operation},
        models::identity::Scope,
    };

    type Sent = Arc<Mutex<Vec<(Request, Duration)>>>;

    /// A sibling that always says the same, and what it was asked.
    fn sibling(reply: Response) -> (RpcClient, Sent) {
        let (mut rpc, sent) = (MockRpc::new(), Sent::default());
        let seen = Arc::clone(&sent);
        rpc.expect_send().returning(move |_, request, within| {
            seen.lock().unwrap().push((request, within));
            Ok(reply.clone())
        });
        (RpcClient::new(Arc::new(rpc), "did-manager"), sent)
    }

    fn caller() -> RequestContext {
        let mut request = Request::new(Method::Post, "/v1/dids", "api-manager");
        request.idempotency_key = Some("k".to_owned());
        RequestContext {
            scope: Scope::tenant(Uuid::from_u128(7)),
            request_id: "r".to_owned(),
            operation: Some(Operation::of(&request, &DeliveryInfo::default()).unwrap()),
            deadline: Some(Instant::now() + Duration::from_secs(2)),
            ..RequestContext::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_of_the_caller_travels_along() {
        let (rpc, sent) = sibling(Response::ok(&json!({"id": 1})));
        let ctx = caller();
        let got: Value = rpc.get("x-manager", "/v1/things", &ctx).await.unwrap();
        assert_eq!(got, json!({"id": 1}));
        let body = json!({"name": "a"});
        let _: Value = rpc
            .post("x-manager", "/v1/things", &body, &ctx)
            .await
            .unwrap();
        let _: Value = rpc
            .put("x-manager", "/v1/things/1", &body, &ctx)
            .await
            .unwrap();
        let _: Value = rpc.delete("x-manager", "/v1/things/1", &ctx).await.unwrap();
        let sent = sent.lock().unwrap();
        let keys: Vec<_> = sent
            .iter()
            .map(|(request, _)| request.idempotency_key.clone().unwrap())
            .collect();
        let (first, _) = keys[0].rsplit_once(':').unwrap();
        assert!(
            first.starts_with("did-manager:") && first.len() > 64,
            "{first}"
        );
        let nth: Vec<_> = keys
            .iter()
            .map(|key| key.strip_prefix(first).unwrap())
            .collect();
        assert_eq!(nth, [":1", ":2", ":3", ":4"]);
        for (request, within) in sent.iter() {
            assert_eq!(request.customer_id, Some(Uuid::from_u128(7)));
            assert_eq!(
                (&*request.request_id, &*request.publisher),
                ("r", "did-manager")
            );
            assert!(*within <= Duration::from_secs(2) && *within > Duration::from_secs(1));
        }
        assert_eq!(sent[1].0.data.as_ref().unwrap().get(), r#"{"name":"a"}"#);
    }

    #[tokio::test]
    async fn work_that_is_run_again_asks_with_the_same_keys_and_a_read_has_none() {
        let (rpc, sent) = sibling(Response::ok(&json!(null)));
        let pristine = caller();
        for _ in 0..2 {
            let ctx = pristine.clone();
            for uri in ["/v1/a", "/v1/b"] {
                let _: Value = rpc.post("x-manager", uri, &1, &ctx).await.unwrap();
            }
        }
        let own = RequestContext::own("timer:5".to_owned(), Scope::TRUSTED);
        let _: Value = rpc.post("x-manager", "/v1/a", &1, &own).await.unwrap();
        let _: Value = rpc
            .get("x-manager", "/v1/a", &RequestContext::internal())
            .await
            .unwrap();
        let sent = sent.lock().unwrap();
        let keys: Vec<_> = sent
            .iter()
            .map(|(request, _)| request.idempotency_key.as_deref())
            .collect();
        assert_eq!(keys[..2], keys[2..4]);
        assert_ne!(keys[0], keys[1]);
        assert_eq!(keys[4..], [Some("did-manager:timer:5:1"), None]);
    }

    #[rstest]
    #[case(Error::not_found("DID_NOT_FOUND", "No."), 404, "DID_NOT_FOUND")]
    #[case(Error::already_exists("DID_EXISTS", "No."), 409, "DID_EXISTS")]
    #[case(Error::failed_precondition("DID_BUSY", "No."), 409, "DID_BUSY")]
    #[case(Error::invalid_argument("BAD_NAME", "No."), 400, "BAD_NAME")]
    #[case(
        Error::new(Status::PaymentRequired, "NO_CREDIT", "No."),
        402,
        "NO_CREDIT"
    )]
    #[case(Error::permission_denied("NOT_YOURS", "No."), 403, "NOT_YOURS")]
    #[case(Error::resource_exhausted("SLOWER", "No."), 429, "SLOWER")]
    #[case(Error::unavailable("database", "away"), 503, "DATABASE_UNAVAILABLE")]
    #[tokio::test]
    async fn a_refusal_stays_what_it_was(
        #[case] error: Error,
        #[case] code: u16,
        #[case] reason: &str,
    ) {
        let error = error.with_detail(json!({"a": 1}));
        let wire = error.to_response("x-manager");
        let (rpc, _) = sibling(wire.clone());
        let refused = rpc.get::<Value>("x-manager", "/v1/a", &caller()).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.status().code(), refused.reason()), (code, reason));
        assert_eq!(refused.to_response("x-manager").body(), wire.body());
    }

    #[rstest]
    #[case(404, 404)]
    #[case(400, 400)]
    #[case(409, 409)]
    #[case(422, 400)]
    #[case(500, 500)]
    #[case(502, 503)]
    #[tokio::test]
    async fn an_older_services_bare_status_is_kept(#[case] said: u16, #[case] heard: u16) {
        let (rpc, _) = sibling(Response::with(said, "", &json!("no")));
        let refused = rpc.get::<Value>("x-manager", "/v1/a", &caller()).await;
        assert_eq!(refused.unwrap_err().status().code(), heard);
    }

    #[tokio::test]
    async fn without_time_nobody_is_asked() {
        let (rpc, sent) = sibling(Response::ok(&json!(1)));
        let ctx = RequestContext {
            deadline: Some(Instant::now()),
            ..RequestContext::default()
        };
        let refused = rpc.get::<Value>("x-manager", "/v1/a", &ctx).await;
        assert_eq!(refused.unwrap_err().status().code(), 503);
        assert_eq!(sent.lock().unwrap().len(), 0);
    }
}

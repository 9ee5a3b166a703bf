//! One request answered: admitted, looked up in the inbox, run apart and again after a conflict, its refusal kept.

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use tokio::time::Instant;
use tracing::{Instrument, debug, warn};
use uuid::Uuid;

use super::{Router, Served};
use crate::{
    context::{DeliveryInfo, Operation, RequestContext},
    listenhandler::{Access, Input, extract::Answer, path::path_values, query::parse_query},
    models::{
        error::{Error, Result},
        identity::Scope,
        sock::{Request, Response},
        time::Timestamp,
    },
    trace::{TraceContext, told, within},
};

/// After this the caller is told that the outcome is not known; the work itself is never cut short.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How often work that meets a conflict is tried before the conflict is reported.
pub(super) const ATTEMPTS_MAX: u32 = 5;
/// Work is not tried again when it has taken longer: callers wait about 3 s.
const RETRY_FOR: Duration = Duration::from_secs(2);
/// The longest pause before it is tried again.
const PAUSE_MAX: Duration = Duration::from_millis(160);

impl Router {
    pub(super) async fn answer(
        &self,
        served: &Served,
        request: Request,
        delivery_info: &DeliveryInfo,
        deadline: Option<Timestamp>,
    ) -> Response {
        let (started, time_left) = (Instant::now(), self.time_left(deadline));
        if let Err(error) = self.admit(served, &request) {
            return error.to_response(self.context.domain);
        }
        let (request_id, trace) = (request.request_id.clone(), request.trace);
        let operation = match served
            .info
            .is_effect
            .then(|| Operation::of(&request, delivery_info))
            .transpose()
        {
            Ok(operation) => operation,
            Err(error) => return error.to_response(self.context.domain),
        };
        let ctx = RequestContext {
            scope: Scope::from_envelope(request.customer_id),
            request_id: request_id.clone(),
            caller: caller(delivery_info),
            is_service: RequestContext::is_service(&request.publisher),
            access_key_id: request.access_key_id,
            account_id: request.account_id,
            visitor_id: request.visitor_id,
            scopes: request.scopes.clone(),
            role: request.role,
            user_id: request.user_id,
            client_request_id: request.client_request_id.clone(),
            operation: operation.clone(),
            deadline: Some(started + time_left),
            ..RequestContext::default()
        };
        match self.answer_once(served, request, ctx).await {
            Ok(response) => response,
            Err(error) => Box::pin(self.answer_error(error, operation, &request_id, trace)).await,
        }
    }

    /// What is stored counts: the bodies of effects.
    fn admit(&self, served: &Served, request: &Request) -> Result<()> {
        let bytes = request.data.as_ref().map_or(0, |data| data.get().len());
        if !served.info.is_effect || bytes == 0 {
            return Ok(());
        }
        // What strangers send has one share, as it is nobody's yet.
        let scope = match served.info.edge.access {
            Access::Public => Scope::tenant(Uuid::max()),
            _ => Scope::from_envelope(request.customer_id),
        };
        self.context
            .intake
            .admit(scope, bytes, self.context.clock.now())
    }

    /// How long the caller waits at most.
    fn time_left(&self, deadline: Option<Timestamp>) -> Duration {
        deadline.map_or(ANSWER_MAX, |deadline| {
            let micros = deadline
                .micros()
                .saturating_sub(self.context.clock.now().micros());
            Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(ANSWER_MAX)
        })
    }

    async fn answer_once(
        &self,
        served: &Served,
        request: Request,
        ctx: RequestContext,
    ) -> Result<Response> {
        if let Some(operation) = ctx
            .operation
            .as_ref()
            .filter(|operation| operation.check_inbox_first)
            && let Some(reply) = Box::pin(self.context.inbox.find(operation)).await?
        {
            return Ok(reply);
        }
        let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
        let trace = request.trace;
        let input = Input {
            state: (),
            ctx,
            route: Arc::clone(&served.info),
            path: path_values(path, &served.placeholders).into_iter(),
            query: Arc::new(parse_query(query)),
            data: request.data.map(Arc::from),
        };
        let (started, mut attempt) = (Instant::now(), 1);
        loop {
            match self.run_apart(trace, (served.run)(input.clone())).await {
                // Everything was rolled back: it is run again, a moment later. Reads too: some of them write.
                Err(error)
                    if error.is_retriable()
                        && attempt < ATTEMPTS_MAX
                        && started.elapsed() < RETRY_FOR =>
                {
                    debug!(%error, attempt, "running the work again");
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// A task of its own: a panic ends only it, and no time limit cuts a transaction in two.
    async fn run_apart(&self, trace: Option<TraceContext>, work: Answer) -> Result<Response> {
        let task = self
            .context
            .work
            .spawn(within(trace, work).in_current_span());
        match tokio::time::timeout(ANSWER_MAX, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Error::internal(panic)),
            Err(_) => Err(Error::unavailable(
                "database",
                "no answer in time; the outcome is not known",
            )),
        }
    }

    async fn answer_error(
        &self,
        error: Error,
        operation: Option<Operation>,
        request_id: &str,
        trace: Option<TraceContext>,
    ) -> Response {
        let trace_id = told(trace);
        if error.is_told_by_health() {
            debug!(%error, request_id, trace_id, "request failed");
        } else if error.is_fault() {
            warn!(%error, request_id, trace_id, status = error.status().code(), "request failed");
        }
        let response = error.to_response(self.context.domain);
        match operation {
            Some(operation) if error.is_decided() && error.reason() != "IDEMPOTENCY_KEY_REUSED" => {
                match self
                    .context
                    .inbox
                    .record_refusal(&operation, response.clone())
                    .await
                {
                    Ok(recorded) => recorded,
                    // Perhaps another delivery of it was served meanwhile: then this "no" is wrong.
                    Err(fault) => {
                        warn!(%fault, "refusal not recorded");
                        fault.to_response(self.context.domain)
                    }
                }
            }
            _ => response,
        }
    }
}

/// Drawn between zero and a growing part of the longest pause.
fn pause(attempt: u32) -> Duration {
    let ceiling = PAUSE_MAX.mul_f64(f64::from(attempt) / f64::from(ATTEMPTS_MAX));
    ceiling.mul_f64(rand::rng().random::<f64>())
}

/// Direct reply-to names its channel after the second dot; every request of that client has it.
fn caller(delivery_info: &DeliveryInfo) -> Option<String> {
    delivery_info
        .reply_to
        .strip_prefix("amq.rabbitmq.reply-to.")
        .map(str::to_owned)
}

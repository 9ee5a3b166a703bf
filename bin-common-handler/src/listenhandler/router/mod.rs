//! From an envelope to its handler and back: late requests dropped, repeated ones answered from the
//! inbox, panics and errors turned into typed replies, all of it counted.

mod answer;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use prometheus::Histogram;
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span};

use super::{
    RouteInfo, RouterContext, Wired, envelope,
    path::placeholders,
    routes::{BadRoutes, RouteMatcher},
    wired::Run,
};
use crate::{
    metrics::as_ms,
    models::{error::Error, sock::Response},
    sockhandler::{Delivered, Probe, Serve},
    trace::{Span, told},
};

/// The requests of one daemon.
pub struct Router {
    context: RouterContext,
    matcher: RouteMatcher,
    routes: Vec<Served>,
    renamed_by: Option<&'static str>,
}

struct Served {
    info: Arc<RouteInfo>,
    run: Run,
    /// Where in the path, split at `/`, the placeholders stand, and whether each is an id.
    placeholders: Vec<(usize, bool)>,
    receive_ms: Histogram,
}

impl Router {
    /// Serves what a manager wired.
    ///
    /// # Errors
    /// When two routes would take the same requests.
    pub fn new(wired: Wired, context: RouterContext) -> std::result::Result<Self, BadRoutes> {
        let infos: Vec<_> = wired
            .routes
            .iter()
            .map(|route| route.info.clone())
            .collect();
        let matcher = RouteMatcher::new(&infos)?;
        let routes = wired
            .routes
            .into_iter()
            .map(|route| {
                let labels = [route.info.metric_type(), route.info.method.as_str()];
                let histogram = &context.manager_metrics.receive_ms;
                Served {
                    placeholders: placeholders(route.info.template),
                    receive_ms: histogram.with_label_values(&labels),
                    info: Arc::new(route.info),
                    run: route.run,
                }
            })
            .collect();
        Ok(Self {
            context,
            matcher,
            routes,
            renamed_by: None,
        })
    }

    /// Its queue is not shared with a foreign service; the setting gives it another name.
    #[must_use]
    pub(crate) fn renamed_by(mut self, setting: Option<&'static str>) -> Self {
        self.renamed_by = setting;
        self
    }

    fn drop_request(&self, reason: &str) -> Option<Response> {
        self.context
            .metrics
            .dropped
            .with_label_values(&[self.context.domain, reason])
            .inc();
        debug!(reason, "request dropped");
        None
    }

    /// A request that no route takes, or whose envelope cannot be read.
    fn refuse(&self, error: &Error, method: &str, started: Instant) -> Option<Response> {
        let response = error.to_response(self.context.domain);
        self.context
            .manager_metrics
            .receive_ms
            .with_label_values(&["notfound", method])
            .observe(as_ms(started.elapsed()));
        self.observe("notfound", method, response.status_code, started);
        Some(response)
    }

    fn observe(&self, route: &str, method: &str, status: u16, started: Instant) {
        let mut digits = [0; 3];
        self.context
            .metrics
            .request_seconds
            .with_label_values(&[
                self.context.domain,
                route,
                method,
                status_text(status, &mut digits),
            ])
            .observe(started.elapsed().as_secs_f64());
    }
}

#[async_trait]
impl Serve for Router {
    fn renamed_by(&self) -> Option<&'static str> {
        self.renamed_by
    }

    async fn serve(&self, delivered: Delivered, probe: &dyn Probe) -> Option<Response> {
        let started = Instant::now();
        if delivered
            .deadline
            .is_some_and(|deadline| deadline <= self.context.clock.now())
        {
            return self.drop_request("late");
        }
        let mut request = match envelope::read(&delivered.body, &delivered.encoding) {
            Ok(request) => request,
            Err(error) => return self.refuse(&error, "none", started),
        };
        let method = request.method.as_str();
        let path = request.uri.split('?').next().unwrap_or_default();
        let found = self
            .matcher
            .find(request.method, path)
            .and_then(|position| self.routes.get(position));
        let Some(served) = found else {
            return self.refuse(&envelope::no_route(), method, started);
        };
        let reply_to = &delivered.delivery_info.reply_to;
        if served.info.is_effect
            && delivered.maybe_late
            && !reply_to.is_empty()
            && probe.is_gone(reply_to).await
        {
            return self.drop_request("caller_gone");
        }
        let request_id = request.request_id.clone();
        let mut traced = Span::server(delivered.delivery_info.trace, self.context.domain, || {
            format!("{method} {}", served.info.template)
        });
        request.trace = traced.context();
        let trace_id = told(request.trace);
        // Costs nothing where debug lines are off. What callers send stays out of it: no number, no body.
        let span = debug_span!(
            "request",
            request_id,
            trace_id,
            customer_id = request.customer_id.map(display),
            route = served.info.template
        );
        let response = self
            .answer(
                served,
                request,
                &delivered.delivery_info,
                delivered.deadline,
            )
            .instrument(span)
            .await;
        traced.status(response.status_code);
        served.receive_ms.observe(as_ms(started.elapsed()));
        self.observe(served.info.template, method, response.status_code, started);
        debug!(
            request_id,
            trace_id,
            method,
            route = served.info.template,
            status = response.status_code,
            duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "served"
        );
        Some(response)
    }
}

/// A status code as text without an allocation.
fn status_text(status: u16, digits: &mut [u8; 3]) -> &str {
    for (digit, unit) in digits.iter_mut().zip([100, 10, 1]) {
        *digit = b'0' + u8::try_from(status / unit % 10).unwrap_or(0);
    }
    std::str::from_utf8(digits).unwrap_or("???")
}

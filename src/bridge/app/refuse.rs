//! What no route takes: which methods a path has, whether the bridge is there, and who may know.

use axum::{
    http::{HeaderValue, Method, StatusCode, request::Parts},
    response::Response,
};
use serde_json::json;
use tokio::time::Instant;

use super::{Bridge, refusal};
use crate::bridge::{
    answer, form::Form, incoming::is_health_path, keys, openapi, request_id::RequestId,
    table::Target,
};
use bin_common_handler::{
    listenhandler::{Access, HttpOptions},
    models::{error::Error, sock},
};

/// What the health of the bridge may be asked with.
const HEALTH_ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// What the bridge as a whole knows.
const ALL_ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS");

impl Bridge {
    /// Who has no key learns not even which routes there are, but for those that are for everybody.
    pub(super) async fn refuse(&self, head: &Parts, id: &RequestId, started: Instant) -> Response {
        if head.method == Method::OPTIONS && head.uri.path() == "*" {
            return answer::options(ALL_ALLOW);
        }
        let targets = self.table.all(head.uri.path());
        let is_public = |target: &Target<'_>| target.route.edge.access == Access::Public;
        if !targets.iter().any(is_public) {
            let deadline = started + HttpOptions::default().within;
            if let Err(error) = self.keys.check(keys::shown(&head.headers), deadline).await {
                return refusal(Form::default(), &error, id);
            }
        }
        let (form, allow) = match targets.first() {
            Some(target) => (Form::of(&target.route.edge, false, false), allow(&targets)),
            None if is_health_path(head.uri.path()) => (Form::default(), HEALTH_ALLOW),
            None if head.uri.path() == openapi::PATH => (Form::default(), openapi::ALLOW),
            None => {
                let error = Error::not_found("ROUTE_NOT_FOUND", "There is no such route.");
                return refusal(Form::default(), &error, id);
            }
        };
        if head.method == Method::OPTIONS {
            answer::options(allow)
        } else {
            answer::not_allowed(form, allow)
        }
    }
}

/// Whether the bridge is there.
pub(super) fn health(head: &Parts) -> Response {
    if head.method == Method::OPTIONS {
        return answer::options(HEALTH_ALLOW);
    }
    answer::json(StatusCode::OK, &json!({ "status": "ok", "success": true }))
}

/// The methods of a path.
fn allow(targets: &[Target<'_>]) -> HeaderValue {
    let mut methods = Vec::new();
    for target in targets {
        let route = target.route;
        methods.push(route.method.as_str());
        if route.method == sock::Method::Get && !route.is_effect {
            methods.push("HEAD");
        }
    }
    methods.push("OPTIONS");
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(ALL_ALLOW)
}

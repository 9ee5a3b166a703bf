//! The parts of an answer over HTTP, and the bridge's own refusals.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use serde_json::Value;

use super::form::Form;
use crate::models::error::{Error, Status};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");
/// The field of an error's first detail that says when to come again, in whole seconds.
pub(super) const RETRY_AFTER_S: &str = "retry_after_s";

/// A JSON body of our own.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => respond(status, text),
        Err(fault) => Form::default().error(&Error::internal(fault)),
    }
}

/// A body that is JSON already.
pub(super) fn respond(status: StatusCode, body: String) -> Response {
    let retry_after = retry_after(status, &body);
    let mut response = of_type(status, JSON, body);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Bare text.
pub(super) fn text(status: StatusCode, body: String) -> Response {
    of_type(status, TEXT, body)
}

/// A file of comma-separated values.
pub(super) fn csv(status: StatusCode, body: String) -> Response {
    of_type(status, CSV, body)
}

fn of_type(status: StatusCode, kind: HeaderValue, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// When a caller that met a limit, or something that was away, may come again: as the typed error says, else
/// in a second.
pub(super) fn retry_after(status: StatusCode, typed: &str) -> Option<HeaderValue> {
    if !matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        return None;
    }
    let body: Value = serde_json::from_str(typed).unwrap_or_default();
    let told = body
        .pointer("/details/0")
        .and_then(|it| it.get(RETRY_AFTER_S));
    Some(told.and_then(Value::as_u64).unwrap_or(1).max(1).into())
}

/// As HTTP has it: there a body that is too large is told apart from one that is wrong.
pub(super) fn status(error: &Error) -> StatusCode {
    if error.reason() == TOO_LARGE {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    StatusCode::from_u16(error.status().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The reason of a body, or a row, that is larger than its limit; 413 over HTTP.
const TOO_LARGE: &str = "REQUEST_TOO_LARGE";

pub(super) fn too_large(limit_bytes: usize) -> Error {
    Error::invalid_argument(
        TOO_LARGE,
        format!("More than {limit_bytes} bytes at once; send less at a time."),
    )
}

pub(super) fn bad_body(message: &'static str) -> Error {
    Error::invalid_argument("INVALID_BODY", message)
}

pub(super) fn too_slow() -> Error {
    Error::new(
        Status::Unavailable,
        "REQUEST_TIMEOUT",
        "The request took too long; what was not answered may not be done.",
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(Error::unavailable("service", "x"), 503, Some("1"))]
    #[case(Error::resource_exhausted("A", "b"), 429, Some("1"))]
    #[case(Error::resource_exhausted("A", "b").with_detail(json!({ "retry_after_s": 7 })), 429, Some("7"))]
    #[case(Error::resource_exhausted("A", "b").with_detail(json!({ "retry_after_s": 0 })), 429, Some("1"))]
    #[case(Error::not_found("A", "b").with_detail(json!({ "retry_after_s": 7 })), 404, None)]
    #[case(too_large(1), 413, None)]
    #[case(too_slow(), 503, Some("1"))]
    fn a_caller_learns_when_to_come_again(
        #[case] refused: Error,
        #[case] status: u16,
        #[case] retry: Option<&str>,
    ) {
        let response = Form::default().error(&refused);
        assert_eq!(response.status(), status);
        let told = response.headers().get("retry-after");
        assert_eq!(told.map(|it| it.to_str().unwrap()), retry);
    }
}

//! The parts of an answer over HTTP, and the bridge's own refusals.

use axum::{
    BoxError,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde_json::Value;

use super::{form::Form, shares::OverShare};
use bin_common_handler::{
    httpserver::SlowUpload,
    models::{
        encoding::EncodingError,
        error::{Error, Status},
    },
};

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

/// A text of that media type.
pub(super) fn of_type(status: StatusCode, kind: HeaderValue, body: String) -> Response {
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

/// As HTTP has it, which tells apart more than other transports do.
pub(super) fn status(error: &Error) -> StatusCode {
    match error.reason() {
        TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        UNSUPPORTED_ENCODING => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        METHOD_NOT_ALLOWED => StatusCode::METHOD_NOT_ALLOWED,
        UPLOAD_TOO_SLOW => StatusCode::REQUEST_TIMEOUT,
        _ => {
            StatusCode::from_u16(error.status().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The reason of a body, or a row, that is larger than its limit; 413 over HTTP.
const TOO_LARGE: &str = "REQUEST_TOO_LARGE";
/// The reason of a body that is packed in a way that nobody here knows; 415 over HTTP.
const UNSUPPORTED_ENCODING: &str = "UNSUPPORTED_ENCODING";
/// The reason of a method that a path does not have; 405 over HTTP.
const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
/// The reason of a body that came too slowly; 408 over HTTP.
const UPLOAD_TOO_SLOW: &str = "UPLOAD_TOO_SLOW";

/// A method that a path does not have; `allow` names those that it has.
pub(super) fn not_allowed(form: Form, allow: HeaderValue) -> Response {
    let error = Error::invalid_argument(
        METHOD_NOT_ALLOWED,
        "This path has no such method; the header Allow names those that it has.",
    );
    let mut response = form.error(&error);
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// Nothing but the methods that a path has.
pub(super) fn options(allow: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// Why a body of at most so many bytes could not be read.
pub(super) fn unread(fault: BoxError, limit_bytes: usize) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*fault);
    while let Some(it) = cause {
        if it.is::<LengthLimitError>() {
            return too_large(limit_bytes);
        }
        if it.is::<SlowUpload>() {
            let message = "The body came too slowly; it must come with 1 KiB a second or more.";
            return Error::invalid_argument(UPLOAD_TOO_SLOW, message);
        }
        if let Some(over) = it.downcast_ref::<OverShare>() {
            return over.refusal();
        }
        if let Some(fault) = it.downcast_ref::<EncodingError>() {
            return badly_encoded(fault, limit_bytes);
        }
        cause = it.source();
    }
    bad_body("The body did not arrive whole.").caused_by(Unread(fault))
}

/// A body that is not what its content encoding says.
pub(super) fn badly_encoded(fault: &EncodingError, limit_bytes: usize) -> Error {
    match fault {
        EncodingError::TooLarge(_) => too_large(limit_bytes),
        EncodingError::Unknown(_) => {
            Error::invalid_argument(UNSUPPORTED_ENCODING, format!("{fault}."))
        }
        EncodingError::Broken => Error::invalid_argument("INVALID_ENCODING", format!("{fault}.")),
    }
}

/// A body that is packed where its bytes must be as they were signed.
pub(super) fn packed() -> Error {
    Error::invalid_argument(
        UNSUPPORTED_ENCODING,
        "This route takes no content encoding; send the body as it is.",
    )
}

/// For the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unread(BoxError);

pub(super) fn too_large(limit_bytes: usize) -> Error {
    Error::invalid_argument(
        TOO_LARGE,
        format!("More than {limit_bytes} bytes at once; send less at a time."),
    )
}

/// The reason of a body that is not what the route takes.
pub(super) const INVALID_BODY: &str = "INVALID_BODY";

pub(super) fn bad_body(message: &'static str) -> Error {
    Error::invalid_argument(INVALID_BODY, message)
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

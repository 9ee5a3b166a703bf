//! What goes back over HTTP: a manager's reply as it is, or a refusal of the bridge's own.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::NAME;
use crate::models::{
    error::{Error, Status},
    sock,
};

/// When a caller that met a limit, or something that was away, may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A manager's reply: its status code, its `data`.
pub(super) fn reply(reply: sock::Response) -> Response {
    match StatusCode::from_u16(reply.status_code) {
        Ok(status) if status.as_u16() >= 200 => {
            let body = reply
                .data
                .map_or_else(|| "null".to_owned(), |data| Box::<str>::from(data).into());
            respond(status, body)
        }
        _ => error(&Error::internal("the manager's reply has no such status")),
    }
}

/// A JSON body of our own.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => respond(status, text),
        Err(fault) => error(&Error::internal(fault)),
    }
}

/// A refusal: the typed error, and `success` for callers that look only for that.
pub(super) fn error(error: &Error) -> Response {
    let wire = error.to_response(NAME);
    let body = match wire.body().strip_suffix('}') {
        Some(fields) => format!("{fields},\"success\":false}}"),
        None => wire.body().to_owned(),
    };
    respond(status(error), body)
}

/// As HTTP has it: there a body that is too large is told apart from one that is wrong.
fn status(error: &Error) -> StatusCode {
    if error.reason() == TOO_LARGE {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    StatusCode::from_u16(error.status().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn respond(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
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
    use axum::body::to_bytes;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    async fn body(response: Response) -> Value {
        let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_is_a_typed_error() {
        let response = error(&Error::unauthenticated(
            "API_KEY_REQUIRED",
            "API key required",
        ));
        assert_eq!(response.status(), 401);
        let expected = json!({
            "status": "UNAUTHENTICATED",
            "reason": "API_KEY_REQUIRED",
            "domain": "http-bridge",
            "message": "API key required",
            "success": false,
        });
        assert_eq!(body(response).await, expected);
    }

    #[rstest]
    #[case(Error::unavailable("service", "x"), 503, true)]
    #[case(Error::resource_exhausted("A", "b"), 429, true)]
    #[case(too_large(1), 413, false)]
    #[case(too_slow(), 503, true)]
    fn a_caller_learns_when_to_come_again(
        #[case] refused: Error,
        #[case] status: u16,
        #[case] retry: bool,
    ) {
        let response = error(&refused);
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key("retry-after"), retry);
    }

    #[rstest]
    #[case(200, 200)]
    #[case(409, 409)]
    #[case(100, 500)]
    #[case(0, 500)]
    fn a_reply_keeps_its_status(#[case] said: u16, #[case] status: u16) {
        let said = sock::Response::with(said, "application/json", &1);
        assert_eq!(reply(said).status(), status);
    }
}

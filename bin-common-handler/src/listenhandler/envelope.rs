//! From the bytes of a message to a request: unpacked, read to the letter, its URI in one form.

use serde::Deserialize;

use crate::{
    models::{
        bad_json,
        encoding::{self, EncodingError},
        error::{Error, Result},
        json,
        path::tidy_path,
        sock::{BODY_LIMIT, Method, Request},
    },
    redact,
};

/// 404 for a URI or a method that the table does not have.
pub(super) fn no_route() -> Error {
    Error::not_found("ROUTE_NOT_FOUND", "There is no such route.")
}

/// The request in an envelope.
///
/// # Errors
/// 400 naming the field; 404 where it names no route.
pub(super) fn read(body: &[u8], encoding: &str) -> Result<Request> {
    if body.len() > BODY_LIMIT {
        return Err(Error::invalid_argument(
            "REQUEST_TOO_LARGE",
            format!("A request has at most {BODY_LIMIT} bytes; send less at a time."),
        ));
    }
    let refuse = |why: &dyn std::fmt::Display| {
        Error::invalid_argument("INVALID_ENVELOPE", format!("Not a request: {why}."))
    };
    let body = encoding::decode(encoding, body, BODY_LIMIT).map_err(|fault| {
        let reason = match fault {
            EncodingError::Unknown(_) => "UNSUPPORTED_ENCODING",
            EncodingError::TooLarge(_) => "REQUEST_TOO_LARGE",
            EncodingError::Broken => "INVALID_ENCODING",
        };
        Error::invalid_argument(reason, format!("{fault}."))
    })?;
    let body = encoding::skip_bom(&body);
    // As for bodies: an array is none.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(refuse(&"it is an array"));
    }
    let mut request: Request = json::from_slice(body).map_err(|fault| {
        if names_no_route(body) {
            no_route()
        } else {
            // Read once more, to name the field.
            let bad = std::str::from_utf8(body).map(bad_json::from_str::<Request>);
            match bad {
                Ok(Err(bad)) => refuse(&bad),
                _ => refuse(&redact::json_fault(&fault)),
            }
        }
    })?;
    // As over HTTP.
    if let Some(tidy) = tidy(&request.uri) {
        request.uri = tidy;
    }
    if let Some(rest) = request.uri.strip_prefix("/api")
        && rest.starts_with("/v1/")
    {
        request.uri = rest.to_owned();
    }
    Ok(request)
}

/// The URI with its path as over HTTP; nothing where it is so.
fn tidy(uri: &str) -> Option<String> {
    let path = uri.split('?').next().unwrap_or_default();
    let tidy = tidy_path(path)?;
    Some(uri.replacen(path, &tidy, 1))
}

/// Whether an envelope that is none lacks nothing but a URI, or a method that we know.
fn names_no_route(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Target {
        uri: Option<String>,
        method: Option<String>,
    }
    json::from_slice::<Target>(body).is_ok_and(|target| {
        let method = target.method.unwrap_or_default();
        target.uri.is_none() || Method::parse(&method).is_none()
    })
}

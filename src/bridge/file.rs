//! Files of callers as they are handed out: to be saved, never shown in place, and nothing of them is run.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// What keeps a browser from making anything of a file but a file.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    ),
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-site"),
    ),
];

#[derive(Deserialize)]
struct File {
    name: String,
    media_type: String,
    content_base64: String,
}

/// The answer that hands a manager's file out; none where the reply is no file.
pub(super) fn answer(reply: &str) -> Option<Response> {
    let file: File = serde_json::from_str(reply).ok()?;
    let bytes = BASE64.decode(&file.content_base64).ok()?;
    // RFC 6266, RFC 8187: any name, in ASCII.
    let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
    let disposition = format!("attachment; filename*=UTF-8''{name}");
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::try_from(file.media_type).ok()?,
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::try_from(disposition).ok()?,
    );
    headers.extend(HEADERS);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_saved_and_never_shown_in_place() {
        let reply =
            r#"{"name":"my leak.png","media_type":"image/png","content_base64":"iVBORw=="}"#;
        let response = answer(reply).unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "image/png");
        assert_eq!(
            header("content-disposition"),
            "attachment; filename*=UTF-8''my%20leak%2Epng"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").contains("default-src 'none'"));
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(&body[..], b"\x89PNG");
        assert!(answer(r#"{"name":1}"#).is_none());
    }
}

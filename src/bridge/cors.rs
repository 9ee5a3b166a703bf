//! Which web pages may call the bridge from a browser: none, unless BRIDGE_CORS_ORIGINS says so.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use super::keys;
use bin_common_handler::daemon::StartError;

/// How long a browser may remember what it was told.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The origins of a list between commas.
///
/// # Errors
/// When one of them is no origin such as `https://app.example.com`.
pub(super) fn origins(origins: &str) -> Result<Vec<HeaderValue>, StartError> {
    origins
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(origin)
        .collect()
}

/// What answers browsers that ask whether a page of one of these origins may call; nothing without any.
pub(super) fn layer(origins: Vec<HeaderValue>) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let name = HeaderName::from_static;
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
        ])
        .allow_headers([
            name(keys::HEADER),
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            name("idempotency-key"),
            name("x-request-id"),
        ])
        .expose_headers([header::RETRY_AFTER, name("x-request-id")])
        .max_age(MAX_AGE);
    Some(layer)
}

/// A scheme and a host, as browsers send it: no path, no wildcard.
fn origin(text: &str) -> Result<HeaderValue, StartError> {
    let is_origin = ["https://", "http://"].iter().any(|scheme| {
        text.strip_prefix(scheme)
            .is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']))
    });
    is_origin
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
        .ok_or_else(|| {
            StartError::Other(format!(
                "BRIDGE_CORS_ORIGINS: {text:?} is no origin; for example \
                 BRIDGE_CORS_ORIGINS=https://app.example.com,https://admin.example.com"
            ))
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", false)]
    #[case(" , ", false)]
    #[case("https://app.example.com", true)]
    #[case("https://app.example.com, http://localhost:3000", true)]
    fn a_list_switches_it_on(#[case] list: &str, #[case] on: bool) {
        assert_eq!(layer(origins(list).unwrap()).is_some(), on);
    }

    #[rstest]
    #[case("*")]
    #[case("https://*.example.com")]
    #[case("app.example.com")]
    #[case("https://app.example.com/")]
    #[case("https://")]
    fn what_no_browser_would_send_is_refused_at_start(#[case] list: &str) {
        let fault = origins(list).unwrap_err().to_string();
        assert!(fault.starts_with("BRIDGE_CORS_ORIGINS"), "{fault}");
    }
}

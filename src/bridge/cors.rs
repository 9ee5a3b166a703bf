//! Which web pages may call the bridge from a browser: none, unless BRIDGE_CORS_ORIGINS says so.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use super::keys;
use bin_common_handler::daemon::StartError;

/// How long a browser may remember what it was told.
const MAX_AGE: Duration = Duration::from_secs(600);

/// From a list of origins between commas; nothing when it is empty.
///
/// # Errors
/// When one of them is no origin such as `https://app.example.com`.
pub(super) fn layer(origins: &str) -> Result<Option<CorsLayer>, StartError> {
    let origins = origins
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(origin)
        .collect::<Result<Vec<_>, _>>()?;
    if origins.is_empty() {
        return Ok(None);
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
    Ok(Some(layer))
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
    fn a_list_switches_it_on(#[case] origins: &str, #[case] on: bool) {
        assert_eq!(layer(origins).unwrap().is_some(), on);
    }

    #[rstest]
    #[case("*")]
    #[case("https://*.example.com")]
    #[case("app.example.com")]
    #[case("https://app.example.com/")]
    #[case("https://")]
    fn what_no_browser_would_send_is_refused_at_start(#[case] origins: &str) {
        let fault = layer(origins).unwrap_err().to_string();
        assert!(fault.starts_with("BRIDGE_CORS_ORIGINS"), "{fault}");
    }
}

//! Which pages may open a socket. Browsers send no preflight before one, so the origin is checked here.

use axum::http::{HeaderMap, HeaderValue, header};

use bin_common_handler::models::error::{Error, Result};

/// Origins of other hosts whose pages may connect.
#[derive(Debug, Default)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Those that may, e.g. `https://app.example.com`; the bridge's own pages always may.
    pub fn new(allowed: Vec<HeaderValue>) -> Self {
        Self(allowed)
    }

    /// Programs send no Origin, and have a key of their own.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<()> {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Ok(());
        };
        if self.0.contains(origin) || is_own(origin, headers.get(header::HOST)) {
            return Ok(());
        }
        Err(Error::permission_denied(
            "ORIGIN_NOT_ALLOWED",
            "Pages of this origin may not connect; BRIDGE_CORS_ORIGINS names those that may.",
        ))
    }
}

/// Whether the page came from the very host that it connects to.
fn is_own(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), host.map(HeaderValue::to_str)) else {
        return false;
    };
    ["http://", "https://"]
        .iter()
        .filter_map(|scheme| origin.strip_prefix(scheme))
        .any(|rest| rest.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, true)]
    #[case(Some("https://app.example.com"), true)]
    #[case(Some("http://tandem.local:8080"), true)]
    #[case(Some("https://TANDEM.local:8080"), true)]
    #[case(Some("http://tandem.local"), false)]
    #[case(Some("https://app.example.com.evil.example"), false)]
    #[case(Some("null"), false)]
    fn only_known_pages_connect(#[case] origin: Option<&'static str>, #[case] may: bool) {
        let allowed = Origins::new(vec![HeaderValue::from_static("https://app.example.com")]);
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("tandem.local:8080"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        assert_eq!(allowed.check(&headers).is_ok(), may);
    }
}

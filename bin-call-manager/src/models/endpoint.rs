//! Who is asked over HTTP for a bid on each call.

use std::collections::BTreeMap;

use bin_common_handler::models::{
    check::{ensure, in_range},
    error::Result,
};
use serde::{Deserialize, Serialize};

/// Longest address, in bytes.
const URL_MAX: usize = 2_048;
/// Headers of one endpoint, and the longest of their values in bytes.
const HEADERS_MAX: usize = 16;
const VALUE_MAX: usize = 1_024;
/// Headers that the client sets, or that concern one connection (RFC 9110, 7.6.1): a tenant must not set them.
const OURS: &[&str] = &[
    "host",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Who is asked for a bid on each call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// An https address.
    pub url: String,
    /// How long its answer is waited for, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: i64,
    /// Sent with each question, such as a key. Write-only: left out, those that it has for the same host stay.
    #[serde(default, skip_serializing)]
    pub headers: Option<BTreeMap<String, String>>,
}

fn timeout_ms() -> i64 {
    400
}

impl Endpoint {
    /// Checks what can be said of it without asking it.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn check(&self) -> Result<()> {
        let (scheme, host) = self.url.split_once("://").unwrap_or_default();
        let is_url = matches!(scheme, "http" | "https")
            && !host.is_empty()
            && self.url.len() <= URL_MAX
            && self.url.bytes().all(|byte| byte.is_ascii_graphic());
        ensure(is_url, "endpoint.url", "must be an https address")?;
        in_range("endpoint.timeout_ms", self.timeout_ms, 50, 5_000)?;
        let headers = self.headers.iter().flatten();
        ensure(
            headers.clone().count() <= HEADERS_MAX,
            "endpoint.headers",
            "has at most 16 entries",
        )?;
        for (name, value) in headers {
            ensure(
                is_name(name) && !OURS.contains(&name.to_ascii_lowercase().as_str()),
                "endpoint.headers",
                "has a name that may not be set",
            )?;
            let is_text = value.len() <= VALUE_MAX
                && value
                    .bytes()
                    .all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
            ensure(
                is_text,
                "endpoint.headers",
                "has a value that is no line of at most 1024 ASCII characters",
            )?;
        }
        Ok(())
    }

    /// Scheme, host and port: whom its headers are for.
    pub fn origin(&self) -> &str {
        let start = self.url.find("://").map_or(0, |at| at + 3);
        let rest = self.url.get(start..).unwrap_or_default();
        let end = rest
            .find(['/', '?', '#'])
            .map_or(self.url.len(), |at| start + at);
        self.url.get(..end).unwrap_or_default()
    }
}

/// A token of RFC 9110, 5.6.2.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::*;

    #[rstest]
    #[case::plain(json!({"url": "https://bids.example/p?x=1", "headers": {"x-api-key": "s3cret"}}), true)]
    #[case::no_url(json!({"url": "bids.example"}), false)]
    #[case::other_scheme(json!({"url": "ftp://bids.example"}), false)]
    #[case::space(json!({"url": "https://bids.example/a b"}), false)]
    #[case::too_patient(json!({"url": "https://a.example", "timeout_ms": 60_000}), false)]
    #[case::host(json!({"url": "https://a.example", "headers": {"Host": "b.example"}}), false)]
    #[case::hop_by_hop(json!({"url": "https://a.example", "headers": {"Transfer-Encoding": "x"}}), false)]
    #[case::line_end(json!({"url": "https://a.example", "headers": {"x": "a\r\nhost: b"}}), false)]
    #[case::line_end_in_name(json!({"url": "https://a.example", "headers": {"x\n": "a"}}), false)]
    fn what_an_endpoint_may_be(#[case] endpoint: Json, #[case] is_right: bool) {
        let endpoint: Endpoint = serde_json::from_value(endpoint).unwrap();
        assert_eq!(endpoint.check().is_ok(), is_right);
        let shown = serde_json::to_string(&endpoint).unwrap();
        assert!(!shown.contains("headers"), "{shown}");
    }

    #[rstest]
    #[case("https://a.example/x?y", "https://a.example")]
    #[case("https://a.example:8443?y", "https://a.example:8443")]
    #[case("https://a.example", "https://a.example")]
    fn headers_are_for_one_origin(#[case] url: &str, #[case] origin: &str) {
        let endpoint = Endpoint {
            url: url.to_owned(),
            timeout_ms: 400,
            headers: None,
        };
        assert_eq!(endpoint.origin(), origin);
    }
}

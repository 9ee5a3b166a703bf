//! Requests that are passed on as they came: the exact URL, the chosen headers, the bytes. No other header travels, so
//! that no key, cookie or address of a proxy gets into a queue.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts};
use bin_common_handler::{
    httpserver::Caller,
    models::{
        error::{Error, Result},
        raw::RawRequest,
        sock::Method,
    },
};
use serde_json::value::{RawValue, to_raw_value};

/// Longest body of a route that is raw or public, in bytes: webhooks are small, and base64 makes four of three.
pub(super) const BODY_MAX: usize = 256 * 1024;

/// Where callers reach this bridge, when a proxy is before it.
#[derive(Debug, Clone, Default)]
pub struct PublicUrl(Option<String>);

impl PublicUrl {
    /// `url` is `https://` or `http://`, a host, and a path or none; an empty text for what the caller's `Host` says.
    pub fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/');
        Self((!url.is_empty()).then(|| url.to_owned()))
    }

    /// The URL as the caller wrote it.
    fn of(&self, target: &Uri, headers: &HeaderMap) -> String {
        let path = target
            .path_and_query()
            .map_or("/", |path_and_query| path_and_query.as_str());
        if let Some(url) = &self.0 {
            return format!("{url}{path}");
        }
        let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
        let host = match target.authority() {
            Some(authority) => authority.as_str().into(),
            None => String::from_utf8_lossy(host.unwrap_or_default()),
        };
        format!("http://{host}{path}")
    }
}

/// What of a request's head its handler wants to see.
pub(super) struct RawHead {
    method: Method,
    url: String,
    headers: BTreeMap<String, Vec<String>>,
}

impl RawHead {
    /// Of a route that wants to see the `chosen` headers.
    pub(super) fn read(
        head: &Parts,
        method: Method,
        chosen: &[&'static str],
        public_url: &PublicUrl,
    ) -> Self {
        let target = head.extensions.get::<Caller>().map(|caller| &caller.target);
        let mut headers = BTreeMap::new();
        for name in chosen
            .iter()
            .copied()
            .chain([header::CONTENT_TYPE.as_str()])
        {
            let Ok(name) = HeaderName::try_from(name) else {
                continue;
            };
            let values: Vec<_> = head.headers.get_all(&name).iter().map(text).collect();
            if !values.is_empty() {
                headers.insert(name.as_str().to_owned(), values);
            }
        }
        Self {
            method,
            url: public_url.of(target.unwrap_or(&head.uri), &head.headers),
            headers,
        }
    }

    /// The data of its envelope.
    pub(super) fn with_body(&self, body: &[u8]) -> Result<Box<RawValue>> {
        let request = RawRequest::new(self.method, self.url.clone(), self.headers.clone(), body);
        to_raw_value(&request).map_err(Error::internal)
    }
}

/// Each byte as the character of its number.
fn text(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

/// Refuses a body that is packed: its signature is over other bytes than its handler would see.
///
/// # Errors
/// 415.
pub(super) fn ensure_plain(headers: &HeaderMap) -> Result<()> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(super::answer::packed())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "/v1/x?a=1", "http://bridge:8080/v1/x?a=1")]
    #[case(
        "https://voice.example.com",
        "/v1/x?a=%2B1",
        "https://voice.example.com/v1/x?a=%2B1"
    )]
    #[case(
        "https://example.com/tandem/",
        "//v1//x/",
        "https://example.com/tandem//v1//x/"
    )]
    #[case("", "http://other/v1/x", "http://other/v1/x")]
    fn the_url_is_that_of_the_caller(
        #[case] public_url: &str,
        #[case] target: &str,
        #[case] expected: &str,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("bridge:8080"));
        let url = PublicUrl::new(public_url).of(&target.parse().unwrap(), &headers);
        assert_eq!(url, expected);
    }

    #[test]
    fn only_what_was_chosen_and_the_content_type_is_there() {
        let request = axum::http::Request::post("/v1/x")
            .header("x-signature", "one")
            .header("X-Signature", HeaderValue::from_bytes(b"caf\xe9").unwrap())
            .header("content-type", "text/plain")
            .header("authorization", "Bearer secret")
            .header("cookie", "a=b");
        let (head, ()) = request.body(()).unwrap().into_parts();
        let raw = RawHead::read(
            &head,
            Method::Post,
            &["x-signature", "x-other"],
            &PublicUrl::default(),
        );
        let data: RawRequest =
            serde_json::from_str(raw.with_body(b"\x00\xff").unwrap().get()).unwrap();
        assert_eq!(data.body(), Some(vec![0, 0xff]));
        let expected = [
            ("content-type".to_owned(), vec!["text/plain".to_owned()]),
            (
                "x-signature".to_owned(),
                vec!["one".to_owned(), "caf\u{e9}".to_owned()],
            ),
        ];
        assert_eq!(data.headers, BTreeMap::from(expected));
    }
}

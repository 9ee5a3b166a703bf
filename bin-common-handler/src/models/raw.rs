//! A request of somebody who knows nothing of us, such as a carrier's webhook: passed on as it came, so that its
//! signature can be verified.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::sock::Method;

/// The bytes of a request and what of its head the route wants to see: the data of its envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRequest {
    /// Its method.
    pub method: Method,
    /// The whole URL as the caller wrote it, with its query.
    pub url: String,
    /// The chosen headers and the content type, in small letters, each with all its values in their order. Bytes
    /// beyond ASCII are read as Latin-1.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body, in base64 with padding.
    pub body_base64: String,
}

impl RawRequest {
    /// A request with `body`.
    pub fn new(
        method: Method,
        url: String,
        headers: BTreeMap<String, Vec<String>>,
        body: &[u8],
    ) -> Self {
        Self {
            method,
            url,
            headers,
            body_base64: STANDARD.encode(body),
        }
    }

    /// The body; nothing where it is no base64.
    pub fn body(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.body_base64).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_body_comes_back(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let raw = RawRequest::new(Method::Post, "http://h/v1/x".to_owned(), BTreeMap::new(), &body);
            let text = serde_json::to_string(&raw).unwrap();
            let read: RawRequest = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.body(), Some(body));
        }
    }
}

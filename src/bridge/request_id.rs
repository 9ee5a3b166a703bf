//! Correlation for logs: the caller's own word when it may stand in a log line, else one that is made here.

use axum::http::{HeaderMap, HeaderName};

use bin_common_handler::ids;

/// The header, in requests and in every answer.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over, in bytes.
const LENGTH_MAX: usize = 128;

/// What a request is called in logs.
#[derive(Debug, Clone)]
pub(super) struct RequestId {
    /// Never empty, printable ASCII.
    pub text: String,
    /// The client itself chose it; then a manager may know a retry by it.
    pub is_given: bool,
}

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|id| (1..=LENGTH_MAX).contains(&id.len()))
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()));
        Self {
            text: given.map_or_else(|| ids::next().to_string(), str::to_owned),
            is_given: given.is_some(),
        }
    }

    /// For the manager: what the client chose.
    pub(super) fn given(&self) -> Option<String> {
        self.is_given.then(|| self.text.clone())
    }
}

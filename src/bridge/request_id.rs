//! Correlation for logs: the caller's own word when it may stand in a log line, else one that is made here.

use axum::http::{HeaderMap, HeaderName};

use bin_common_handler::{
    ids,
    trace::{TRACEPARENT, TraceContext},
};

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
    /// The trace that it belongs to: the caller's, or one that begins here.
    pub trace: TraceContext,
}

impl RequestId {
    /// `trace` is what a span of the bridge belongs to, where there is one.
    pub(super) fn of(headers: &HeaderMap, trace: Option<TraceContext>) -> Self {
        let given = headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|id| (1..=LENGTH_MAX).contains(&id.len()))
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()));
        Self {
            text: given.map_or_else(|| ids::next().to_string(), str::to_owned),
            is_given: given.is_some(),
            trace: trace.unwrap_or_else(|| TraceContext::begin(false)),
        }
    }

    /// For the manager: what the client chose.
    pub(super) fn given(&self) -> Option<String> {
        self.is_given.then(|| self.text.clone())
    }
}

/// The trace that the caller says it belongs to; two are none, as level 1 wants it.
pub(super) fn given_trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let first = given.next()?.to_str().ok()?;
    given
        .next()
        .is_none()
        .then(|| TraceContext::parse(first))
        .flatten()
}

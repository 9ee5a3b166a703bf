//! A request to a third party, and its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use super::HttpFault;

/// Longest wait for a whole answer, unless a request says otherwise.
const DEADLINE: Duration = Duration::from_secs(10);
/// Largest body of an answer in bytes, unless a request says otherwise.
const BODY_MAX: usize = 1024 * 1024;

/// A request to a third party.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) deadline: Duration,
    pub(super) body_max: usize,
    pub(super) may_repeat: bool,
    /// The setting that names its host, where the operator chose that.
    pub(super) named_by: Option<&'static str>,
}

impl HttpRequest {
    /// `method` on `url` (http or https). GET, HEAD, PUT and DELETE may be repeated (RFC 9110, 9.2.2).
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        let may_repeat = method.is_idempotent();
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            deadline: DEADLINE,
            body_max: BODY_MAX,
            may_repeat,
            named_by: None,
        }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`HttpFault::BadHeader`] for what no header can hold, such as a line's end.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, HttpFault> {
        let name = HeaderName::try_from(name).map_err(|_| HttpFault::BadHeader)?;
        let value = HeaderValue::try_from(value).map_err(|_| HttpFault::BadHeader)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sends `body` as it is.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        self.headers
            .insert(http::header::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// Sends `body` as JSON.
    ///
    /// # Errors
    /// [`HttpFault::BadBody`] when it has no JSON form.
    pub fn json(self, body: &impl Serialize) -> Result<Self, HttpFault> {
        let body = serde_json::to_vec(body).map_err(|_| HttpFault::BadBody)?;
        Ok(self.body("application/json", body))
    }

    /// Waits at most `deadline` for the whole answer, repetitions included.
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Reads at most `bytes` of the answer's body; a larger one is refused.
    #[must_use]
    pub const fn at_most(mut self, bytes: usize) -> Self {
        self.body_max = bytes;
        self
    }

    /// Says that `setting` names the host: the log tells when that cannot be asked, once for each outage.
    #[must_use]
    pub const fn named_by(mut self, setting: &'static str) -> Self {
        self.named_by = Some(setting);
        self
    }

    /// Says that the receiver recognises a repetition (it gets an idempotency key, say).
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.may_repeat = true;
        self
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, bounded by [`HttpRequest::at_most`].
    pub body: Bytes,
}

impl HttpResponse {
    /// The body as JSON.
    ///
    /// # Errors
    /// [`HttpFault::BadBody`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpFault> {
        serde_json::from_slice(&self.body).map_err(|_| HttpFault::BadBody)
    }
}

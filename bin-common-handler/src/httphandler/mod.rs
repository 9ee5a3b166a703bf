//! Requests to third parties: one client for the whole process.
//!
//! Every request has a deadline and a limit on its answer. Redirects are not followed. Only public addresses are
//! reached, after DNS ([`address`]), unless who makes the client allows others. Each host has its own places and its
//! own breaker, so one that hangs or fails costs nobody else anything. What may be repeated is repeated with growing
//! pauses while there is time. A rule of clippy forbids any other client.

pub mod address;
mod hosts;
mod outage;
mod request;
mod resolver;

use std::{error::Error as _, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tokio::time::Instant;

use self::{
    hosts::{Admitted, Hosts},
    outage::Outages,
    resolver::{PublicResolver, ResolveFault},
};
use crate::{
    backoff::Backoff,
    metrics::Metrics,
    models::error::{Error, Status},
    trace::{Kind, Span, TRACEPARENT, current, within},
};

pub use http::{HeaderMap, Method, StatusCode};
pub use request::{HttpRequest, HttpResponse};

/// Tries of one request, the first included.
const TRIES_MAX: u32 = 3;
/// How long a connection may take to stand.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long an unused connection is kept, and how many for each host.
const IDLE_MAX: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS_MAX: usize = 16;

/// Why a third party did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    /// Not an http or https URL, or one that holds a password.
    #[error("the address must be an http or https URL without a user or password")]
    BadUrl,
    /// Not encrypted, outside of a closed network.
    #[error("the address must be an https URL")]
    NotSecure,
    /// A header that cannot be sent.
    #[error("a header's name or value cannot be sent")]
    BadHeader,
    /// A body that is not what it should be.
    #[error("the body is not the JSON that was expected")]
    BadBody,
    /// The address is private, loopback, link-local or the like.
    #[error("the address is not a public one")]
    NotPublic,
    /// So many requests are on their way to this host already.
    #[error("too many requests are on their way to this host")]
    TooMany,
    /// The host failed repeatedly; it is tried again in a while.
    #[error("the host failed repeatedly and is left alone for a while")]
    BreakerOpen,
    /// Nothing, or not everything, came in time.
    #[error("no answer in time")]
    Late,
    /// The answer is larger than it may be.
    #[error("the answer is too large")]
    TooLarge,
    /// The connection broke: the request may have arrived.
    #[error("the connection to the host broke")]
    Unreachable,
    /// No connection could be made: the request did not arrive.
    #[error("no connection to the host")]
    NoConnection,
}

impl HttpFault {
    /// As a label of metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadUrl => "bad_url",
            Self::NotSecure => "not_secure",
            Self::BadHeader => "bad_header",
            Self::BadBody => "bad_body",
            Self::NotPublic => "not_public",
            Self::TooMany => "too_many",
            Self::BreakerOpen => "breaker_open",
            Self::Late => "late",
            Self::TooLarge => "too_large",
            Self::Unreachable | Self::NoConnection => "unreachable",
        }
    }
}

/// What the caller of ours is told: 400 where its own address or header is wrong, else 503.
impl From<HttpFault> for Error {
    fn from(fault: HttpFault) -> Self {
        let message = format!("The endpoint cannot be asked: {fault}.");
        let (status, reason) = match fault {
            HttpFault::BadUrl | HttpFault::NotSecure => (Status::InvalidArgument, "BAD_ENDPOINT"),
            HttpFault::BadHeader => (Status::InvalidArgument, "BAD_HEADER"),
            HttpFault::NotPublic => (Status::InvalidArgument, "ENDPOINT_NOT_PUBLIC"),
            _ => (Status::Unavailable, "ENDPOINT_UNAVAILABLE"),
        };
        Self::new(status, reason, message)
    }
}

/// The client. Clones share connections, breakers and places.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    hosts: Arc<Hosts>,
    outages: Arc<Outages>,
    metrics: Metrics,
    allows_private: bool,
}

impl HttpClient {
    /// `allows_private` lets requests reach private addresses, too: for tests and closed networks.
    ///
    /// # Errors
    /// 500 when TLS cannot be set up on this system.
    #[expect(clippy::disallowed_methods, reason = "the one client")]
    pub fn new(metrics: Metrics, allows_private: bool) -> Result<Self, Error> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .dns_resolver(Arc::new(PublicResolver { allows_private }))
            .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            client,
            hosts: Arc::default(),
            outages: Arc::default(),
            metrics,
            allows_private,
        })
    }

    /// Sends `request` and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`HttpFault`]: what could not be sent, or why no whole answer came.
    pub async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpFault> {
        let started = Instant::now();
        let mut span = Span::here(Kind::Client, "http", || request.method.to_string());
        let asked = self.send_within(request, started + request.deadline);
        let sent = within(span.context(), asked).await;
        if let Ok(response) = &sent {
            span.status(response.status.as_u16());
        }
        let result = match &sent {
            Ok(response) if response.status.is_server_error() => "5xx",
            Ok(response) if response.status.is_client_error() => "4xx",
            Ok(_) => "ok",
            Err(fault) => fault.as_str(),
        };
        self.metrics
            .outgoing_http
            .with_label_values(&[result])
            .inc();
        self.metrics
            .outgoing_http_seconds
            .observe(started.elapsed().as_secs_f64());
        if let Some(setting) = request.named_by {
            let host = host_of(&request.url);
            self.outages
                .note(setting, &host, sent.as_ref().err().copied());
        }
        sent
    }

    async fn send_within(
        &self,
        request: &HttpRequest,
        until: Instant,
    ) -> Result<HttpResponse, HttpFault> {
        let url = self.check(&request.url)?;
        let mut backoff = Backoff::default();
        let mut tries = 1;
        loop {
            let answer = self.send_once(request, &url, until).await;
            let is_last = !request.may_repeat || tries >= TRIES_MAX || !is_passing(&answer);
            let pause = backoff.next_pause();
            if is_last || Instant::now() + pause >= until {
                return answer;
            }
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }

    /// Whether `url` may be asked at all, as far as its text says; what a name leads to is seen when it is asked.
    ///
    /// # Errors
    /// [`HttpFault::BadUrl`], [`HttpFault::NotSecure`], [`HttpFault::NotPublic`].
    pub fn ensure_allowed(&self, url: &str) -> Result<(), HttpFault> {
        let url = self.check(url)?;
        if url.scheme() == "https" || self.allows_private {
            Ok(())
        } else {
            Err(HttpFault::NotSecure)
        }
    }

    /// An address in figures never meets the resolver, so it is checked here.
    fn check(&self, url: &str) -> Result<reqwest::Url, HttpFault> {
        let url = reqwest::Url::parse(url).map_err(|_| HttpFault::BadUrl)?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !matches!(url.scheme(), "http" | "https") || has_user {
            return Err(HttpFault::BadUrl);
        }
        let figures = url
            .host_str()
            .ok_or(HttpFault::BadUrl)?
            .trim_matches(['[', ']'])
            .parse();
        match figures {
            Ok(address) if !self.allows_private && !address::is_public(address) => {
                Err(HttpFault::NotPublic)
            }
            _ => Ok(url),
        }
    }

    async fn send_once(
        &self,
        request: &HttpRequest,
        url: &reqwest::Url,
        until: Instant,
    ) -> Result<HttpResponse, HttpFault> {
        let host = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let admitted = self.hosts.admit(&host)?;
        let exchange = self.exchange(request, url.clone());
        let answer = tokio::time::timeout_at(until, exchange)
            .await
            .unwrap_or(Err(HttpFault::Late));
        tell(admitted, &answer);
        answer
    }

    async fn exchange(
        &self,
        request: &HttpRequest,
        url: reqwest::Url,
    ) -> Result<HttpResponse, HttpFault> {
        let mut headers = request.headers.clone();
        if let Some(trace) = current()
            && let Ok(value) = HeaderValue::try_from(trace.to_string())
        {
            headers.insert(TRACEPARENT, value);
        }
        let mut answer = self
            .client
            .request(request.method.clone(), url)
            .headers(headers)
            .body(request.body.clone())
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        let announced = answer.content_length().unwrap_or(0);
        if announced > request.body_max as u64 {
            return Err(HttpFault::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| fault_of(&error))? {
            if body.len().saturating_add(chunk.len()) > request.body_max {
                return Err(HttpFault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse {
            status: answer.status(),
            headers: std::mem::take(answer.headers_mut()),
            body: Bytes::from(body),
        })
    }
}

/// The host of a URL, as people may read it; empty where the URL is none.
pub fn host_of(url: &str) -> String {
    let url = reqwest::Url::parse(url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str);
    host.unwrap_or_default().to_owned()
}

/// Another try may end differently.
fn is_passing(answer: &Result<HttpResponse, HttpFault>) -> bool {
    match answer {
        Ok(response) => matches!(response.status.as_u16(), 429 | 502 | 503 | 504),
        Err(fault) => matches!(fault, HttpFault::Unreachable | HttpFault::NoConnection),
    }
}

/// A host that answers anything is there; a refusal of ours says nothing about it.
fn tell(admitted: Admitted, answer: &Result<HttpResponse, HttpFault>) {
    match answer {
        Ok(response) => admitted.ended(!response.status.is_server_error()),
        Err(
            HttpFault::Late
            | HttpFault::Unreachable
            | HttpFault::NoConnection
            | HttpFault::TooLarge,
        ) => admitted.ended(false),
        Err(_) => drop(admitted),
    }
}

fn fault_of(error: &reqwest::Error) -> HttpFault {
    let mut cause = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref() {
            Some(ResolveFault::NotPublic) => return HttpFault::NotPublic,
            Some(ResolveFault::Late) => return HttpFault::Late,
            None => cause = inner.source(),
        }
    }
    if error.is_connect() {
        HttpFault::NoConnection
    } else if error.is_timeout() {
        HttpFault::Late
    } else {
        HttpFault::Unreachable
    }
}

#[cfg(test)]
mod tests;

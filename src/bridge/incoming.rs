//! A request as it came: where it goes, and what of its query is the bridge's own.

use std::net::IpAddr;

use axum::http::{Method, request::Parts};
use bin_common_handler::{httpserver::Caller, listenhandler::Access};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    form::{FORMAT, Form, accepts_text},
    keys, query,
    request_id::RequestId,
    table::Target,
};

/// The query parameter that may hold the access key.
const KEY: &str = "key";
/// The value of `format` that asks for CSV.
const CSV: &str = "csv";

/// A request that a route takes, with the bridge's own parameters taken out.
pub(super) struct Incoming<'a> {
    pub target: Target<'a>,
    pub head: &'a Parts,
    pub form: Form,
    /// For the manager: path and query.
    pub uri: String,
    key_in_query: Option<String>,
    pub id: &'a RequestId,
    pub deadline: Instant,
}

impl<'a> Incoming<'a> {
    pub(super) fn read(
        target: Target<'a>,
        head: &'a Parts,
        id: &'a RequestId,
        started: Instant,
    ) -> Self {
        let edge = target.route.edge;
        let mut query = head.uri.query().unwrap_or_default().to_owned();
        let key_in_query = edge
            .takes_key_in_query
            .then(|| query::take(&mut query, KEY, |_| true))
            .flatten();
        let (format, text) = FORMAT;
        let asked_for_text = edge.text_field.is_some()
            && query::take(&mut query, format, |value| {
                value.trim().eq_ignore_ascii_case(text)
            })
            .is_some();
        // Not taken out: the manager has to know it, too.
        let wants_csv = edge.csv_field.is_some() && query::has(&query, format, CSV);
        let uri = match &*query {
            "" => target.path.to_owned(),
            query => format!("{}?{query}", target.path),
        };
        Self {
            deadline: started + edge.within,
            form: Form::of(
                &edge,
                asked_for_text || accepts_text(&head.headers),
                wants_csv,
            ),
            target,
            head,
            uri,
            key_in_query,
            id,
        }
    }

    /// The key that the caller shows; what stands in a header is not mended by the query.
    pub(super) fn shown(&self) -> Option<&[u8]> {
        let in_query = self.key_in_query.as_deref().map(str::as_bytes);
        keys::shown(&self.head.headers).or(in_query)
    }

    /// A stranger's request that shows a signature, of which the manager says whether it is right.
    pub(super) fn is_signed(&self) -> bool {
        let edge = &self.target.route.edge;
        let chosen = edge.raw.filter(|_| edge.access == Access::Public);
        let mut chosen = chosen.unwrap_or_default().iter();
        chosen.any(|name| self.head.headers.contains_key(*name))
    }

    /// The session whose id is in the path of a visitor's request.
    pub(super) fn visitor(&self) -> Option<Uuid> {
        if !self.target.route.edge.is_for_visitors {
            return None;
        }
        let mut parts = self.target.path.split('/');
        parts.find_map(|part| Uuid::try_parse(part).ok())
    }

    /// Where such a request comes from.
    pub(super) fn signer(&self) -> Option<IpAddr> {
        let caller = self.head.extensions.get::<Caller>()?;
        self.is_signed().then_some(caller.address)
    }
}

/// Whoever asks so asks whether the bridge is there, under whatever name its product had.
pub(super) fn is_health(head: &Parts) -> bool {
    matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS)
        && is_health_path(head.uri.path())
}

pub(super) fn is_health_path(path: &str) -> bool {
    let is_ours = path == "/health" || path.starts_with("/api/") || path.starts_with("/v1/");
    is_ours && path.ends_with("/health")
}

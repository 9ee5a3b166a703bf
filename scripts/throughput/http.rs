//! A caller over HTTP.

use std::sync::Arc;

use bin_common_handler::models::sock::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::value::RawValue;

use crate::Result;

const KEY: &str = "x-api-key";
const JSON: &str = "application/json";

/// What becomes of a connection after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// It waits for the next call.
    Kept,
    /// It is closed, as by a script that runs once for each call.
    OneEach,
}

/// One address, and the key that is shown there. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: Arc<str>,
    key: HeaderValue,
}

impl Http {
    pub(crate) fn new(address: &str, key: &str, connections: Connections) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let idle_max = match connections {
            Connections::Kept => usize::MAX,
            Connections::OneEach => 0,
        };
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(idle_max)
                .build(connector),
            base: format!("http://{address}").into(),
            key: key.parse()?,
        })
    }

    /// Sends the request that an envelope holds; the tenant is the key's.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response> {
        let body = request.data.as_ref().map_or_else(Bytes::new, |data| {
            Bytes::copy_from_slice(data.get().as_bytes())
        });
        let (status_code, body) = self
            .transfer(request.method, &request.uri, JSON, body)
            .await?;
        Ok(Response {
            status_code,
            data_type: JSON.to_owned(),
            data: Some(RawValue::from_string(String::from_utf8(body.into())?)?),
        })
    }

    /// Sends `body`, which is a `kind`; the status and body of the answer, of whatever kind.
    pub(crate) async fn transfer(
        &self,
        method: Method,
        uri: &str,
        kind: &'static str,
        body: Bytes,
    ) -> Result<(u16, Bytes)> {
        let mut request = hyper::Request::builder()
            .method(method.as_str())
            .uri(format!("{}{uri}", self.base))
            .header(KEY, &self.key);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        let answer = self.client.request(request.body(Full::new(body))?).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

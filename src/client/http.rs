//! The client of the HTTP bridge.

use std::{error::Error as StdError, time::Duration};

use bin_common_handler::{
    models::{
        error::{Error, Result, Status},
        sock::{Request, Response},
    },
    redact::Secret,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Uri,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error as ClientError, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore};
use serde_json::value::{RawValue, to_raw_value};

/// The largest reply that is read, in bytes: a full page of large entities fits well.
const REPLY_MAX: usize = 16 * 1024 * 1024;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const JSON: &str = "application/json";

/// A bridge. Connections are kept and shared by concurrent requests.
pub struct Bridge {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Bridge {
    /// Connects with the first request.
    ///
    /// # Errors
    /// When the key cannot stand in a header, or https finds no certificates on this system.
    pub fn new(
        base: Uri,
        key: &Secret,
        timeout: Duration,
    ) -> std::result::Result<Self, Box<dyn StdError>> {
        let mut authorization = None;
        if !key.is_empty() {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose()))
                .map_err(|_| "the bridge's key holds characters that no key has")?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(base.scheme_str() == Some("https"))?)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: base.to_string().trim_end_matches('/').to_owned(),
            authorization,
            timeout,
        })
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// 503 when no whole reply came in time.
    pub async fn ask(&self, request: &Request) -> Result<Response> {
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(fault)) if is_nobody(fault.as_ref()) => Err(nobody(chain(fault.as_ref()))),
            Ok(Err(fault)) => Err(Error::unavailable("bridge", chain(fault.as_ref()))),
            Err(_) => Err(Error::unavailable("bridge", "no reply in time")),
        }
    }

    async fn exchange(
        &self,
        request: &Request,
    ) -> std::result::Result<Response, Box<dyn StdError + Send + Sync>> {
        let mut asked = hyper::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}{}", self.base, request.uri));
        if let Some(authorization) = &self.authorization {
            asked = asked.header(AUTHORIZATION, authorization);
        }
        if let Some(key) = &request.idempotency_key {
            asked = asked.header(IDEMPOTENCY_KEY, key);
        }
        if request.data.is_some() {
            asked = asked.header(CONTENT_TYPE, JSON);
        }
        let body = request
            .data
            .as_ref()
            .map_or_else(String::new, |data| data.get().to_owned());
        let reply = self.client.request(asked.body(Full::from(body))?).await?;
        let status_code = reply.status().as_u16();
        let body = Limited::new(reply.into_body(), REPLY_MAX)
            .collect()
            .await?
            .to_bytes();
        Ok(Response {
            status_code,
            data_type: data_type(status_code).to_owned(),
            data: raw(&body),
        })
    }
}

const fn data_type(status_code: u16) -> &'static str {
    if status_code >= 400 {
        Response::ERROR_TYPE
    } else {
        JSON
    }
}

/// What is no JSON, such as a proxy's page, becomes a JSON text.
fn raw(body: &[u8]) -> Option<Box<RawValue>> {
    let text = String::from_utf8_lossy(body);
    if text.trim().is_empty() {
        return None;
    }
    serde_json::from_str(&text)
        .or_else(|_| to_raw_value(&text))
        .ok()
}

/// Certificates are read only for https: a plain bridge works where none are installed.
fn tls(is_https: bool) -> std::result::Result<ClientConfig, Box<dyn StdError>> {
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ClientConfig::builder();
    if is_https {
        let config = config.with_native_roots().map_err(|fault| {
            format!("https needs the system's certificates (package ca-certificates): {fault}")
        })?;
        return Ok(config.with_no_client_auth());
    }
    Ok(config
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// There was no connection at all.
fn is_nobody(fault: &(dyn StdError + Send + Sync + 'static)) -> bool {
    fault
        .downcast_ref::<ClientError>()
        .is_some_and(ClientError::is_connect)
}

/// Trying again would not help.
fn nobody(cause: String) -> Error {
    Error::new(
        Status::Unavailable,
        "BRIDGE_UNAVAILABLE",
        "No bridge is there: start tandem, or say where it is with --address or HTTP_LISTEN_ADDRESS.",
    )
    .caused_by(cause)
}

/// An error and what caused it, to the last word: only that says "connection refused".
fn chain(fault: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(fault), |fault: &&(dyn StdError + 'static)| {
        (*fault).source()
    });
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use bin_common_handler::models::sock::Method;

    use super::*;

    /// Asks a bridge that says `reply`; what it said to us, and what it heard.
    async fn exchange(reply: &'static str) -> (Response, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/base/", listener.local_addr().unwrap());
        let heard = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = vec![0; 4_096];
            let read = stream.read(&mut heard).unwrap();
            stream.write_all(reply.as_bytes()).unwrap();
            String::from_utf8_lossy(&heard[..read]).to_ascii_lowercase()
        });
        let key = Secret::new("0123456789abcdef");
        let bridge = Bridge::new(base.parse().unwrap(), &key, Duration::from_secs(3)).unwrap();
        let mut request = Request::new(Method::Post, "/v1/outdials", "tandem");
        request.idempotency_key = Some("once".to_owned());
        let response = bridge.ask(&request.json(&7).unwrap()).await.unwrap();
        (response, heard.join().unwrap())
    }

    #[tokio::test]
    async fn a_request_shows_its_keys_and_a_reply_keeps_its_text() {
        let (response, heard) =
            exchange("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\":1} ").await;
        assert_eq!(response.status_code, 200);
        assert_eq!(response.body().trim(), r#"{"a":1}"#);
        assert!(
            heard.starts_with("post /base/v1/outdials http/1.1"),
            "{heard}"
        );
        assert!(
            heard.contains("authorization: bearer 0123456789abcdef"),
            "{heard}"
        );
        assert!(heard.contains("idempotency-key: once"), "{heard}");
    }

    #[tokio::test]
    async fn where_no_bridge_is_the_way_to_one_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let key = Secret::default();
        let bridge = Bridge::new(base.parse().unwrap(), &key, Duration::from_secs(3)).unwrap();
        let request = Request::new(Method::Get, "/v1/outdials", "tandem");
        let told = bridge.ask(&request).await.unwrap_err().to_string();
        for word in ["start tandem", "--address", "HTTP_LISTEN_ADDRESS"] {
            assert!(told.contains(word), "{told}");
        }
        assert!(!told.contains("try again"), "{told}");
    }

    #[tokio::test]
    async fn a_proxys_page_becomes_a_text() {
        let (response, _) =
            exchange("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>").await;
        assert_eq!(response.status_code, 502);
        assert_eq!(response.body(), r#""<html>""#);
    }
}

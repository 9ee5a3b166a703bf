//! A download: pages of text, asked for one after the other while the caller reads, and sent as one file.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tracing::warn;

use super::{
    forward::{Outbound, RPC_MAX, whole},
    query,
};
use bin_common_handler::{
    listenhandler::Export,
    models::{
        error::{Error, Result},
        sock,
    },
    requesthandler::Requester,
};

const TOKEN: &str = "page_token";

/// A manager's reply.
#[derive(Deserialize)]
struct Page {
    text: String,
    /// Empty or missing on the last page.
    #[serde(default)]
    next_page_token: Option<String>,
}

/// What is still to be sent.
struct Rest {
    requester: Requester,
    service: &'static str,
    request: sock::Request,
    /// Of the page before.
    token: Option<String>,
}

/// Forwards the first page's error as an answer; a later one cuts the download off, so that nobody takes a
/// part for the whole.
pub(super) async fn forward(outbound: Outbound<'_>, file: Export, body: Body) -> Result<Response> {
    let request = whole(&outbound, body).await?;
    let reply = outbound.send(&request).await?;
    if reply.status_code >= 400 {
        return Ok(outbound.form.reply(reply));
    }
    let first = page(&reply)?;
    let rest = Rest {
        requester: outbound.requester.clone(),
        service: outbound.service,
        request,
        token: first.next_page_token.filter(|token| !token.is_empty()),
    };
    let pages = stream::try_unfold((Some(first.text), rest), |(ahead, mut rest)| async move {
        let text = match ahead {
            Some(text) => Some(text),
            None => rest.next().await.inspect_err(|error| {
                warn!(%error, request_id = rest.request.request_id, "download cut off");
            })?,
        };
        Ok::<_, Error>(text.map(|text| (Bytes::from(text), (None, rest))))
    });
    download(file, Body::from_stream(pages))
}

fn download(file: Export, body: Body) -> Result<Response> {
    let name = format!("attachment; filename=\"{}\"", file.file_name);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(file.content_type),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).map_err(Error::internal)?,
    );
    Ok(response)
}

impl Rest {
    /// The next page's text; nothing after the last.
    async fn next(&mut self) -> Result<Option<String>> {
        let Some(token) = self.token.take() else {
            return Ok(None);
        };
        let mut request = self.request.clone();
        request.uri = with_token(&request.uri, &token);
        let reply = self.requester.send(self.service, &request, RPC_MAX).await?;
        if reply.status_code >= 400 {
            return Err(Error::from_reply(&reply));
        }
        let page = page(&reply)?;
        self.token = page.next_page_token.filter(|next| !next.is_empty());
        if self.token.as_ref() == Some(&token) {
            return Err(Error::internal("the next page has the token of this one"));
        }
        Ok(Some(page.text))
    }
}

fn page(reply: &sock::Response) -> Result<Page> {
    serde_json::from_str(reply.body()).map_err(Error::internal)
}

/// The same request for the page that `token` names.
fn with_token(uri: &str, token: &str) -> String {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut query = query.to_owned();
    query::take(&mut query, TOKEN, |_| true);
    let token = utf8_percent_encode(token, NON_ALPHANUMERIC);
    let and = if query.is_empty() { "" } else { "&" };
    format!("{path}?{query}{and}{TOKEN}={token}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/v1/dids/export", "/v1/dids/export?page_token=a%2B1")]
    #[case("/v1/dids/export?a=1", "/v1/dids/export?a=1&page_token=a%2B1")]
    #[case(
        "/v1/dids/export?page_token=x&a=1",
        "/v1/dids/export?a=1&page_token=a%2B1"
    )]
    #[case("/v1/dids/export?page_token=x", "/v1/dids/export?page_token=a%2B1")]
    fn each_page_is_asked_for_by_its_own_token(#[case] uri: &str, #[case] expected: &str) {
        assert_eq!(with_token(uri, "a+1"), expected);
    }
}

//! Webhooks on their way out: signed for the URL that the account gave, sent to where that URL is reached.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use bin_common_handler::{
    redact::Secret,
    webhooks::twilio::{SIGNATURE, Signed},
};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;

use crate::{hooks::Answer, state::Shared};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// A carrier waits this long for an answer.
const WITHIN: Duration = Duration::from_secs(15);
/// Largest answer, in bytes.
const BODY_MAX: usize = 64 * 1024;
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Posts a form to `url`, signed with the account's token.
pub(crate) async fn post_signed(
    shared: &Shared,
    account_sid: &str,
    url: &str,
    fields: &[(&'static str, String)],
) -> io::Result<Answer> {
    let body = form(fields);
    let token = shared.read(|state| state.accounts.get(account_sid).cloned());
    let signed = Signed {
        url,
        content_type: FORM,
        body: body.as_bytes(),
    };
    let signature = signed.by(&Secret::new(token.unwrap_or_default()));
    post(shared, url, body, &signature).await
}

/// Posts a form with a signature that somebody made.
pub(crate) async fn post(
    shared: &Shared,
    url: &str,
    body: String,
    signature: &str,
) -> io::Result<Answer> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "no URL that this reaches");
    let (_, rest) = url.split_once("://").ok_or_else(wrong)?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(at);
    let target = if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("/{target}")
    };
    let to = match shared.read(|state| state.way(url)) {
        Some(to) => to,
        None => resolved(host)?,
    };
    let request = Request::post(target)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, FORM)
        .header(header::USER_AGENT, "TwilioProxy/1.1")
        .header(SIGNATURE, signature)
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    tokio::time::timeout(WITHIN, exchange(to, request))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn resolved(host: &str) -> io::Result<SocketAddr> {
    let with_port = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut found = with_port.to_socket_addrs()?;
    found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// One connection for each webhook: a bridge that was started anew is reached at once.
async fn exchange(to: SocketAddr, request: Request<Full<Bytes>>) -> io::Result<Answer> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let talk = async {
        let answer = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        drop(sender);
        Ok(Answer {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    };
    let (answer, _) = tokio::join!(talk, connection);
    answer
}

/// A form as it travels.
pub(crate) fn form(fields: &[(&'static str, String)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let pairs = fields.iter();
    pairs
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect::<Vec<_>>()
        .join("&")
}

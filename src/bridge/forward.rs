//! One request to one manager.

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use http_body_util::{BodyExt, Limited};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use tokio::time::{Duration, Instant, timeout_at};

use super::{
    answer::{self, INVALID_BODY},
    form::Form,
    raw::RawHead,
};
use bin_common_handler::{
    ids,
    listenhandler::RouteInfo,
    models::{
        encoding::skip_bom,
        error::{Error, Result},
        sock::{self, BODY_LIMIT},
    },
    requesthandler::Requester,
};

/// How long a manager may take.
pub(super) const RPC_MAX: Duration = Duration::from_secs(10);
/// Longest idempotency key, in bytes.
const KEY_MAX: usize = 255;
/// As [`KEY_MAX`], on bulk routes: the number of the batch is put behind it.
const BULK_KEY_MAX: usize = 240;
/// What an envelope has around its uri, key and data, in bytes at most.
const ENVELOPE_BYTES: usize = 1024;

/// A request that waits for its body.
pub(super) struct Outbound<'a> {
    pub requester: &'a Requester,
    /// The manager's name.
    pub service: &'static str,
    /// Where it goes there.
    pub route: &'a RouteInfo,
    /// Everything but the body.
    pub envelope: sock::Request,
    /// When the caller is answered, whatever has happened until then.
    pub deadline: Instant,
    /// How its answer is written.
    pub form: Form,
    /// Its body is a form, passed on as a text.
    pub is_form: bool,
    /// Its head, where it is passed on as it came.
    pub raw: Option<RawHead>,
    /// Longest body, in bytes.
    pub body_max: usize,
}

impl Outbound<'_> {
    pub(super) async fn send(&self, request: &sock::Request) -> Result<sock::Response> {
        let left = self.left()?;
        let reply = self
            .requester
            .send(self.service, request, left.min(RPC_MAX))
            .await;
        match reply {
            Err(error) if Instant::now() >= self.deadline => {
                Err(answer::too_slow().caused_by(error))
            }
            reply => reply,
        }
    }

    /// The time that is left.
    fn left(&self) -> Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(answer::too_slow());
        }
        Ok(left)
    }

    /// The envelope with its body.
    pub(super) fn with(&self, data: Box<RawValue>) -> sock::Request {
        let mut request = self.envelope.clone();
        request.data = Some(data);
        "application/json".clone_into(&mut request.data_type);
        request
    }
}

/// Forwards a request whose body is read whole.
pub(super) async fn forward(outbound: Outbound<'_>, body: Body) -> Result<Response> {
    let request = whole(&outbound, body).await?;
    let reply = outbound.send(&request).await?;
    let lacks_body = request.data.is_none_or(|data| data.get() == "null");
    if lacks_body && reply.status_code == 400 && Error::from_reply(&reply).reason() == INVALID_BODY
    {
        return Err(answer::bad_body("A JSON object is required as the body."));
    }
    Ok(outbound.form.reply(reply))
}

/// Hands over a request that is worked on later. The caller hears that it is safe, not what becomes of it.
pub(super) async fn defer(outbound: Outbound<'_>, body: Body) -> Result<Response> {
    let request = whole(&outbound, body).await?;
    if let Some(check) = outbound.route.edge.check {
        let body = request.data.as_ref().map_or("", |data| data.get());
        check.run(&request.uri, body)?;
    }
    let left = outbound.left()?;
    outbound
        .requester
        .post(outbound.service, &request, &ids::next().to_string(), left)
        .await?;
    let accepted = json!({
        "success": true,
        "message": "accepted",
        "request_id": request.request_id,
    });
    Ok(answer::json(StatusCode::OK, &accepted))
}

/// The envelope with the whole body, when there is one.
pub(super) async fn whole(outbound: &Outbound<'_>, body: Body) -> Result<sock::Request> {
    let body = read_whole(body, outbound.body_max, outbound.deadline).await?;
    if let Some(raw) = &outbound.raw {
        return Ok(outbound.with(raw.with_body(&body)?));
    }
    let body = skip_bom(&body);
    if body.is_empty() {
        return Ok(outbound.envelope.clone());
    }
    // A quote or backslash in them has an escape before it on the wire.
    let uri_and_key = outbound.envelope.uri.len()
        + outbound
            .envelope
            .idempotency_key
            .as_ref()
            .map_or(0, String::len);
    if body.len() + 2 * uri_and_key + ENVELOPE_BYTES > BODY_LIMIT {
        return Err(answer::too_large(BODY_LIMIT));
    }
    let data = if outbound.is_form {
        form(body)?
    } else {
        parse(body)?
    };
    Ok(outbound.with(data))
}

/// A form as the text that it is.
fn form(body: &[u8]) -> Result<Box<RawValue>> {
    let text = std::str::from_utf8(body)
        .map_err(|fault| answer::bad_body("The form is not text.").caused_by(fault))?;
    to_raw_value(text).map_err(Error::internal)
}

/// Checks that it is JSON, and nothing more.
pub(super) fn parse(body: &[u8]) -> Result<Box<RawValue>> {
    serde_json::from_slice(body)
        .map_err(|fault| answer::bad_body("The body is not JSON.").caused_by(fault))
}

/// The header `Idempotency-Key`.
///
/// # Errors
/// 400 when it is empty, too long, or not ASCII.
pub(super) fn idempotency_key(headers: &HeaderMap, is_bulk: bool) -> Result<Option<String>> {
    let max = if is_bulk { BULK_KEY_MAX } else { KEY_MAX };
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if (1..=max).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Error::invalid_argument(
            "INVALID_IDEMPOTENCY_KEY",
            format!("Idempotency-Key must have 1 to {max} ASCII characters here."),
        )),
    }
}

async fn read_whole(body: Body, max: usize, deadline: Instant) -> Result<Bytes> {
    refuse_large(&body, max)?;
    let read = timeout_at(deadline, Limited::new(body, max).collect());
    match read.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(fault)) => Err(answer::unread(fault, max)),
        Err(_) => Err(answer::too_slow()),
    }
}

/// Refuses by the announced length, before anything is read.
pub(super) fn refuse_large(body: &Body, limit_bytes: usize) -> Result<()> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit_bytes {
        return Err(answer::too_large(limit_bytes));
    }
    Ok(())
}

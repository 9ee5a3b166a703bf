//! Web push (RFC 8030): a message for every browser of a user, encrypted so that only the browser reads it.

mod encrypt;
mod vapid;

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, Store},
    httphandler::{HttpFault, HttpRequest, Method, StatusCode},
    models::error::{Error, Result},
    redact::Secret,
    resource::{self, ResourceHooks},
};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::notifications,
    models::{
        notification::Notification,
        pushsubscription::{PushSubscription, decoded},
        retry::Outcome,
    },
};

/// How long a push service may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long all browsers of a user may take together: less than until another process would try.
const ALL_MAX: Duration = Duration::from_secs(25);
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 * 1_024;
/// How long a push service keeps a message for a browser that is away, in seconds.
const TTL: &str = "86400";
/// The browser's subscription ended.
const GONE: &str = "PUSH_SUBSCRIPTION_GONE";
/// Characters of title and words that are passed on.
const TITLE_MAX: usize = 120;
const WORDS_MAX: usize = 600;

impl ResourceHooks<PushSubscription> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        _: &RequestContext,
        before: Option<&PushSubscription>,
        after: &mut PushSubscription,
    ) -> Result<()> {
        if before.is_none() {
            let room = &self.rooms.push_subscriptions;
            room.take(tx, after.customer_id, 1).await?;
        }
        if before.is_none_or(|before| before.endpoint != after.endpoint) {
            self.http.ensure_allowed(&after.endpoint)?;
        }
        if before.is_none_or(|before| before.auth != after.auth) {
            let auth = Secret::new(std::mem::take(&mut after.auth));
            after.auth = self.sealer.seal(&auth, &after.secret_place())?;
        }
        Ok(())
    }
}

/// What a page needs to subscribe.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct PushKey {
    /// `applicationServerKey` of the Push API: a point of P-256 in base64url.
    public_key: String,
}

/// The key of this installation.
///
/// # Errors
/// 503.
pub(crate) async fn key(app: &App) -> Result<PushKey> {
    let public_key = vapid::public_key(app).await?;
    Ok(PushKey { public_key })
}

/// Sends a notification to every browser of its user. One that took it is enough: another try would bother it again.
///
/// # Errors
/// 503.
pub(crate) async fn send(app: &App, row: &Notification) -> Result<Outcome> {
    let browsers = notifications::browsers(&app.store.db, row.customer_id, row.target()).await?;
    let mut outcome = Outcome::Refused("NO_PUSH_SUBSCRIPTION");
    let end = Instant::now() + ALL_MAX;
    for browser in &browsers {
        if Instant::now() >= end {
            break;
        }
        match push(app, browser, row).await {
            Outcome::Sent => outcome = Outcome::Sent,
            Outcome::Refused(GONE) => remove(app, browser.id).await?,
            other if outcome != Outcome::Sent => outcome = other,
            _ => {}
        }
    }
    Ok(outcome)
}

async fn push(app: &App, browser: &PushSubscription, row: &Notification) -> Outcome {
    let request = match request(app, browser, row).await {
        Ok(request) => request,
        Err(error) if error.is_fault() => return Outcome::TryAgain("PUSH_NOT_NOW"),
        Err(_) => return Outcome::Refused("PUSH_NOT_ALLOWED"),
    };
    match app.http.send(&request).await {
        Ok(answer) if answer.status.is_success() => Outcome::Sent,
        Ok(answer) => match answer.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Refused("PUSH_SUBSCRIPTION_GONE"),
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Refused("PUSH_REFUSED"),
            _ => Outcome::TryAgain("PUSH_NOT_NOW"),
        },
        Err(HttpFault::NotPublic | HttpFault::BadUrl) => Outcome::Refused("PUSH_NOT_ALLOWED"),
        Err(_) => Outcome::TryAgain("PUSH_UNREACHABLE"),
    }
}

async fn request(app: &App, browser: &PushSubscription, row: &Notification) -> Result<HttpRequest> {
    app.http.ensure_allowed(&browser.endpoint)?;
    let auth = app.sealer.open(&browser.auth, &browser.secret_place())?;
    let (point, auth) = (browser.point(), decoded(auth.expose()));
    let (Some(point), Some(auth)) = (point, auth) else {
        return Err(Error::internal("a push subscription without keys"));
    };
    let body = encrypt::encrypt(&point, &auth, text(row).as_bytes())?;
    let authorization = vapid::authorization(app, origin(&browser.endpoint)).await?;
    let request = HttpRequest::new(Method::POST, &*browser.endpoint)
        .within(DEADLINE)
        .at_most(ANSWER_MAX)
        .header("authorization", &authorization)?
        .header("ttl", TTL)?
        .header("content-encoding", "aes128gcm")?;
    Ok(request.body("application/octet-stream", body))
}

/// What the browser's worker reads; it has room for so much only.
fn text(row: &Notification) -> String {
    let cut = |text: &str, most| text.chars().take(most).collect::<String>();
    let (title, words) = (cut(&row.subject, TITLE_MAX), cut(&row.body, WORDS_MAX));
    let whole = json!({ "id": row.id, "title": title, "body": words, "data": row.data });
    let whole = whole.to_string();
    if whole.len() <= encrypt::TEXT_MAX {
        return whole;
    }
    json!({ "id": row.id, "title": title, "body": words }).to_string()
}

/// Scheme and host of an address that was checked.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url
        .get(host..)
        .and_then(|rest| rest.find(['/', '?', '#']))
        .map_or(url.len(), |at| host + at);
    url.get(..path).unwrap_or(url)
}

/// The browser is gone: its push service says so.
async fn remove(app: &App, id: Uuid) -> Result<()> {
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    let found = tx.lock::<PushSubscription>(id).await?;
    if let Some(before) = found.filter(|found| found.tm_delete.is_none()) {
        resource::soft_delete(app, &mut tx, &ctx, &before).await?;
    }
    tx.commit(()).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://push.example.com/send/abc?x=1", "https://push.example.com")]
    #[case("https://push.example.com:8443/a", "https://push.example.com:8443")]
    #[case("https://push.example.com", "https://push.example.com")]
    fn a_token_is_for_the_origin_of_the_push_service(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(origin(url), expected);
    }

    #[test]
    fn the_longest_message_has_room() {
        let row = Notification {
            subject: "\u{1F600}".repeat(255),
            body: "\u{1F600}".repeat(10_000),
            data: sqlx::types::Json(json!({ "x": "y".repeat(10_000) })),
            ..Notification::default()
        };
        assert!(text(&row).len() <= encrypt::TEXT_MAX);
    }
}

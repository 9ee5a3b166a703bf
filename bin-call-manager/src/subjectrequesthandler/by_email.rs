//! The same of somebody who is known by a mail address only. Nobody here knows any: others are asked, and told.

use bin_common_handler::{context::RequestContext, models::error::Result};
use serde_json::json;

use super::{SubjectAnswer, elsewhere, keep_and_tell, key, pseudonym};
use crate::{
    app::App,
    models::subjectrequest::{EMAIL_ERASED, SubjectRequest},
};

/// Other managers that know people by mail addresses.
const ELSEWHERE: &[&str] = &["chat-manager"];

/// Answers what others know, and notes that it was asked.
///
/// # Errors
/// 503.
pub(super) async fn access(
    app: &App,
    ctx: &RequestContext,
    request: SubjectRequest,
    email: String,
) -> Result<SubjectAnswer> {
    let body = json!({"customer_id": request.customer_id, "email": email});
    let (others, unanswered) = elsewhere(app, ctx, ELSEWHERE, &body).await?;
    let answer = SubjectAnswer {
        id: request.id,
        kind: request.kind,
        email: Some(email),
        others,
        unanswered,
        ..SubjectAnswer::default()
    };
    let mut tx = app.store.begin(ctx).await?;
    tx.insert(&request).await?;
    tx.commit(answer).await
}

/// Tells others that an address was erased.
///
/// # Errors
/// 503.
pub(super) async fn erase(
    app: &App,
    ctx: &RequestContext,
    mut request: SubjectRequest,
    email: &str,
) -> Result<SubjectAnswer> {
    let key = key(app, request.customer_id).await?;
    request.pseudonym = pseudonym(&key, email)?;
    let mut tx = app.store.begin(ctx).await?;
    keep_and_tell(&mut tx, &request, EMAIL_ERASED, ("email", email)).await?;
    let answer = SubjectAnswer {
        id: request.id,
        kind: request.kind,
        pseudonym: Some(request.pseudonym),
        ..SubjectAnswer::default()
    };
    tx.commit(answer).await
}

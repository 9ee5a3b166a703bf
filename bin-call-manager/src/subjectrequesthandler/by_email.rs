//! The same of somebody who is known by a mail address only. Nobody here knows any: others are asked, and told.

use bin_common_handler::{
    context::RequestContext, databasehandler::EventPayload, models::error::Result,
};
use serde_json::json;

use super::{SubjectAnswer, elsewhere, key, pseudonym};
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
    tx.insert(&request).await?;
    let data = json!({
        "id": request.id, "customer_id": request.customer_id, "email": email,
        "pseudonym": request.pseudonym, "tm_create": request.tm_create,
    });
    let payload = EventPayload {
        resource_id: request.id,
        customer_id: request.customer_id,
        version: request.tm_create,
        data: data.to_string(),
    };
    tx.emit_payload(EMAIL_ERASED, payload).await?;
    let answer = SubjectAnswer {
        id: request.id,
        kind: request.kind,
        pseudonym: Some(request.pseudonym),
        ..SubjectAnswer::default()
    };
    tx.commit(answer).await
}

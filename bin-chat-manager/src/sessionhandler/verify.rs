//! Whose a visitor's token is: asked by the bridge for each socket, again and again.

use bin_common_handler::models::{
    error::{Error, Result},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token;
use crate::{app::App, dbhandler::sessions, models::widget::Widget};

/// A token, and the page that shows it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Verification {
    /// The visitor's token.
    pub token: String,
    /// The page's origin; programs have none.
    #[serde(default)]
    pub origin: Option<String>,
}

/// Whose it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VisitorView {
    /// The session.
    id: Uuid,
    /// The tenant.
    customer_id: Uuid,
    /// The one conversation that it is about.
    conversation_id: Uuid,
    /// Until when the session may go on.
    expires_at: Timestamp,
    /// A new token, in the second half of this one's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Whose a token is.
///
/// # Errors
/// 401 for a token that is good for nothing (any more), 403 from a page that may not show the widget; 503.
pub(crate) async fn verify(app: &App, body: &Verification) -> Result<VisitorView> {
    let key = token::key(app).await?;
    let now = app.store.clock.now();
    let claims = token::verify(&key, &body.token, now)?;
    let found = sessions::good(&app.store.db, claims.sub).await?;
    let session = found
        .filter(|session| session.is_live(now))
        .ok_or_else(token::refused)?;
    if let Some(origin) = &body.origin {
        let widget = app.store.get::<Widget>(session.widget_id).await?;
        if !widget.is_some_and(|widget| widget.allows(origin)) {
            return Err(Error::permission_denied(
                "ORIGIN_NOT_ALLOWED",
                "This page may not show the widget.",
            ));
        }
    }
    Ok(VisitorView {
        id: session.id,
        customer_id: session.customer_id,
        conversation_id: session.conversation_id,
        expires_at: session.expires_at,
        token: token::renewed(&key, &session, &claims, now)?,
    })
}

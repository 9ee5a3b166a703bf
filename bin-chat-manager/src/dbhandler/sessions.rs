//! Sessions of visitors, and the customers whose visitors are not let in.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db},
    models::error::Result,
};
use uuid::Uuid;

use super::{insert_new, select};
use crate::models::{
    chatsession::{ChatSession, Visitor},
    widget::Widget,
};

/// A session whose widget is there and whose customer is served. Whether it goes on is the caller's to ask.
///
/// # Errors
/// 503.
pub(crate) async fn good(db: &Db, id: Uuid) -> Result<Option<ChatSession>> {
    let sql = format!(
        "{} WHERE id = ? AND EXISTS (SELECT 1 FROM chat_widgets \
         WHERE chat_widgets.id = chat_sessions.widget_id AND chat_widgets.tm_delete IS NULL) \
         AND NOT EXISTS (SELECT 1 FROM chat_suspensions \
         WHERE chat_suspensions.customer_id = chat_sessions.customer_id)",
        select::<ChatSession>()
    );
    Ok(db.fetch_optional(&sql, vec![id.into()]).await?)
}

/// The widget that a conversation came by.
///
/// # Errors
/// 503.
pub(crate) async fn widget_of(
    tx: &mut ChangeTx<'_>,
    conversation_id: Uuid,
) -> Result<Option<Widget>> {
    let sql = format!(
        "{} WHERE id IN (SELECT widget_id FROM chat_sessions WHERE conversation_id = ?) \
         AND tm_delete IS NULL LIMIT 1",
        select::<Widget>()
    );
    let values = vec![conversation_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// What the visitor of a conversation says of themselves.
///
/// # Errors
/// 503.
pub(crate) async fn visitor_of(
    tx: &mut ChangeTx<'_>,
    conversation_id: Uuid,
) -> Result<Option<Visitor>> {
    let sql = format!(
        "{} WHERE conversation_id = ? ORDER BY tm_create DESC LIMIT 1",
        select::<ChatSession>()
    );
    let values = vec![conversation_id.into()];
    let found: Option<ChatSession> = tx.sql().fetch_optional(&sql, values).await?;
    Ok(found.map(|session| session.visitor.0))
}

#[derive(bin_common_handler::FromRow)]
struct Found {
    customer_id: Uuid,
}

/// Whether the visitors of a customer are not let in.
///
/// # Errors
/// 503.
pub(crate) async fn is_suspended(db: &Db, customer_id: Uuid) -> Result<bool> {
    let sql = "SELECT customer_id FROM chat_suspensions WHERE customer_id = ?";
    let found: Option<Found> = db.fetch_optional(sql, vec![customer_id.into()]).await?;
    Ok(found.is_some_and(|found| found.customer_id == customer_id))
}

/// From now on the visitors of a customer are not let in, or are again.
///
/// # Errors
/// 503.
pub(crate) async fn suspend(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    is_suspended: bool,
) -> Result<()> {
    let sql = if is_suspended {
        format!(
            "{} INTO chat_suspensions (customer_id) VALUES (?)",
            insert_new(tx.sql().dialect())
        )
    } else {
        "DELETE FROM chat_suspensions WHERE customer_id = ?".to_owned()
    };
    tx.sql().execute(&sql, vec![customer_id.into()]).await?;
    Ok(())
}

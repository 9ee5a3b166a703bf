//! Notifications by their cause, and who wants any.

use std::collections::BTreeSet;

use bin_common_handler::{
    FromRow,
    databasehandler::{ChangeTx, Db, Entity, list},
    models::error::Result,
};
use uuid::Uuid;

use crate::models::{
    notification::Notification, notificationsubscription::NotificationSubscription,
    pushsubscription::PushSubscription,
};

/// Subscriptions of one tenant to one type of events.
const SUBSCRIPTIONS_MAX: u32 = 1_000;
/// Browsers of one user.
const BROWSERS_MAX: u32 = 50;

/// Customers of one statement.
const CUSTOMERS_MAX: usize = 500;

#[derive(FromRow)]
struct Listener {
    customer_id: Uuid,
}

/// Every column; `to` is a word of SQL.
fn select<E: Entity>() -> String {
    let columns: Vec<_> = E::COLUMNS.iter().map(|name| format!("`{name}`")).collect();
    format!("SELECT {} FROM {}", columns.join(", "), E::TABLE)
}

/// The notification of a cause.
///
/// # Errors
/// 503.
pub(crate) async fn by_cause(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    cause_key: &str,
) -> Result<Option<Notification>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND cause_key = ?",
        select::<Notification>()
    );
    let values = vec![customer_id.into(), cause_key.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// Who wants to be told of a type of events.
///
/// # Errors
/// 503.
pub(crate) async fn subscribed(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    event_type: &str,
) -> Result<Vec<NotificationSubscription>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND event_type = ? AND tm_delete IS NULL ORDER BY tm_create LIMIT {SUBSCRIPTIONS_MAX}",
        select::<NotificationSubscription>()
    );
    let values = vec![customer_id.into(), event_type.into()];
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// Which of these customers have a webhook endpoint that is served, or a subscription.
///
/// # Errors
/// 503.
pub(crate) async fn listeners(db: &Db, customers: Vec<Uuid>) -> Result<BTreeSet<Uuid>> {
    let mut found = BTreeSet::new();
    for some in customers.chunks(CUSTOMERS_MAX) {
        let (marks, mut values) = list(some.iter().copied());
        values.push(true.into());
        values.extend(list(some.iter().copied()).1);
        let sql = format!(
            "SELECT customer_id FROM chat_webhook_endpoints \
             WHERE customer_id IN ({marks}) AND enabled = ? AND tm_delete IS NULL \
             UNION SELECT customer_id FROM chat_notification_subscriptions \
             WHERE customer_id IN ({marks}) AND tm_delete IS NULL"
        );
        let rows: Vec<Listener> = db.fetch_all(&sql, values).await?;
        found.extend(rows.into_iter().map(|row| row.customer_id));
    }
    Ok(found)
}

/// The browsers of a user, the newest.
///
/// # Errors
/// 503.
pub(crate) async fn browsers(
    db: &Db,
    customer_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<PushSubscription>> {
    let tail = format!(
        "WHERE customer_id = ? AND user_id = ? AND tm_delete IS NULL ORDER BY tm_create DESC LIMIT {BROWSERS_MAX}"
    );
    let values = vec![customer_id.into(), user_id.into()];
    Ok(db.select(&tail, values).await?)
}

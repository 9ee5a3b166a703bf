//! Mail addresses of visitors.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use super::select;
use crate::models::visitoremail::VisitorEmail;

/// Rows that are counted of one address or conversation; far more than any may have.
const COUNTED_MAX: u32 = 100;

#[derive(bin_common_handler::FromRow)]
struct Mails {
    mails: i32,
}

/// The address that the visitor of a conversation named last, confirmed or not.
///
/// # Errors
/// 503.
pub(crate) async fn named(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<Option<VisitorEmail>> {
    let sql = format!(
        "{} WHERE conversation_id = ? AND customer_id = ? ORDER BY id DESC LIMIT 1",
        select::<VisitorEmail>()
    );
    let values = vec![conversation_id.into(), customer_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

/// The confirmed address of a conversation; none where another one was named since.
///
/// # Errors
/// 503.
pub(crate) async fn confirmed(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<Option<VisitorEmail>> {
    let found = named(tx, customer_id, conversation_id).await?;
    Ok(found.filter(|row| row.tm_confirmed.is_some()))
}

/// Mails that visitors caused to an address since then.
///
/// # Errors
/// 503.
pub(crate) async fn mails_to(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    email: &str,
    since: Timestamp,
) -> Result<i32> {
    let sql = "SELECT mails FROM chat_visitor_emails \
               WHERE customer_id = ? AND email = ? AND tm_update > ? LIMIT ?";
    let values = vec![
        customer_id.into(),
        email.into(),
        since.into(),
        COUNTED_MAX.into(),
    ];
    let found: Vec<Mails> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.iter().map(|row| row.mails).sum())
}

/// Mails that the visitor of a conversation caused.
///
/// # Errors
/// 503.
pub(crate) async fn mails_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<i32> {
    let sql = "SELECT mails FROM chat_visitor_emails \
               WHERE conversation_id = ? AND customer_id = ? LIMIT ?";
    let values = vec![
        conversation_id.into(),
        customer_id.into(),
        COUNTED_MAX.into(),
    ];
    let found: Vec<Mails> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.iter().map(|row| row.mails).sum())
}

/// Rows of an address, confirmed or not, the newest first.
///
/// # Errors
/// 503.
pub(crate) async fn of_email(
    db: &Db,
    customer_id: Uuid,
    email: &str,
    most: usize,
) -> Result<Vec<VisitorEmail>> {
    let tail = format!("WHERE customer_id = ? AND email = ? ORDER BY id DESC LIMIT {most}");
    let values = vec![customer_id.into(), email.into()];
    Ok(db.select(&tail, values).await?)
}

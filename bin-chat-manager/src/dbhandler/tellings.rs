//! What was told of a person to others: notifications, and deliveries to customers' own systems.

use bin_common_handler::{
    databasehandler::{ChangeTx, Value},
    models::error::Result,
    optouts,
};
use uuid::Uuid;

/// Rows of one statement.
const ROWS_MAX: usize = 500;

#[derive(bin_common_handler::FromRow)]
struct Id {
    id: Uuid,
}

/// Takes out the words that were sent to a number, and the number. What has not left does not leave.
///
/// # Errors
/// 503.
pub(crate) async fn erase_to(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    number: &str,
    pseudonym: &str,
) -> Result<()> {
    let sql = "UPDATE chat_notifications SET `to` = ?, subject = '', body = '', data = '{}', tm_next = NULL, \
               error_code = CASE status WHEN 'pending' THEN 'ERASED' ELSE error_code END, \
               status = CASE status WHEN 'pending' THEN 'failed' ELSE status END \
               WHERE customer_id = ? AND `to` = ?";
    let values = vec![pseudonym.into(), customer_id.into(), number.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Takes the words out of notifications, and takes deliveries away, that name a number or a conversation. Both are texts that
/// need no escape within a pattern or JSON.
///
/// # Errors
/// 503.
pub(crate) async fn erase_naming(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    name: &str,
) -> Result<()> {
    let pattern = format!("%{name}%");
    // Found without holding anything, as both tables are walked through.
    let find = "SELECT id FROM chat_deliveries WHERE customer_id = ? AND payload LIKE ?";
    let values = vec![customer_id.into(), pattern.as_str().into()];
    let found: Vec<Id> = tx.sql().fetch_all(find, values).await?;
    each(tx, &found, "DELETE FROM chat_deliveries").await?;
    let find =
        "SELECT id FROM chat_notifications WHERE customer_id = ? AND (data LIKE ? OR body LIKE ?)";
    let values = vec![
        customer_id.into(),
        pattern.as_str().into(),
        pattern.as_str().into(),
    ];
    let found: Vec<Id> = tx.sql().fetch_all(find, values).await?;
    let blank = "UPDATE chat_notifications SET subject = '', body = '', data = '{}'";
    each(tx, &found, blank).await
}

/// Takes a number out of the keys of notifications, in which callers may put it. A second notification with such a key is
/// another one from now on.
///
/// # Errors
/// 503.
pub(crate) async fn erase_keys(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    number: &str,
) -> Result<()> {
    // The shortest form stands in all others.
    let Some(digits) = optouts::forms(number).pop() else {
        return Ok(());
    };
    let find = "SELECT id FROM chat_notifications WHERE customer_id = ? AND cause_key LIKE ?";
    let values = vec![customer_id.into(), format!("%{digits}%").into()];
    let found: Vec<Id> = tx.sql().fetch_all(find, values).await?;
    for row in found {
        replace_key(tx, row.id).await?;
    }
    Ok(())
}

/// Another key stands for that of a notification, of which nobody is known.
///
/// # Errors
/// 503.
pub(crate) async fn replace_key(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
    let sql = "UPDATE chat_notifications SET cause_key = ? WHERE id = ?";
    let values = vec![format!("erased:{id}").into(), id.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

async fn each(tx: &mut ChangeTx<'_>, found: &[Id], statement: &str) -> Result<()> {
    for rows in found.chunks(ROWS_MAX) {
        let marks = vec!["?"; rows.len()].join(", ");
        let sql = format!("{statement} WHERE id IN ({marks})");
        let values = rows.iter().map(|row| Value::from(row.id));
        tx.sql().execute(&sql, values.collect()).await?;
    }
    Ok(())
}

//! Which campaign a number belongs to.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value, runs},
    models::error::Result,
};
use uuid::Uuid;

#[derive(bin_common_handler::FromRow)]
struct Owner {
    call_campaign_id: Uuid,
}

/// Gives a campaign these numbers and no others.
///
/// # Errors
/// 409 when one belongs to another campaign; 503.
pub(crate) async fn replace(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    call_campaign_id: Uuid,
    numbers: &[String],
) -> Result<()> {
    let sql = "DELETE FROM exchange_call_campaign_numbers WHERE call_campaign_id = ?";
    tx.sql().execute(sql, vec![call_campaign_id.into()]).await?;
    for numbers in runs(numbers) {
        let rows = vec!["(?, ?, ?)"; numbers.len()].join(", ");
        let sql = format!(
            "INSERT INTO exchange_call_campaign_numbers (number, customer_id, call_campaign_id) VALUES {rows}"
        );
        let values: Vec<Value> = numbers
            .iter()
            .flat_map(|number| {
                [
                    number.as_str().into(),
                    customer_id.into(),
                    call_campaign_id.into(),
                ]
            })
            .collect();
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}

/// The customer's campaign that a number belongs to.
///
/// # Errors
/// 503.
pub(crate) async fn campaign_of(db: &Db, customer_id: Uuid, number: &str) -> Result<Option<Uuid>> {
    let sql = "SELECT call_campaign_id FROM exchange_call_campaign_numbers \
        WHERE number = ? AND customer_id = ?";
    let values = vec![number.into(), customer_id.into()];
    let found: Option<Owner> = db.fetch_optional(sql, values).await?;
    Ok(found.map(|row| row.call_campaign_id))
}

/// Whether a number brings in calls of one of the customer's campaigns.
///
/// # Errors
/// 503.
pub(crate) async fn is_campaigns(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    number: &str,
) -> Result<bool> {
    let sql = "SELECT call_campaign_id FROM exchange_call_campaign_numbers \
        WHERE number = ? AND customer_id = ?";
    let values = vec![number.into(), customer_id.into()];
    let found: Option<Owner> = tx.sql().fetch_optional(sql, values).await?;
    Ok(found.is_some())
}

/// Whose a number is.
#[derive(Debug, Clone, Copy, bin_common_handler::FromRow)]
pub(crate) struct Belongs {
    pub customer_id: Uuid,
    pub call_campaign_id: Uuid,
}

/// The tenant and the campaign that a number belongs to: each belongs to one of the installation.
///
/// # Errors
/// 503.
pub(crate) async fn owner(db: &Db, number: &str) -> Result<Option<Belongs>> {
    let sql =
        "SELECT customer_id, call_campaign_id FROM exchange_call_campaign_numbers WHERE number = ?";
    Ok(db.fetch_optional(sql, vec![number.into()]).await?)
}

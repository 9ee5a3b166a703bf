//! Targets and their calls by a phone number, and how they are forgotten.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Value},
    models::error::Result,
    optouts,
};
use uuid::Uuid;

use crate::models::{outdialtarget::OutdialTarget, outdialtargetcall::OutdialTargetCall};

/// Rows of each kind that an answer has, and that one statement of an erasure reads.
pub(crate) const ROWS_MAX: usize = 500;

/// What names a person: its table, and the columns where a number may stand.
pub(crate) trait Named: Entity {
    /// Columns with an address.
    const ADDRESSES: &'static [&'static str];
}

impl Named for OutdialTarget {
    const ADDRESSES: &'static [&'static str] = &[
        "destination_0",
        "destination_1",
        "destination_2",
        "destination_3",
        "destination_4",
    ];
}

impl Named for OutdialTargetCall {
    const ADDRESSES: &'static [&'static str] = &["destination"];
}

/// The rows of a customer's outdials behind `after` in whose addresses the number may stand, in any of its forms: alone, or as
/// the user of a SIP address. A longer number, or a name, may have the same digits, so whoever reads them looks again.
fn query<N: Named>(customer_id: Uuid, phone: &str, after: Uuid) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = vec![customer_id.into(), after.into()];
    let mut holds = Vec::new();
    // The last form is a part of all others; a number holds no character that LIKE knows.
    if let Some(form) = optouts::forms(phone).last() {
        for column in N::ADDRESSES {
            holds.push(format!("t.{column} LIKE ?"));
            values.push(format!("%{form}%").into());
        }
    }
    let columns: Vec<String> = N::COLUMNS.iter().map(|name| format!("t.{name}")).collect();
    let sql = format!(
        "SELECT {} FROM outdial_outdials AS o JOIN {} AS t ON t.outdial_id = o.id \
         WHERE o.customer_id = ? AND t.id > ? AND ({}) ORDER BY t.id LIMIT {ROWS_MAX}",
        columns.join(", "),
        N::TABLE,
        if holds.is_empty() {
            // What is no number stands nowhere.
            "1 = 0".to_owned()
        } else {
            holds.join(" OR ")
        },
    );
    (sql, values)
}

/// Rows in which a number may stand, [`ROWS_MAX`] of them at most.
///
/// # Errors
/// 503.
pub(crate) async fn rows<N: Named>(db: &Db, customer_id: Uuid, phone: &str) -> Result<Vec<N>> {
    let (sql, values) = query::<N>(customer_id, phone, Uuid::nil());
    Ok(db.fetch_all(&sql, values).await?)
}

/// The next rows in which a number may stand, behind `after`.
///
/// # Errors
/// 503.
pub(crate) async fn next<N: Named>(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    phone: &str,
    after: Uuid,
) -> Result<Vec<N>> {
    let (sql, values) = query::<N>(customer_id, phone, after);
    Ok(tx.sql().fetch_all(&sql, values).await?)
}

/// Writes a target of which nothing about a person is left.
///
/// # Errors
/// 503.
pub(crate) async fn erase_target(tx: &mut ChangeTx<'_>, target: &OutdialTarget) -> Result<()> {
    let sql = "UPDATE outdial_outdialtargets SET name = '', detail = '', data = '', import_key = NULL, \
               destination_0 = ?, destination_1 = ?, destination_2 = ?, destination_3 = ?, destination_4 = ?, \
               status = ?, lease_until = NULL, winner = NULL, refused = NULL, tm_update = ?, tm_delete = ? \
               WHERE id = ?";
    let values = vec![
        target.destination_0.clone().into(),
        target.destination_1.clone().into(),
        target.destination_2.clone().into(),
        target.destination_3.clone().into(),
        target.destination_4.clone().into(),
        target.status.into(),
        target.tm_update.into(),
        target.tm_delete.into(),
        target.id.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// Writes where a target was called.
///
/// # Errors
/// 503.
pub(crate) async fn erase_call(tx: &mut ChangeTx<'_>, call: &OutdialTargetCall) -> Result<()> {
    let sql = "UPDATE outdial_outdialtargetcalls SET destination = ? WHERE id = ?";
    let values = vec![call.destination.clone().into(), call.id.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_stands_nowhere() {
        let (sql, values) = query::<OutdialTarget>(Uuid::nil(), "%", Uuid::nil());
        assert!(sql.contains("AND (1 = 0)"), "{sql}");
        assert_eq!(values.len(), 2);
    }
}

//! Which number a person saw last.

use std::collections::HashMap;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value, fills, list},
    models::error::Result,
};
use sqlx::Error as SqlError;
use uuid::Uuid;

/// A person (a keyed hash), their tenant, and the number.
pub(crate) type Sticky = ([u8; 16], Uuid, Uuid);

#[derive(bin_common_handler::FromRow)]
struct Row {
    phone_hash: Vec<u8>,
    did_id: Uuid,
}

pub(crate) async fn read(db: &Db, people: &[[u8; 16]]) -> Result<HashMap<Vec<u8>, Uuid>, SqlError> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let (marks, values) = list(people.iter().map(|hash| hash.to_vec()));
    let sql = format!("SELECT phone_hash, did_id FROM did_stickies WHERE phone_hash IN ({marks})");
    let rows: Vec<Row> = db.fetch_all(&sql, values).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.phone_hash, row.did_id))
        .collect())
}

pub(crate) async fn write(tx: &mut ChangeTx<'_>, stickies: &[Sticky]) -> Result<()> {
    for stickies in fills(stickies) {
        let groups = vec!["(?, ?, ?)"; stickies.len()].join(", ");
        let sql =
            format!("REPLACE INTO did_stickies (phone_hash, customer_id, did_id) VALUES {groups}");
        let values = stickies
            .iter()
            .flat_map(|(person, customer_id, did_id)| {
                [
                    person.to_vec().into(),
                    Value::from(*customer_id),
                    Value::from(*did_id),
                ]
            })
            .collect();
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}

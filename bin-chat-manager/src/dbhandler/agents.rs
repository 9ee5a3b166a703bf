//! Agents by user, and those who are there.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Value},
    models::error::Result,
};
use uuid::Uuid;

use super::select;
use crate::models::agent::Agent;

/// Agents that one customer has online at most, as far as assignment looks.
const ONLINE_MAX: u32 = 1_000;

/// Agents whose users are online.
const ONLINE: &str = "WHERE customer_id = ? AND tm_delete IS NULL AND EXISTS ( \
     SELECT 1 FROM chat_presences \
     WHERE chat_presences.customer_id = chat_agents.customer_id \
     AND chat_presences.user_id = chat_agents.user_id AND chat_presences.status = 'online') \
     ORDER BY id LIMIT ?";

fn online_values(customer_id: Uuid) -> Vec<Value> {
    vec![customer_id.into(), ONLINE_MAX.into()]
}

/// Who is online, in a change.
///
/// # Errors
/// 503.
pub(crate) async fn online_in(tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<Vec<Agent>> {
    let sql = format!("{} {ONLINE}", select::<Agent>());
    Ok(tx.sql().fetch_all(&sql, online_values(customer_id)).await?)
}

/// Who is online.
///
/// # Errors
/// 503.
pub(crate) async fn online(db: &Db, customer_id: Uuid) -> Result<Vec<Agent>> {
    Ok(db.select(ONLINE, online_values(customer_id)).await?)
}

/// A live agent, held until the end of the transaction; none where another transaction holds it.
///
/// # Errors
/// 503.
pub(crate) async fn lock_free(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Option<Agent>> {
    let sql = format!(
        "{} WHERE id = ? AND tm_delete IS NULL{}",
        select::<Agent>(),
        tx.sql().dialect().for_update_skip_locked()
    );
    Ok(tx.sql().fetch_optional(&sql, vec![id.into()]).await?)
}

/// The live agent of a user.
///
/// # Errors
/// 503.
pub(crate) async fn of_user(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    user_id: Uuid,
) -> Result<Option<Agent>> {
    let sql = format!(
        "{} WHERE customer_id = ? AND live_user_id = ?",
        select::<Agent>()
    );
    let values = vec![customer_id.into(), user_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

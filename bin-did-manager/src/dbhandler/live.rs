//! All that lives of one kind of a tenant's things.

use bin_common_handler::databasehandler::{Db, Entity};
use sqlx::Error as SqlError;
use uuid::Uuid;

/// A tenant's rows of an entity that are not deleted. Its quota bounds them.
pub(crate) async fn of_customer<E: Entity>(db: &Db, customer_id: Uuid) -> Result<Vec<E>, SqlError> {
    let tail = "WHERE customer_id = ? AND tm_delete IS NULL";
    db.select(tail, vec![customer_id.into()]).await
}

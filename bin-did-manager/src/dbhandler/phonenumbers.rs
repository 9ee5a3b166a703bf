//! Numbers of businesses, by what others know of them.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity, Id},
    models::error::Result,
};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::models::{phonenumber::PhoneNumber, provider::Provider};

type Fetched<T> = std::result::Result<Option<T>, SqlError>;

/// The number that lives; a customer's own where one is named.
pub(crate) async fn live(db: &Db, number: &str, customer_id: Option<Uuid>) -> Fetched<PhoneNumber> {
    let mut sql = format!(
        "{} WHERE number = ? AND tm_delete IS NULL",
        select::<PhoneNumber>()
    );
    let mut values = vec![number.into()];
    if let Some(customer_id) = customer_id {
        sql.push_str(" AND customer_id = ?");
        values.push(customer_id.into());
    }
    db.fetch_optional(&sql, values).await
}

/// The oldest number of a customer that lives.
pub(crate) async fn first_of(db: &Db, customer_id: Uuid) -> Fetched<PhoneNumber> {
    let sql = format!(
        "{} WHERE customer_id = ? AND tm_delete IS NULL ORDER BY tm_create, id LIMIT 1",
        select::<PhoneNumber>()
    );
    db.fetch_optional(&sql, vec![customer_id.into()]).await
}

/// Some numbers of a customer that live.
///
/// # Errors
/// 503.
pub(crate) async fn some_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    most: u32,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM did_phone_numbers WHERE customer_id = ? AND tm_delete IS NULL \
               ORDER BY id LIMIT ?";
    let values = vec![customer_id.into(), most.into()];
    let found: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

/// The oldest provider of a customer that lives.
pub(crate) async fn first_provider(db: &Db, customer_id: Uuid) -> Fetched<Provider> {
    let sql = format!(
        "{} WHERE customer_id = ? AND tm_delete IS NULL ORDER BY tm_create, id LIMIT 1",
        select::<Provider>()
    );
    db.fetch_optional(&sql, vec![customer_id.into()]).await
}

/// Whether a provider carries a number that lives, or that is still to be given back.
///
/// # Errors
/// Whatever the database says.
pub(crate) async fn is_needed(tx: &mut ChangeTx<'_>, provider_id: Uuid) -> Result<bool> {
    let sql = "SELECT id FROM did_phone_numbers WHERE provider_id = ? AND \
               (tm_delete IS NULL OR status IN ('releasing', 'release_failed')) LIMIT 1";
    let found: Option<Id> = tx
        .sql()
        .fetch_optional(sql, vec![provider_id.into()])
        .await?;
    Ok(found.is_some())
}

/// Some providers of a customer that live, and that no number needs.
///
/// # Errors
/// 503.
pub(crate) async fn some_unneeded(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    most: u32,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM did_providers WHERE customer_id = ? AND tm_delete IS NULL AND NOT EXISTS \
               (SELECT 1 FROM did_phone_numbers WHERE did_phone_numbers.provider_id = did_providers.id AND \
               (did_phone_numbers.tm_delete IS NULL OR \
               did_phone_numbers.status IN ('releasing', 'release_failed'))) ORDER BY id LIMIT ?";
    let values = vec![customer_id.into(), most.into()];
    let found: Vec<Id> = tx.sql().fetch_all(sql, values).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

fn select<E: Entity>() -> String {
    format!("SELECT {} FROM {}", E::COLUMNS.join(", "), E::TABLE)
}

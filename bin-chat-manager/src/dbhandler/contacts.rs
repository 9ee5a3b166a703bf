//! Contacts by tenant and hashed number.

use bin_common_handler::{
    databasehandler::{ChangeTx, Db, Entity},
    ids,
    models::error::{Error, Result},
};
use uuid::Uuid;

use super::{insert_new, select};
use crate::models::contact::Contact;

/// The contact, where there is one.
///
/// # Errors
/// 503.
pub(crate) async fn find(db: &Db, customer_id: Uuid, hash: &[u8]) -> Result<Option<Contact>> {
    let tail = "WHERE customer_id = ? AND phone_hash = ?";
    let values = vec![customer_id.into(), hash.to_vec().into()];
    Ok(db.select(tail, values).await?.into_iter().next())
}

/// The contact, made where there is none, and held until the end of the transaction. It has its number, also where that was
/// forgotten: the others know an opt-out by it.
///
/// # Errors
/// 503.
pub(crate) async fn lock(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    hash: &[u8],
    number: &str,
) -> Result<Contact> {
    let dialect = tx.sql().dialect();
    let sql = format!(
        "{} WHERE customer_id = ? AND phone_hash = ?{}",
        select::<Contact>(),
        dialect.for_update()
    );
    let values = vec![customer_id.into(), hash.to_vec().into()];
    let found: Option<Contact> = tx.sql().fetch_optional(&sql, values.clone()).await?;
    if let Some(mut contact) = found {
        if contact.number.is_empty() {
            number.clone_into(&mut contact.number);
        }
        return Ok(contact);
    }
    let now = tx.now();
    let contact = Contact {
        id: ids::next(),
        customer_id,
        phone_hash: hash.to_vec(),
        number: number.to_owned(),
        tm_create: now,
        tm_update: now,
        ..Contact::default()
    };
    let marks = vec!["?"; Contact::COLUMNS.len()].join(", ");
    let make = format!(
        "{} INTO {} ({}) VALUES ({marks})",
        insert_new(dialect),
        Contact::TABLE,
        Contact::COLUMNS.join(", ")
    );
    tx.sql().execute(&make, contact.values()).await?;
    let found: Option<Contact> = tx.sql().fetch_optional(&sql, values).await?;
    found.ok_or_else(|| Error::unavailable("database", "a contact that was made is not there"))
}

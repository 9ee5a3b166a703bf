//! Versions of consents.

use bin_common_handler::{
    databasehandler::{ChangeTx, Entity},
    models::error::Result,
};

use crate::models::consent::Consent;

/// The last version of the consent that `named` is a version of, held; its first version is held before, so that one version
/// follows another.
///
/// # Errors
/// 503.
pub(crate) async fn lock_last(tx: &mut ChangeTx<'_>, named: &Consent) -> Result<Option<Consent>> {
    tx.lock::<Consent>(named.consent_id).await?;
    let locking = tx.sql().dialect().for_update();
    let sql = format!(
        "SELECT {} FROM {} WHERE consent_id = ? AND customer_id = ? ORDER BY version DESC LIMIT 1{locking}",
        Consent::COLUMNS.join(", "),
        Consent::TABLE,
    );
    let values = vec![named.consent_id.into(), named.customer_id.into()];
    Ok(tx.sql().fetch_optional(&sql, values).await?)
}

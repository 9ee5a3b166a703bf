//! Widgets by what pages know them by.

use bin_common_handler::{databasehandler::Db, models::error::Result};

use crate::models::widget::Widget;

/// Longest public id that is looked for, in bytes.
const PUBLIC_ID_MAX: usize = 64;

/// The live widget.
///
/// # Errors
/// 503.
pub(crate) async fn by_public_id(db: &Db, public_id: &str) -> Result<Option<Widget>> {
    if public_id.len() > PUBLIC_ID_MAX {
        return Ok(None);
    }
    let tail = "WHERE public_id = ? AND tm_delete IS NULL";
    let found: Vec<Widget> = db.select(tail, vec![public_id.into()]).await?;
    Ok(found.into_iter().next())
}

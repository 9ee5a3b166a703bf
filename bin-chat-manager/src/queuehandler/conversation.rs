//! What queues do to conversations.

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result,
};
use uuid::Uuid;

/// Holds a conversation that the caller may see and that has not ended; its tenant.
///
/// # Errors
/// 404; 409 where it ended.
pub(super) async fn hold(_: &mut ChangeTx<'_>, ctx: &RequestContext, _: Uuid) -> Result<Uuid> {
    ctx.scope.owner(Uuid::nil())
}

/// A user has it now.
///
/// # Errors
/// 503.
pub(super) async fn hand_over(_: &mut ChangeTx<'_>, _: Uuid, _: Uuid) -> Result<()> {
    Ok(())
}

/// Nobody has it now.
///
/// # Errors
/// 503.
pub(super) async fn let_go(_: &mut ChangeTx<'_>, _: Uuid) -> Result<()> {
    Ok(())
}

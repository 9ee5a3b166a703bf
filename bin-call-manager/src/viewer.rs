//! Who asks: the operator of an exchange, or one account of it by a key that is bound to it.
//!
//! A bound key sees and does only what is its account's. What is another's is answered as if it were not there.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::Store,
    models::error::{Error, Result},
};
use uuid::Uuid;

use crate::models::account::{Account, AccountType};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// The customer itself, or a trusted service.
    Operator,
    /// A buyer's account.
    Buyer(Uuid),
    /// A seller's account.
    Seller(Uuid),
}

impl Viewer {
    /// Whoever the request is bound to.
    ///
    /// # Errors
    /// 403 when the account is gone, or another customer's; 503.
    pub(crate) async fn of(store: &Store, ctx: &RequestContext) -> Result<Self> {
        let Some(id) = ctx.account_id else {
            return Ok(Self::Operator);
        };
        let found = store.get::<Account>(id).await?;
        let account = found
            .filter(|account| ctx.scope.allows(account.customer_id) && account.tm_delete.is_none())
            .ok_or_else(|| {
                Error::permission_denied("ACCOUNT_GONE", "The account of this access key is gone.")
            })?;
        Ok(match account.r#type {
            AccountType::Seller => Self::Seller(id),
            _ => Self::Buyer(id),
        })
    }

    /// Whether a thing of this buyer and this seller may be seen.
    pub(crate) fn sees(self, buyer_id: Option<Uuid>, seller_id: Option<Uuid>) -> bool {
        match self {
            Self::Operator => true,
            Self::Buyer(id) => buyer_id == Some(id),
            Self::Seller(id) => seller_id == Some(id),
        }
    }
}

/// Refuses keys that are bound to an account.
///
/// # Errors
/// 403.
pub(crate) fn ensure_operator(ctx: &RequestContext) -> Result<()> {
    if ctx.account_id.is_none() {
        return Ok(());
    }
    Err(Error::permission_denied(
        "SCOPE_REQUIRED",
        "This access key is bound to an account; this needs one with the scope exchange:write.",
    ))
}

//! The rules of call campaigns: whose they are, and which numbers are theirs.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery, Store},
    listenhandler::List,
    models::{
        check::wrong,
        error::{Error, Result},
        money::CURRENCY_MISMATCH,
    },
    redact::Secret,
    resource::{self, Resource, ResourceHooks},
};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::numbers,
    models::{
        account::{Account, AccountType},
        callcampaign::CallCampaign,
    },
    viewer::{Viewer, ensure_operator},
};

impl ResourceHooks<CallCampaign> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ensure_operator(ctx)?;
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&CallCampaign>,
        after: &mut CallCampaign,
    ) -> Result<()> {
        ensure_operator(ctx)?;
        if before.is_none() {
            self.rooms.campaigns.take(tx, after.customer_id, 1).await?;
            let seller = party(tx, after.customer_id, after.seller_id, AccountType::Seller).await?;
            settle_currency(&mut after.currency, &seller)?;
        }
        let token = before.map_or("", |before| before.carrier_token.as_str());
        if after.carrier_token != token && !after.carrier_token.is_empty() {
            let given = Secret::new(std::mem::take(&mut after.carrier_token));
            after.carrier_token = self.sealer.seal(&given, &after.token_place())?;
        }
        let was = before.map_or(&[][..], |before| &before.numbers.0);
        let is_live = after.tm_delete.is_none();
        let is = if is_live { &after.numbers.0[..] } else { &[] };
        if was == is {
            return Ok(());
        }
        numbers::replace(tx, after.customer_id, after.id, is)
            .await
            .map_err(|error| match error.reason() {
                "ALREADY_EXISTS" => Error::already_exists(
                    "NUMBER_TAKEN",
                    "One of the numbers belongs to another campaign.",
                ),
                _ => error,
            })
    }
}

/// A live account of that customer and side, as something refers to it.
///
/// # Errors
/// 404 when there is none, 400 when it is on the other side.
pub(crate) async fn party(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    id: Uuid,
    kind: AccountType,
) -> Result<Account> {
    let found = tx.get::<Account>(id).await?;
    let account = found
        .filter(|account| account.customer_id == customer_id && account.tm_delete.is_none())
        .ok_or_else(resource::not_found::<Account>)?;
    if account.r#type == kind {
        return Ok(account);
    }
    let field = if kind == AccountType::Seller {
        "seller_id"
    } else {
        "buyer_id"
    };
    Err(wrong(field, &format!("must name a {kind}")))
}

/// The account's currency where none is named.
///
/// # Errors
/// 400 when another is named.
pub(crate) fn settle_currency(currency: &mut String, account: &Account) -> Result<()> {
    if currency.is_empty() {
        currency.clone_from(&account.currency);
    }
    if *currency == account.currency {
        return Ok(());
    }
    Err(Error::invalid_argument(
        CURRENCY_MISMATCH,
        format!("The account's currency is {}.", account.currency),
    ))
}

/// A campaign as it is told: a seller sees its payout and never the price, and not what is a fraud, as whoever knows that
/// knows how to pass.
///
/// # Errors
/// Never for what a table has.
pub(crate) fn view(campaign: &CallCampaign, viewer: Viewer) -> Result<Json> {
    let mut told = serde_json::to_value(campaign).map_err(Error::internal)?;
    if viewer != Viewer::Operator
        && let Some(told) = told.as_object_mut()
    {
        told.insert("revenue".to_owned(), Json::Null);
        told.remove("fraud");
    }
    Ok(told)
}

/// A campaign as the caller may see it: a seller its own, a buyer none.
///
/// # Errors
/// 404; 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Json> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    view(&find(app, ctx, viewer, id).await?, viewer)
}

/// A whole campaign, where the caller may see something of it.
///
/// # Errors
/// 404; 503.
pub(crate) async fn find(
    app: &App,
    ctx: &RequestContext,
    viewer: Viewer,
    id: Uuid,
) -> Result<CallCampaign> {
    let campaign = resource::get::<CallCampaign, App>(app, ctx, id).await?;
    if viewer.sees(None, Some(campaign.seller_id)) {
        return Ok(campaign);
    }
    Err(resource::not_found::<CallCampaign>())
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<Json>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    let viewer = Viewer::of(&app.store, ctx).await?;
    match viewer {
        Viewer::Operator => {}
        Viewer::Seller(id) => query = query.matching("seller_id", id),
        Viewer::Buyer(_) => return Ok(Vec::new()),
    }
    let found = app.store.db.list(&query, CallCampaign::tm_create).await?;
    found
        .iter()
        .map(|campaign| view(campaign, viewer))
        .collect()
}

//! The rules of bid profiles: a buyer's own, in its currency, for calls of campaigns of the same currency.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery, Store},
    listenhandler::List,
    models::{
        check::wrong,
        error::{Error, Result},
        money::CURRENCY_MISMATCH,
        patch::Patch,
    },
    phone::called_number,
    redact::Secret,
    resource::{self, Resource, ResourceHooks},
};
use uuid::Uuid;

use crate::{
    app::App,
    callcampaignhandler::{party, settle_currency},
    dbhandler::{market, numbers},
    models::{
        account::AccountType,
        bidprofile::{BidProfile, BidProfilePatch},
        callcampaign::CallCampaign,
    },
    viewer::Viewer,
};

impl ResourceHooks<BidProfile> for App {
    fn store(&self) -> &Store {
        &self.store
    }

    async fn owner(&self, ctx: &RequestContext, named: Option<Uuid>) -> Result<Uuid> {
        ctx.scope.required_owner(named)
    }

    async fn before_write(
        &self,
        tx: &mut ChangeTx<'_>,
        ctx: &RequestContext,
        before: Option<&BidProfile>,
        after: &mut BidProfile,
    ) -> Result<()> {
        if ctx.account_id.is_some_and(|own| own != after.buyer_id) {
            return Err(resource::not_found::<BidProfile>());
        }
        if ctx.account_id.is_some() {
            let (priority, weight) = before.map_or((None, None), |row| (row.priority, row.weight));
            after.priority = operators("priority", after.priority, priority)?;
            after.weight = operators("weight", after.weight, weight)?;
        }
        let customer_id = after.customer_id;
        if before.is_none() {
            self.rooms.profiles.take(tx, customer_id, 1).await?;
        }
        if after.tm_delete.is_some() {
            return market::profiles_changed(tx, customer_id).await;
        }
        let buyer = party(tx, customer_id, after.buyer_id, AccountType::Buyer).await?;
        settle_currency(&mut after.currency, &buyer)?;
        self.settle_endpoint(before, after)?;
        if before.is_none_or(|before| before.destination != after.destination) {
            ensure_leads_out(tx, customer_id, &after.destination).await?;
        }
        let was = before.and_then(|before| before.call_campaign_id);
        match after.call_campaign_id {
            Some(id) if was != Some(id) => ensure_campaign(tx, customer_id, id, after).await?,
            _ => {}
        }
        // Last, as others of the customer wait for it.
        market::profiles_changed(tx, customer_id).await
    }
}

impl App {
    /// Whether the endpoint may be asked, and its headers sealed. A secret never goes to a host that it was not
    /// given for.
    fn settle_endpoint(&self, before: Option<&BidProfile>, after: &mut BidProfile) -> Result<()> {
        let place = after.headers_place();
        let Some(endpoint) = &mut after.endpoint.0 else {
            after.endpoint_headers = String::new();
            return Ok(());
        };
        self.http.ensure_allowed(&endpoint.url)?;
        let had = before.and_then(|before| before.endpoint.0.as_ref());
        match endpoint.headers.take() {
            Some(headers) if headers.is_empty() => after.endpoint_headers = String::new(),
            Some(headers) => {
                let text = serde_json::to_string(&headers).map_err(Error::internal)?;
                after.endpoint_headers = self.sealer.seal(&Secret::new(text), &place)?;
            }
            None if had.is_some_and(|had| had.origin() == endpoint.origin()) => {}
            None => after.endpoint_headers = String::new(),
        }
        Ok(())
    }
}

/// What the operator sets: who is bound to an account would set itself before its rivals. A null changes nothing.
fn operators(field: &str, given: Option<i32>, had: Option<i32>) -> Result<Option<i32>> {
    if given.is_none() || given == had {
        return Ok(had);
    }
    Err(wrong(
        field,
        "is set by the operator, not by a key that is bound to an account",
    ))
}

/// A number of a campaign would bring in again whatever call is put through to it. What becomes one later is found when a
/// call is sold.
///
/// # Errors
/// 400 naming `destination`; 503.
pub(crate) async fn ensure_leads_out(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    destination: &str,
) -> Result<()> {
    let Some(number) = called_number(destination) else {
        return Ok(());
    };
    if numbers::is_campaigns(tx, customer_id, number.as_str()).await? {
        let said = "is a number that a call campaign's calls come in on: they would come in again";
        return Err(wrong("destination", said));
    }
    Ok(())
}

async fn ensure_campaign(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    id: Uuid,
    profile: &BidProfile,
) -> Result<()> {
    let found = tx.get::<CallCampaign>(id).await?;
    let campaign = found
        .filter(|campaign| campaign.customer_id == customer_id && campaign.tm_delete.is_none())
        .ok_or_else(resource::not_found::<CallCampaign>)?;
    if campaign.currency == profile.currency {
        return Ok(());
    }
    Err(Error::invalid_argument(
        CURRENCY_MISMATCH,
        format!("The campaign's currency is {}.", campaign.currency),
    ))
}

/// Makes a profile; a bound key's is its account's.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    patch: &BidProfilePatch,
) -> Result<BidProfile> {
    let Some(own) = ctx.account_id else {
        return resource::create(app, ctx, named, patch).await;
    };
    if matches!(&patch.buyer_id, Patch::Value(given) if *given != own) {
        return Err(wrong(
            "buyer_id",
            "is not the account of this key; leave it out",
        ));
    }
    let mut patch = patch.clone();
    patch.buyer_id = Patch::Value(own);
    resource::create(app, ctx, named, &patch).await
}

/// A profile that the caller may see: a buyer its own, a seller none.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<BidProfile> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let profile = resource::get::<BidProfile, App>(app, ctx, id).await?;
    if viewer.sees(Some(profile.buyer_id), None) {
        return Ok(profile);
    }
    Err(resource::not_found::<BidProfile>())
}

pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<BidProfile>> {
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    match Viewer::of(&app.store, ctx).await? {
        Viewer::Operator => {}
        Viewer::Buyer(id) => query = query.matching("buyer_id", id),
        Viewer::Seller(_) => return Ok(Vec::new()),
    }
    app.store.db.list(&query, BidProfile::tm_create).await
}

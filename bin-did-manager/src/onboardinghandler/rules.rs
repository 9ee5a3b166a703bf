//! What each part of a request must be, asked before any of it is written: a request that is refused changes nothing.

use bin_common_handler::{
    context::RequestContext,
    models::{check::wrong, error::Result, time::Timestamp},
    resource::{self, Resource, patched, read_fields},
};
use uuid::Uuid;

use super::{
    ASSISTANT_FIELDS, BUSINESS_FIELDS, Fields, MESSAGING_FIELDS, NUMBER_FIELDS, Onboarding,
    PROVIDER_FIELDS, known_number, only,
};
use crate::{
    app::App,
    dbhandler::phonenumbers,
    models::{customer::Customer, phonenumber::PhoneNumber, provider::Provider},
    phonenumberhandler,
};

/// Stands for a provider that the same request brings.
const NEW_PROVIDER: Uuid = Uuid::max();

/// Checks all parts of a request, by the rules of the rows that they become.
///
/// # Errors
/// 400 naming the field, 404, 409, 503.
pub(super) async fn check(
    app: &App,
    ctx: &RequestContext,
    id: Uuid,
    wanted: &Onboarding,
) -> Result<()> {
    business(app, ctx, id, wanted).await?;
    let now = app.store.clock.now();
    let first = phonenumbers::first_provider(&app.store.db, id).await?;
    if let Some(fields) = &wanted.provider {
        only("provider", PROVIDER_FIELDS, fields)?;
        row(first.as_ref(), fields, now)?;
    }
    let brought = wanted.provider.as_ref().map(|_| NEW_PROVIDER);
    let provider_id = first.map(|first| first.id).or(brought);
    let rows = Numbers {
        now,
        first: phonenumbers::first_of(&app.store.db, id).await?,
        provider_id,
    };
    rows.check(app, id, wanted).await
}

/// The row that `fields` make of another one, or of none, checked.
fn row<R: Resource>(before: Option<&R>, fields: &Fields, now: Timestamp) -> Result<R> {
    let patch: R::Patch = read_fields(fields.clone())?;
    let mut after = patched(before.unwrap_or(&R::default()), &patch);
    after.check(before, now)?;
    Ok(after)
}

async fn business(app: &App, ctx: &RequestContext, id: Uuid, wanted: &Onboarding) -> Result<()> {
    let known = app.store.get::<Customer>(id).await?;
    let is_live = |customer: &Customer| customer.tm_delete.is_none();
    let is_missing = known.as_ref().is_none_or(|known| !is_live(known));
    if is_missing && (known.is_some() || ctx.scope.customer_id().is_some()) {
        return Err(resource::not_found::<Customer>());
    }
    let now = app.store.clock.now();
    let mut after = known;
    let parts = [
        ("business", BUSINESS_FIELDS, &wanted.business),
        ("assistant", ASSISTANT_FIELDS, &wanted.assistant),
    ];
    for (part, known, fields) in parts {
        let Some(fields) = fields else { continue };
        only(part, known, fields)?;
        after = Some(row(after.as_ref(), fields, now)?);
    }
    Ok(())
}

/// The numbers of a business, before a request.
struct Numbers {
    now: Timestamp,
    /// The oldest.
    first: Option<PhoneNumber>,
    /// What carries a new one, unless the request names another.
    provider_id: Option<Uuid>,
}

impl Numbers {
    async fn check(self, app: &App, id: Uuid, wanted: &Onboarding) -> Result<()> {
        let mut first = self.first.clone();
        if let Some(fields) = &wanted.number {
            only("number", NUMBER_FIELDS, fields)?;
            let known = known_number(app, id, fields).await?;
            let after = self.number(app, id, known.as_ref(), fields).await?;
            let is_first = first.as_ref().is_none_or(|first| first.id == after.id);
            if is_first {
                first = Some(after);
            }
        }
        if let Some(fields) = &wanted.messaging {
            only("messaging", MESSAGING_FIELDS, fields)?;
            let first = first.ok_or_else(|| wrong("number", "is missing; send it first"))?;
            row(Some(&first), fields, self.now)?;
        }
        Ok(())
    }

    /// The number that `fields` make, as far as it can be told before it is written.
    async fn number(
        &self,
        app: &App,
        id: Uuid,
        known: Option<&PhoneNumber>,
        fields: &Fields,
    ) -> Result<PhoneNumber> {
        let mut fields = fields.clone();
        let names_provider = fields.contains_key("provider_id");
        if known.is_none() && !names_provider {
            let brought = self.provider_id;
            let provider = brought.ok_or_else(|| wrong("provider", "is missing; send it first"))?;
            fields.insert("provider_id".to_owned(), provider.to_string().into());
        }
        phonenumberhandler::ensure_reachable(app, &read_fields(fields.clone())?)?;
        let after = row(known, &fields, self.now)?;
        let is_another = known.is_none_or(|known| known.provider_id != after.provider_id);
        if names_provider && is_another {
            let found = app.store.get::<Provider>(after.provider_id).await?;
            found
                .filter(|provider| provider.customer_id == id && provider.tm_delete.is_none())
                .ok_or_else(resource::not_found::<Provider>)?;
        }
        if known.is_none() {
            let taken = phonenumbers::live(&app.store.db, &after.number, None).await?;
            if taken.is_some() {
                return Err(resource::exists::<PhoneNumber>());
            }
        }
        Ok(after)
    }
}

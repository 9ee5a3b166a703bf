//! The rules of single entries of do-not-call lists.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ListQuery,
    ids,
    listenhandler::List,
    models::{
        check::{ensure, plain},
        error::{Error, Result},
        identity::optional_owner,
        text::{check_name, null_is_default},
        time::Timestamp,
    },
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    choice::place::Code,
    compliance::place,
    dbhandler::dncentries,
    models::{
        businessrelationship::number,
        dncentry::{self, DncEntry, DncKind},
    },
    viewer::ensure_operator,
};

/// Body of `POST /v1/dnc_entries`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct EntryCreate {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    phone: String,
    #[serde(default, deserialize_with = "null_is_default")]
    list: DncKind,
    #[serde(default, deserialize_with = "null_is_default")]
    state: String,
    #[serde(default, deserialize_with = "null_is_default")]
    reason: String,
    #[serde(default)]
    expires: Option<Timestamp>,
}

/// The state of a list: there for a state's list, and for no other.
///
/// # Errors
/// 400 naming the field.
pub(crate) fn checked_state(list: DncKind, state: &str) -> Result<String> {
    let state = state.to_ascii_uppercase();
    if list == DncKind::State {
        let is_state = Code::region(&state).is_some_and(place::is_state);
        ensure(is_state, "state", "must be the postal code of a state")?;
    } else {
        ensure(state.is_empty(), "state", "belongs to the list of a state")?;
    }
    Ok(state)
}

/// Puts a number on a list. One that stands there already gets the new reason and end.
///
/// # Errors
/// 400; 409 when there is no room; 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: EntryCreate,
) -> Result<DncEntry> {
    ensure_operator(ctx)?;
    check_name("reason", &body.reason)?;
    plain("reason", &body.reason)?;
    let state = checked_state(body.list, &body.state)?;
    let phone = number("phone", &body.phone)?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let mut tx = app.store.begin(ctx).await?;
    let now = tx.now();
    ensure(
        body.expires.is_none_or(|ends| ends > now),
        "expires",
        "must be later than now",
    )?;
    let entry = match dncentries::standing(&mut tx, customer_id, &phone, body.list, &state).await? {
        Some(before) => {
            let entry = DncEntry {
                reason: body.reason,
                expires: body.expires,
                tm_update: tx.next_version(before.tm_update),
                ..before
            };
            tx.update(&entry).await?;
            entry
        }
        None => {
            app.rooms.entries.take(&mut tx, customer_id, 1).await?;
            let entry = DncEntry {
                id: ids::next(),
                customer_id,
                phone,
                list: body.list,
                state,
                reason: body.reason,
                expires: body.expires,
                tm_create: now,
                tm_update: now,
                tm_delete: None,
            };
            tx.insert(&entry).await?;
            entry
        }
    };
    tx.emit(dncentry::ADDED, &entry, customer_id).await?;
    tx.commit(entry).await
}

/// Takes a number off; once more changes nothing.
///
/// # Errors
/// 404; 503.
pub(crate) async fn delete(app: &App, ctx: &RequestContext, id: Uuid) -> Result<DncEntry> {
    ensure_operator(ctx)?;
    let mut tx = app.store.begin(ctx).await?;
    let found = tx.lock::<DncEntry>(id).await?;
    let mut entry = found
        .filter(|entry| ctx.scope.allows(entry.customer_id))
        .ok_or_else(not_found)?;
    if entry.tm_delete.is_some() {
        return tx.commit(entry).await;
    }
    entry.tm_update = tx.next_version(entry.tm_update);
    entry.tm_delete = Some(entry.tm_update);
    tx.update(&entry).await?;
    tx.emit(dncentry::REMOVED, &entry, entry.customer_id)
        .await?;
    tx.commit(entry).await
}

fn not_found() -> Error {
    Error::not_found("DNC_ENTRY_NOT_FOUND", "The entry was not found.")
}

/// One entry.
///
/// # Errors
/// 404; 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<DncEntry> {
    ensure_operator(ctx)?;
    let found = app.store.get::<DncEntry>(id).await?;
    found
        .filter(|entry| ctx.scope.allows(entry.customer_id))
        .ok_or_else(not_found)
}

/// Entries, newest first.
///
/// # Errors
/// 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<DncEntry>> {
    ensure_operator(ctx)?;
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    app.store
        .db
        .list(&query, |entry: &DncEntry| entry.tm_create)
        .await
}

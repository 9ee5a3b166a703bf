//! Whole lists: numbers come in parts, and an import takes the place of the one before it at once.

use std::{collections::HashSet, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    databasehandler::{ChangeTx, ListQuery},
    ids,
    listenhandler::List,
    models::{
        error::{Error, Result},
        identity::optional_owner,
        text::null_is_default,
    },
    phone::parse_json,
    table::Columns,
    timerhandler::Timer,
};
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::dnc::{self, NewBlock},
    dncbookhandler::{digits, written},
    dncentryhandler::checked_state,
    models::{
        dncentry::{self, DncKind},
        dnclist::{COLUMNS, DncList},
    },
    viewer::ensure_operator,
};

/// The timer that deletes parts of imports that are over.
pub(crate) const SWEEP: &str = "dnc_sweep";
/// The timer that deletes what was staged and never finished; each part moves it. It is not [`SWEEP`]: that one knows which
/// import was replaced, and a part must not make it forget.
pub(crate) const GIVE_UP: &str = "dnc_give_up";
/// Whoever began to read an import that is over has ended by then.
const SWEEP_AFTER: Duration = Duration::from_secs(60);
/// Rows of one request.
const ROWS_MAX: usize = 10_000;
/// Numbers of one list.
const NUMBERS_MAX: i64 = 100_000_000;
/// Numbers of one list's imports that are not finished: one that was given up leaves room for another.
const STAGED_MAX: i64 = 2 * NUMBERS_MAX;

/// How an import treats its rows.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub(crate) struct Wanted {
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// Whose list.
    list: DncKind,
    /// Which state's.
    state: String,
    /// Left out, the numbers are added to the list as it is. Else they are kept until `POST /v1/dnc_lists` puts
    /// this import into the place of the list.
    #[serde(deserialize_with = "optional_owner")]
    import: Option<Uuid>,
}

/// What became of the rows.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DncImportReport")]
pub(crate) struct Report {
    /// Numbers that were taken.
    pub created: u32,
    /// Rows without any text.
    pub skipped: u32,
    /// Numbers that stood in an earlier row of the request.
    pub duplicates: u32,
    /// Rows that were refused.
    pub errors: Vec<RowError>,
    /// Columns that are not looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// Why a row was refused.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DncRowError")]
pub(crate) struct RowError {
    /// Its position in the request, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

/// A row of `POST /v1/dnc_entries/bulk`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "DncRow")]
pub(crate) struct Row {
    /// A phone number.
    #[expect(
        dead_code,
        reason = "rows are read by their columns, whatever those are called"
    )]
    phone: String,
}

/// Body of `POST /v1/dnc_lists`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Finish {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    list: DncKind,
    #[serde(default, deserialize_with = "null_is_default")]
    state: String,
    /// The import whose numbers are the list from now on; left out, an empty list is made.
    #[serde(default, deserialize_with = "optional_owner")]
    import: Option<Uuid>,
}

/// Takes the numbers of one request.
///
/// # Errors
/// 400; 409 when the list is full; 503.
pub(crate) async fn import(
    app: &App,
    ctx: &RequestContext,
    wanted: &Wanted,
    rows: &[Map<String, Json>],
) -> Result<Report> {
    ensure_operator(ctx)?;
    if rows.len() > ROWS_MAX {
        return Err(Error::invalid_argument(
            "TOO_MANY_ROWS",
            format!(
                "At most {ROWS_MAX} rows at once; send the file through the bridge, or in parts."
            ),
        ));
    }
    let state = checked_state(wanted.list, &wanted.state)?;
    let customer_id = ctx
        .scope
        .required_owner(wanted.customer_id.filter(|id| !id.is_nil()))?;
    let (numbers, report) = read_all(rows)?;
    let bitmap = written(&numbers)?;
    let count = i64::from(report.created);
    let mut tx = app.store.begin(ctx).await?;
    let staged = wanted.import.filter(|id| !id.is_nil());
    match staged {
        Some(import_id) => {
            // Held, as the end of the import counts its parts: a part comes before it, or is refused.
            let list = ensure_list(&mut tx, customer_id, wanted.list, &state).await?;
            let block = NewBlock {
                import_id,
                block: 0,
                numbers: count,
                bitmap,
            };
            stage(&mut tx, &list, block).await?;
        }
        // A list is as fresh as what was last read into it: rows without one number must not make it fresh.
        None if count == 0 => {}
        None => {
            let list = ensure_list(&mut tx, customer_id, wanted.list, &state).await?;
            append(&mut tx, list, count, bitmap).await?;
        }
    }
    tx.commit(report).await
}

/// Keeps a part of an import until the import is finished or given up.
async fn stage(tx: &mut ChangeTx<'_>, list: &DncList, block: NewBlock) -> Result<()> {
    ensure_staged(list, block.import_id)?;
    // Rows without a number are no part.
    if block.numbers == 0 {
        return Ok(());
    }
    let staged = dnc::numbers_staged(tx, list).await?;
    ensure_staging_room(staged.saturating_add(block.numbers))?;
    dnc::add_block(tx, list, block).await?;
    // A moment later, when this part is old enough, too.
    let at = tx.now().plus(dnc::IMPORT_AGE_MAX).plus(SWEEP_AFTER);
    tx.schedule(GIVE_UP, list.id, at, &()).await
}

fn ensure_staging_room(numbers: i64) -> Result<()> {
    if numbers <= STAGED_MAX {
        return Ok(());
    }
    Err(Error::failed_precondition(
        "DNC_LIST_FULL",
        format!(
            "Imports of a list that are not finished have at most {STAGED_MAX} rows; finish one, or wait until they \
             go, a week after the last part."
        ),
    ))
}

/// What is in force already takes no more parts: nobody would hear of them.
fn ensure_staged(list: &DncList, import_id: Uuid) -> Result<()> {
    if list.import_id != Some(import_id) {
        return Ok(());
    }
    Err(Error::failed_precondition(
        "IMPORT_FINISHED",
        "This import is finished; begin another one.",
    ))
}

fn read_all(rows: &[Map<String, Json>]) -> Result<(RoaringTreemap, Report)> {
    let columns = Columns::of_objects(&COLUMNS, rows)?;
    let mut report = Report {
        ignored: columns.ignored(),
        ..Report::default()
    };
    let (mut numbers, mut seen) = (RoaringTreemap::new(), HashSet::with_capacity(rows.len()));
    for (index, row) in rows.iter().enumerate() {
        match read(&columns, row) {
            Ok(None) => report.skipped += 1,
            Ok(Some(number)) if seen.insert(number) => {
                numbers.insert(number);
                report.created += 1;
            }
            Ok(Some(_)) => report.duplicates += 1,
            Err(message) => report.errors.push(RowError { index, message }),
        }
    }
    Ok((numbers, report))
}

/// The digits of a row's number; nothing for a row without any text.
fn read(columns: &Columns, row: &Map<String, Json>) -> Result<Option<u64>, String> {
    let mut is_blank = true;
    for (name, value) in row {
        is_blank &= value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        if !columns.field(name).is_some_and(|field| field.is_number) {
            continue;
        }
        match parse_json(value) {
            Ok(number) => return Ok(digits(number.as_str())),
            Err(bin_common_handler::phone::PhoneFault::Empty) => {}
            Err(fault) => return Err(format!("{name} {fault}.")),
        }
    }
    if is_blank {
        Ok(None)
    } else {
        Err("The row holds no phone number.".to_owned())
    }
}

/// The list, held; made where there is none.
async fn ensure_list(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    kind: DncKind,
    state: &str,
) -> Result<DncList> {
    if let Some(list) = dnc::lock_list(tx, customer_id, kind, state).await? {
        return Ok(list);
    }
    let now = tx.now();
    let list = DncList {
        id: ids::next(),
        customer_id,
        list: kind,
        state: state.to_owned(),
        tm_create: now,
        tm_update: now,
        ..DncList::default()
    };
    tx.insert(&list)
        .await
        .map_err(|error| match error.reason() {
            "ALREADY_EXISTS" => Error::unavailable("database", "somebody else makes this list"),
            _ => error,
        })?;
    Ok(list)
}

async fn append(tx: &mut ChangeTx<'_>, before: DncList, count: i64, bitmap: Vec<u8>) -> Result<()> {
    let now = tx.next_version(before.tm_update);
    let list = DncList {
        import_id: before.import_id.or_else(|| Some(ids::next())),
        blocks: before.blocks.saturating_add(1),
        numbers: before.numbers.saturating_add(count),
        tm_imported: Some(now),
        tm_update: now,
        ..before
    };
    ensure_room(list.numbers)?;
    let block = NewBlock {
        import_id: list.import_id.unwrap_or_default(),
        block: list.blocks,
        numbers: count,
        bitmap,
    };
    dnc::add_block(tx, &list, block).await?;
    tx.update(&list).await?;
    tx.emit(dncentry::ADDED, &list, list.customer_id).await
}

fn ensure_room(numbers: i64) -> Result<()> {
    if numbers <= NUMBERS_MAX {
        return Ok(());
    }
    Err(Error::failed_precondition(
        "DNC_LIST_FULL",
        format!("A list has at most {NUMBERS_MAX} rows."),
    ))
}

/// Puts an import into the place of a list, with one event. Once more changes nothing.
///
/// # Errors
/// 400; 409 `IMPORT_EMPTY`, or when it is too large; 503.
pub(crate) async fn finish(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: &Finish,
) -> Result<DncList> {
    ensure_operator(ctx)?;
    let state = checked_state(body.list, &body.state)?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let mut tx = app.store.begin(ctx).await?;
    let before = ensure_list(&mut tx, customer_id, body.list, &state).await?;
    let Some(import_id) = body.import.filter(|id| !id.is_nil()) else {
        return tx.commit(before).await;
    };
    if before.import_id == Some(import_id) {
        return tx.commit(before).await;
    }
    let numbers = dnc::numbers_of(&mut tx, &before, import_id).await?;
    if numbers == 0 {
        return Err(Error::failed_precondition(
            "IMPORT_EMPTY",
            "Nothing was imported under this id.",
        ));
    }
    ensure_room(numbers)?;
    let now = tx.next_version(before.tm_update);
    let replaced = before.import_id;
    let list = DncList {
        import_id: Some(import_id),
        blocks: 0,
        numbers,
        tm_imported: Some(now),
        tm_update: now,
        ..before
    };
    tx.update(&list).await?;
    let at = now.plus(SWEEP_AFTER);
    tx.schedule(SWEEP, list.id, at, &replaced.unwrap_or_default())
        .await?;
    tx.emit(dncentry::ADDED, &list, customer_id).await?;
    tx.commit(list).await
}

/// Deletes parts of imports that are over, some at a time.
pub(crate) async fn sweep(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let replaced: Uuid = timer.payload()?;
    delete_over(tx, SWEEP, timer.entity_id, replaced).await
}

/// Deletes parts of imports that nobody finished, some at a time.
pub(crate) async fn give_up(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    delete_over(tx, GIVE_UP, timer.entity_id, Uuid::nil()).await
}

async fn delete_over(
    tx: &mut ChangeTx<'_>,
    kind: &'static str,
    list_id: Uuid,
    replaced: Uuid,
) -> Result<()> {
    // Held, so that no import is finished while its parts go.
    let Some(list) = tx.lock::<DncList>(list_id).await? else {
        return Ok(());
    };
    if dnc::sweep(tx, &list, replaced).await? {
        let now = tx.now();
        tx.schedule(kind, list.id, now, &replaced).await?;
    }
    Ok(())
}

/// One list.
///
/// # Errors
/// 404; 503.
pub(crate) async fn get(app: &App, ctx: &RequestContext, id: Uuid) -> Result<DncList> {
    ensure_operator(ctx)?;
    let found = app.store.get::<DncList>(id).await?;
    found
        .filter(|list| ctx.scope.allows(list.customer_id))
        .ok_or_else(|| Error::not_found("DNC_LIST_NOT_FOUND", "The list was not found."))
}

/// Lists, newest first.
///
/// # Errors
/// 503.
pub(crate) async fn list(app: &App, ctx: &RequestContext, wanted: List) -> Result<Vec<DncList>> {
    ensure_operator(ctx)?;
    let mut query = ListQuery::new(&wanted.filters, wanted.page);
    if let Some(customer_id) = ctx.scope.customer_id() {
        query = query.matching("customer_id", customer_id);
    }
    app.store
        .db
        .list(&query, |list: &DncList| list.tm_create)
        .await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(STAGED_MAX, true)]
    #[case(STAGED_MAX + 1, false)]
    fn what_is_staged_has_a_limit(#[case] numbers: i64, #[case] has_room: bool) {
        let told = ensure_staging_room(numbers).err();
        let reason = told.as_ref().map(Error::reason);
        assert_eq!(reason, (!has_room).then_some("DNC_LIST_FULL"));
    }
}

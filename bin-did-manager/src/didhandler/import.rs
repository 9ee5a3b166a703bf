//! Many numbers at once: each row is created, known already, or refused with its position.

use std::collections::HashMap;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    resource::{self, Resource, ResourceHooks},
    table::Columns,
};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::row;
use crate::{
    app::App,
    dbhandler::{dids, states},
    didpoolhandler,
    models::{
        did::{Did, DidPatch},
        didcolumns::COLUMNS,
    },
    phone::E164,
    tenancy::{self, AuditEntry},
};

/// Rows of one request at most; a longer file comes in batches.
pub(crate) const ROWS_MAX: usize = 1_000;

/// What became of the rows.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ImportReport")]
pub(crate) struct Report {
    /// Numbers that are new.
    pub created: u32,
    /// Numbers that were there and were changed; only when asked for.
    pub updated: u32,
    /// Rows without any text.
    pub skipped: u32,
    /// Numbers that were there, or stood in an earlier row.
    pub duplicates: u32,
    /// Rows that were refused.
    pub errors: Vec<RowError>,
    /// Columns that a number does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// Why a row was refused.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct RowError {
    /// Its position in the request, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

/// How an import treats its rows.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Wanted {
    /// The tenant, where the caller has no scope.
    pub customer_id: Option<Uuid>,
    /// A pool that every number of the file is put into.
    pub didpool_id: Option<Uuid>,
    /// Numbers that are there take the row's fields.
    pub update: bool,
}

/// Rows that could be read, by number; the first of each.
struct Rows {
    order: Vec<E164>,
    fields: HashMap<E164, (usize, Map<String, Json>)>,
}

/// Imports one batch.
pub(crate) async fn import(
    app: &App,
    ctx: &RequestContext,
    wanted: Wanted,
    rows: &[Map<String, Json>],
) -> Result<Report> {
    if rows.len() > ROWS_MAX {
        return Err(Error::invalid_argument(
            "TOO_MANY_ROWS",
            format!(
                "At most {ROWS_MAX} rows at once; send the file through the bridge, or in parts."
            ),
        ));
    }
    let customer_id = <App as ResourceHooks<Did>>::owner(app, ctx, wanted.customer_id).await?;
    let columns = Columns::of_objects(&COLUMNS, rows)?;
    let mut report = Report {
        ignored: columns.ignored(),
        ..Report::default()
    };
    let rows = read_all(&columns, rows, &mut report);
    let mut tx = app.store.begin(ctx).await?;
    let version = tenancy::next_version(&mut tx, customer_id).await?;
    let known = dids::known(&mut tx, customer_id, &rows.order).await?;
    let made = make_all(app, customer_id, version, &rows, &known, &mut report);
    let count = made.len();
    app.rooms.take::<Did>(&mut tx, customer_id, count).await?;
    insert(&mut tx, customer_id, &made).await?;
    if wanted.update {
        update_known(app, &mut tx, ctx, &rows, &known, &mut report).await?;
    }
    let known_rows = u32::try_from(known.len()).unwrap_or(u32::MAX);
    report.duplicates += known_rows.saturating_sub(report.updated);
    if let Some(pool) = wanted.didpool_id {
        let dids: Vec<_> = made
            .iter()
            .map(|did| did.id)
            .chain(known.values().copied())
            .collect();
        didpoolhandler::add_imported(&mut tx, ctx, customer_id, pool, &dids).await?;
    }
    record(&mut tx, ctx, customer_id, &report).await?;
    tx.commit(report).await
}

fn read_all(columns: &Columns, rows: &[Map<String, Json>], report: &mut Report) -> Rows {
    let mut read = Rows {
        order: Vec::with_capacity(rows.len()),
        fields: HashMap::with_capacity(rows.len()),
    };
    for (index, row) in rows.iter().enumerate() {
        match row::read(columns, row) {
            Ok(None) => report.skipped += 1,
            Ok(Some((number, fields))) => {
                if read.fields.contains_key(&number) {
                    report.duplicates += 1;
                    continue;
                }
                read.order.push(number.clone());
                read.fields.insert(number, (index, fields));
            }
            Err(error) => report.refuse(index, &error),
        }
    }
    read
}

impl Report {
    fn refuse(&mut self, index: usize, error: &Error) {
        self.errors.push(RowError {
            index,
            message: error.message().to_owned(),
        });
    }
}

/// The numbers that are new, each made in its own microsecond, as lists want it.
fn make_all(
    app: &App,
    customer_id: Uuid,
    version: i64,
    rows: &Rows,
    known: &HashMap<String, Uuid>,
    report: &mut Report,
) -> Vec<Did> {
    let mut now = app.store.clock.now();
    let mut made = Vec::with_capacity(rows.order.len());
    for number in &rows.order {
        let Some((index, fields)) = rows.fields.get(number) else {
            continue;
        };
        if known.contains_key(number.as_str()) {
            continue;
        }
        match make(customer_id, version, fields, now) {
            Ok(did) => {
                now = now.after(did.tm_create);
                made.push(did);
            }
            Err(error) => report.refuse(*index, &error),
        }
    }
    report.created = u32::try_from(made.len()).unwrap_or(u32::MAX);
    made
}

fn make(
    customer_id: Uuid,
    version: i64,
    fields: &Map<String, Json>,
    now: Timestamp,
) -> Result<Did> {
    let patch: DidPatch = resource::read_fields(fields.clone())?;
    let mut did = resource::patched(&Did::default(), &patch);
    did.set_created(ids::next(), customer_id, now);
    did.seq = version;
    did.check(None, now)?;
    Ok(did)
}

async fn insert(tx: &mut ChangeTx<'_>, customer_id: Uuid, made: &[Did]) -> Result<()> {
    if made.is_empty() {
        return Ok(());
    }
    let dids: Vec<_> = made.iter().map(|did| did.id).collect();
    tx.insert_all(made).await?;
    states::insert(tx, customer_id, &dids).await?;
    tx.announce_all("did_created", made, customer_id).await
}

async fn update_known(
    app: &App,
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    rows: &Rows,
    known: &HashMap<String, Uuid>,
    report: &mut Report,
) -> Result<()> {
    for number in &rows.order {
        let (Some(id), Some((index, fields))) =
            (known.get(number.as_str()), rows.fields.get(number))
        else {
            continue;
        };
        let before = resource::lock_live::<Did>(tx, ctx, *id).await?;
        let mut checked = match resource::read_fields(fields.clone()) {
            Ok(patch) => resource::patched::<Did>(&before, &patch),
            Err(error) => {
                report.refuse(*index, &error);
                continue;
            }
        };
        if checked == before {
            continue;
        }
        if let Err(error) = checked.check(Some(&before), app.store.clock.now()) {
            report.refuse(*index, &error);
            continue;
        }
        resource::update_locked(app, tx, ctx, &before, checked).await?;
        report.updated += 1;
    }
    Ok(())
}

/// One line for the whole batch.
async fn record(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    customer_id: Uuid,
    report: &Report,
) -> Result<()> {
    let entry = AuditEntry {
        customer_id,
        action: "imported",
        resource: Did::NAME,
        resource_id: Uuid::nil(),
        before: json!({}),
        after: json!({"created": report.created, "updated": report.updated, "duplicates": report.duplicates}),
    };
    tenancy::record_audit(tx, ctx, entry).await
}

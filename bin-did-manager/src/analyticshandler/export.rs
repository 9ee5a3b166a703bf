//! A report as a file of its customer in DATA_DIR/exports: made, fetched, and removed when its time is over.

use std::{fs, path::PathBuf, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    daemon::Tasks,
    ids,
    models::error::{Error, Result},
};
use serde::Serialize;
use serde_json::json;
use tracing::warn;
use uuid::Uuid;

use super::{
    Asked, files,
    report::{self, Parameters},
};
use crate::{
    app::App,
    models::{check::wrong, customer::Customer, download::DownloadPage},
    tenancy::{self, AuditEntry},
};

/// Rows of one file.
const ROWS_MAX: usize = 200_000;
const FOLDER: &str = "exports";
/// How often files that are too old are looked for.
const SWEEP_PERIOD: Duration = Duration::from_secs(600);

/// Where an export is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Exported {
    pub success: bool,
    /// By which it is fetched.
    pub id: Uuid,
    /// Its name, in the customer's folder of exports; where that lies is nobody's business.
    pub file: String,
    pub format: &'static str,
    pub rows: usize,
    pub bytes: usize,
}

/// Writes a report into a file of its own.
///
/// # Errors
/// 400 for wrong parameters, 500 when it cannot be written.
pub(crate) async fn export(
    app: &App,
    ctx: &RequestContext,
    customer: &Customer,
    sent: &Parameters,
) -> Result<Exported> {
    let asked = report::read(sent, customer, app.store.clock.now(), ROWS_MAX)?;
    let format = format_of(sent)?;
    let made = report::make(app, customer, &asked).await?;
    let text = if format == "csv" {
        report::csv(&made.rows)
    } else {
        report::jsonl(&made.rows)?
    };
    let id = ids::next();
    let name = file_name(&asked, id, format);
    let path = folder_of(app, customer).join(&name);
    let exported = Exported {
        success: true,
        id,
        file: name,
        format,
        rows: made.rows.len(),
        bytes: text.len(),
    };
    let file = path.clone();
    apart(move || files::write(&file, text.as_bytes()).map_err(Error::internal)).await?;
    if let Err(error) = record(app, ctx, customer, &exported).await {
        // Nobody will be told of it.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    keep_newest(folder_of(app, customer)).await;
    Ok(exported)
}

fn format_of(sent: &Parameters) -> Result<&'static str> {
    match sent.format.trim().to_ascii_lowercase().as_str() {
        "" | "csv" => Ok("csv"),
        "jsonl" => Ok("jsonl"),
        _ => Err(wrong("format", "must be csv or jsonl")),
    }
}

/// The export is made; that older ones stay is no fault of it.
async fn keep_newest(folder: PathBuf) {
    if let Err(error) = apart(move || files::keep_newest(&folder).map_err(Error::internal)).await {
        warn!(%error, "older exports not removed");
    }
}

/// The file `id` of a customer, from a place in it, in bytes.
///
/// # Errors
/// 404 `EXPORT_NOT_FOUND` when it is not there, or not any more; 500 when it cannot be read.
pub(crate) async fn fetch(
    app: &App,
    customer: &Customer,
    id: Uuid,
    from: u64,
) -> Result<DownloadPage> {
    let (folder, now) = (folder_of(app, customer), app.store.clock.now());
    apart(move || files::page(&folder, id, from, now)).await
}

/// Removes files that are too old, while the daemon runs.
pub(crate) fn start_jobs(app: &App, tasks: &Tasks) {
    let app = app.clone();
    tasks.every("exports sweep", SWEEP_PERIOD, move || {
        let (exports, now) = (app.data_dir.join(FOLDER), app.store.clock.now());
        async move {
            let swept = apart(move || files::sweep(&exports, now).map_err(Error::internal));
            if let Err(error) = swept.await {
                warn!(%error, "exports not swept");
            }
        }
    });
}

/// Nobody else's files lie there.
fn folder_of(app: &App, customer: &Customer) -> PathBuf {
    let exports = app.data_dir.join(FOLDER);
    exports.join(customer.id.to_string())
}

/// A name of our own: nothing that a caller sent stands in it but checked dates and words.
fn file_name(asked: &Asked, id: Uuid, format: &str) -> String {
    let group_by = asked.group_by.as_str();
    format!("{group_by}-{}-{}-{id}.{format}", asked.from, asked.to)
}

/// Work with the disk, which may be slow.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(Error::internal)?
}

/// The audit log's line, and the reply for a repetition.
async fn record(
    app: &App,
    ctx: &RequestContext,
    customer: &Customer,
    exported: &Exported,
) -> Result<()> {
    let mut tx = app.store.begin(ctx).await?;
    let entry = AuditEntry {
        customer_id: customer.id,
        action: "exported",
        resource: "analytics",
        resource_id: Uuid::nil(),
        before: json!({}),
        after: json!({"file": exported.file, "rows": exported.rows}),
    };
    tenancy::record_audit(&mut tx, ctx, entry).await?;
    tx.commit(exported.clone()).await.map(drop)
}

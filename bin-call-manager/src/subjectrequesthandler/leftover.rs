//! Other people's calls and pings may name an erased number in their tags, references and causes, too. There may be millions:
//! after the erasure a durable timer looks at those that were made before it, some at a time. The number is sealed meanwhile.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    daemon::ManagerContext,
    databasehandler::ChangeTx,
    models::{error::Result, time::Timestamp},
    redact::Secret,
    sealer::Sealer,
    timerhandler::Timer,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::words::{self, Number};
use crate::{
    app::App,
    dbhandler::subjects::{self as rows_of, PART},
    models::subjectrequest::SubjectRequest,
};

/// The timer of the next part.
const SWEEP: &str = "subject_tags";
/// Between two parts, so that others have their turn.
const PAUSE: Duration = Duration::from_millis(200);
/// Where such texts stand.
const TABLES: &[&str] = &["exchange_calls", "exchange_pings"];

/// How far it came.
#[derive(Serialize, Deserialize)]
struct Progress {
    customer_id: Uuid,
    sealed: String,
    pseudonym: String,
    /// The place in [`TABLES`].
    table: usize,
    /// Rows that were made before were looked at.
    since: Timestamp,
    /// Rows that were made later are none of its concern.
    until: Timestamp,
}

/// Names the handler, at start.
pub(super) fn start(ctx: &ManagerContext, app: &App) {
    ctx.timers
        .on_with(SWEEP, Arc::clone(&app.sealer), next_part);
}

/// Where the sealed number belongs.
fn place(customer_id: Uuid, request_id: Uuid) -> String {
    format!("{customer_id}/exchange_subject_requests/number/{request_id}")
}

/// Sets the first part, with the erasure.
///
/// # Errors
/// 503.
pub(super) async fn begin(
    tx: &mut ChangeTx<'_>,
    sealer: &Sealer,
    request: &SubjectRequest,
    phone: &str,
) -> Result<()> {
    let place = place(request.customer_id, request.id);
    let progress = Progress {
        customer_id: request.customer_id,
        sealed: sealer.seal(&Secret::new(phone), &place)?,
        pseudonym: request.pseudonym.clone(),
        table: 0,
        since: Timestamp::default(),
        until: request.tm_create,
    };
    let now = tx.now();
    tx.schedule(SWEEP, request.id, now, &progress).await
}

async fn next_part(sealer: Arc<Sealer>, tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let mut progress: Progress = timer.payload()?;
    let Some(table) = TABLES.get(progress.table).copied() else {
        return Ok(());
    };
    let place = place(progress.customer_id, timer.entity_id);
    let phone = sealer.open(&progress.sealed, &place)?;
    let number = Number::new(progress.customer_id, phone.expose(), &progress.pseudonym);
    let times = (progress.since, progress.until);
    let page = rows_of::tagged_within(tx, table, progress.customer_id, times).await?;
    let is_full = page.len() >= PART;
    let last = page.last().map(|row| row.tm_create);
    for row in page {
        words::erase_texts_of(tx, table, &number, row).await?;
    }
    match last.filter(|_| is_full) {
        // Rows of the last instant are looked at again, unless they alone fill a part.
        Some(last) => progress.since = last.max(progress.since.plus(Duration::from_micros(1))),
        None => (progress.table, progress.since) = (progress.table + 1, Timestamp::default()),
    }
    if progress.table >= TABLES.len() {
        return Ok(());
    }
    let at = tx.now().plus(PAUSE);
    tx.schedule(SWEEP, timer.entity_id, at, &progress).await
}

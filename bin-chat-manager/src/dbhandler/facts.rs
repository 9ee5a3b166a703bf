//! Facts, one for each kind and entity: the newest version counts.

use std::collections::HashSet;

use bin_common_handler::{
    databasehandler::{ChangeTx, Db},
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::{
    figures::{
        facts::{Fact, FactKind},
        sums::Counted,
    },
    models::message::GREETING,
};

/// Facts that one question looks at.
pub(crate) const FACTS_MAX: usize = 200_000;
/// Businesses that one look is for.
const BUSINESSES_MAX: u32 = 10_000;

/// Keeps a fact, unless a newer version of it is known.
///
/// # Errors
/// 503.
pub(crate) async fn keep(tx: &mut ChangeTx<'_>, fact: &Fact) -> Result<()> {
    #[derive(bin_common_handler::FromRow)]
    struct Known {
        version: i64,
    }
    let sql = format!(
        "SELECT version FROM chat_kpi_facts WHERE kind = ? AND entity_id = ?{}",
        tx.sql().dialect().for_update()
    );
    let key = vec![fact.kind.into(), fact.entity_id.into()];
    let known: Option<Known> = tx.sql().fetch_optional(&sql, key).await?;
    if known.is_some_and(|known| known.version >= fact.version) {
        return Ok(());
    }
    let sql = "REPLACE INTO chat_kpi_facts \
               (kind, entity_id, customer_id, parent_id, label, value, currency, tm_at, version, counts) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = vec![
        fact.kind.into(),
        fact.entity_id.into(),
        fact.customer_id.into(),
        fact.parent_id.into(),
        fact.label.as_str().into(),
        fact.value.into(),
        fact.currency.as_str().into(),
        fact.tm_at.in_range().into(),
        fact.version.into(),
        fact.counts.into(),
    ];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

/// The facts of a business between two times, one more than are looked at.
///
/// # Errors
/// 503.
pub(crate) async fn between(
    db: &Db,
    customer_id: Uuid,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Counted>> {
    let sql = format!(
        "SELECT kind, entity_id, parent_id, label, value, currency, tm_at FROM chat_kpi_facts \
         WHERE customer_id = ? AND tm_at >= ? AND tm_at < ? AND counts = ? LIMIT {}",
        FACTS_MAX + 1
    );
    let values = vec![customer_id.into(), from.into(), until.into(), true.into()];
    Ok(db.fetch_all(&sql, values).await?)
}

/// Businesses with a call that was missed since then.
///
/// # Errors
/// 503.
pub(crate) async fn with_missed_calls(db: &Db, since: Timestamp) -> Result<Vec<Uuid>> {
    #[derive(bin_common_handler::FromRow)]
    struct Found {
        customer_id: Uuid,
    }
    let sql = format!(
        "SELECT DISTINCT customer_id FROM chat_kpi_facts WHERE kind = '{}' AND tm_at >= ? LIMIT {BUSINESSES_MAX}",
        FactKind::Missed
    );
    let found: Vec<Found> = db.fetch_all(&sql, vec![since.into()]).await?;
    Ok(found.into_iter().map(|found| found.customer_id).collect())
}

/// Calls whose greeting was written since then, and has not left.
///
/// # Errors
/// 503.
pub(crate) async fn greetings_waiting(
    db: &Db,
    customer_id: Uuid,
    since: Timestamp,
) -> Result<HashSet<Uuid>> {
    #[derive(bin_common_handler::FromRow)]
    struct Found {
        cause_key: String,
    }
    let sql = format!(
        "SELECT cause_key FROM chat_messages WHERE customer_id = ? AND tm_create >= ? AND tm_sent IS NULL \
         AND cause_key LIKE '{GREETING}%' LIMIT {FACTS_MAX}"
    );
    let values = vec![customer_id.into(), since.into()];
    let found: Vec<Found> = db.fetch_all(&sql, values).await?;
    let calls = found
        .iter()
        .filter_map(|found| found.cause_key.strip_prefix(GREETING));
    Ok(calls.filter_map(|call| call.parse().ok()).collect())
}

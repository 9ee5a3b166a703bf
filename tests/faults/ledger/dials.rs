//! Targets: each is dialled once at most, and every attempt, row and event tells the same.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::testing::lab::{Heard, Site};
use uuid::Uuid;

use crate::{load::Book, tally::Tally};

/// A target, and its attempts.
#[derive(Debug, bin_common_handler::FromRow)]
struct Row {
    id: Uuid,
    status: String,
    tries: i64,
    attempts: i64,
}

/// Counts what does not agree.
pub async fn agree(site: &Site, book: &Book, heard: &[Heard], tally: &mut Tally) {
    tally.promise(!book.dialled.is_empty(), || "nobody was dialled".to_owned());
    let rows = rows(site, book.list).await;
    let made = rows.len() as u64;
    let both = || format!("{} targets were made, and there are {made}", book.targets);
    tally.lost(book.targets.saturating_sub(made), both);
    tally.twice(made.saturating_sub(book.targets), both);
    let (dialled, finished) = (counted(&book.dialled), counted(&book.finished));
    for row in &rows {
        let calls = dialled.get(&row.id).copied().unwrap_or(0);
        let both = || format!("{calls} calls of {row:?}");
        // Nobody is dialled twice, whoever dials.
        tally.twice(calls.saturating_sub(1), both);
        for counted in [row.tries, row.attempts] {
            let counted = u64::try_from(counted).unwrap();
            tally.lost(calls.saturating_sub(counted), both);
            tally.twice(counted.saturating_sub(calls), both);
        }
        let is_lost = finished.contains_key(&row.id) && row.status != "done";
        tally.lost(u64::from(is_lost), || format!("the end of {row:?}"));
    }
    told(&rows, &dialled, &finished, heard, tally);
}

async fn rows(site: &Site, list: Uuid) -> Vec<Row> {
    let sql = "SELECT id, status, CAST(try_count_0 AS SIGNED) AS tries, \
               (SELECT COUNT(*) FROM outdial_outdialtargetcalls c WHERE c.outdial_target_id = t.id) AS attempts \
               FROM outdial_outdialtargets t WHERE outdial_id = ?";
    sqlx::query_as(sql)
        .bind(list)
        .fetch_all(&mut site.db().await)
        .await
        .unwrap()
}

fn counted(ids: &[Uuid]) -> BTreeMap<Uuid, u64> {
    let mut counts = BTreeMap::new();
    for id in ids {
        *counts.entry(*id).or_default() += 1;
    }
    counts
}

/// One event for each target that was made, for each dial, and for each that is done.
fn told(
    rows: &[Row],
    dialled: &BTreeMap<Uuid, u64>,
    finished: &BTreeMap<Uuid, u64>,
    heard: &[Heard],
    tally: &mut Tally,
) {
    let mut ids: BTreeMap<(Uuid, &str), BTreeSet<&str>> = BTreeMap::new();
    for event in heard {
        let key = (event.id, event.kind.as_str());
        ids.entry(key).or_default().insert(&event.message_id);
    }
    for row in rows {
        let of = |counts: &BTreeMap<Uuid, u64>| counts.get(&row.id).copied().unwrap_or(0);
        let expected = [
            ("outdialtarget_created", 1),
            ("outdialtarget_updated", of(dialled) + of(finished)),
        ];
        for (kind, changes) in expected {
            let told = ids.get(&(row.id, kind)).map_or(0, |ids| ids.len() as u64);
            let both = || format!("{told} {kind} for {changes} changes of {row:?}");
            tally.missing(changes.saturating_sub(told), both);
            tally.twice(told.saturating_sub(changes), both);
        }
    }
}

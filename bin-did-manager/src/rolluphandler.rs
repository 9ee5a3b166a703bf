//! Counting: where a usage counts, and the job that counts usages into rollups.
//!
//! A usage is counted by the job, once: the watermark and what is added up to it move in one transaction, and
//! whoever holds the watermark's row is the only one who counts. The job stays behind the present, because a
//! usage bears the time at which its transaction began and is seen only when that has ended.

use std::{collections::HashMap, time::Duration};

use bin_common_handler::{
    daemon::Tasks,
    databasehandler::{Db, Dialect, Tx, database_now},
    models::time::Timestamp,
};
use sqlx::Error as SqlError;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::{
        customers,
        rollups::{self, Increments, Watermark},
        usages::{self, Origin},
    },
    models::{
        calendar::Calendar,
        hours::{DAY_MINUTES, minute_of_week},
        rollup::{Counts, Place},
    },
};

/// Often, so that there is little to do each time: callers wait less for many short turns than for a long one.
const PERIOD: Duration = Duration::from_secs(1);
/// How far the job stays behind: longer than the transaction of a usage can take, which is 10 s.
const LAG: Duration = Duration::from_secs(15);
/// Usages of one run; the rest waits for the next run.
const RUN_MAX: u32 = 50_000;

/// Usages of one transaction: the more, the fewer rows are written for each; but SQLite has one writer, for whom
/// everybody waits.
const fn batch_of(dialect: Dialect) -> u32 {
    match dialect {
        Dialect::MySql => 5_000,
        Dialect::Sqlite => 500,
    }
}

/// Counts usages while the daemon runs.
pub(crate) fn start_jobs(app: &App, tasks: &Tasks) {
    let db = app.store.db.clone();
    tasks.every("rollups", PERIOD, move || {
        let db = db.clone();
        async move {
            if let Err(fault) = run(&db).await {
                warn!(%fault, "usages not counted, they are next time");
            }
        }
    });
}

async fn run(db: &Db) -> Result<(), SqlError> {
    for _ in 0..RUN_MAX / batch_of(db.dialect()) {
        let started = Instant::now();
        if !count_batch(db).await? {
            return Ok(());
        }
        // The others' turn.
        tokio::time::sleep(started.elapsed()).await;
    }
    Ok(())
}

/// Counts the next usages; whether there may be more.
async fn count_batch(db: &Db) -> Result<bool, SqlError> {
    let end = database_now(db).await?.minus(LAG);
    let mut tx = db.begin().await?;
    let Some(mark) = rollups::lock_watermark(&mut tx).await? else {
        tx.rollback().await;
        return Ok(false);
    };
    let limit = batch_of(db.dialect());
    let batch = usages::after(&mut tx, mark, end, limit).await?;
    let Some(last) = batch.last() else {
        tx.rollback().await;
        return Ok(false);
    };
    let increments = increments(&mut tx, &batch).await?;
    let mark = Watermark {
        tm_create: last.tm_create,
        id: last.id,
    };
    rollups::move_watermark(&mut tx, mark).await?;
    rollups::add(&mut tx, &increments).await?;
    tx.commit().await?;
    Ok(batch.len() >= limit as usize)
}

async fn increments(tx: &mut Tx, batch: &[Origin]) -> Result<Increments, SqlError> {
    let calendars = calendars(tx, batch).await?;
    let one = Counts {
        calls: 1,
        ..Counts::default()
    };
    let mut days: HashMap<_, Counts> = HashMap::new();
    for usage in batch {
        let calendar = calendars.get(&usage.customer_id).copied();
        for cell in place_of(usage, &calendar.unwrap_or_default()).day_cells() {
            *days.entry(cell).or_default() += one;
        }
    }
    Ok(days.into_iter().collect())
}

async fn calendars(tx: &mut Tx, batch: &[Origin]) -> Result<HashMap<Uuid, Calendar>, SqlError> {
    let mut ids: Vec<_> = batch.iter().map(|usage| usage.customer_id).collect();
    ids.sort_unstable();
    ids.dedup();
    customers::calendars_in(tx, &ids).await
}

/// Where a usage counts, by its tenant's calendar.
pub(crate) fn place_of(usage: &Origin, calendar: &Calendar) -> Place {
    let now = usage.tm_create.micros();
    Place {
        customer_id: usage.customer_id,
        did_id: usage.did_id,
        didpool_id: usage.didpool_id,
        campaign_id: usage.campaign_id,
        npa: usage.phone_npa,
        date: calendar.windows(now).date,
        hour: u32::from(minute_of_week(calendar.zone, usage.tm_create) % DAY_MINUTES) / 60,
    }
}

/// The instants that a tenant's days from `from` to `to` lie between, the second excluded.
pub(crate) fn instants(
    calendar: &Calendar,
    from: chrono::NaiveDate,
    to: chrono::NaiveDate,
) -> (Timestamp, Timestamp) {
    let end = to.succ_opt().unwrap_or(to);
    let at = |date| Timestamp::from_micros(calendar.start_of(date));
    (at(from), at(end))
}

#[cfg(test)]
mod tests {
    use chrono_tz::America;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::before_midnight("2026-11-20T04:59:59.999999Z", 0, "2026-11-19", 23)]
    #[case::at_midnight("2026-11-20T05:00:00Z", 0, "2026-11-20", 0)]
    #[case::before_the_day_begins("2026-11-20T10:59:59Z", 360, "2026-11-19", 5)]
    #[case::when_the_day_begins("2026-11-20T11:00:00Z", 360, "2026-11-20", 6)]
    #[case::first_of_two_hours("2026-11-01T05:30:00Z", 0, "2026-11-01", 1)]
    #[case::second_of_two_hours("2026-11-01T06:30:00Z", 0, "2026-11-01", 1)]
    fn a_call_counts_on_the_tenants_own_day_and_hour(
        #[case] at: &str,
        #[case] day_start: u16,
        #[case] date: &str,
        #[case] hour: u32,
    ) {
        let calendar = Calendar {
            zone: America::New_York,
            day_start,
        };
        let usage = Origin {
            tm_create: at.parse().unwrap(),
            ..Origin::default()
        };
        let place = place_of(&usage, &calendar);
        assert_eq!((place.date, place.hour), (date.parse().unwrap(), hour));
        let (from, to) = instants(&calendar, place.date, place.date);
        assert!((from..to).contains(&usage.tm_create));
    }
}

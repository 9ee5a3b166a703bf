//! How many rows one customer may have.
//!
//! Counting is bounded by the limit, reads an index, and is kept: a count holds for ten seconds, or twenty times as
//! long as counting took, so that it costs a twentieth of one connection at most. What this process added since is
//! added to it; what other replicas add is seen by the next count. So a limit may be overrun by as much as they add
//! in that time, never by more. A refusal rests on a count that is a second old at most, or on that twentieth.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    config::{Config, Setting},
    databasehandler::{ChangeTx, Value},
    models::error::{Error, Result},
};

/// How long a count holds at least.
const FRESH: Duration = Duration::from_secs(10);
/// How old a count may be that refuses.
const FRESH_TO_REFUSE: Duration = Duration::from_secs(1);
/// Counting takes no more than this part of the time.
const COST: u32 = 20;
/// Customers that are remembered.
const CUSTOMERS_MAX: usize = 10_000;
/// What the reason of every refusal begins with.
const REASON: &str = "TOO_MANY_";

/// Whether a refusal with this reason passes as soon as rows are deleted, so that it is not kept for a repeated
/// request.
pub(crate) fn is_full(reason: &str) -> bool {
    reason.starts_with(REASON)
}

/// A setting that limits rows; 0 = no limit.
pub const fn setting(
    name: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting<u64> {
    Setting::number(name, default, 0..=1_000_000_000, help, default)
}

/// The limit of one kind of row. Clones share what was counted.
#[derive(Debug, Clone)]
pub struct Quota {
    what: &'static str,
    setting: &'static str,
    /// FROM and WHERE of a customer's live rows, with one mark for the customer.
    rows: &'static str,
    max: u64,
    counts: Arc<Mutex<HashMap<Uuid, Counted>>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    /// When it was counted, and how long that took; nothing before the first time.
    at: Option<(Instant, Duration)>,
    rows: u64,
    /// Committed here since.
    added: u64,
    /// Of changes that are under way here.
    pending: u64,
}

impl Counted {
    fn total(&self) -> u64 {
        self.rows
            .saturating_add(self.added)
            .saturating_add(self.pending)
    }

    fn is_older(&self, than: Duration) -> bool {
        self.at
            .is_none_or(|(at, took)| at.elapsed() >= than.max(took * COST))
    }
}

/// Rows that a change is about to add; given back when it is dropped before [`Room::keep`].
#[derive(Debug)]
pub(crate) struct Room {
    quota: Quota,
    customer_id: Uuid,
    rows: u64,
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    n: i64,
}

impl Quota {
    /// `what` in capitals, e.g. `DIDS`; `rows` e.g. `did_dids WHERE customer_id = ? AND tm_delete IS NULL`.
    pub fn new(
        what: &'static str,
        setting: &Setting<u64>,
        rows: &'static str,
        config: &Config,
    ) -> Self {
        Self {
            what,
            setting: setting.name(),
            rows,
            max: config.get(setting),
            counts: Arc::default(),
        }
    }

    /// Takes room for new rows of a customer until the end of `tx`. Rows of nobody are not limited.
    ///
    /// # Errors
    /// 409 naming the limit and its setting; 503 when the database is away.
    pub async fn take(&self, tx: &mut ChangeTx<'_>, customer_id: Uuid, rows: usize) -> Result<()> {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        if self.max == 0 || rows == 0 || customer_id.is_nil() {
            return Ok(());
        }
        if self.seen(customer_id).is_older(FRESH) {
            self.count(tx, customer_id).await?;
        }
        if !self.reserve(customer_id, rows) {
            if self.seen(customer_id).is_older(FRESH_TO_REFUSE) {
                self.count(tx, customer_id).await?;
            }
            if !self.reserve(customer_id, rows) {
                return Err(self.refusal(rows));
            }
        }
        tx.hold(Room {
            quota: self.clone(),
            customer_id,
            rows,
        });
        Ok(())
    }

    async fn count(&self, tx: &mut ChangeTx<'_>, customer_id: Uuid) -> Result<()> {
        let (started, added) = (Instant::now(), self.seen(customer_id).added);
        let sql = format!(
            "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM {} LIMIT ?) AS counted",
            self.rows
        );
        let most = i64::try_from(self.max.saturating_add(1)).unwrap_or(i64::MAX);
        let values = vec![customer_id.into(), Value::Int(most)];
        let found: Option<Count> = tx.sql().fetch_optional(&sql, values).await?;
        let mut counts = self.counts();
        if counts.len() >= CUSTOMERS_MAX && !counts.contains_key(&customer_id) {
            counts.retain(|_, counted| counted.pending > 0);
        }
        let counted = counts.entry(customer_id).or_default();
        counted.rows = found.map_or(0, |count| u64::try_from(count.n).unwrap_or(0));
        counted.added = counted.added.saturating_sub(added);
        counted.at = Some((started, started.elapsed()));
        Ok(())
    }

    fn seen(&self, customer_id: Uuid) -> Counted {
        self.counts().get(&customer_id).copied().unwrap_or_default()
    }

    fn reserve(&self, customer_id: Uuid, rows: u64) -> bool {
        let mut counts = self.counts();
        let counted = counts.entry(customer_id).or_default();
        let fits = counted.total().saturating_add(rows) <= self.max;
        if fits {
            counted.pending = counted.pending.saturating_add(rows);
        }
        fits
    }

    fn refusal(&self, rows: u64) -> Error {
        let (what, max, setting) = (self.what, self.max, self.setting);
        Error::failed_precondition(
            format!("{REASON}{what}"),
            format!(
                "A customer may have {max} {}, and {rows} more would exceed that; delete some, or let the operator raise {setting}.",
                what.to_ascii_lowercase().replace('_', " ")
            ),
        )
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Uuid, Counted>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// The rows are there now.
    pub(crate) fn keep(mut self) {
        let rows = std::mem::take(&mut self.rows);
        if let Some(counted) = self.quota.counts().get_mut(&self.customer_id) {
            counted.pending = counted.pending.saturating_sub(rows);
            counted.added = counted.added.saturating_add(rows);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.rows > 0
            && let Some(counted) = self.quota.counts().get_mut(&self.customer_id)
        {
            counted.pending = counted.pending.saturating_sub(self.rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn quota(max: u64) -> Quota {
        Quota {
            what: "RULES_OF_CALLS",
            setting: "ROWS",
            rows: "",
            max,
            counts: Arc::default(),
        }
    }

    #[rstest]
    #[case(10, 10, true)]
    #[case(10, 11, false)]
    #[case(1, 1, true)]
    #[case(1, 2, false)]
    #[case(10, u64::MAX, false)]
    fn up_to_the_limit_and_no_further(#[case] max: u64, #[case] rows: u64, #[case] fits: bool) {
        assert_eq!(quota(max).reserve(ONE, rows), fits);
    }

    #[test]
    fn room_is_given_back_or_kept_and_each_customers_own() {
        let quota = quota(5);
        let room = |rows| {
            quota.reserve(ONE, rows).then(|| Room {
                quota: quota.clone(),
                customer_id: ONE,
                rows,
            })
        };
        let under_way = room(3).unwrap();
        assert!(room(3).is_none());
        assert!(quota.reserve(OTHER, 5));
        drop(under_way);
        room(3).unwrap().keep();
        let seen = quota.seen(ONE);
        assert_eq!((seen.added, seen.pending), (3, 0));
        assert!(room(3).is_none());
        assert!(room(2).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dear_count_holds_longer() {
        let mut counted = Counted::default();
        assert!(counted.is_older(FRESH));
        counted.at = Some((Instant::now(), Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(19)).await;
        assert!(!counted.is_older(FRESH));
        assert!(!counted.is_older(FRESH_TO_REFUSE));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(counted.is_older(FRESH));
    }

    #[test]
    fn a_refusal_names_limit_and_setting() {
        let refusal = quota(5).refusal(2);
        assert_eq!(
            (refusal.status().code(), refusal.reason()),
            (409, "TOO_MANY_RULES_OF_CALLS")
        );
        assert!(refusal.message().contains("5 rules of calls"));
        assert!(refusal.message().contains("ROWS"));
        assert!(!refusal.is_decided());
    }
}

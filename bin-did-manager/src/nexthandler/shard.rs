//! One task that gives out the numbers of its tenants: takes what waits, serves it as a group, again and
//! again. Nobody else touches what it knows, so nothing is locked in memory.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bin_common_handler::{
    databasehandler::Store,
    metrics::Histogram,
    models::error::{Error, Result},
    resource,
};
use rand::{SeedableRng, rngs::SmallRng};
use tokio::{sync::mpsc, time::Instant};
use tracing::{debug, warn};
use uuid::Uuid;

use super::{Ask, group::Group, load::TenantSnapshot};
use crate::{
    dbhandler::versions::{self, Versions},
    models::customer::Customer,
    privacy::Privacy,
};

/// Requests that share a transaction at most.
const GROUP_MAX: usize = 64;
/// How often a group that met a conflict is tried.
const TRIES_MAX: u32 = 5;
/// Tenants known at a time; beyond that those idle for long are forgotten.
const TENANTS_MAX: usize = 64;
const IDLE: Duration = Duration::from_secs(600);
/// Counters are read anew at most so often, and for at most a twentieth of the time.
const SYNC_PERIOD: Duration = Duration::from_secs(1);
const SYNC_SHARE: u32 = 20;
/// How calls went is read so often, for tenants whose rules go by it.
const PERFORMANCE_PERIOD: Duration = Duration::from_secs(30);
/// Repetitions come in waves, as after a fault. So long after one was met, keys are looked up before a number is
/// chosen; else only once an insert has met a key.
const REPETITIONS_LAST: Duration = Duration::from_secs(10);

pub(super) struct Shard {
    pub store: Store,
    pub privacy: Privacy,
    pub chance: SmallRng,
    /// How many requests share a transaction.
    groups: Histogram,
    tenants: HashMap<Uuid, Tenant>,
    /// When a request came that had come before.
    repeated: Option<Instant>,
}

/// A tenant and when things were done for it.
pub(super) struct Tenant {
    pub snapshot: TenantSnapshot,
    asked: Instant,
    synced: Instant,
    sync_took: Duration,
    /// When it was read how calls went.
    performance_read_at: Option<Instant>,
    /// Per pool, the hour for which its exhaustion was last announced.
    last_announced: HashMap<Uuid, i64>,
}

impl Tenant {
    /// Whether nothing was said of the pool in this hour.
    pub(super) fn is_news(&mut self, pool: Uuid, hour: i64) -> bool {
        self.last_announced.insert(pool, hour) != Some(hour)
    }
}

impl Shard {
    pub(super) fn new(store: Store, privacy: Privacy, groups: Histogram) -> Self {
        Self {
            store,
            privacy,
            chance: SmallRng::from_rng(&mut rand::rng()),
            groups,
            tenants: HashMap::new(),
            repeated: None,
        }
    }

    /// Whether requests are likely to have come before.
    pub(super) fn expects_repetitions(&self) -> bool {
        self.repeated
            .is_some_and(|at| at.elapsed() < REPETITIONS_LAST)
    }

    pub(super) fn met_repetition(&mut self) {
        self.repeated = Some(Instant::now());
    }

    /// Serves until nobody can ask any more.
    pub(super) async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match asks.recv().await {
                    Some(ask) => waiting.push_back(ask),
                    None => return,
                }
            }
            while waiting.len() < GROUP_MAX
                && let Ok(ask) = asks.try_recv()
            {
                waiting.push_back(ask);
            }
            self.serve_next(&mut waiting).await;
        }
    }

    /// Serves the next group of those that wait.
    pub(super) async fn serve_next(&mut self, waiting: &mut VecDeque<Ask>) {
        let group = next_group(waiting);
        for ask in self.serve(group).await.into_iter().rev() {
            waiting.push_front(ask);
        }
        self.forget_idle();
    }

    /// Serves a group; those that must be tried again come back.
    async fn serve(&mut self, asks: Vec<Ask>) -> Vec<Ask> {
        if asks.is_empty() {
            return asks;
        }
        self.groups
            .observe(f64::from(u32::try_from(asks.len()).unwrap_or(u32::MAX)));
        let versions = match self.prepare(&asks).await {
            Ok(versions) => versions,
            Err(error) => return refuse_all(asks, &error),
        };
        let asks = still_waiting(asks);
        let hasher = match self.privacy.hasher(&self.store.db).await {
            Ok(hasher) => hasher.clone(),
            Err(error) => return refuse_all(asks, &error),
        };
        let mut group = Group::new(versions.now);
        group.resolve(self, &hasher, asks);
        if let Err(error) = group.look_up(self).await {
            return refuse_all(group.into_asks(), &error);
        }
        group.decide(self).await;
        match group.write(self).await {
            Ok(()) => {
                group.look_again(self).await;
                let again = group.finish(self);
                self.sync_for(&again, versions.now).await;
                again
            }
            Err(error) => {
                group.undo(self);
                try_again(group.into_asks(), &error)
            }
        }
    }

    /// Brings what is known of the tenants who ask up to their present versions.
    async fn prepare(&mut self, asks: &[Ask]) -> Result<Versions> {
        let mut customers: Vec<_> = asks.iter().map(|ask| ask.question.customer_id).collect();
        customers.sort_unstable();
        customers.dedup();
        let versions = versions::read(&self.store.db, &customers).await?;
        for (customer_id, version) in &versions.of {
            self.bring_up(*customer_id, *version, versions.now).await?;
            self.judge(*customer_id).await?;
        }
        Ok(versions)
    }

    /// Reads a tenant, or what has changed of it; `now` is the database's time, in µs.
    async fn bring_up(&mut self, customer_id: Uuid, version: i64, now: i64) -> Result<()> {
        let asked = Instant::now();
        if let Some(tenant) = self.tenants.get_mut(&customer_id) {
            tenant.asked = asked;
            if tenant.snapshot.view.version != version {
                let refreshed = tenant.snapshot.refresh(&self.store.db, version, now).await;
                if refreshed.is_err() {
                    // Half of it may be new.
                    self.tenants.remove(&customer_id);
                }
                refreshed?;
            }
            return Ok(());
        }
        if let Some(snapshot) = TenantSnapshot::load(&self.store.db, customer_id, version).await? {
            let tenant = Tenant {
                snapshot,
                asked,
                synced: Instant::now(),
                sync_took: Duration::ZERO,
                performance_read_at: None,
                last_announced: HashMap::new(),
            };
            self.tenants.insert(customer_id, tenant);
        }
        Ok(())
    }

    /// Learns how calls went, where a rule goes by it.
    async fn judge(&mut self, customer_id: Uuid) -> Result<()> {
        let db = self.store.db.clone();
        let Some(tenant) = self.tenants.get_mut(&customer_id) else {
            return Ok(());
        };
        let is_due = tenant
            .performance_read_at
            .is_none_or(|at| at.elapsed() >= PERFORMANCE_PERIOD);
        if is_due && tenant.snapshot.goes_by_performance() {
            tenant.snapshot.read_performances(&db).await?;
            tenant.performance_read_at = Some(Instant::now());
        }
        Ok(())
    }

    pub(super) fn tenant(&mut self, customer_id: Uuid) -> Result<&mut Tenant> {
        self.tenants
            .get_mut(&customer_id)
            .ok_or_else(resource::not_found::<Customer>)
    }

    /// Reads a tenant's counters anew, unless that was done a moment ago.
    pub(super) async fn sync(&mut self, customer_id: Uuid, now: i64) -> Result<bool> {
        let db = self.store.db.clone();
        let tenant = self.tenant(customer_id)?;
        let period = SYNC_PERIOD.max(tenant.sync_took.saturating_mul(SYNC_SHARE));
        if tenant.synced.elapsed() < period {
            return Ok(false);
        }
        let started = Instant::now();
        tenant.snapshot.read_states(&db, now).await?;
        tenant.sync_took = started.elapsed();
        tenant.synced = Instant::now();
        Ok(true)
    }

    /// Another replica used numbers that we thought free: catches up with it.
    async fn sync_for(&mut self, again: &[Ask], now: i64) {
        let mut customers: Vec<_> = again.iter().map(|ask| ask.question.customer_id).collect();
        customers.dedup();
        for customer_id in customers {
            if let Err(error) = self.sync(customer_id, now).await {
                debug!(%error, "counters not read anew");
            }
        }
    }

    fn forget_idle(&mut self) {
        if self.tenants.len() > TENANTS_MAX {
            self.tenants
                .retain(|_, tenant| tenant.asked.elapsed() < IDLE);
        }
    }
}

/// Those that somebody still waits for: the database may have been silent for long, and who was told "none" goes
/// on without a number, so none is counted.
fn still_waiting(mut asks: Vec<Ask>) -> Vec<Ask> {
    asks.retain(|ask| !ask.reply.is_closed());
    asks
}

/// Those at the front that somebody still waits for; one that failed in company comes alone.
fn next_group(waiting: &mut VecDeque<Ask>) -> Vec<Ask> {
    let mut group = Vec::with_capacity(waiting.len().min(GROUP_MAX));
    while group.len() < GROUP_MAX
        && let Some(ask) = waiting.pop_front()
    {
        if ask.reply.is_closed() {
            continue;
        }
        if ask.is_alone {
            if group.is_empty() {
                group.push(ask);
            } else {
                waiting.push_front(ask);
            }
            break;
        }
        group.push(ask);
    }
    group
}

fn refuse_all(asks: Vec<Ask>, error: &Error) -> Vec<Ask> {
    if error.is_told_by_health() {
        debug!(%error, requests = asks.len(), "no number given");
    } else {
        warn!(%error, requests = asks.len(), "no number given");
    }
    for ask in asks {
        // A state of the database keeps its own reason; all else is that it did not do what it was asked.
        let told = if error.is_told_by_health() {
            Error::new(
                error.status(),
                error.reason().to_owned(),
                error.message().to_owned(),
            )
        } else {
            Error::unavailable("database", error.to_string())
        };
        ask.answer(Err(told));
    }
    Vec::new()
}

/// A conflict with another replica is tried again; a fault of one request must not be everybody's.
fn try_again(mut asks: Vec<Ask>, error: &Error) -> Vec<Ask> {
    let is_conflict = error.is_retriable() || error.reason() == "ALREADY_EXISTS";
    let was_alone = asks.len() == 1;
    if asks.iter().any(|ask| ask.tries >= TRIES_MAX) || (!is_conflict && was_alone) {
        return refuse_all(asks, error);
    }
    for ask in &mut asks {
        ask.tries += 1;
        ask.is_alone = !is_conflict;
    }
    asks
}

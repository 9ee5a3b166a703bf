//! How often a tenant may ask: a bucket for each access key and one for each customer, shared by all replicas
//! through Redis; where there is none, or it fails, each replica has buckets of its own.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt::Display,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use redis::Script;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    ahead::{self, Ahead},
    answer::RETRY_AFTER_S,
    bucket::{Rate, Steps},
    keys::Key,
    shares::Shares,
};
use bin_common_handler::{
    cachehandler::RedisCache,
    listenhandler::AddressRate,
    metrics::Metrics,
    models::error::{Error, Result},
};

/// A limit must not cost more than the request.
const REDIS_MAX: Duration = Duration::from_millis(50);
/// How long an address has the usual rate after a wrong signature.
const DISTRUST: Duration = Duration::from_secs(10);
/// Such addresses that are remembered.
const UNPROVEN_MAX: u64 = 10_000;
/// What one visitor may say and ask for.
const VISITOR: Rate = Rate {
    per_second: 2,
    burst: 20,
};
/// Buckets in this process; while more are in use, those that are new have no limit.
const BUCKETS_MAX: usize = 100_000;

/// As [`Steps::take`] for every bucket, by the server's clock, and so many times as the last argument says, or fewer:
/// all buckets move, or none. How many were taken; when none, the longest wait and its bucket.
const TAKE: &str = "local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local count, wait, by, points = tonumber(ARGV[2 * #KEYS + 1]), 0, 0, {}
for i = 1, #KEYS do
  local step, room = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local point = tonumber(redis.call('GET', KEYS[i]) or now) or now
  points[i] = math.max(now, math.min(point, now + room))
  count = math.min(count, math.floor((now + room - points[i]) / step))
  if points[i] + step - now - room > wait then wait, by = points[i] + step - now - room, i end
end
if wait > 0 then return {0, wait, by} end
for i = 1, #KEYS do
  local point = points[i] + count * tonumber(ARGV[2 * i - 1])
  local ttl = math.ceil((point - now) / 1000) + 1000
  redis.call('SET', KEYS[i], string.format('%.0f', point), 'PX', string.format('%.0f', ttl))
end
return {count, 0, 0}";

/// The limits of one process.
pub struct Limits {
    usual: Rate,
    webhooks: Rate,
    /// Addresses whose signatures were wrong lately.
    unproven: Cache<IpAddr, ()>,
    redis: Option<RedisCache>,
    take: Script,
    ahead: Ahead,
    local: Local,
    shares: Shares,
    metrics: Metrics,
}

/// One bucket of a request.
struct Bucket {
    /// Whose it is, as the metric has it.
    by: &'static str,
    name: String,
    steps: Steps,
}

/// Which bucket is empty, and for how many microseconds.
struct Empty {
    by: &'static str,
    wait_us: u64,
}

impl Limits {
    /// Keys and customers about whom nothing else is said have the `usual` rate.
    pub fn new(usual: Rate, redis: Option<RedisCache>, metrics: Metrics) -> Self {
        Self {
            usual,
            webhooks: usual,
            unproven: Cache::builder()
                .max_capacity(UNPROVEN_MAX)
                .time_to_live(DISTRUST)
                .build(),
            redis,
            take: Script::new(TAKE),
            ahead: Ahead::default(),
            local: Local::default(),
            shares: Shares::default(),
            metrics,
        }
    }

    /// As it is, with other shares for customers.
    #[must_use]
    pub fn with_shares(self, shares: Shares) -> Self {
        Self { shares, ..self }
    }

    /// What customers take at the same time.
    pub(super) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Counts a request of `key`.
    ///
    /// # Errors
    /// 429 `RATE_LIMITED` when it came too early, with the whole seconds to wait.
    pub(super) async fn take(&self, key: &Key) -> Result<()> {
        let buckets = self.buckets(key);
        if buckets.is_empty() {
            return Ok(());
        }
        let steps = || buckets.iter().map(|bucket| bucket.steps);
        if self.ahead.use_one(key.id, steps(), Instant::now()) {
            return Ok(());
        }
        let taken = match self.take_shared(&buckets, ahead::count(steps())).await {
            Some(taken) => taken.map(|count| {
                if let Some(more @ 1..) = count.checked_sub(1) {
                    self.ahead
                        .add(key.id, steps().collect(), more, Instant::now());
                }
            }),
            None => self.local.take(&buckets),
        };
        taken.map_err(|empty| self.refusal(&empty))
    }

    /// As it is, with another rate for signed webhooks of one address.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Rate) -> Self {
        Self { webhooks, ..self }
    }

    /// Counts a request of somebody without a key.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) async fn take_address(&self, address: IpAddr) -> Result<()> {
        self.take_of(address, "address", self.usual).await
    }

    /// Counts a webhook that shows a signature. A carrier sends all of its webhooks from a few addresses, so that these
    /// have a rate of their own, unless what came from the address lately was not the carrier's.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) async fn take_webhook(&self, address: IpAddr) -> Result<()> {
        if self.unproven.contains_key(&address) {
            return self.take_address(address).await;
        }
        self.take_of(address, "webhook", self.webhooks).await
    }

    /// What came from this address was not what it says. When that is more than anybody without a key may send, the
    /// address has the usual rate for a while.
    pub(super) async fn forged(&self, address: IpAddr) {
        if self.take_address(address).await.is_err() {
            self.unproven.insert(address, ());
        }
    }

    /// Counts what a visitor's session says or asks for.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) async fn take_visitor(&self, session: Uuid) -> Result<()> {
        if self.is_off() {
            return Ok(());
        }
        self.take_of(session, "visitor", VISITOR).await
    }

    /// Counts a request of somebody without a key to a route that says how often one address may ask it.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) async fn take_route(
        &self,
        address: IpAddr,
        template: &str,
        rate: AddressRate,
    ) -> Result<()> {
        if self.is_off() {
            return Ok(());
        }
        let rate = Rate {
            per_second: rate.per_second,
            burst: rate.burst,
        };
        let whose = format!("{address}:{template}");
        self.take_of(whose, "route", rate).await
    }

    /// Whether the usual rate is no limit, which says that nobody without a key has one.
    fn is_off(&self) -> bool {
        self.usual.steps().is_none()
    }

    async fn take_of(&self, whose: impl Display, by: &'static str, rate: Rate) -> Result<()> {
        let Some(steps) = rate.steps() else {
            return Ok(());
        };
        let buckets = [Bucket {
            by,
            name: format!("tandem:rate:{by}:{whose}"),
            steps,
        }];
        let taken = match self.take_shared(&buckets, 1).await {
            Some(taken) => taken.map(drop),
            None => self.local.take(&buckets),
        };
        taken.map_err(|empty| self.refusal(&empty))
    }

    fn buckets(&self, key: &Key) -> Vec<Bucket> {
        let rate = |per_second: Option<u32>, burst: Option<u32>| Rate {
            per_second: per_second.unwrap_or(self.usual.per_second),
            burst: burst.unwrap_or(self.usual.burst),
        };
        let of_key = rate(key.rate_per_second, key.rate_burst);
        let of_customer = rate(key.customer_rate_per_second, key.customer_rate_burst);
        [
            ("key", key.id, of_key),
            ("customer", key.customer_id, of_customer),
        ]
        .into_iter()
        .filter_map(|(by, id, rate)| {
            Some(Bucket {
                by,
                name: format!("tandem:rate:{by}:{id}"),
                steps: rate.steps()?,
            })
        })
        .collect()
    }

    /// How many were taken, up to `count`; nothing when Redis does not answer in time.
    async fn take_shared(&self, buckets: &[Bucket], count: u64) -> Option<Result<u64, Empty>> {
        let mut call = self.take.prepare_invoke();
        for bucket in buckets {
            call.key(&bucket.name)
                .arg(bucket.steps.step_us)
                .arg(bucket.steps.room_us);
        }
        call.arg(count);
        let (count, wait_us, by): (u64, u64, usize) =
            self.redis.as_ref()?.run(&call, REDIS_MAX).await?;
        match by.checked_sub(1).and_then(|by| buckets.get(by)) {
            None => Some(Ok(count)),
            Some(bucket) => Some(Err(Empty {
                by: bucket.by,
                wait_us,
            })),
        }
    }

    fn refusal(&self, empty: &Empty) -> Error {
        self.metrics
            .rate_limited
            .with_label_values(&[empty.by])
            .inc();
        let seconds = empty.wait_us.div_ceil(1_000_000).max(1);
        Error::resource_exhausted("RATE_LIMITED", "Too many requests; come again later.")
            .with_detail(json!({ RETRY_AFTER_S: seconds }))
    }
}

/// The buckets of this process, by the monotonic clock.
struct Local {
    start: Instant,
    points_us: Mutex<HashMap<String, u64>>,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            points_us: Mutex::default(),
        }
    }
}

impl Local {
    fn take(&self, buckets: &[Bucket]) -> Result<(), Empty> {
        let now_us = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.take_at(buckets, now_us, BUCKETS_MAX)
    }

    fn take_at(&self, buckets: &[Bucket], now_us: u64, len_max: usize) -> Result<(), Empty> {
        let mut points = self
            .points_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut moved = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            let point = points.get(&bucket.name).copied();
            let next = bucket.steps.take(point, now_us).map_err(|wait_us| Empty {
                by: bucket.by,
                wait_us,
            })?;
            moved.push((&bucket.name, next));
        }
        if points.len() + moved.len() > len_max {
            // A point in the past is as good as none.
            points.retain(|_, point| *point > now_us);
        }
        for (name, next) in moved {
            if let Some(point) = points.get_mut(name) {
                *point = next;
            } else if points.len() < len_max {
                points.insert(name.clone(), next);
            }
        }
        Ok(())
    }
}

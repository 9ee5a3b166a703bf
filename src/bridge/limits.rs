//! How often a tenant may ask: a bucket for each access key and one for each customer, shared by all replicas
//! through Redis; where there is none, or it fails, each replica has buckets of its own.

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

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Rate = Rate {
        per_second: 10,
        burst: 2,
    };

    fn limits(usual: Rate) -> Limits {
        Limits::new(usual, None, Metrics::new().unwrap())
    }

    fn key(id: u128) -> Key {
        Key {
            id: Uuid::from_u128(id),
            customer_id: Uuid::from_u128(1),
            ..Key::default()
        }
    }

    fn take(limits: &Limits, key: &Key, now_us: u64) -> Result<(), &'static str> {
        let taken = limits.local.take_at(&limits.buckets(key), now_us, 100);
        taken.map_err(|empty| empty.by)
    }

    #[test]
    fn a_customers_keys_share_the_customers_bucket_and_have_their_own() {
        let limits = limits(USUAL);
        let narrow = Key {
            rate_burst: Some(1),
            ..key(1)
        };
        assert_eq!(take(&limits, &narrow, 0), Ok(()));
        assert_eq!(take(&limits, &narrow, 0), Err("key"));
        assert_eq!(
            take(&limits, &key(2), 0),
            Ok(()),
            "a refused one took nothing"
        );
        assert_eq!(take(&limits, &key(3), 0), Err("customer"));
        assert_eq!(take(&limits, &key(3), 100_000), Ok(()));
    }

    #[test]
    fn zero_is_no_limit_whoever_says_it() {
        let none = Rate {
            per_second: 0,
            burst: 0,
        };
        assert!(limits(none).buckets(&key(1)).is_empty());
        let free = Key {
            rate_per_second: Some(0),
            customer_rate_per_second: Some(0),
            ..key(1)
        };
        assert!(limits(USUAL).buckets(&free).is_empty());
        let own = Key {
            rate_per_second: Some(5),
            ..key(1)
        };
        assert_eq!(limits(none).buckets(&own).len(), 1);
    }

    #[test]
    fn the_buckets_of_this_process_stay_bounded() {
        let limits = limits(USUAL);
        for id in 0..50_u64 {
            let buckets = limits.buckets(&Key {
                customer_rate_per_second: Some(0),
                ..key(id.into())
            });
            let now_us = id * 10_000;
            assert!(limits.local.take_at(&buckets, now_us, 20).is_ok());
            assert!(limits.local.points_us.lock().unwrap().len() <= 20);
        }
    }

    #[tokio::test]
    async fn a_webhook_has_a_rate_of_its_own_until_many_signatures_were_wrong() {
        let one = |per_second| Rate {
            per_second,
            burst: per_second,
        };
        let limits = limits(one(1)).with_webhooks(one(50));
        let carrier = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..20 {
            limits.take_webhook(carrier).await.unwrap();
        }
        let forger = IpAddr::from([192, 0, 2, 2]);
        // One that is wrong takes nothing away, as a proxy may be before many.
        limits.forged(forger).await;
        limits.take_webhook(forger).await.unwrap();
        limits.forged(forger).await;
        let refused = limits.take_webhook(forger).await.unwrap_err();
        assert_eq!(refused.reason(), "RATE_LIMITED");
        limits.take_webhook(carrier).await.unwrap();
    }

    #[tokio::test]
    async fn a_visitor_and_an_address_at_a_route_have_rates_of_their_own() {
        let limits = limits(Rate {
            per_second: 100,
            burst: 500,
        });
        for _ in 0..VISITOR.burst {
            limits.take_visitor(Uuid::from_u128(1)).await.unwrap();
        }
        let refused = limits.take_visitor(Uuid::from_u128(1)).await.unwrap_err();
        assert_eq!(refused.reason(), "RATE_LIMITED");
        limits.take_visitor(Uuid::from_u128(2)).await.unwrap();

        let rate = AddressRate {
            per_second: 1,
            burst: 2,
        };
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        for _ in 0..2 {
            limits.take_route(one, "/v1/sessions", rate).await.unwrap();
        }
        assert!(limits.take_route(one, "/v1/sessions", rate).await.is_err());
        limits
            .take_route(other, "/v1/sessions", rate)
            .await
            .unwrap();
        limits.take_route(one, "/v1/others", rate).await.unwrap();
    }

    #[tokio::test]
    async fn a_refusal_says_when_to_come_again_and_is_counted() {
        let limits = limits(Rate {
            per_second: 1,
            burst: 1,
        });
        limits.take(&key(1)).await.unwrap();
        let refused = limits.take(&key(1)).await.unwrap_err();
        assert_eq!(refused.reason(), "RATE_LIMITED");
        let wire = refused.to_response("x");
        assert!(
            wire.body().contains(r#""retry_after_s":1"#),
            "{}",
            wire.body()
        );
        let text = String::from_utf8(limits.metrics.encode().unwrap()).unwrap();
        assert!(
            text.contains(r#"tandem_bridge_rate_limited_total{by="key"} 1"#),
            "{text}"
        );
    }
}

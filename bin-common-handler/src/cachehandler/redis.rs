//! The cache in Redis: one multiplexed connection, a short breaker, and no error ever.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts};
use redis::{FromRedisValue, Script, ScriptInvocation, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::TTL;
use crate::models::time::Timestamp;

/// A cache that takes longer is slower than the database.
const ANSWER_MAX: Duration = Duration::from_millis(250);
/// After a failure nothing is asked for this long.
const BREAK: Duration = Duration::from_secs(1);
/// Keys remembered for deletion while Redis is away; beyond it the cache rests until every copy has expired.
const UNMARKED_MAX: usize = 10_000;

/// A value is `<version>:<body>`; a marker has no body.
const MARK: &str = "local c = redis.call('GET', KEYS[1])
if c and tonumber(string.match(c, '^%-?%d+') or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':', 'PX', ARGV[2])
return 1";
const FILL: &str = "local c = redis.call('GET', KEYS[1])
if c and tonumber(string.match(c, '^%-?%d+') or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[3], 'PX', ARGV[2])
return 1";

/// Redis as a cache. Clones share the connection.
#[derive(Clone)]
pub struct RedisCache(Arc<Inner>);

struct Inner {
    pool: Pool,
    state: Mutex<State>,
    failures: AtomicU64,
    mark: Script,
    fill: Script,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    is_connecting: bool,
    broken_until: Option<Instant>,
    /// Keys whose marker could not be set: deleted before anything is read again.
    unmarked: HashMap<String, Timestamp>,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisCache")
    }
}

impl RedisCache {
    /// A cache at `url` (`redis://` or `rediss://`). Connects with the first use.
    ///
    /// # Errors
    /// When the address is not one of Redis.
    pub fn new(url: &str) -> Result<Self, deadpool_redis::CreatePoolError> {
        let mut config = Config::from_url(url);
        config.pool = Some(PoolConfig {
            max_size: 2,
            timeouts: Timeouts {
                wait: Some(ANSWER_MAX),
                create: Some(ANSWER_MAX),
                recycle: Some(ANSWER_MAX),
            },
            ..PoolConfig::default()
        });
        Ok(Self(Arc::new(Inner {
            pool: config.create_pool(Some(Runtime::Tokio1))?,
            state: Mutex::default(),
            failures: AtomicU64::new(0),
            mark: Script::new(MARK),
            fill: Script::new(FILL),
        })))
    }

    /// How often Redis failed to answer.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Whether Redis answers now, asked with its own connection. When it does, keys that could not be marked are
    /// deleted: other replicas may have copies of them, and this one may have nothing to ask for a while.
    ///
    /// # Errors
    /// Why it does not, and what to do.
    pub async fn is_up(&self) -> Result<(), String> {
        let asked = async {
            let mut connection = self.0.pool.get().await.map_err(|fault| fault.to_string())?;
            redis::cmd("PING")
                .query_async::<String>(&mut connection)
                .await
                .map_err(|fault| fault.to_string())
        };
        match tokio::time::timeout(ANSWER_MAX * 2, asked).await {
            Err(_) => Err("no answer".to_owned()),
            Ok(Err(fault)) => Err(reason(&fault)),
            Ok(Ok(_)) => {
                self.connection().await;
                Ok(())
            }
        }
    }

    /// Runs a script within `time`. Nothing when Redis fails, while it rests after a failure, and until it is
    /// connected: that goes on beside the caller.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        time: Duration,
    ) -> Option<T> {
        let mut connection = self.connected()?;
        match timeout(time, script.invoke_async(&mut connection)).await {
            Ok(answer) => self.checked(answer),
            Err(late) => self.fail(&late),
        }
    }

    /// The shared connection, when it is there; else one is opened for those who come later.
    fn connected(&self) -> Option<MultiplexedConnection> {
        let mut state = self.state();
        let is_resting = state
            .broken_until
            .is_some_and(|until| Instant::now() < until);
        if is_resting || state.connection.is_some() {
            return state.connection.clone().filter(|_| !is_resting);
        }
        if !std::mem::replace(&mut state.is_connecting, true) {
            let this = self.clone();
            #[expect(
                clippy::disallowed_methods,
                reason = "ends within ANSWER_MAX; nothing waits for it"
            )]
            tokio::spawn(async move {
                this.connection().await;
                this.state().is_connecting = false;
            });
        }
        None
    }

    pub(super) async fn get(&self, key: &str) -> Option<String> {
        let mut connection = self.connection().await?;
        let asked = redis::cmd("GET")
            .arg(key)
            .query_async::<Option<String>>(&mut connection)
            .await;
        let value = self.checked(asked)??;
        let (_, body) = value.split_once(':')?;
        (!body.is_empty()).then(|| body.to_owned())
    }

    /// Whether every marker stands.
    pub(super) async fn mark(&self, marks: &[(String, Timestamp)]) -> bool {
        let Some(mut connection) = self.connection().await else {
            return self.remember(marks);
        };
        for (position, (key, version)) in marks.iter().enumerate() {
            let done = self
                .0
                .mark
                .key(key)
                .arg(version.micros())
                .arg(ttl_ms())
                .invoke_async::<i64>(&mut connection)
                .await;
            if self.checked(done).is_none() {
                return self.remember(marks.get(position..).unwrap_or_default());
            }
        }
        true
    }

    pub(super) async fn fill(&self, key: &str, version: i64, body: &str) {
        if let Some(mut connection) = self.connection().await {
            let done = self
                .0
                .fill
                .key(key)
                .arg(version)
                .arg(ttl_ms())
                .arg(body)
                .invoke_async::<i64>(&mut connection)
                .await;
            self.checked(done);
        }
    }

    /// The shared connection, with everything unmarked deleted first; nothing while the breaker is open.
    async fn connection(&self) -> Option<MultiplexedConnection> {
        let unmarked: Vec<String> = {
            let mut state = self.state();
            match state.broken_until {
                Some(until) if Instant::now() < until => return None,
                _ => state.broken_until = None,
            }
            if let Some(connection) = &state.connection
                && state.unmarked.is_empty()
            {
                return Some(connection.clone());
            }
            state.unmarked.keys().cloned().collect()
        };
        // Boxed, as it is large and seldom: else every request would carry room for it.
        Box::pin(self.connect(unmarked)).await
    }

    /// Opens the shared connection, and deletes what is unmarked.
    async fn connect(&self, unmarked: Vec<String>) -> Option<MultiplexedConnection> {
        let mut connection = match self.0.pool.get().await {
            Ok(pooled) => (*pooled).clone(),
            Err(error) => return self.fail(&error),
        };
        if !unmarked.is_empty() {
            let deleted = redis::cmd("DEL")
                .arg(&unmarked)
                .query_async::<i64>(&mut connection)
                .await;
            self.checked(deleted)?;
        }
        let mut state = self.state();
        for key in &unmarked {
            state.unmarked.remove(key);
        }
        state.connection = Some(connection.clone());
        debug!(deleted = unmarked.len(), "cache in use");
        Some(connection)
    }

    fn checked<T>(&self, answer: redis::RedisResult<T>) -> Option<T> {
        answer.map_or_else(|error| self.fail(&error), Some)
    }

    fn fail<T>(&self, error: &dyn std::error::Error) -> Option<T> {
        self.0.failures.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        if state.broken_until.is_none() {
            warn!(%error, "cache failed, resting");
            state.broken_until = Some(Instant::now() + BREAK);
        }
        state.connection = None;
        None
    }

    /// Always false: they are not marked.
    fn remember(&self, marks: &[(String, Timestamp)]) -> bool {
        let mut state = self.state();
        state.unmarked.extend(marks.iter().cloned());
        if state.unmarked.len() > UNMARKED_MAX {
            state.unmarked.clear();
            state.broken_until = Some(Instant::now() + TTL);
        }
        false
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to do when Redis does not let us in; of other faults only that there is no answer.
fn reason(fault: &str) -> String {
    let fault = fault.to_ascii_lowercase();
    let said = |words: &[&str]| words.iter().any(|word| fault.contains(word));
    let reason = if said(&["noauth", "authentication required"]) {
        "it wants a password: set REDIS_PASSWORD"
    } else if said(&[
        "wrongpass",
        "password authentication failed",
        "invalid password",
    ]) {
        "it does not know this user and password: correct REDIS_PASSWORD, or the account in REDIS_ADDRESS"
    } else if said(&["without any password configured"]) {
        "it has no password: leave REDIS_PASSWORD empty"
    } else if said(&[
        "db index is out of range",
        "out of range",
        "redis server refused to switch",
    ]) {
        "it has no database of this number: correct REDIS_DATABASE, or the end of REDIS_ADDRESS"
    } else {
        "no answer"
    };
    reason.to_owned()
}

fn ttl_ms() -> u64 {
    u64::try_from(TTL.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_marker_that_could_not_be_set_is_told_and_remembered() {
        let redis = RedisCache::new("redis://127.0.0.1:1").unwrap();
        let marks = [("key".to_owned(), Timestamp::from_micros(7))];
        assert!(!redis.mark(&marks).await);
        assert_eq!(redis.state().unmarked.len(), 1);
    }
}

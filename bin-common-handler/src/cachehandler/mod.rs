//! Copies of entities, in Redis or in this process. Never the only copy, and never long a lie.
//!
//! Each copy carries its version. Before a change commits, a *marker* (the new version without a body)
//! takes its place; a reader who meets a marker asks SQL, and may put back only what is at least as new.

mod redis;

use std::time::Duration;

use moka::{ops::compute::Op, sync::Cache as Moka};
use serde::{Serialize, de::DeserializeOwned};

pub use self::redis::RedisCache;
use crate::models::{error::Result, time::Timestamp};

/// How long a copy may stand when everything else went wrong.
const TTL: Duration = Duration::from_secs(60);
/// Entries of the in-process cache.
const LOCAL_ENTRIES_MAX: u64 = 100_000;

/// Where copies are kept. Clones share them.
#[derive(Debug, Clone)]
pub enum Cache {
    /// Redis, shared by all replicas.
    Redis(RedisCache),
    /// This process's memory: only where it is the only one on its database.
    Local(Moka<String, Copied>),
}

/// A version, and the body unless a change is under way.
#[derive(Debug, Clone)]
pub struct Copied {
    version: i64,
    body: Option<String>,
}

impl Cache {
    /// A cache in this process.
    pub fn local() -> Self {
        Self::Local(
            Moka::builder()
                .max_capacity(LOCAL_ENTRIES_MAX)
                .time_to_live(TTL)
                .build(),
        )
    }

    /// The copy under `key`, or what `load` finds, which is kept. A failing cache is a miss.
    ///
    /// # Errors
    /// What `load` says.
    pub async fn read_through<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        version: impl Fn(&T) -> Timestamp,
        load: impl AsyncFnOnce() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let copied = match self {
            Self::Redis(redis) => redis.get(key).await,
            Self::Local(local) => local.get(key).and_then(|copied| copied.body),
        };
        if let Some(found) = copied.and_then(|body| serde_json::from_str(&body).ok()) {
            return Ok(Some(found));
        }
        // Boxed: those who found it do not carry room for this.
        Box::pin(async {
            let loaded = load().await?;
            if let Some(found) = &loaded
                && let Ok(body) = serde_json::to_string(found)
            {
                self.fill(key, version(found).micros(), body).await;
            }
            Ok(loaded)
        })
        .await
    }

    /// Puts a marker in the place of each copy that is older. Called before the change commits; once more after
    /// it when this was false, as then somebody may have put an old copy back meanwhile.
    pub async fn mark(&self, marks: &[(String, Timestamp)]) -> bool {
        if marks.is_empty() {
            return true;
        }
        match self {
            Self::Redis(redis) => redis.mark(marks).await,
            Self::Local(local) => {
                for (key, version) in marks {
                    put_if_newer(
                        local,
                        key,
                        Copied {
                            version: version.micros(),
                            body: None,
                        },
                    );
                }
                true
            }
        }
    }

    async fn fill(&self, key: &str, version: i64, body: String) {
        match self {
            Self::Redis(redis) => redis.fill(key, version, &body).await,
            Self::Local(local) => put_if_newer(
                local,
                key,
                Copied {
                    version,
                    body: Some(body),
                },
            ),
        }
    }
}

/// A body may take the place of a marker of its own version; otherwise the newer stays.
fn put_if_newer(local: &Moka<String, Copied>, key: &str, new: Copied) {
    local
        .entry_by_ref(key)
        .and_compute_with(|current| match current {
            Some(current) if current.value().version > new.version => Op::Nop,
            _ => Op::Put(new),
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Row {
        version: i64,
    }

    async fn read(cache: &Cache, stored: i64) -> i64 {
        let row = cache
            .read_through(
                "k",
                |row: &Row| Timestamp::from_micros(row.version),
                async || Ok(Some(Row { version: stored })),
            )
            .await;
        row.unwrap().unwrap().version
    }

    #[tokio::test]
    async fn a_copy_serves_until_it_is_marked() {
        let cache = Cache::local();
        assert_eq!(read(&cache, 1).await, 1);
        assert_eq!(read(&cache, 2).await, 1, "the copy should have served");
        cache
            .mark(&[("k".to_owned(), Timestamp::from_micros(2))])
            .await;
        assert_eq!(
            read(&cache, 1).await,
            1,
            "a reader before the commit sees the old row"
        );
        assert_eq!(
            read(&cache, 2).await,
            2,
            "but must not have put it back over the marker"
        );
        assert_eq!(read(&cache, 3).await, 2);
    }
}

//! What only managers need: the database, the cache, and the lock of an embedded one.

use std::{fs::File, sync::Arc};

use super::StartError;
use crate::{
    cachehandler::{Cache, RedisCache},
    config::Config,
    databasehandler::{Db, Dialect, Dsn},
};

/// The database and the cache of a process's managers. Clones share them.
#[derive(Clone)]
pub struct Data {
    /// The database.
    pub db: Db,
    /// The cache.
    pub cache: Cache,
    /// Held while this process is the one on its embedded database.
    _lock: Option<Arc<File>>,
}

impl Data {
    /// Prepares both; neither has to answer yet.
    ///
    /// # Errors
    /// When a setting cannot be used, or another process has the same DATA_DIR.
    pub fn open(config: &Config) -> Result<Self, StartError> {
        let dsn = config
            .database()
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        let lock = match dsn {
            Dsn::Sqlite(_) => Some(Arc::new(lock_data_dir(config)?)),
            _ => None,
        };
        let connections = usize::try_from(config.number("DATABASE_CONNECTIONS")).unwrap_or(2);
        let db =
            Db::new(&dsn, connections).map_err(|fault| StartError::Other(fault.to_string()))?;
        let cache = match config.redis_url() {
            Some(url) => Cache::Redis(
                RedisCache::new(url.expose())
                    .map_err(|_| StartError::Other("REDIS_ADDRESS".to_owned()))?,
            ),
            None if db.dialect() == Dialect::MySql => return Err(StartError::NoRedis),
            None => Cache::local(),
        };
        Ok(Self {
            db,
            cache,
            _lock: lock,
        })
    }
}

/// Makes DATA_DIR and takes its lock: the cache and the bus inside a process are right only while no other
/// process works on the same file.
fn lock_data_dir(config: &Config) -> Result<File, StartError> {
    let dir = config.data_dir();
    let failed = |fault| StartError::DataDir {
        path: dir.display().to_string(),
        fault,
    };
    std::fs::create_dir_all(&dir).map_err(failed)?;
    let path = dir.join("tandem.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    file.try_lock()
        .map_err(|_| StartError::DataDirInUse(dir.display().to_string()))?;
    Ok(file)
}

//! What only managers need: the database, the cache, and the lock of an embedded one.

use std::{
    fs::File,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::StartError;
use crate::{
    cachehandler::{Cache, RedisCache},
    config::{Config, settings},
    databasehandler::{Db, Dialect, Dsn},
    files,
};

/// The database and the cache of a process's managers. Clones share them.
#[derive(Clone)]
pub struct Storage {
    /// The database.
    pub db: Db,
    /// The cache.
    pub cache: Cache,
    /// The prefixes of managers whose schema is there: their tables can be tried.
    ready: Arc<Mutex<Vec<&'static str>>>,
    /// Held while this process is the one on its embedded database: of the folder, and of the file itself.
    _locks: Option<Arc<[File; 2]>>,
}

impl Storage {
    /// Prepares both; neither has to answer yet.
    ///
    /// # Errors
    /// When a setting cannot be used, or another process has the same DATA_DIR.
    pub fn open(config: &Config) -> Result<Self, StartError> {
        let dsn = config
            .database()
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        let locks = match &dsn {
            Dsn::Sqlite(path) => Some(Arc::new(lock_all(config, path)?)),
            Dsn::MySql(_) => None,
        };
        let connections = usize::try_from(config.get(&settings::DATABASE_CONNECTIONS)).unwrap_or(2);
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
            ready: Arc::default(),
            _locks: locks,
        })
    }

    /// Says that a manager's schema is there.
    pub(super) fn set_ready(&self, prefix: &'static str) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&prefix) {
            ready.push(prefix);
        }
    }

    /// The prefixes of managers whose schema is there.
    pub(super) fn ready(&self) -> Vec<&'static str> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.clone()
    }
}

/// Makes DATA_DIR and takes the locks: the cache and the bus inside a process are right only while no other
/// process works on the same file. The file's own lock holds where the folder's was deleted, and where two folders
/// lead to one database. SQLite's locks are of another kind, which closing a file would release: ours stays open.
pub(super) fn lock_all(config: &Config, database: &Path) -> Result<[File; 2], StartError> {
    let dir = config.data_dir();
    let failed = |fault| StartError::DataDir {
        path: dir.display().to_string(),
        fault,
    };
    files::make_private_dir(&dir).map_err(failed)?;
    let folder = lock(&dir.join(files::LOCK), &dir)?;
    files::keep_private(&dir, Some(database));
    Ok([folder, lock(database, database)?])
}

/// Opens a file, or makes it, and locks it; `shown` is what is in use when it is locked.
fn lock(path: &Path, shown: &Path) -> Result<File, StartError> {
    let opened = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path);
    let file = opened.map_err(|fault| StartError::DataDir {
        path: path.display().to_string(),
        fault,
    })?;
    file.try_lock()
        .map_err(|_| StartError::DataDirInUse(shown.display().to_string()))?;
    Ok(file)
}

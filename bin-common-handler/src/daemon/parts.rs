//! What the managers of a process share: broker, database, cache, clock, figures.

use std::{fs::File, net::SocketAddr, sync::Arc};

use super::{SharedTransport, Tasks};
use crate::{
    cachehandler::{Cache, RedisCache},
    clock::Clock,
    config::Config,
    databasehandler::{Db, Dialect},
    health::{Health, State},
    metrics::Metrics,
    redact,
    sockhandler::{inprocess::InProcess, rabbitmq::RabbitMq},
};

/// Why a daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The same file is used by another process.
    #[error("{0} is in use by another process; stop it, or set DATA_DIR to another folder")]
    DataDirInUse(String),
    /// The folder cannot be made or written.
    #[error("DATA_DIR {path}: {fault}")]
    DataDir {
        /// The folder.
        path: String,
        /// What the system says.
        fault: std::io::Error,
    },
    /// The port is taken, or not ours.
    #[error("{setting}: cannot listen on {address}: {fault}")]
    Listen {
        /// The setting to change.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        fault: std::io::Error,
    },
    /// A listen address is missing.
    #[error("{0} is not set")]
    NoAddress(&'static str),
    /// A cache in this process would lie when another one changes the same database.
    #[error(
        "REDIS_ADDRESS is needed with MySQL or MariaDB: several processes may change the same rows"
    )]
    NoRedis,
    /// A part of the process ended by itself.
    #[error("a part of the daemon died; see the log above")]
    Died,
    /// The drain did not end.
    #[error("stopping took too long; what was not finished goes back to the broker")]
    DrainTooLong,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What the managers of a process share. Clones share it.
#[derive(Clone)]
pub struct Parts {
    /// All settings.
    pub config: Config,
    /// The time of day.
    pub clock: Clock,
    /// How the parts are.
    pub health: Health,
    /// Figures.
    pub metrics: Metrics,
    /// The bus.
    pub transport: SharedTransport,
    /// The database.
    pub db: Db,
    /// The cache.
    pub cache: Cache,
    /// Where a companion starts its jobs.
    pub tasks: Option<Tasks>,
    /// Held while this process is the one on its embedded database.
    _lock: Option<Arc<File>>,
}

impl Parts {
    /// Opens everything that needs no other service to answer yet.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn open(config: Config, clock: Clock) -> Result<Self, StartError> {
        let health = Health::default();
        health.set("process", State::Down("starting".to_owned()));
        let metrics = Metrics::new().map_err(|fault| StartError::Other(fault.to_string()))?;
        let dsn = config
            .database()
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        let is_embedded = matches!(dsn, crate::databasehandler::Dsn::Sqlite(_));
        let lock = if is_embedded {
            Some(lock_data_dir(&config)?)
        } else {
            None
        };
        let connections = usize::try_from(config.number("DATABASE_CONNECTIONS")).unwrap_or(2);
        let db =
            Db::new(&dsn, connections).map_err(|fault| StartError::Other(fault.to_string()))?;
        let transport: SharedTransport = match config.text("RABBITMQ_ADDRESS") {
            "" => Arc::new(InProcess::default()),
            address => Arc::new(RabbitMq::new(
                redact::Secret::new(address),
                clock.clone(),
                metrics.clone(),
                health.clone(),
            )),
        };
        let cache = match config.redis_url() {
            Some(url) => Cache::Redis(
                RedisCache::new(url.expose())
                    .map_err(|_| StartError::Other("REDIS_ADDRESS".to_owned()))?,
            ),
            None if db.dialect() == Dialect::MySql => return Err(StartError::NoRedis),
            None => Cache::local(),
        };
        Ok(Self {
            config,
            clock,
            health,
            metrics,
            transport,
            db,
            cache,
            tasks: None,
            _lock: lock.map(Arc::new),
        })
    }

    /// What the parts are, one line each, for the start-up message.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let or = |text: &str, otherwise: &str| {
            if text.is_empty() {
                otherwise.to_owned()
            } else {
                redact::dsn(text)
            }
        };
        let database = self
            .config
            .database()
            .map_or_else(|fault| fault.to_string(), |dsn| dsn.to_string());
        vec![
            ("database", database),
            (
                "broker",
                or(self.config.text("RABBITMQ_ADDRESS"), "inside this process"),
            ),
            (
                "cache",
                or(self.config.text("REDIS_ADDRESS"), "inside this process"),
            ),
        ]
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

//! What all managers of a process use and few need: made when it is first asked for.

use std::sync::{Arc, OnceLock};

use super::StartError;
use crate::{
    config::{Config, settings},
    databasehandler::Dsn,
    files,
    httphandler::HttpClient,
    keyfile,
    metrics::Metrics,
    sealer::Sealer,
};

/// Tells our keys of secrets from others, e.g. for scanners of source code.
const KEY_PREFIX: &str = "tandem_seal_";
/// Shortest key that is believed, in characters.
const KEY_LENGTH_MIN: usize = 32;

/// The client for third parties and the keys of secrets. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Shared {
    http: Arc<OnceLock<HttpClient>>,
    sealer: Arc<OnceLock<Arc<Sealer>>>,
}

impl Shared {
    /// The client, with the system's certificates, which take a few milliseconds to read.
    pub(super) fn http(
        &self,
        config: &Config,
        metrics: &Metrics,
    ) -> Result<HttpClient, StartError> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let allows_private = config.get(&settings::ALLOW_PRIVATE_ENDPOINTS);
        let http = HttpClient::new(metrics.clone(), allows_private)
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        Ok(self.http.get_or_init(|| http).clone())
    }

    pub(super) fn sealer(&self, config: &Config) -> Result<Arc<Sealer>, StartError> {
        if let Some(sealer) = self.sealer.get() {
            return Ok(Arc::clone(sealer));
        }
        let sealer = Arc::new(sealer(config)?);
        Ok(Arc::clone(self.sealer.get_or_init(|| sealer)))
    }
}

/// By SECRETS_KEY; else, where the database is ours alone, by a key that is kept beside it.
fn sealer(config: &Config) -> Result<Sealer, StartError> {
    let set = config.get(&settings::SECRETS_KEY);
    let other = |fault: &dyn std::fmt::Display| StartError::Other(fault.to_string());
    if !set.is_empty() {
        return Sealer::new(&set).map_err(|fault| other(&fault));
    }
    let dsn = config.database().map_err(|fault| other(&fault))?;
    if !matches!(dsn, Dsn::Sqlite(_)) {
        return Ok(Sealer::default());
    }
    let path = config.data_dir().join(files::SECRETS_KEY);
    let key = keyfile::read_or_make(&path, KEY_PREFIX, KEY_LENGTH_MIN)
        .map_err(|fault| other(&format!("{}: {fault}", path.display())))?;
    Sealer::new(&key).map_err(|fault| other(&fault))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{config::COMMON, redact::Secret, sealer::SealFault};

    fn config(dir: &TempDir, values: &[(&'static str, &'static str)]) -> Config {
        let dir = dir.path().to_str().unwrap().to_owned().leak();
        let values: Vec<_> = [("DATA_DIR", &*dir)]
            .iter()
            .chain(values)
            .copied()
            .collect();
        Config::with_values(COMMON, &values).unwrap()
    }

    #[test]
    fn the_embedded_database_has_a_key_beside_it_that_stays() {
        let dir = TempDir::new().unwrap();
        let config = config(&dir, &[]);
        let secret = Secret::new("password");
        let sealed = sealer(&config).unwrap().seal(&secret, "place").unwrap();
        let opened = sealer(&config).unwrap().open(&sealed, "place").unwrap();
        assert_eq!(opened, secret);
    }

    #[test]
    fn a_shared_database_needs_a_key_that_is_set() {
        let dir = TempDir::new().unwrap();
        let dsn = ("DATABASE_DSN", "mysql://a:b@127.0.0.1:3306/c");
        let none = sealer(&config(&dir, &[dsn])).unwrap();
        let fault = none.seal(&Secret::new("password"), "place").unwrap_err();
        assert_eq!(fault, SealFault::NoKey);
        assert!(!dir.path().join(files::SECRETS_KEY).exists());
        let key = ("SECRETS_KEY", "0123456789abcdef0123456789abcdef");
        let some = sealer(&config(&dir, &[dsn, key])).unwrap();
        assert!(some.seal(&Secret::new("password"), "place").is_ok());
    }
}

//! What all managers of a process use and few need: made when it is first asked for.

use std::sync::{Arc, OnceLock};

use tracing::warn;

use super::{StartError, ports::Ports};
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
/// What an operator has to know at the start, not at the first refusal.
const NO_KEY: &str = "SECRETS_KEY is not set: carriers, webhooks, live chat and whatever else keeps a secret are refused \
                      with 503 SECRETS_KEY_MISSING; make one with \"openssl rand -hex 32\", set it for every replica, \
                      and keep it";

/// The client for third parties, the keys of secrets, and ports that are bound. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Shared {
    http: Arc<OnceLock<HttpClient>>,
    sealer: Arc<OnceLock<Arc<Sealer>>>,
    pub(super) ports: Ports,
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
        let made = sealer(config)?;
        // Said once, however many managers ask at the same time.
        let sealer = self.sealer.get_or_init(|| {
            if !made.has_keys() {
                warn!("{NO_KEY}");
            }
            Arc::new(made)
        });
        Ok(Arc::clone(sealer))
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
    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;
    use crate::{config::COMMON, redact::Secret, sealer::SealFault, testing::Log};

    const SHARED: (&str, &str) = ("DATABASE_DSN", "mysql://a:b@127.0.0.1:3306/c");
    const KEY: (&str, &str) = ("SECRETS_KEY", "0123456789abcdef0123456789abcdef");

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
        let none = sealer(&config(&dir, &[SHARED])).unwrap();
        let fault = none.seal(&Secret::new("password"), "place").unwrap_err();
        assert_eq!(fault, SealFault::NoKey);
        assert!(!dir.path().join(files::SECRETS_KEY).exists());
        let some = sealer(&config(&dir, &[SHARED, KEY])).unwrap();
        assert!(some.seal(&Secret::new("password"), "place").is_ok());
    }

    #[rstest]
    #[case::shared_without_a_key(&[SHARED], 1)]
    #[case::shared_with_a_key(&[SHARED, KEY], 0)]
    #[case::embedded(&[], 0)]
    fn a_missing_key_is_told_once_at_the_start(
        #[case] values: &[(&'static str, &'static str)],
        #[case] told: usize,
    ) {
        let dir = TempDir::new().unwrap();
        let (config, shared) = (config(&dir, values), Shared::default());
        let log = Log::listen();
        for _manager in 0..2 {
            shared.sealer(&config).unwrap();
        }
        let lines = log.lines("SECRETS_KEY");
        assert_eq!(lines.len(), told, "{lines:?}");
        for line in lines {
            assert!(
                line.contains("WARN") && line.contains("openssl rand -hex 32"),
                "{line}"
            );
        }
    }
}

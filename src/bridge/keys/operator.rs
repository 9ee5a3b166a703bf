//! Where the bridge's key comes from: BRIDGE_ACCESS_KEY, else a file in DATA_DIR that the first start makes.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use bin_common_handler::{
    config::{Config, settings},
    daemon::StartError,
    files, keyfile,
    redact::Secret,
};

/// Tells a key of ours from other secrets, e.g. for scanners of source code.
const PREFIX: &str = "tandem_";
/// Shortest key that is believed, in characters.
const LENGTH_MIN: usize = 16;

/// The file in DATA_DIR that holds the key.
pub(in crate::bridge) fn path(config: &Config) -> PathBuf {
    config.data_dir().join(files::BRIDGE_KEY)
}

/// The key that callers must show: BRIDGE_ACCESS_KEY, else what an earlier start has kept, else none.
///
/// # Errors
/// When the file cannot be read or holds no key.
pub fn key_from(config: &Config) -> Result<Option<Secret>, StartError> {
    let set = config.get(&settings::BRIDGE_ACCESS_KEY);
    if !set.is_empty() {
        return Ok(Some(set));
    }
    let path = path(config);
    keyfile::read(&path, LENGTH_MIN).map_err(|fault| unusable(&path, &fault))
}

/// As [`key_from`]; where there is none, one is made, kept, and shown this once on standard error.
///
/// # Errors
/// When the file cannot be read or written.
pub fn key_or_new(config: &Config) -> Result<Secret, StartError> {
    if let Some(key) = key_from(config)? {
        return Ok(key);
    }
    let (path, key) = (path(config), keyfile::generate(PREFIX));
    match keyfile::keep(&path, &key) {
        Ok(()) => {
            show(&path, &key);
            Ok(key)
        }
        // Another process was faster; its key is the key.
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
            key_from(config)?.ok_or_else(|| unusable(&path, &fault))
        }
        Err(fault) => Err(unusable(&path, &fault)),
    }
}

fn unusable(path: &Path, fault: &io::Error) -> StartError {
    StartError::Other(format!(
        "{}: {fault}; set BRIDGE_ACCESS_KEY, or DATA_DIR to a folder that can be written",
        path.display()
    ))
}

fn show(path: &Path, key: &Secret) {
    eprintln!("{}", told(path, key, io::stderr().is_terminal()));
}

/// A terminal forgets; what else reads standard error is most likely a log, which many read and nobody clears.
fn told(path: &Path, key: &Secret, is_terminal: bool) -> String {
    let path = path.display();
    let made = "BRIDGE_ACCESS_KEY is not set, so a key for HTTP callers was made";
    let key = if is_terminal {
        format!(
            "{made}. It is shown this once, and kept in\n{path} for the next start:\n\n    {}",
            key.expose()
        )
    } else {
        format!("{made}; it is in\n{path}")
    };
    format!(
        "\n{key}\n\nCallers send it in the header {}. Set BRIDGE_ACCESS_KEY to use a key of your own.\n",
        super::HEADER
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use tempfile::TempDir;

    use super::*;
    use bin_common_handler::config::COMMON;

    fn config(dir: &Path, key: &str) -> Config {
        let dir = dir.to_str().unwrap();
        let values = [("BRIDGE_ACCESS_KEY", key), ("DATA_DIR", dir)];
        let leaked =
            values.map(|(name, value)| (name, &*Box::leak(value.to_owned().into_boxed_str())));
        Config::with_values(COMMON, &leaked).unwrap()
    }

    #[test]
    fn the_first_start_makes_a_key_and_later_ones_read_it() {
        let dir = TempDir::new().unwrap();
        let config = config(&dir.path().join("data"), "");
        assert_eq!(key_from(&config).unwrap(), None);
        let key = key_or_new(&config).unwrap();
        assert!(key.expose().starts_with(PREFIX));
        assert_eq!(key.expose().len(), PREFIX.len() + 64);
        assert_eq!(key_or_new(&config).unwrap(), key);
        assert_eq!(key_from(&config).unwrap(), Some(key));
    }

    #[test]
    fn the_key_is_shown_on_a_terminal_only_and_its_place_always() {
        let key = keyfile::generate(PREFIX);
        for is_terminal in [true, false] {
            let told = told(Path::new("/data/bridge.key"), &key, is_terminal);
            assert_eq!(told.contains(key.expose()), is_terminal);
            assert_eq!(
                told.contains("tandem_"),
                is_terminal,
                "no part of it either"
            );
            assert!(told.contains("/data/bridge.key") && told.contains("x-api-key"));
        }
    }

    #[test]
    fn only_the_owner_reads_the_file_and_no_draft_is_left() {
        let dir = TempDir::new().unwrap();
        let config = config(dir.path(), "");
        key_or_new(&config).unwrap();
        let mode = fs::metadata(path(&config)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_kept_key_is_never_replaced() {
        let dir = TempDir::new().unwrap();
        let config = config(dir.path(), "");
        let key = key_or_new(&config).unwrap();
        let fault = keyfile::keep(&path(&config), &keyfile::generate(PREFIX)).unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(key_from(&config).unwrap(), Some(key));
    }

    #[test]
    fn a_key_that_is_set_wins_and_nothing_is_written() {
        let dir = TempDir::new().unwrap();
        let config = config(dir.path(), "0123456789abcdef");
        assert_eq!(key_or_new(&config).unwrap().expose(), "0123456789abcdef");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_empty_file_opens_nothing() {
        let dir = TempDir::new().unwrap();
        let config = config(dir.path(), "");
        fs::write(path(&config), "\n").unwrap();
        assert!(
            key_or_new(&config)
                .unwrap_err()
                .to_string()
                .contains("bridge.key")
        );
    }
}

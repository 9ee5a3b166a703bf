//! Settings: defaults, then a file, then the environment, then flags.
//!
//! A setting is declared once, in a table: its name is the environment variable, in lower case the flag
//! (with `_` or `-`) and the key in the file. Its kind is checked at start, before anything else happens.

mod kinds;
mod settings;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Arg, ArgMatches, Command};
use config::{Config as Layers, Environment, File, FileFormat};

pub use kinds::{Kind, parse_duration};
pub use settings::COMMON;

use crate::{databasehandler::Dsn, redact::Secret};

/// The files of which the first that exists is read when no other is named: one for each folder, one for the machine.
const DEFAULT_FILES: [&str; 2] = ["tandem.toml", "/etc/tandem/tandem.toml"];

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable, e.g. `DATABASE_DSN`.
    pub name: &'static str,
    /// Its value when nobody sets it; empty for none.
    pub default: &'static str,
    /// What it must be.
    pub kind: Kind,
    /// What it does, in one line.
    pub help: &'static str,
    /// A value that works, for the error that asks for one.
    pub example: &'static str,
}

/// A value that cannot be used, or a file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// One setting is wrong. The value itself is shown only when it is no secret.
    #[error("{name}{shown}: {fault}; for example {name}={example}")]
    Value {
        /// The setting.
        name: &'static str,
        /// ` = "…"`, or nothing for a secret.
        shown: String,
        /// What is wrong.
        fault: String,
        /// What would be right.
        example: &'static str,
    },
    /// The file has a key that no setting has.
    #[error("{file}: there is no setting {key:?}; run with --help for the list")]
    UnknownKey {
        /// The file.
        file: String,
        /// The key.
        key: String,
    },
    /// The file is missing or broken.
    #[error("{0}")]
    File(String),
}

/// Checked values of all settings.
#[derive(Clone)]
pub struct Config {
    values: BTreeMap<&'static str, String>,
    settings: Vec<Setting>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .settings
            .iter()
            .map(|setting| (setting.name, setting.kind.shown(self.text(setting.name))));
        f.debug_map().entries(shown).finish()
    }
}

impl Config {
    /// Adds a flag for each setting to `command`, and `--config-file`.
    pub fn flags(command: Command, settings: &[Setting]) -> Command {
        let file = Arg::new("config_file")
            .long("config-file")
            .alias("config_file")
            .value_name("FILE")
            .help(format!(
                "Settings as TOML, keys in lower case [default: the first of {} that exists]",
                DEFAULT_FILES.join(", ")
            ));
        settings.iter().fold(command.arg(file), |command, setting| {
            command.arg(flag(setting))
        })
    }

    /// Reads all layers and checks every value.
    ///
    /// # Errors
    /// Names the setting, what is wrong with it, and a value that works.
    pub fn load(settings: &[Setting], matches: &ArgMatches) -> Result<Self, BadConfig> {
        let mut layers = Layers::builder();
        for setting in settings {
            layers = layers
                .set_default(key(setting), setting.default)
                .map_err(file_fault)?;
        }
        let named = matches.get_one::<String>("config_file").cloned();
        let usual = || first_of(&DEFAULT_FILES).unwrap_or_default().to_owned();
        let file = named.unwrap_or_else(usual);
        let source = File::new(&file, FileFormat::Toml).required(!file.is_empty());
        ensure_readable(&file)?;
        check_keys(settings, &file, source.clone())?;
        layers = layers.add_source(source).add_source(Environment::default());
        for setting in settings {
            let given = matches.get_one::<String>(&key(setting)).cloned();
            layers = layers
                .set_override_option(key(setting), given)
                .map_err(file_fault)?;
        }
        let layers = layers.build().map_err(file_fault)?;
        let values = settings.iter().map(|setting| {
            (
                setting.name,
                layers
                    .get_string(&key(setting))
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            )
        });
        Self::checked(settings, values.collect())
    }

    /// Defaults with some values replaced: for tests and for programs that embed a daemon.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn with_values(
        settings: &[Setting],
        given: &[(&'static str, &str)],
    ) -> Result<Self, BadConfig> {
        let mut values: BTreeMap<_, _> = settings
            .iter()
            .map(|setting| (setting.name, setting.default.to_owned()))
            .collect();
        values.extend(
            given
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        Self::checked(settings, values)
    }

    fn checked(
        settings: &[Setting],
        values: BTreeMap<&'static str, String>,
    ) -> Result<Self, BadConfig> {
        let config = Self {
            values,
            settings: settings.to_vec(),
        };
        for setting in settings {
            let text = config.text(setting.name);
            if text.is_empty() && setting.default.is_empty() {
                continue;
            }
            setting.kind.check(text).map_err(|fault| BadConfig::Value {
                name: setting.name,
                shown: setting.kind.shown_in_error(text),
                fault,
                example: setting.example,
            })?;
        }
        Ok(config)
    }

    /// A setting as it was written; empty when it is not set.
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// A secret, or an address that holds one.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::new(self.text(name))
    }

    /// Whether a setting of yes or no is on.
    pub fn is_on(&self, name: &str) -> bool {
        kinds::parse_bool(self.text(name)).unwrap_or(false)
    }

    /// A time span.
    pub fn duration(&self, name: &str) -> Duration {
        kinds::parse_duration(self.text(name)).unwrap_or_default()
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or_default()
    }

    /// An address to listen on; `:2112` is every interface.
    pub fn listen_address(&self, name: &str) -> Option<std::net::SocketAddr> {
        kinds::parse_listen_address(self.text(name)).ok()
    }

    /// Where the embedded default keeps its files.
    pub fn data_dir(&self) -> PathBuf {
        PathBuf::from(self.text("DATA_DIR"))
    }

    /// The database: DATABASE_DSN, else SQLite in DATA_DIR.
    ///
    /// # Errors
    /// Never after [`Self::load`], which checks it.
    pub fn database(&self) -> Result<Dsn, crate::databasehandler::BadDsn> {
        match self.text("DATABASE_DSN") {
            "" => Ok(Dsn::Sqlite(self.data_dir().join("tandem.db"))),
            dsn => dsn.parse(),
        }
    }

    /// Redis as a URL with its password and database number, when it is set.
    pub fn redis_url(&self) -> Option<Secret> {
        kinds::redis_url(
            self.text("REDIS_ADDRESS"),
            self.text("REDIS_PASSWORD"),
            self.text("REDIS_DATABASE"),
        )
        .map(Secret::new)
    }
}

fn first_of<'f>(files: &[&'f str]) -> Option<&'f str> {
    let mut files = files.iter();
    files.find(|file| Path::new(file).exists()).copied()
}

/// The file of the machine holds secrets, so not everybody may read it.
fn ensure_readable(file: &str) -> Result<(), BadConfig> {
    match std::fs::File::open(file) {
        Err(fault) if fault.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(BadConfig::File(format!(
                "{file} may not be read by this user: run the command as root, or as the user that Tandem runs as"
            )))
        }
        _ => Ok(()),
    }
}

fn key(setting: &Setting) -> String {
    setting.name.to_ascii_lowercase()
}

fn flag(setting: &Setting) -> Arg {
    let name = key(setting);
    let default = if setting.default.is_empty() {
        String::new()
    } else {
        format!(" [default: {}]", setting.default)
    };
    Arg::new(name.clone())
        .long(name.replace('_', "-"))
        .alias(name)
        .value_name(setting.kind.value_name())
        .help(format!("{}{default} [env: {}]", setting.help, setting.name))
        .help_heading("Settings")
}

fn check_keys(
    settings: &[Setting],
    file: &str,
    source: File<config::FileSourceFile, FileFormat>,
) -> Result<(), BadConfig> {
    let only_file = Layers::builder()
        .add_source(source)
        .build()
        .map_err(file_fault)?;
    let table: BTreeMap<String, config::Value> = only_file.try_deserialize().map_err(file_fault)?;
    match table
        .into_keys()
        .find(|found| !settings.iter().any(|setting| key(setting) == *found))
    {
        Some(unknown) => Err(BadConfig::UnknownKey {
            file: file.to_owned(),
            key: unknown,
        }),
        None => Ok(()),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn file_fault(error: config::ConfigError) -> BadConfig {
    BadConfig::File(format!("the configuration file cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn load(args: &[&str]) -> Result<Config, BadConfig> {
        let command = Config::flags(Command::new("t"), COMMON);
        Config::load(COMMON, &command.get_matches_from(args))
    }

    #[test]
    fn both_spellings_of_a_flag_are_one() {
        for flag in ["--database_dsn", "--database-dsn"] {
            let config = load(&["t", flag, "mysql://u:p@db/tandem"]).unwrap();
            assert_eq!(
                config.database().unwrap().to_string(),
                "mysql://db:3306/tandem"
            );
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.toml");
        std::fs::write(
            &file,
            "log_level = \"debug\"\nprometheus_endpoint = \"/m\"\n",
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let config = load(&[
            "t",
            "--config-file",
            file,
            "--prometheus_endpoint",
            "/figures",
        ])
        .unwrap();
        assert_eq!(config.text("LOG_LEVEL"), "debug");
        assert_eq!(config.text("PROMETHEUS_ENDPOINT"), "/figures");
        assert_eq!(config.text("LOG_FORMAT"), "text");
    }

    #[test]
    fn the_first_file_that_is_there_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
        let paths = [&one, &two].map(|path| path.to_str().unwrap());
        assert_eq!(first_of(&paths), None);
        std::fs::write(&two, "").unwrap();
        assert_eq!(first_of(&paths), Some(paths[1]));
        std::fs::write(&one, "").unwrap();
        assert_eq!(first_of(&paths), Some(paths[0]));
    }

    #[test]
    fn an_unknown_key_in_the_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.toml");
        std::fs::write(&file, "databse_dsn = \"x\"\n").unwrap();
        let error = load(&["t", "--config-file", file.to_str().unwrap()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("databse_dsn"), "{error}");
    }

    #[rstest]
    #[case("--database_dsn", "postgres://u:hunter2@h/d", "DATABASE_DSN")]
    #[case("--rabbitmq_address", "http://u:hunter2@h", "RABBITMQ_ADDRESS")]
    #[case("--log_level", "loud", "LOG_LEVEL")]
    #[case("--prometheus_listen_address", "2112x", "PROMETHEUS_LISTEN_ADDRESS")]
    #[case("--redis_database", "one", "REDIS_DATABASE")]
    #[case("--bridge_access_key", "hunter2", "BRIDGE_ACCESS_KEY")]
    fn a_wrong_value_names_its_setting_and_tells_no_secret(
        #[case] flag: &str,
        #[case] value: &str,
        #[case] name: &str,
    ) {
        let error = load(&["t", flag, value]).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
        assert!(error.contains("for example"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn debug_tells_no_secret() {
        let config = load(&[
            "t",
            "--redis_password",
            "hunter2",
            "--database_dsn",
            "mysql://u:hunter2@h/d",
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}

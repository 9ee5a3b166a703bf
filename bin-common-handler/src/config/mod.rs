//! Settings: defaults, then a file, then the environment, then flags.
//!
//! A setting is declared once, in a table: its name is the environment variable, in lower case the flag
//! (with `_` or `-`) and the key in the file. Its kind is checked at start, before anything else happens.

mod kinds;
mod setting;
pub mod settings;
pub mod shared;

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command};
use config::{Config as Layers, Environment, File, FileFormat};

use kinds::{Kind, parse_listen_address};

pub use kinds::parse_duration;
pub use setting::{AnySetting, Setting, SettingValue};
pub use settings::COMMON;

use crate::{databasehandler::Dsn, redact::Secret};

/// The files of which the first that exists is read when no other is named: one for each folder, one for the machine.
const DEFAULT_FILES: [&str; 2] = ["tandem.toml", "/etc/tandem/tandem.toml"];

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
    settings: Vec<AnySetting>,
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
    pub fn flags(command: Command, settings: &[AnySetting]) -> Command {
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
    pub fn load(settings: &[AnySetting], matches: &ArgMatches) -> Result<Self, BadConfig> {
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
        settings: &[AnySetting],
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
        settings: &[AnySetting],
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

    /// The value of a setting. One that is not in the table of this process is a programming error: tests end there,
    /// a service logs it and goes on with the default.
    pub fn get<T: SettingValue>(&self, setting: &Setting<T>) -> T {
        let text = self.values.get(setting.name());
        debug_assert!(text.is_some(), "{} is in no table", setting.name());
        match text {
            Some(text) => setting.read(text),
            None => {
                tracing::error!(setting = setting.name(), "this setting is in no table");
                setting.default_value()
            }
        }
    }

    /// A setting as it was written; empty when it is not set.
    fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Where a setting says to listen; nothing where it is empty, or no address to listen on.
    pub(crate) fn listen_address(&self, setting: &AnySetting) -> Option<SocketAddr> {
        match setting.kind {
            Kind::ListenAddress => parse_listen_address(self.text(setting.name)).ok(),
            _ => None,
        }
    }

    /// Where the embedded default keeps its files.
    pub fn data_dir(&self) -> PathBuf {
        self.get(&settings::DATA_DIR)
    }

    /// The database: DATABASE_DSN, else SQLite in DATA_DIR.
    ///
    /// # Errors
    /// Never after [`Self::load`], which checks it.
    pub fn database(&self) -> Result<Dsn, crate::databasehandler::BadDsn> {
        match self.get(&settings::DATABASE_DSN).expose() {
            "" => Ok(Dsn::Sqlite(self.data_dir().join("tandem.db"))),
            dsn => dsn.parse(),
        }
    }

    /// Redis as a URL with its password and database number, when it is set.
    pub fn redis_url(&self) -> Option<Secret> {
        kinds::redis_url(
            self.get(&settings::REDIS_ADDRESS).expose(),
            self.get(&settings::REDIS_PASSWORD).expose(),
            &self.get(&settings::REDIS_DATABASE).to_string(),
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

fn key(setting: &AnySetting) -> String {
    setting.name.to_ascii_lowercase()
}

fn flag(setting: &AnySetting) -> Arg {
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
    settings: &[AnySetting],
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
        assert_eq!(config.get(&settings::LOG_LEVEL), "debug");
        assert_eq!(config.get(&settings::PROMETHEUS_ENDPOINT), "/figures");
        assert_eq!(config.get(&settings::LOG_FORMAT), "text");
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
    #[case(
        "--public_url",
        "https://a.test/v1/webhooks/twilio/voice",
        "PUBLIC_URL"
    )]
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
    #[should_panic(expected = "NOWHERE is in no table")]
    fn a_setting_that_is_in_no_table_ends_a_test() {
        const NOWHERE: Setting<u64> = Setting::number("NOWHERE", "7", 1..=9, "nothing", "7");
        load(&["t"]).unwrap().get(&NOWHERE);
    }

    #[rstest]
    #[case(&["t"], 24)]
    #[case(&["t", "--database-connections", "7"], 7)]
    fn a_value_has_the_type_of_its_setting(#[case] args: &[&str], #[case] connections: u64) {
        let config = load(args).unwrap();
        assert_eq!(config.get(&settings::DATABASE_CONNECTIONS), connections);
    }

    #[test]
    fn the_common_defaults_pass_their_own_checks_and_stand_once() {
        let mut names: Vec<_> = COMMON.iter().map(|setting| setting.name).collect();
        for setting in COMMON {
            for text in [setting.default, setting.example] {
                // An example may say how to make a secret.
                let checked = setting.kind.check(text);
                assert!(
                    text.is_empty() || checked.is_ok(),
                    "{setting:?}: {checked:?}"
                );
            }
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMON.len());
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

//! `tandem backup` and `tandem restore`: the embedded database, copied while it is used, and put back.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use bin_common_handler::{
    config::{
        AnySetting, Config,
        settings::{DATA_DIR, DATABASE_DSN},
    },
    daemon::{Storage, block_on, fail},
    databasehandler::Dsn,
    files,
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::{Outcome, output, settings, snapshot};

const BACKUP_EXAMPLES: &str = "Examples:
  tandem backup /backups/monday.db
  tandem backup --force --data-dir /var/lib/tandem /backups/latest.db

Works while tandem runs. The file holds everything that is in the database; the bridge's key and exported files
are beside it in DATA_DIR. With MySQL or MariaDB use their own tools.";

const RESTORE_EXAMPLES: &str = "Examples:
  tandem restore /backups/monday.db
  tandem restore --data-dir /var/lib/tandem /backups/latest.db

Stop tandem first. The database that is replaced stays in DATA_DIR under another name. Events that the copy had
not sent yet are sent again, under their old ids.";

/// The settings that matter here; the others are read, and not listed in the help.
const SHOWN: [AnySetting; 2] = [DATABASE_DSN.erased(), DATA_DIR.erased()];

pub fn backup_command() -> Command {
    let force = Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help("Replace FILE if it is there");
    command(
        "backup",
        "Copy the embedded database into FILE, while it is used",
    )
    .arg(force)
    .after_help(BACKUP_EXAMPLES)
}

pub fn restore_command() -> Command {
    command(
        "restore",
        "Put a copy back in the place of the embedded database",
    )
    .after_help(RESTORE_EXAMPLES)
}

fn command(name: &'static str, about: &'static str) -> Command {
    let file = Arg::new("file")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The copy");
    settings::flags_shown(&SHOWN)
        .fold(Command::new(name).about(about), Command::arg)
        .arg(file)
}

pub fn backup(matches: &ArgMatches) -> Outcome {
    let (database, file) = (database(&load(matches)?)?, file(matches));
    let may_replace = matches.get_flag("force");
    let ours = files::in_use(&load(matches)?.data_dir(), Some(&database));
    files::ensure_writable(&file, &ours)?;
    Ok(block_on(async {
        match snapshot::make(&database, &file, may_replace).await {
            Ok(bytes) => told(&format!(
                "{} bytes of {} are in {}",
                output::grouped(bytes),
                database.display(),
                file.display()
            )),
            Err(fault) => fail(&fault),
        }
    }))
}

pub fn restore(matches: &ArgMatches) -> Outcome {
    let config = load(matches)?;
    let (database, file) = (database(&config)?, file(matches));
    Ok(block_on(async {
        match put_back(&config, &file, &database).await {
            Ok(kept) => told(&restored(&file, &database, kept.as_deref())),
            Err(fault) => fail(&fault),
        }
    }))
}

async fn put_back(
    config: &Config,
    file: &Path,
    database: &Path,
) -> Result<Option<PathBuf>, Box<dyn std::error::Error>> {
    snapshot::ensure_other(file, database)?;
    snapshot::check(file).await?;
    // Holds the folder's lock until the end: no daemon runs on the database, and none starts.
    let _held = Storage::open(config)?;
    Ok(snapshot::put_back(file, database).await?)
}

fn restored(file: &Path, database: &Path, kept: Option<&Path>) -> String {
    let done = format!("{} is what {} was", database.display(), file.display());
    match kept {
        Some(kept) => format!("{done}; the one it replaced is {}", kept.display()),
        None => done,
    }
}

fn told(text: &str) -> ExitCode {
    // The work is done, whether or not anybody reads of it.
    let _ = output::line(text);
    ExitCode::SUCCESS
}

fn load(matches: &ArgMatches) -> Result<Config, Box<dyn std::error::Error>> {
    Ok(Config::load(&settings::all(), matches)?)
}

fn file(matches: &ArgMatches) -> PathBuf {
    matches
        .get_one::<PathBuf>("file")
        .cloned()
        .unwrap_or_default()
}

fn database(config: &Config) -> Result<PathBuf, Box<dyn std::error::Error>> {
    match config.database()? {
        Dsn::Sqlite(path) => Ok(path),
        Dsn::MySql(_) => Err(
            "DATABASE_DSN is MySQL or MariaDB; use their own tools, such as \
                              mariadb-dump --single-transaction"
                .into(),
        ),
    }
}

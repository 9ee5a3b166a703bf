//! The subcommand `migrate`, for a daemon and for `tandem`.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::Manager;
use crate::{
    config::Config,
    databasehandler::{
        Db, Dsn,
        migrate::{DOWN, MigrationState},
    },
    models::error::Error,
};

/// A manager's own migrations begin here.
const FIRST: u32 = 1001;

/// Its flags and subcommands.
pub fn command() -> Command {
    let name = Arg::new("name")
        .required(true)
        .value_name("NAME")
        .help("What it does, e.g. add_priority");
    let steps = Arg::new("steps")
        .long("steps")
        .value_name("N")
        .default_value("1")
        .value_parser(value_parser!(u32).range(1..))
        .help("How many migrations to take back, newest first");
    let dir = Arg::new("dir")
        .long("dir")
        .value_name("DIR")
        .default_value("migrations")
        .help("The manager's folder of migrations");
    Command::new("migrate")
        .about("Bring the schema up to date, take it back, or see where it stands")
        .subcommand_required(true)
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Print JSON"),
        )
        .subcommand(Command::new("up").about("Apply what is missing"))
        .subcommand(
            Command::new("down")
                .about("Take migrations back; adopted tables and their rows stay")
                .arg(steps),
        )
        .subcommand(Command::new("status").about("List every migration and whether it is applied"))
        .subcommand(
            Command::new("create")
                .about("Write an empty file for both databases and both ways")
                .arg(name)
                .arg(dir),
        )
}

/// Runs `migrate` for some managers.
///
/// # Errors
/// What the database says.
pub async fn run_command(
    config: &Config,
    managers: &[Manager],
    matches: &ArgMatches,
) -> Result<(), Error> {
    if let Some(("create", create)) = matches.subcommand() {
        return create_file(create, matches.get_flag("json"));
    }
    let dsn = config.database().map_err(Error::internal)?;
    if let Dsn::Sqlite(path) = &dsn
        && let Some(dir) = path.parent()
    {
        crate::files::make_private_dir(dir).map_err(Error::internal)?;
    }
    let db = Db::new(&dsn, 2).map_err(Error::internal)?;
    let as_json = matches.get_flag("json");
    let mut states = Vec::new();
    for manager in managers {
        let said = match matches.subcommand() {
            Some(("up", _)) => {
                let applied = manager.migrations.up(&db).await?;
                serde_json::json!({ "manager": manager.name, "applied": applied })
            }
            Some(("down", down)) => {
                let steps = down.get_one::<u32>("steps").copied().unwrap_or(1) as usize;
                let taken_back = manager.migrations.down(&db, steps).await?;
                serde_json::json!({ "manager": manager.name, "taken_back": taken_back })
            }
            _ => {
                let own = manager.migrations.status(&db).await?;
                let said = serde_json::json!({ "manager": manager.name, "migrations": own });
                states.extend(own);
                said
            }
        };
        print_said(&said, as_json);
    }
    if matches.subcommand_name() == Some("status") && !as_json {
        println!("{}", sums(&states));
    }
    Ok(())
}

/// The last line of `status`, for people; a machine counts the lines of JSON.
fn sums(states: &[MigrationState]) -> String {
    let applied = states.iter().filter(|state| state.applied).count();
    let missing = states.len() - applied;
    format!("{applied} applied, {missing} missing")
}

fn print_said(said: &serde_json::Value, as_json: bool) {
    if as_json {
        println!("{said}");
        return;
    }
    let name = said
        .get("manager")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if let Some(count) = said.get("applied") {
        println!("{name}: {count} applied");
    } else if let Some(count) = said.get("taken_back") {
        println!("{name}: {count} reverted");
    }
    let states = said.get("migrations").and_then(serde_json::Value::as_array);
    for state in states.into_iter().flatten() {
        let is = |key: &str| {
            state
                .get(key)
                .and_then(serde_json::Value::as_bool)
                .unwrap_or_default()
        };
        let mark = if is("applied") { "applied" } else { "missing" };
        let version = state.get("version").cloned().unwrap_or_default();
        let what = state
            .get("description")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        println!("{name}  {version:>6}  {mark}  {what}");
    }
}

/// Numbered one after the highest there is.
fn create_file(matches: &ArgMatches, as_json: bool) -> Result<(), Error> {
    let text = |key: &str| {
        matches
            .get_one::<String>(key)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let name: String = text("name")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let dir = Path::new(text("dir"));
    std::fs::create_dir_all(dir).map_err(Error::internal)?;
    let mut next = FIRST;
    for entry in std::fs::read_dir(dir).map_err(Error::internal)?.flatten() {
        let number = entry
            .file_name()
            .to_string_lossy()
            .split('_')
            .next()
            .and_then(|number| number.parse::<u32>().ok());
        next = next.max(number.map_or(0, |number| number.saturating_add(1)));
    }
    let path = dir.join(format!("{next}_{name}.sql"));
    let empty = format!(
        "-- Statements that may run again; name this file in the manager's migrations!(…).\n\n{DOWN}\n"
    );
    std::fs::File::create_new(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, empty.as_bytes()))
        .map_err(Error::internal)?;
    if as_json {
        println!("{}", serde_json::json!({ "created": [path] }));
    } else {
        println!("{}", path.display());
    }
    Ok(())
}

//! The subcommand `migrate`, for a daemon and for `tandem`.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{Manager, fail, storage};
use crate::{
    config::Config,
    databasehandler::{
        Db, Dsn,
        migrate::{DOWN, DroppedTable, Loss, MigrationState},
    },
    files,
    models::text::escaped,
};

/// A manager's own migrations begin here.
const FIRST: u32 = 1001;

const DOWN_HELP: &str = "Without --yes nothing is changed: it lists what would go. The rows of dropped tables and columns are lost, and
the next `up` makes them empty: make a backup first. Numbers that opted out of calls (outdial_optouts and
exchange_optouts) come from chat-manager only when somebody opts out, and are not filled again.

Stop the daemons first; with the embedded database it is refused while one runs.";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

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
    let yes = Arg::new("yes")
        .long("yes")
        .action(ArgAction::SetTrue)
        .help("Do it; without, what would go is listed");
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
                .about("Take migrations back, with the rows of the tables that they made; adopted tables and their rows stay")
                .arg(steps)
                .arg(yes)
                .after_help(DOWN_HELP),
        )
        .subcommand(Command::new("status").about("List every migration and whether it is applied"))
        .subcommand(
            Command::new("create")
                .about("Write an empty file for both databases and both ways")
                .arg(name)
                .arg(dir),
        )
}

/// Runs `migrate` for some managers, and says what went wrong.
pub async fn run_command(config: &Config, managers: &[Manager], matches: &ArgMatches) -> ExitCode {
    match run(config, managers, matches).await {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough, as `head` does.
        Err(fault) if is_closed(fault.as_ref()) => ExitCode::SUCCESS,
        Err(fault) => fail(&fault),
    }
}

async fn run(config: &Config, managers: &[Manager], matches: &ArgMatches) -> Result<()> {
    let as_json = matches.get_flag("json");
    if let Some(("create", create)) = matches.subcommand() {
        return create_file(create, as_json);
    }
    let dsn = config.database()?;
    if let Dsn::Sqlite(path) = &dsn
        && let Some(dir) = path.parent()
    {
        files::make_private_dir(dir).map_err(|fault| format!("{}: {fault}", dir.display()))?;
    }
    let down = matches.subcommand_matches("down");
    let _held = match (&dsn, down) {
        // Until the end: a daemon would work on tables that are gone.
        (Dsn::Sqlite(path), Some(_)) => Some(storage::lock_all(config, path)?),
        _ => None,
    };
    let db = Db::new(&dsn, 2)?;
    if let Some(down) = down {
        return take_back(&db, managers, down, as_json).await;
    }
    let is_up = matches.subcommand_name() == Some("up");
    let mut states = Vec::new();
    for manager in managers {
        let said = if is_up {
            let applied = manager.migrations.up(&db).await?;
            serde_json::json!({ "manager": manager.name, "applied": applied })
        } else {
            let own = manager.migrations.status(&db).await?;
            let said = serde_json::json!({ "manager": manager.name, "migrations": own });
            states.extend(own);
            said
        };
        print_said(&said, as_json)?;
    }
    if !is_up && !as_json {
        line(&sums(&states))?;
    }
    Ok(())
}

/// Takes migrations back where that is meant, and lists what would go where it is not.
async fn take_back(db: &Db, managers: &[Manager], down: &ArgMatches, as_json: bool) -> Result<()> {
    let steps = down.get_one::<u32>("steps").copied().unwrap_or(1) as usize;
    let is_meant = down.get_flag("yes");
    for manager in managers {
        if is_meant {
            let taken_back = manager.migrations.down(db, steps).await?;
            let said = serde_json::json!({ "manager": manager.name, "taken_back": taken_back });
            print_said(&said, as_json)?;
            continue;
        }
        let losses = manager.migrations.losses(db, steps).await?;
        line(&if as_json {
            serde_json::json!({ "manager": manager.name, "would_revert": losses }).to_string()
        } else {
            listed(manager.name, &losses)
        })?;
    }
    if is_meant {
        return Ok(());
    }
    Err(
        "nothing was changed; the rows of what is dropped are lost: make a backup, and add --yes to revert"
            .into(),
    )
}

/// What would go, for people: a line for each migration.
fn listed(manager: &str, losses: &[Loss]) -> String {
    let mut lines = vec![format!("{manager}: {} would be reverted", losses.len())];
    for loss in losses {
        let tables = loss.tables.iter().map(dropped);
        let columns = loss
            .columns
            .iter()
            .map(|column| format!("the column {column}"));
        let gone: Vec<String> = tables.chain(columns).collect();
        let gone = if gone.is_empty() {
            "drops no rows".to_owned()
        } else {
            format!("drops {}", gone.join(", "))
        };
        lines.push(format!(
            "{manager}  {:>6}  {}: {gone}",
            loss.version, loss.description
        ));
    }
    lines.join("\n")
}

fn dropped(table: &DroppedTable) -> String {
    match table.rows {
        Some(1) => format!("{} (1 row)", table.table),
        Some(rows) => format!("{} ({rows} rows)", table.table),
        None => format!("{} (very many rows)", table.table),
    }
}

/// Prints a line, as long as somebody reads.
fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", escaped(text))
}

fn is_closed(fault: &(dyn std::error::Error + 'static)) -> bool {
    fault
        .downcast_ref::<io::Error>()
        .is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
}

/// The last line of `status`, for people; a machine counts the lines of JSON.
fn sums(states: &[MigrationState]) -> String {
    let applied = states.iter().filter(|state| state.applied).count();
    let missing = states.len() - applied;
    format!("{applied} applied, {missing} missing")
}

fn print_said(said: &serde_json::Value, as_json: bool) -> io::Result<()> {
    if as_json {
        return line(&said.to_string());
    }
    let name = said
        .get("manager")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if let Some(count) = said.get("applied") {
        line(&format!("{name}: {count} applied"))?;
    } else if let Some(count) = said.get("taken_back") {
        line(&format!("{name}: {count} reverted"))?;
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
        line(&format!("{name}  {version:>6}  {mark}  {what}"))?;
    }
    Ok(())
}

/// Numbered one after the highest there is.
fn create_file(matches: &ArgMatches, as_json: bool) -> Result<()> {
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
    std::fs::create_dir_all(dir)?;
    let mut next = FIRST;
    for entry in std::fs::read_dir(dir)?.flatten() {
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
    std::fs::File::create_new(&path)?.write_all(empty.as_bytes())?;
    line(&if as_json {
        serde_json::json!({ "created": [path] }).to_string()
    } else {
        path.display().to_string()
    })?;
    Ok(())
}

//! `tandem repair`: what a fault of the machine has left in the database, listed, and set right when told to.

use std::{path::Path, process::ExitCode};

use bin_common_handler::{
    clock::Clock,
    config::{
        AnySetting, Config,
        settings::{DATA_DIR, DATABASE_DSN},
    },
    daemon::{Storage, block_on},
    databasehandler::{
        Db, Dsn,
        ahead::{self, Ahead},
    },
    models::time::Timestamp,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use tandem::managers;

use crate::{Outcome, output, settings};

const EXAMPLES: &str = "Examples:
  tandem repair clock
  tandem repair clock --yes
  tandem repair clock --yes --database-dsn mysql://tandem:secret@127.0.0.1:3306/tandem

A clock that was far ahead for a while leaves times that lie beyond the present: numbers that rest for a year,
targets that are leased for as long. This lists every row that is more than a day ahead and does harm; --yes sets
those rows right. See first that the clock of this machine is right now. A number counts the calls of the last day
and the last hour as those of its present day and hour, so that no cap is overrun. Calls that were made between the
clock's correction and the repair stay out of the figures by day and month.

With the embedded database stop tandem before --yes. With MySQL or MariaDB restart the daemons after it.";

/// The settings that matter here; the others are read, and not listed in the help.
const SHOWN: [AnySetting; 2] = [DATABASE_DSN.erased(), DATA_DIR.erased()];

pub fn command() -> Command {
    let yes = Arg::new("yes")
        .long("yes")
        .action(ArgAction::SetTrue)
        .help("Set right what is listed");
    let json = Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print JSON");
    let clock = settings::flags_shown(&SHOWN)
        .fold(Command::new("clock"), Command::arg)
        .about("List times that are more than a day ahead of the clock, and set them right")
        .arg(yes)
        .arg(json)
        .after_help(EXAMPLES);
    Command::new("repair")
        .about("Set right what a fault of the machine has left in the database")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(clock)
        .after_help("Example:\n  tandem repair clock")
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let Some(given) = matches.subcommand_matches("clock") else {
        return Err("there is only clock to repair".into());
    };
    let config = Config::load(&settings::all(), given)?;
    let (is_meant, as_json) = (given.get_flag("yes"), given.get_flag("json"));
    Ok(block_on(async {
        match clock(&config, is_meant, as_json).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => output::failed(fault.as_ref()),
        }
    }))
}

async fn clock(
    config: &Config,
    is_meant: bool,
    as_json: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let dsn = config.database()?;
    let held = match &dsn {
        Dsn::Sqlite(path) => {
            ensure_file(path)?;
            // Until the end: what a daemon has in memory would be written over what is set right.
            is_meant.then(|| Storage::open(config)).transpose()?
        }
        Dsn::MySql(_) => None,
    };
    let db = match &held {
        Some(data) => data.db.clone(),
        None => Db::new(&dsn, 2)?,
    };
    let now = Clock::default().now();
    let found = find(&db, now).await?;
    let mut repaired = 0;
    if is_meant {
        for manager in managers::ALL {
            repaired += ahead::repair(&db, manager.prefix(), manager.times, now).await?;
        }
    }
    output::line(&told(&found, now, repaired, is_meant, as_json))?;
    Ok(())
}

fn ensure_file(database: &Path) -> Result<(), String> {
    if database.is_file() {
        return Ok(());
    }
    let why = "there is no database here; is DATA_DIR right?";
    Err(format!("{}: {why}", database.display()))
}

async fn find(db: &Db, now: Timestamp) -> Result<Vec<Ahead>, Box<dyn std::error::Error>> {
    let mut all = Vec::new();
    for manager in managers::ALL {
        all.extend(ahead::find(db, manager.prefix(), manager.times, now, false).await?);
    }
    Ok(all)
}

fn told(found: &[Ahead], now: Timestamp, repaired: u64, is_meant: bool, as_json: bool) -> String {
    if as_json {
        let rows = found.iter().map(
            |it| json!({"table": it.table, "column": it.column, "rows": it.rows, "harm": it.harm}),
        );
        let rows: Vec<_> = rows.collect();
        return json!({"now": now.to_string(), "ahead": rows, "repaired": repaired}).to_string();
    }
    if found.is_empty() {
        return format!(
            "nothing is more than a day ahead of {}",
            output::minute(now)
        );
    }
    let rows = found.iter().map(|it| {
        let column = format!("{}.{}", it.table, it.column);
        vec![column, it.rows.to_string(), it.harm.to_owned()]
    });
    let table = output::table(&["TIMES", "ROWS", "WHAT THEY DO"], rows.collect());
    let end = if is_meant {
        format!("{repaired} rows were set right")
    } else {
        format!(
            "It is {} by this machine's clock. If that is right, set them right with: tandem repair clock --yes",
            output::minute(now)
        )
    };
    format!("{table}\n\n{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_listed_with_what_it_does_and_what_to_do() {
        let found = [Ahead {
            table: "did_states".to_owned(),
            column: "last_used",
            rows: 3,
            harm: "the number rests until then",
        }];
        let now = Timestamp::from_micros(0);
        let listed = told(&found, now, 0, false, false);
        assert!(
            listed.contains("did_states.last_used  3     the number rests until then"),
            "{listed}"
        );
        assert!(listed.contains("--yes"), "{listed}");
        assert!(told(&found, now, 3, true, false).ends_with("3 rows were set right"));
        assert!(told(&[], now, 0, false, false).starts_with("nothing"));
        let json = told(&found, now, 3, true, true);
        assert!(json.contains(r#""repaired":3"#), "{json}");
    }
}

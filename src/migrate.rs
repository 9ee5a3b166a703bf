//! `tandem migrate`: the schema of all managers, or of one.

use bin_common_handler::{
    config::{
        AnySetting, Config,
        settings::{DATA_DIR, DATABASE_DSN},
    },
    daemon::{Manager, block_on, migrate},
};
use clap::{Arg, ArgMatches, Command};
use tandem::managers;

use crate::{Outcome, client::manager_name, settings};

const EXAMPLES: &str = "Examples:
  tandem migrate up
  tandem migrate status --json --database-dsn mysql://tandem:secret@127.0.0.1:3306/tandem
  tandem migrate down --steps 2 --manager outdial
  tandem migrate down --steps 2 --manager outdial --yes
  tandem migrate create add_priority --dir bin-outdial-manager/migrations";

/// The settings that matter here; the others are read, and not listed in the help.
const SHOWN: [AnySetting; 2] = [DATABASE_DSN.erased(), DATA_DIR.erased()];

pub fn command() -> Command {
    let manager = Arg::new("manager")
        .long("manager")
        .value_name("MANAGER")
        .global(true)
        .help("Only this manager, e.g. outdial [default: all]");
    settings::flags_shown(&SHOWN)
        .map(|flag| flag.global(true))
        .fold(migrate::command(), Command::arg)
        .arg(manager)
        .after_help(EXAMPLES)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let config = Config::load(&settings::all(), matches)?;
    let chosen = choose(matches.get_one::<String>("manager"), managers::ALL)?;
    Ok(block_on(migrate::run_command(&config, &chosen, matches)))
}

fn choose(name: Option<&String>, managers: &[Manager]) -> Result<Vec<Manager>, String> {
    let Some(name) = name else {
        return Ok(managers.to_vec());
    };
    let name = manager_name(name)?;
    match managers.iter().find(|manager| manager.name == name) {
        Some(manager) => Ok(vec![*manager]),
        None => {
            let known: Vec<_> = managers.iter().map(|manager| manager.name).collect();
            Err(format!(
                "--manager: there is no {name} here; known are: {}",
                known.join(", ")
            ))
        }
    }
}

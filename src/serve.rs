//! `tandem serve`: every daemon and the bridge in this process.

use bin_common_handler::{
    config::Config,
    daemon::{self, Manager, Sidecar},
};
use clap::{ArgMatches, Command};
use tandem::{bridge, managers};

use crate::{Outcome, settings};

const EXAMPLES: &str = "Examples:
  tandem serve
  tandem serve --http-listen-address :8080 --log-format json
  tandem serve --database-dsn mysql://tandem:secret@127.0.0.1:3306/tandem \\
               --rabbitmq-address amqp://guest:guest@127.0.0.1:5672 --redis-address 127.0.0.1:6379

A setting comes from its flag, else from its environment variable, else from tandem.toml.
Without addresses, database, broker and cache are inside this process.";

pub fn command() -> Command {
    flags(Command::new("serve"))
        .about("Run every daemon and the HTTP bridge in this process (the default)")
        .after_help(EXAMPLES)
}

/// Adds a flag for each setting.
pub fn flags(command: Command) -> Command {
    Config::flags(command, &settings::all())
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let config = Config::load(&settings::all(), matches)?;
    let named = managers::ALL
        .iter()
        .map(|manager| manager.named(&config))
        .collect::<Result<Vec<_>, _>>()?;
    let bridge = bridge(&named);
    Ok(daemon::serve(config, named, Some(bridge)))
}

fn bridge(managers: &[Manager]) -> Sidecar {
    bridge::sidecar(
        managers
            .iter()
            .map(|manager| (manager.name, (manager.routes)()))
            .collect(),
    )
}

//! `tandem`: every daemon and the HTTP bridge in one process, and the tool that talks to them.
//!
//! A command is a file here: its flags at the top, what it does below. What the daemons themselves do is in
//! the crates `bin-*-manager`; [`tandem::managers::ALL`] is the list of them.

mod backup;
mod chat;
mod client;
mod completions;
mod customer;
mod demo;
mod exchange;
mod export;
mod import;
mod key;
mod listen;
mod migrate;
mod missedcall;
mod output;
mod plan;
mod repair;
mod request;
mod serve;
mod settings;
mod simulate;
mod snapshot;

use std::process::ExitCode;

use clap::Command;

const EXAMPLES: &str = "Examples:
  tandem                                      everything in this process, on SQLite in ./data
  tandem serve --rabbitmq-address amqp://guest:guest@127.0.0.1:5672
  tandem customer create --name Acme --timezone America/New_York
  tandem key create --name 'dialer 1'
  tandem plan --calls-per-hour 500
  tandem import dids numbers.csv
  tandem request outdial GET '/v1/outdials?page_size=10'
  tandem listen outdial                       its events, where RABBITMQ_ADDRESS names a broker
  tandem migrate status
  tandem backup monday.db
  tandem exchange demo
  tandem missed-call demo
  tandem chat demo
  tandem simulate exchange --seed 1 --calls 100000
  tandem import targets --outdial 5b1a0000-0000-4000-8000-000000000001 people.csv

Without a command, tandem serves; \"tandem serve --help\" lists the settings.";

/// How a command ended, or why it could not begin.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let matches = command().get_matches();
    let (name, given) = matches.subcommand().unwrap_or(("serve", &matches));
    let outcome = match name {
        "request" => request::command::run(given),
        "listen" => listen::run(given),
        "migrate" => migrate::run(given),
        "customer" => customer::run(given),
        "key" => key::run(given),
        "backup" => backup::backup(given),
        "repair" => repair::run(given),
        "restore" => backup::restore(given),
        "exchange" => exchange::run(given),
        "missed-call" => missedcall::run(given),
        "chat" => chat::run(given),
        "simulate" => simulate::run(given),
        "export" => export::run(given),
        "import" => import::command::run(given),
        "plan" => plan::run(given),
        "completions" => completions::run(given, command()),
        _ => serve::run(given),
    };
    match outcome {
        Ok(code) => code,
        Err(fault) => output::failed(fault.as_ref()),
    }
}

fn command() -> Command {
    serve::flags(Command::new("tandem"))
        .about("Telephony daemons on RabbitMQ: everything in one process, and the tool that talks to them")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(EXAMPLES)
        .args_conflicts_with_subcommands(true)
        .mut_args(|flag| flag.hide(true))
        .subcommand(serve::command())
        .subcommand(customer::command())
        .subcommand(key::command())
        .subcommand(plan::command())
        .subcommand(request::command::command())
        .subcommand(listen::command())
        .subcommand(migrate::command())
        .subcommand(backup::backup_command())
        .subcommand(backup::restore_command())
        .subcommand(repair::command())
        .subcommand(import::command::command())
        .subcommand(export::command())
        .subcommand(exchange::command())
        .subcommand(missedcall::command())
        .subcommand(chat::command())
        .subcommand(simulate::command())
        .subcommand(completions::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_flag_of_every_command_is_well_formed() {
        super::command().debug_assert();
    }
}

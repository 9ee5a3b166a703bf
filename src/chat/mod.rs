//! `tandem chat`: live chat, tried out and measured.

mod demo;
mod load;
mod people;

use std::process::ExitCode;

use clap::{ArgMatches, Command, FromArgMatches, Subcommand};

use crate::Outcome;

const EXAMPLES: &str = "Examples:
  tandem chat demo
  tandem chat load --sockets 1000 --rate 50 --seconds 20

Both make keys, a widget and conversations of a customer at a bridge, with its operator's key: of --customer, else of the
only one, else of a new one. At the end, and where they break off, they close the conversations and delete the rest,
the new customer included.";

#[derive(Subcommand)]
enum What {
    /// A visitor asks, waits in a queue, talks to an agent, and is transferred to another
    Demo(demo::Demo),
    /// Open many sockets, say something at intended times, and print how late it was heard
    Load(load::Load),
}

pub fn command() -> Command {
    What::augment_subcommands(Command::new("chat"))
        .about("Try out and measure live chat over the bridge's sockets")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .mut_subcommands(|command| command.after_help(EXAMPLES))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    match What::from_arg_matches(matches)? {
        What::Demo(demo) => demo.run()?,
        What::Load(load) => load.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

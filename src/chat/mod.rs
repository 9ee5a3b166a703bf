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
    #[command(long_about = load::ABOUT)]
    Load(load::Load),
}

/// A broker has no sockets, and these are plain ones.
const ADDRESS: &str = "The bridge whose sockets are used, as http://host:port [default: the bridge at HTTP_LISTEN_ADDRESS]";

pub fn command() -> Command {
    What::augment_subcommands(Command::new("chat"))
        .about("Try out and measure live chat over the bridge's sockets")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .mut_subcommands(|command| {
            command
                .after_help(EXAMPLES)
                .mut_arg("address", |flag| flag.help(ADDRESS))
        })
}

pub fn run(matches: &ArgMatches) -> Outcome {
    match What::from_arg_matches(matches)? {
        What::Demo(demo) => demo.run()?,
        What::Load(load) => load.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("demo", &["http://host:port"])]
    #[case("load", &["http://host:port", "said ", "heard ", "lost ", "repeated ", "out of order ", "20 conversations"])]
    fn help_offers_no_broker_and_explains_what_is_printed(
        #[case] name: &str,
        #[case] words: &[&str],
    ) {
        let mut command = command();
        let help = command.find_subcommand_mut(name).unwrap();
        let help = help.render_long_help().to_string();
        assert!(!help.contains("amqp"), "{help}");
        for word in words {
            assert!(help.contains(word), "{word}: {help}");
        }
    }
}

//! `tandem completions`: what a shell needs to complete this program's commands and flags.

use std::{io::Write, process::ExitCode};

use clap::{ArgMatches, Args, Command, FromArgMatches};
use clap_complete::Shell;

use crate::Outcome;

const EXAMPLES: &str = "Examples:
  tandem completions bash > /etc/bash_completion.d/tandem
  tandem completions zsh > ~/.zfunc/_tandem
  tandem completions fish > ~/.config/fish/completions/tandem.fish";

#[derive(Args)]
struct Flags {
    /// The shell
    shell: Shell,
}

pub fn command() -> Command {
    Flags::augment_args(Command::new("completions"))
        .about("Print completions for a shell")
        .after_help(EXAMPLES)
}

pub fn run(matches: &ArgMatches, mut whole: Command) -> Outcome {
    let flags = Flags::from_arg_matches(matches)?;
    // Into memory first: the generator does not expect that its reader may leave.
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut whole, "tandem", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

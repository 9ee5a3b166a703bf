//! What the program is asked to do, by people and by `cargo test`.

use std::fmt;

use bin_common_handler::ids;
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser};

use crate::fault::Fault;

/// What `cargo test` passes on to every test program, and means nothing here.
const HARNESS_FLAGS: [&str; 9] = [
    "nocapture",
    "no-capture",
    "show-output",
    "include-ignored",
    "force-run-in-process",
    "exclude-should-panic",
    "exact",
    "bench",
    "test",
];
/// The same with a value.
const HARNESS_OPTIONS: [&str; 6] = [
    "test-threads",
    "format",
    "color",
    "logfile",
    "skip",
    "shuffle-seed",
];

/// Makes faults on private nodes under load and checks that nothing is lost and nothing done twice
#[derive(Debug, Parser)]
#[command(name = "faults")]
pub struct Options {
    /// Make each fault so often, in random order; without it each once, in the order of the table
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Repeat what an earlier run with this seed did
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Make this fault alone; may be given again for more
    #[arg(long, value_name = "FAULT")]
    only: Vec<String>,
    /// Tell which faults there are
    #[arg(long)]
    list: bool,
    /// Make the faults whose names contain this
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    #[arg(long, hide = true)]
    ignored: bool,
    /// Names only, in the form that a runner of tests reads.
    #[arg(skip)]
    is_terse: bool,
}

/// What is to be done.
pub enum Chosen {
    /// Tell which faults there are.
    List,
    /// Nothing: what was asked for is no fault.
    Skip,
    /// These faults.
    Make(Vec<&'static Fault>),
}

/// Names that `--only` does not know.
#[derive(Debug)]
pub struct Unknown(Vec<String>);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no fault {}; --list tells which there are",
            self.0.join(", ")
        )
    }
}

impl Options {
    /// From the command line; ends the program when that is wrong.
    pub fn read() -> Self {
        let mut command = Self::command();
        for flag in HARNESS_FLAGS {
            let flag = Arg::new(flag).long(flag).action(ArgAction::SetTrue);
            command = command.arg(flag.hide(true));
        }
        command = command.arg(
            Arg::new("quiet")
                .short('q')
                .long("quiet")
                .action(ArgAction::SetTrue)
                .hide(true),
        );
        command = command.arg(
            Arg::new("unstable")
                .short('Z')
                .action(ArgAction::Append)
                .hide(true),
        );
        for option in HARNESS_OPTIONS {
            let option = Arg::new(option).long(option).action(ArgAction::Append);
            command = command.arg(option.hide(true));
        }
        let matches = command.get_matches();
        let mut options = Self::from_arg_matches(&matches).unwrap_or_else(|fault| fault.exit());
        let mut formats = matches.get_many::<String>("format").into_iter().flatten();
        options.is_terse = formats.any(|format| format == "terse");
        options
    }

    /// Which faults are meant.
    pub fn choose(&self, faults: &[&'static Fault]) -> Result<Chosen, Unknown> {
        let is_known = |name: &&String| faults.iter().any(|fault| fault.name == **name);
        let unknown: Vec<_> = self
            .only
            .iter()
            .filter(|name| !is_known(name))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return Err(Unknown(unknown));
        }
        if self.list {
            return Ok(Chosen::List);
        }
        let meant: Vec<_> = faults
            .iter()
            .copied()
            .filter(|fault| self.means(fault))
            .collect();
        Ok(if meant.is_empty() || self.ignored {
            Chosen::Skip
        } else {
            Chosen::Make(meant)
        })
    }

    fn means(&self, fault: &Fault) -> bool {
        let is_named = self.only.iter().any(|name| name == fault.name);
        let is_found = self
            .filters
            .iter()
            .any(|filter| fault.name.contains(filter.as_str()));
        is_named || is_found || (self.only.is_empty() && self.filters.is_empty())
    }

    /// Prints the faults, or only their names.
    pub fn list(&self, faults: &[&'static Fault]) {
        for fault in faults {
            if self.is_terse {
                println!("{}: test", fault.name);
            } else {
                println!("{:<24} {}", fault.name, fault.about);
            }
        }
    }

    /// Rounds of each fault.
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(1)
    }

    /// Whether there is a night for it: faults last as long as the promises name.
    pub fn is_long(&self) -> bool {
        self.rounds.is_some_and(|rounds| rounds > 1)
    }

    /// The given seed, or one that nobody knows.
    pub fn seed(&self) -> u64 {
        self.seed
            .unwrap_or_else(|| ids::next().as_u64_pair().1 & 0xffff_ffff)
    }
}

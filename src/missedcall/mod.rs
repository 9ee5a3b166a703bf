//! `tandem missed-call`: a missed call becomes a conversation, tried out.

mod installation;
mod signature;
mod story;
mod transcript;

use std::{process::ExitCode, time::Duration};

use bin_common_handler::{config::parse_duration, daemon::block_on};
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use self::{
    installation::Installation, signature::Signature, story::Story, transcript::Transcript,
};
use crate::{Outcome, demo::tell};

const EXAMPLES: &str = "Examples:
  tandem missed-call demo
  tandem missed-call demo --json | jq -r .text
  tandem missed-call signature --self-test
  tandem missed-call signature --url http://127.0.0.1:8080/v1/webhooks/twilio/status --account AC1 --token-file token.txt \\
                               --to +14155550100

The demonstration starts Tandem on a database of its own in a temporary folder, with a carrier that is built in: no account is needed,
and nothing leaves this machine.";

const INTRO: &str = "Ann calls a plumber, and nobody answers: a text leaves, an assistant asks and books, the owner takes over, and STOP \
                     ends it.\nFirst Tandem starts in a folder of its own, with a carrier that is built in. Each line has the \
                     seconds since the call came in; * is what happens between the texts.\n";

/// The assistant waits 3 s for more words before it answers; no step can be shorter than that and the way to the caller.
const WITHIN_MIN: Duration = Duration::from_secs(5);

#[derive(Subcommand)]
enum What {
    /// Ring, miss, text, three turns of the assistant, a booking, a takeover by the owner, STOP
    Demo(Demo),
    /// Send a webhook as the carrier signs it, to see whether it is believed
    Signature(Signature),
}

#[derive(Args)]
struct Demo {
    /// How long each step may take, 5s or more
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    within: Duration,
    /// Print each line as JSON
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(span) if span >= WITHIN_MIN => Ok(span),
        Some(_) => Err(format!(
            "the assistant waits 3 s for more words before it answers: give {} s or more",
            WITHIN_MIN.as_secs()
        )),
        None => Err("write a time such as 30s or 2m".to_owned()),
    }
}

pub fn command() -> Command {
    What::augment_subcommands(Command::new("missed-call"))
        .about("Try out what becomes of a missed call")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(EXAMPLES)
        .mut_subcommands(|command| command.after_help(EXAMPLES))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let what = What::from_arg_matches(matches)?;
    let mut outcome = Err("nothing was tried".to_owned());
    block_on(async {
        outcome = match &what {
            What::Demo(demo) => play(demo).await,
            What::Signature(signature) => signature.send().await,
        };
        ExitCode::SUCCESS
    });
    outcome?;
    Ok(ExitCode::SUCCESS)
}

async fn play(demo: &Demo) -> Result<(), String> {
    if !demo.json {
        tell(INTRO)?;
    }
    let installation = Installation::start().await?;
    let transcript = Transcript::new(demo.json);
    let story = Story::begin(&installation, transcript, demo.within).await;
    let played = match story {
        Ok(mut story) => story.play().await,
        Err(fault) => Err(fault),
    };
    // What the daemons said helps whoever sees a failure.
    let played = played.map_err(|fault| installation.explained(&fault));
    installation.stop().await;
    played?;
    if demo.json {
        return Ok(());
    }
    tell("\nThe folder is deleted. Next, with a real number: docs/missed-calls.md")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("30s", None)]
    #[case("5s", None)]
    #[case("2s", Some("3 s"))]
    #[case("0", Some("3 s"))]
    #[case("soon", Some("such as 30s"))]
    fn a_step_has_the_time_that_the_assistant_takes(
        #[case] text: &str,
        #[case] refused: Option<&str>,
    ) {
        let read = time(text);
        match refused {
            None => assert!(read.is_ok(), "{text}"),
            Some(words) => assert!(read.unwrap_err().contains(words), "{text}"),
        }
    }
}

//! `tandem plan`: how many numbers a centre needs for its calls.

use std::{process::ExitCode, time::Duration};

use bin_common_handler::config::parse_duration;
use bin_did_manager::models::{
    customer::{COOLDOWN_DEFAULT, DAILY_CAP_DEFAULT, HOURLY_CAP_DEFAULT},
    limits::Limits,
};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use crate::{Outcome, output};

const EXAMPLES: &str = "Examples:
  tandem plan --calls-per-hour 500
  tandem plan --calls-per-hour 2000 --hours 10 --daily-cap 100 --hourly-cap 20 --cooldown 3m
  tandem plan --calls-per-hour 500 --json

It counts with what one number may do in an hour and in a day, and with a fifth more numbers than that: calls do
not come evenly, and some numbers rest. Numbers are needed so for each area that should see a local one.";

/// A fifth more than the calls need.
const SPARE_PERCENT: u64 = 120;

#[derive(Args)]
struct Flags {
    /// Calls placed in the busiest hour
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls_per_hour: u32,
    /// Hours of a day in which so many are placed
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=24))]
    hours: u8,
    /// Calls a day of each number; 0 = no cap
    #[arg(long, value_name = "CALLS", default_value_t = DAILY_CAP_DEFAULT, value_parser = clap::value_parser!(i32).range(0..=1_000_000))]
    daily_cap: i32,
    /// Calls an hour of each number; 0 = no cap
    #[arg(long, value_name = "CALLS", default_value_t = HOURLY_CAP_DEFAULT, value_parser = clap::value_parser!(i32).range(0..=1_000_000))]
    hourly_cap: i32,
    /// Rest between two calls of a number, e.g. 4m; 0 = none [default: 4m]
    #[arg(long, value_name = "TIME", value_parser = time)]
    cooldown: Option<Duration>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What a centre needs.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// Numbers for the busiest hour.
    by_hour: u64,
    /// Numbers for the day.
    by_day: u64,
    /// Numbers to have, with some to spare.
    numbers: u64,
}

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a time such as 4m, 90s or 0".to_owned())
}

pub fn command() -> Command {
    Flags::augment_args(Command::new("plan"))
        .about("Say how many numbers so many calls need, from caps and rest")
        .after_help(EXAMPLES)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let flags = Flags::from_arg_matches(matches)?;
    let rest = flags.cooldown.map(|rest| rest.as_secs());
    let limits = Limits {
        daily_cap: flags.daily_cap,
        hourly_cap: flags.hourly_cap,
        cooldown_seconds: rest.map_or(COOLDOWN_DEFAULT, |rest| {
            i32::try_from(rest).unwrap_or(i32::MAX)
        }),
    };
    let plan = plan(u64::from(flags.calls_per_hour), flags.hours, limits);
    for warning in limits.contradictions() {
        eprintln!("{warning}");
    }
    output::line(&if flags.json {
        json!({"by_hour": plan.by_hour, "by_day": plan.by_day, "numbers": plan.numbers}).to_string()
    } else {
        said(&plan, &flags, limits)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn plan(calls_per_hour: u64, hours: u8, limits: Limits) -> Plan {
    let hours = i32::from(hours);
    let calls_a_day = calls_per_hour.saturating_mul(hours.unsigned_abs().into());
    let by_hour = numbers(calls_per_hour, limits.hourly_most());
    let by_day = numbers(calls_a_day, limits.daily_most(hours));
    let needed = by_hour.max(by_day);
    Plan {
        by_hour,
        by_day,
        numbers: needed.saturating_mul(SPARE_PERCENT).div_ceil(100),
    }
}

/// Numbers that share so many calls.
fn numbers(calls: u64, most: Option<i32>) -> u64 {
    let most = most.and_then(|most| u64::try_from(most).ok());
    most.filter(|most| *most > 0)
        .map_or(1, |most| calls.div_ceil(most))
}

fn said(plan: &Plan, flags: &Flags, limits: Limits) -> String {
    let most = |calls: Option<i32>| {
        calls.map_or_else(|| "any number of".to_owned(), |calls| calls.to_string())
    };
    format!(
        "{} numbers: {} for {} calls in an hour, {} for {} hours of them, and a fifth more\n\
         one number may have {} calls in an hour and {} in those hours",
        plan.numbers,
        plan.by_hour,
        flags.calls_per_hour,
        plan.by_day,
        flags.hours,
        most(limits.hourly_most()),
        most(limits.daily_most(flags.hours.into())),
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const fn limits(daily_cap: i32, hourly_cap: i32, cooldown_seconds: i32) -> Limits {
        Limits {
            daily_cap,
            hourly_cap,
            cooldown_seconds,
        }
    }

    #[rstest]
    #[case(100, 8, limits(75, 15, 240), (7, 11, 14))]
    #[case(500, 8, limits(75, 15, 240), (34, 54, 65))]
    #[case(1_000, 8, limits(75, 15, 240), (67, 107, 129))]
    #[case(2_000, 8, limits(75, 15, 240), (134, 214, 257))]
    #[case(500, 8, limits(75, 15, 300), (42, 54, 65))]
    #[case(500, 8, limits(0, 0, 0), (1, 1, 2))]
    #[case(500, 24, limits(150, 0, 0), (1, 80, 96))]
    #[case(1, 1, limits(75, 15, 240), (1, 1, 2))]
    fn so_many_numbers(
        #[case] calls: u64,
        #[case] hours: u8,
        #[case] limits: Limits,
        #[case] (by_hour, by_day, numbers): (u64, u64, u64),
    ) {
        let expected = Plan {
            by_hour,
            by_day,
            numbers,
        };
        assert_eq!(plan(calls, hours, limits), expected);
    }
}

//! Makes every fault of a table, one after the other, on private nodes under a mixed load, and holds three
//! ledgers against each other: what callers were told, the rows, and the events that left.
//!
//! `cargo test` runs each fault once; `scripts/faults` takes arguments.
//!
//! A round in which nothing was lost, done twice or left untold, but somebody waited too long, is made again, twice at
//! most: whatever else a machine does can hold its disk for a minute. The table says so. A round that broke a ledger has
//! failed.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a round ends at its first surprise, and is counted as failed"
)]

mod aftermath;
mod fault;
mod ledger;
mod load;
mod market;
mod options;
mod plan;
mod programs;
mod round;
mod rows;
mod table;
mod tally;
mod tenant;
mod texts;
mod world;

use std::process::ExitCode;

use tokio::time::Instant;

use crate::{
    fault::Fault,
    options::{Chosen, Options},
    plan::Planned,
    table::Table,
    tally::Tally,
    world::World,
};

/// How often a round is made again in which somebody only waited too long.
const AGAIN_MAX: usize = 2;

fn main() -> ExitCode {
    let options = Options::read();
    let faults: Vec<&'static Fault> = rows::all().collect();
    match options.choose(&faults) {
        Ok(Chosen::List) => {
            options.list(&faults);
            ExitCode::SUCCESS
        }
        Ok(Chosen::Skip) => {
            println!("0 passed, 0 failed, {} skipped", faults.len());
            ExitCode::SUCCESS
        }
        Ok(Chosen::Make(chosen)) => make(&options, &chosen),
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn make(options: &Options, chosen: &[&'static Fault]) -> ExitCode {
    let seed = options.seed();
    println!("seed {seed}");
    let mut table = Table::new(seed);
    let mut world: Option<World> = None;
    let rounds = plan::plan(chosen, options.rounds(), seed);
    let total = rounds.len();
    for (number, Planned { fault, seed }) in (1..).zip(rounds) {
        let place = format!("{number}/{total}");
        let mut tally = make_and_tell(&mut world, fault, seed, options.is_long(), &place).await;
        for _ in 0..AGAIN_MAX {
            if tally.is_good() || !tally.is_safe() {
                break;
            }
            eprintln!("{place} {}: again", fault.name);
            tally = make_and_tell(&mut world, fault, seed, options.is_long(), &place).await;
            table.note_second_try(fault);
        }
        table.add(fault, tally);
    }
    drop(world);
    table.print();
    if table.has_failures() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

async fn make_and_tell(
    world: &mut Option<World>,
    fault: &'static Fault,
    seed: u64,
    is_long: bool,
    place: &str,
) -> Tally {
    let began = Instant::now();
    let tally = make_one(world, fault, seed, is_long).await;
    let (verdict, took) = (tally.verdict(), began.elapsed().as_secs_f64());
    eprintln!("{place} {}: {verdict}, {took:.1} s", fault.name);
    for what in tally.broken.iter().take(table::SHOWN_MAX) {
        eprintln!("    {what}");
    }
    tally
}

/// A round that ends in a panic has failed, and leaves a world that nobody trusts.
async fn make_one(
    world: &mut Option<World>,
    fault: &'static Fault,
    seed: u64,
    is_long: bool,
) -> Tally {
    use futures_util::FutureExt;
    let mut here = match world.take() {
        Some(world) => world,
        None => World::open().await,
    };
    let round = round::run(&mut here, fault, seed, is_long);
    match std::panic::AssertUnwindSafe(round).catch_unwind().await {
        Ok(tally) => {
            if tally.is_good() {
                *world = Some(here);
            } else {
                here.say_last_words();
            }
            tally
        }
        Err(panic) => {
            here.say_last_words();
            Tally::of_a_panic(&*panic)
        }
    }
}

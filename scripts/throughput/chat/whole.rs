//! The whole path, beside the idle sockets: `tandem chat load` says something, chat-manager writes it, another hears it.

use std::process::Command;

use super::{FEED_GOAL, world::World};
use crate::{
    Result,
    report::{Goal, Section},
    stand::Stand,
};

/// Sockets that hear: one for each conversation of the load.
const SOCKETS: usize = 20;

/// The highest rate of which 99 of 100 are heard in time.
pub(super) async fn measure(stand: &Stand, section: &mut Section, world: &World) -> Result<()> {
    let rates: &[u32] = stand.pick(&[25, 50, 100, 200, 300], &[50, 200]);
    let seconds = stand.pick(10, 3);
    let (mut best, mut told) = (None, Vec::new());
    for rate in rates {
        let p99 = run(world, *rate, seconds).await?;
        told.push(format!("{rate}/s: {p99:.1} ms"));
        if p99 >= FEED_GOAL.as_secs_f64() * 1e3 {
            break;
        }
        best = Some(*rate);
    }
    let text = match best {
        Some(rate) => format!("{rate} a second ({})", told.join(", ")),
        None => format!("none ({})", told.join(", ")),
    };
    let goal = Goal {
        text: "reported".to_owned(),
        is_met: true,
    };
    let name = format!(
        "whole path, highest tried rate of messages with p99 < {} ms",
        FEED_GOAL.as_millis()
    );
    section.figure(name, text, Some(goal));
    Ok(())
}

/// Its p99 in milliseconds.
async fn run(world: &World, rate: u32, seconds: u32) -> Result<f64> {
    let mut load = Command::new(&world.tandem);
    load.args(["chat", "load"])
        .args(["--sockets", &SOCKETS.to_string()])
        .args(["--rate", &rate.to_string()])
        .args(["--seconds", &seconds.to_string()])
        .args(["--customer", world.customer()])
        .args(["--address", &format!("http://{}", world.at)])
        .env("BRIDGE_ACCESS_KEY", World::operator());
    let output = tokio::task::spawn_blocking(move || load.output()).await??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("tandem chat load: {text}{why}").into());
    }
    let line = text.lines().find(|line| line.starts_with("p99"));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(figure.ok_or("tandem chat load says no p99")?.parse()?)
}

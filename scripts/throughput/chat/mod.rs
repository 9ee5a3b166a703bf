//! Live chat: many sockets on one bridge. How long they take to connect, what each costs, how late events are heard, and
//! how soon all are back when the bridge was killed.

mod feed;
mod listeners;
mod whole;
mod world;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::{feed::Feed, listeners::Listeners, world::World};
use crate::{
    Databases, Result,
    load::Drive,
    report::{Goal, Row, Section},
    sample::{as_f64, per},
    stand::Stand,
};

/// Memory of each socket above the kernel's own, in KiB.
const SOCKET_GOAL_KIB: f64 = 20.0;
/// Events a second that the bridge alone is fed, one receiver each.
const FEED_RATE: f64 = 1_000.0;
const FEED_GOAL: Duration = Duration::from_millis(100);
/// What telling everybody of one thing may cost.
const BROADCAST_GOAL: Duration = Duration::from_millis(100);
/// When a bridge was killed: everybody is back within this.
const STORM_GOAL: Duration = Duration::from_secs(30);
/// Left alone before memory is looked at.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures one bridge with its sockets.
pub(crate) async fn measure(
    stand: &Stand,
    section: &mut Section,
    databases: &Databases,
) -> Result<()> {
    let count = stand.pick(10_000, 2_000);
    let mut world = World::new(stand, databases).await?;
    let scopes = world.queues(count).await?;
    sleep(SETTLE).await;
    let before = world.bridge.rss()?;
    let began = Instant::now();
    let mut listeners = Listeners::connect(&world.at, &world.key, &scopes).await?;
    let took = began.elapsed();
    section.figure(
        format!("{count} sockets, connected and subscribed"),
        format!(
            "{} ms ({:.0} a second)",
            took.as_millis(),
            per(count, took.as_secs_f64())
        ),
        None,
    );
    idle(stand, section, &world, (before, count)).await?;
    feed(stand, section, &world, &mut listeners).await?;
    broadcast(section, &world, &mut listeners).await?;
    whole::measure(stand, section, &world).await?;
    storm(stand, section, &mut world, listeners).await
}

/// What silent sockets cost.
async fn idle(
    stand: &Stand,
    section: &mut Section,
    world: &World,
    (before, count): (u64, usize),
) -> Result<()> {
    sleep(SETTLE).await;
    let grown = world.bridge.rss()?.saturating_sub(before);
    let each = as_f64(usize::try_from(grown / 1_024)?) / as_f64(count);
    let goal = Goal {
        text: format!("≤ {SOCKET_GOAL_KIB:.0} KiB"),
        is_met: each <= SOCKET_GOAL_KIB,
    };
    let name = "memory of the bridge for each idle socket";
    section.figure(name, format!("{each:.1} KiB"), Some(goal));
    let span = stand.pick(Duration::from_secs(30), Duration::from_secs(8));
    let cpu = world.bridge.cpu()?;
    sleep(span).await;
    let used = world.bridge.cpu()?.saturating_sub(cpu);
    let share = used.as_secs_f64() / span.as_secs_f64() * 100.0;
    let text = format!("{share:.1} % of one core");
    section.figure(
        format!("CPU of the bridge, {count} idle sockets"),
        text,
        None,
    );
    Ok(())
}

/// Events straight from the broker, each for one socket.
async fn feed(
    stand: &Stand,
    section: &mut Section,
    world: &World,
    listeners: &mut Listeners,
) -> Result<()> {
    let mut feed = Feed::new(world).await?;
    let span = stand.pick(Duration::from_secs(20), Duration::from_secs(5));
    listeners.forget();
    let cpu = world.bridge.cpu()?;
    let began = Instant::now();
    let told = feed.each(listeners.scopes(), FEED_RATE, span).await?;
    let mut sample = listeners.heard(told).await;
    sample.time = began.elapsed().min(span);
    sample.cpu = world.bridge.cpu()?.saturating_sub(cpu);
    sample.rss_max = world.bridge.rss()?;
    let row = Row::driven(
        "event at the broker → socket, one receiver each",
        Drive::PerSecond(FEED_RATE),
        sample,
    );
    section.add(row.mostly_within(FEED_GOAL).without_errors());
    Ok(())
}

/// One event for everybody.
async fn broadcast(section: &mut Section, world: &World, listeners: &mut Listeners) -> Result<()> {
    let mut feed = Feed::new(world).await?;
    // The first finds caches cold.
    for is_counted in [false, true] {
        listeners.forget();
        let cpu = world.bridge.cpu()?;
        feed.all().await?;
        let mut sample = listeners.heard(listeners.scopes().len()).await;
        let used = world.bridge.cpu()?.saturating_sub(cpu);
        if is_counted {
            let last = sample.percentile(100);
            let goal = Goal {
                text: format!("≤ {} ms of CPU time", BROADCAST_GOAL.as_millis()),
                is_met: used <= BROADCAST_GOAL && sample.failed() == 0,
            };
            let text = format!(
                "{} ms of CPU time, the last after {} ms, {} not told",
                used.as_millis(),
                last.as_millis(),
                sample.failed()
            );
            let name = format!("one event to {} sockets", listeners.scopes().len());
            section.figure(name, text, Some(goal));
        }
    }
    Ok(())
}

/// The bridge dies and comes again, and everybody with it.
async fn storm(
    stand: &Stand,
    section: &mut Section,
    world: &mut World,
    listeners: Listeners,
) -> Result<()> {
    let count = listeners.scopes().len();
    let began = Instant::now();
    world.restart(stand).await?;
    let ready = began.elapsed();
    let back = listeners.come_again().await?;
    let took = began.elapsed();
    let goal = Goal {
        text: format!("≤ {} s", STORM_GOAL.as_secs()),
        is_met: took <= STORM_GOAL && back == count,
    };
    let text = format!(
        "{:.1} s, {:.1} s of it the start; {} of {count} are back",
        took.as_secs_f64(),
        ready.as_secs_f64(),
        back
    );
    section.figure("the bridge is killed: all follow again", text, Some(goal));
    Ok(())
}

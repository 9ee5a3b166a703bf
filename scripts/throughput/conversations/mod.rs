//! Missed calls and texts: did-manager, call-manager and chat-manager together, with a carrier on this machine. Webhooks
//! come over the queue, as the bridge passes them on.

mod world;

use std::{collections::BTreeMap, time::Duration};

use bin_common_handler::clock::Clock;
use tokio::{task::JoinSet, time::Instant};

use self::world::World;
use crate::{
    Databases, Result, Role,
    load::{Drive, FULL, LEVELS, TURNS, Until, in_turns, open},
    report::{Goal, Row, Section, mb},
    sample::Sample,
    stand::{Reference, Stand},
};

/// Calls that come in, a second.
const VOICE_RATE: f64 = 200.0;
/// 95 of 100 are answered within this.
const VOICE_GOAL: Duration = Duration::from_millis(50);
/// Calls that are missed, a second.
const MISS_RATE: u64 = 50;
/// From the end of the call to the carrier's acceptance: 95 and 99 of 100.
const TEXT_GOALS: [(usize, Duration); 2] =
    [(95, Duration::from_secs(5)), (99, Duration::from_secs(8))];
/// How long a text is waited for.
const TEXT_MAX: Duration = Duration::from_secs(60);
/// What an inbound text may cost beside a transaction that only writes a row.
const INBOUND_RATIO: f64 = 0.3;
const IDLE_GOAL_MB: f64 = 40.0;

/// Measures the story from ring to text.
pub(crate) async fn measure(
    stand: &Stand,
    section: &mut Section,
    databases: &Databases,
) -> Result<()> {
    let world = World::new(stand, databases).await?;
    for (name, child) in world.children() {
        let idle = mb(child.rss()?);
        let goal = Goal {
            text: format!("≤ {IDLE_GOAL_MB:.0} MB"),
            is_met: idle <= IDLE_GOAL_MB,
        };
        section.figure(
            format!("RSS idle, {name}"),
            format!("{idle:.1} MB"),
            Some(goal),
        );
    }
    voice(stand, section, &world).await?;
    texts(stand, section, &world).await?;
    inbound(stand, section, &world, databases).await?;
    let repeated = world.carrier.repeated_causes().len();
    if repeated > 0 {
        return Err(format!("{repeated} texts were sent twice").into());
    }
    section.note(format!(
        "The carrier took {} texts, none of them twice.",
        world.carrier.messages().len()
    ));
    world.stop().await;
    Ok(())
}

/// Calls come in at a fixed rate, whether those before were answered or not.
async fn voice(stand: &Stand, section: &mut Section, world: &World) -> Result<()> {
    let job = world.voice_job();
    let time = stand.pick(Duration::from_secs(20), Duration::from_secs(3));
    open(&job, &[&world.calls], VOICE_RATE, Duration::from_secs(1)).await?;
    let mut sample = open(&job, &[&world.calls], VOICE_RATE, time).await?;
    let p95 = sample.percentile(95);
    let goal = format!("p95 ≤ {} ms", VOICE_GOAL.as_millis());
    let row = Row::driven("voice webhook", Drive::PerSecond(VOICE_RATE), sample)
        .without_errors()
        .with(goal, p95 <= VOICE_GOAL);
    section.add(row);
    Ok(())
}

/// Calls are missed at a fixed rate; each is timed until the carrier has its text.
async fn texts(stand: &Stand, section: &mut Section, world: &World) -> Result<()> {
    let seconds = stand.pick(20, 3);
    let clock = Clock::default();
    let mut ended = BTreeMap::new();
    let mut calls = JoinSet::new();
    let began = Instant::now();
    for number in 0..MISS_RATE * seconds {
        let due = began + Duration::from_micros(1_000_000 / MISS_RATE * number);
        tokio::time::sleep_until(due).await;
        let (miss, clock) = (world.miss(number), clock.clone());
        calls.spawn(async move {
            let person = miss.ring().await?;
            let at = clock.now();
            miss.give_up().await?;
            Ok::<_, crate::Fault>((person, at))
        });
        while let Some(done) = calls.try_join_next() {
            let (person, at) = done??;
            ended.insert(person, at);
        }
    }
    while let Some(done) = calls.join_next().await {
        let (person, at) = done??;
        ended.insert(person, at);
    }
    let mut sample = Sample::default();
    let deadline = Instant::now() + TEXT_MAX;
    while world.texts_of(&ended) < ended.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sample.time = began.elapsed();
    for text in world.carrier.messages() {
        if let Some(at) = ended.remove(&text.to) {
            let micros = text.tm_create.micros().saturating_sub(at.micros());
            sample.answered(Duration::from_micros(
                u64::try_from(micros).unwrap_or_default(),
            ));
        }
    }
    for person in ended.keys() {
        sample.refused(format!("no text to {}", person.len()));
    }
    let mut goals = Vec::new();
    for (percent, most) in TEXT_GOALS {
        let took = sample.percentile(percent);
        goals.push((format!("p{percent} ≤ {} s", most.as_secs()), took <= most));
    }
    let rate = Drive::PerSecond(f64::from(u32::try_from(MISS_RATE)?));
    let mut row = Row::driven("end of a missed call → text at the carrier", rate, sample);
    for (goal, is_met) in goals {
        row = row.with(goal, is_met);
    }
    section.add(row.without_errors());
    Ok(())
}

/// Texts come in, beside the transaction of a create.
async fn inbound(
    stand: &Stand,
    section: &mut Section,
    world: &World,
    databases: &Databases,
) -> Result<()> {
    let reference = &databases.conversations_transaction;
    let db = reference.create().await?;
    bin_outdial_manager::MANAGER.migrations.up(&db).await?;
    let transaction = Reference::start(
        Role::Transaction,
        &stand.broker,
        &stand.bus,
        Some(reference),
    )
    .await?;
    for level in LEVELS {
        let each = stand.pick(600, 100);
        let (echo, texts) = (transaction.job(), world.text_job(level));
        let cases = [(&echo, &transaction.child), (&texts, &world.chat)];
        let untils = (Until::Count(each / 5), Until::Count(each));
        let [echo, sample] = in_turns(cases, level, untils, TURNS).await?;
        let (echo, sample) = (echo.checked("transaction")?, sample.checked("text")?);
        let mut row =
            Row::new("inbound text → stored", level, sample).against(&echo, "transaction");
        if level == FULL {
            row = row.at_least(INBOUND_RATIO);
        }
        section.add(Row::new("transaction echo (reference)", level, echo));
        section.add(row);
    }
    Ok(())
}

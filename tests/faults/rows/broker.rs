//! The broker goes away, forgets, and refuses.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    models::sock::{Method::Get, Request},
    testing::{
        lab::{Callers, until},
        spawn,
    },
};
use lapin::options::QueueDeleteOptions;
use tokio::time::Instant;

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::Team,
};

/// Longer than a publish waits: everything that can time out has done so.
const ALARM: Duration = Duration::from_secs(6);
/// Connections of strangers that come back at the same moment.
const CROWD: usize = 200;
/// The longest backoff, and a little.
const ANSWERED_MAX: Duration = Duration::from_secs(40);
/// How soon after an alarm everything goes on.
const RESUMED_MAX: Duration = Duration::from_secs(1);

pub const FAULTS: &[Fault] = &[
    fault("broker-restarted", "stop_app and start_app", |round| {
        Box::pin(restarted(round))
    }),
    fault(
        "broker-killed",
        "SIGKILL, then the same disk again",
        |round| Box::pin(killed(round)),
    ),
    fault(
        "broker-lost-its-disk",
        "SIGKILL, then empty: queues, exchanges and bindings are made anew, and that is said",
        |round| Box::pin(lost_its_disk(round)),
    ),
    fault(
        "connections-cut",
        "close_all_connections in mid-request: answered once, from the inbox",
        |round| Box::pin(connections_cut(round)),
    ),
    fault(
        "memory-alarm",
        "publishes are bounded, the outbox holds, health says so",
        |round| Box::pin(memory_alarm(round)),
    ),
    fault("disk-alarm", "as a memory alarm", |round| {
        Box::pin(disk_alarm(round))
    }),
    fault(
        "queue-deleted",
        "the request queue vanishes under its consumers and is made anew",
        |round| Box::pin(queue_deleted(round)),
    ),
    fault(
        "permission-lost-quietly",
        "rights taken away, connections kept: not ready within 10 s, with the reason and one line; recovers by itself",
        |round| Box::pin(permission_lost_quietly(round)),
    ),
    fault(
        "permission-withdrawn",
        "clear_permissions: backoff and no hot loop, then back",
        |round| Box::pin(permission_withdrawn(round)),
    ),
    fault(
        "crowd-reconnects",
        "200 connections beside ours come back at the same moment",
        |round| Box::pin(crowd_reconnects(round)),
    ),
];

async fn restarted(round: &mut Round<'_>) {
    round.world.lab.stop_broker_app();
    round.world.not_ready().await;
    round.world.lab.start_broker_app();
    round.heal();
}

async fn killed(round: &mut Round<'_>) {
    round.world.lab.broker.kill();
    round.world.not_ready().await;
    round.world.lab.broker.start();
    round.world.lab.broker.up().await;
    round.heal();
}

/// What lies in the broker goes with its disk. So nothing lies there: callers rest, and the sinks are emptied.
/// How often a team's first replica began to listen to events of others.
fn listened(team: &Team) -> usize {
    team.daemon(0).log().matches("listening to events").count()
}

async fn lost_its_disk(round: &mut Round<'_>) {
    round.load.rest(true).await;
    round.world.settled().await;
    for team in round.world.teams_mut() {
        team.keep_what_was_heard().await;
    }
    let heard = round.world.teams().iter().map(listened).collect::<Vec<_>>();
    round.world.lab.broker.kill();
    round.world.lab.broker.wipe();
    round.world.not_ready().await;
    round.world.lab.run().await;
    // An event that comes before its listener's queue is there again is none that a disk has lost: docs/guarantees.md.
    for (team, before) in round.world.teams().iter().zip(heard) {
        until("events are listened to again", async || {
            (before == 0 || listened(team) > before).then_some(())
        })
        .await;
    }
    for team in round.world.teams() {
        team.site.listen_again().await;
    }
    round.load.rest(false).await;
    round.heal();
    round.goes_on().await;
    for team in round.world.teams() {
        let said = team.figure("tandem_queues_redeclared_total", "").await;
        let manager = team.site.manager();
        assert!(said >= 1.0, "{manager} did not say that its queue was gone");
    }
}

async fn connections_cut(round: &mut Round<'_>) {
    for _ in 0..3 {
        round.world.lab.cut_connections();
        round.goes_on().await;
    }
    round.world.lab.cut_connections();
    round.heal();
}

async fn memory_alarm(round: &mut Round<'_>) {
    round.world.lab.alarm(true);
    alarm_is_said(round).await;
    tokio::time::sleep(ALARM).await;
    round.world.lab.alarm(false);
    round.heal();
    events_go_on(round).await;
}

async fn disk_alarm(round: &mut Round<'_>) {
    round.world.lab.disk_alarm(true);
    alarm_is_said(round).await;
    round.world.lab.disk_alarm(false);
    round.heal();
    events_go_on(round).await;
}

async fn alarm_is_said(round: &Round<'_>) {
    let team = round.world.outdial();
    until("a health page tells of the alarm", async || {
        for position in 0..crate::world::REPLICAS {
            let (_, report) = team.daemon(position).report("/healthz").await?;
            if report.to_string().contains("takes no events") {
                return Some(());
            }
        }
        None
    })
    .await;
}

/// What waited in the outbox leaves as soon as the broker takes it.
async fn events_go_on(round: &mut Round<'_>) {
    let healed = Instant::now();
    round.world.outdial().publisher().await;
    let took = healed.elapsed();
    round.promise(
        took < RESUMED_MAX + crate::world::LOOK_MAX,
        format!("events went on after {took:?}"),
    );
}

async fn queue_deleted(round: &mut Round<'_>) {
    for team in round.world.teams() {
        let (_connection, channel) = team.site.channel().await;
        let queue = team.site.queue();
        channel
            .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
            .await
            .expect("deleted");
    }
    round.heal();
}

async fn permission_withdrawn(round: &mut Round<'_>) {
    /// Long enough for a loop without pauses to show.
    const WITHDRAWN: Duration = Duration::from_secs(4);
    const LINES_MAX: usize = 40;
    let lost = |round: &Round<'_>| {
        let log = round.world.outdial().daemon(0).log();
        log.matches("request queue lost").count()
    };
    let before = lost(round);
    round.world.lab.permit(false);
    round.world.lab.cut_connections();
    round.world.not_ready().await;
    tokio::time::sleep(WITHDRAWN).await;
    let lines = lost(round) - before;
    round.promise(
        (1..LINES_MAX).contains(&lines),
        format!("{lines} lines in {WITHDRAWN:?}"),
    );
    round.world.lab.permit(true);
    round.heal();
}

/// Nothing is cut: what is open stays open, and is refused whatever it asks for next.
async fn permission_lost_quietly(round: &mut Round<'_>) {
    const NOTICED_MAX: Duration = Duration::from_secs(10);
    let lost = |round: &Round<'_>| {
        let log = round.world.outdial().daemon(0).log();
        log.matches("request queue lost").count()
    };
    let before = lost(round);
    let started = Instant::now();
    round.world.lab.permit(false);
    round.world.not_ready().await;
    let took = started.elapsed();
    round.promise(took < NOTICED_MAX, format!("noticed after {took:?}"));
    let report = round.world.outdial().daemon(0).report("/readyz").await;
    let told = report
        .map(|(_, report)| report.to_string())
        .unwrap_or_default();
    round.promise(told.contains("has no rights"), told);
    let lines = lost(round) - before;
    round.promise(lines == 1, format!("{lines} lines"));
    round.world.lab.permit(true);
    round.heal();
}

async fn crowd_reconnects(round: &mut Round<'_>) {
    let site = &round.world.outdial().site;
    let crowd: Vec<_> = (0..CROWD).map(|_| Arc::new(Callers::new(site))).collect();
    let all_ask = async || {
        let asking: Vec<_> = crowd
            .iter()
            .map(|one| spawn(ask(Arc::clone(one))))
            .collect();
        for one in asking {
            assert!(one.await.expect("no panic"), "one is never answered");
        }
    };
    all_ask().await;
    round.world.lab.stop_broker_app();
    round.world.not_ready().await;
    round.world.lab.start_broker_app();
    round.heal();
    all_ask().await;
}

/// Asks until there is an answer; false when there is none in time.
async fn ask(callers: Arc<Callers>) -> bool {
    let request = Request::new(Get, "/v1/outdials?page_size=1", "crowd");
    let end = Instant::now() + ANSWERED_MAX;
    while Instant::now() < end {
        let reply = callers.ask(&request, Duration::from_secs(3)).await;
        if reply.is_some_and(|reply| reply.status_code == 200) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

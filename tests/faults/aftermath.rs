//! What a fault must not leave behind: consumers that are gone, file descriptors, threads, memory.

use bin_common_handler::testing::lab::{Lab, Usage, until};

use crate::{
    tally::Tally,
    world::{REPLICAS, Team, World},
};

/// Requests that each replica takes from the broker: 64 that are served, 320 that wait, 64 that are sent away.
const PREFETCH: u32 = 320;
/// Connections that a pool may have opened since.
const FILES_SLACK: u64 = 60;
/// Threads for blocking work come and go.
const THREADS_SLACK: u64 = 24;
/// Memory that busy minutes may keep: as much again as there was, and so much.
const MEMORY_SLACK_KIB: u64 = 48 * 1024;

/// What a replica used when its first round was over.
#[derive(Debug, Clone, Copy)]
pub struct Baseline(Usage);

/// Everything is as before.
pub async fn check(world: &mut World, tally: &mut Tally) {
    let (lab, teams) = world.parts_mut();
    for team in teams {
        consumers_are_back(lab, team).await;
        usage_is_as_before(team, tally);
    }
}

async fn consumers_are_back(lab: &Lab, team: &Team) {
    let queue = team.site.queue();
    let expected = vec![PREFETCH; REPLICAS];
    until(&format!("{queue} has its consumers"), async || {
        (lab.prefetches(&queue) == expected).then_some(())
    })
    .await;
}

fn usage_is_as_before(team: &mut Team, tally: &mut Tally) {
    let manager = team.site.manager();
    for member in team.members() {
        let Some(now) = member.daemon.usage() else {
            tally.broken.push(format!("a {manager} has ended"));
            continue;
        };
        let Baseline(before) = *member.baseline.get_or_insert(Baseline(now));
        let is_more = now.files > before.files + FILES_SLACK
            || now.threads > before.threads + THREADS_SLACK
            || now.memory_kib > 2 * before.memory_kib + MEMORY_SLACK_KIB;
        tally.promise(!is_more, || {
            format!("a {manager} used {before:?}, and uses {now:?}")
        });
    }
}

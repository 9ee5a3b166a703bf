//! Each node goes away, in each way, and comes back.

use std::{collections::BTreeSet, time::Duration};

use bin_common_handler::testing::{
    lab::{Lab, Node, Program, Scene},
    until_within,
};
use futures_util::future::join_all;
use rstest::rstest;
use tokio::time::{Instant, interval};

use crate::desk::{Desk, Heard, PATIENCE};

/// Dialers that ask at the same time.
const DIALERS: usize = 4;
/// How long they ask while a node is away: longer than a key's verdict is believed (5 s), and than the breaker
/// takes to open.
const AWAY: Duration = Duration::from_secs(6);
/// Between two calls of one dialer.
const PACE: Duration = Duration::from_millis(50);
/// Until everything is connected again: the longest pauses of the connections and of the breaker, one after the
/// other, and a little.
const BACK_MAX: Duration = Duration::from_secs(75);

/// Which node goes away.
type Which = fn(&mut Lab) -> &mut Node;

/// How it goes.
#[derive(Debug, Clone, Copy)]
enum Going {
    /// As `systemctl stop` does.
    Stopped,
    /// Its connections stay, and nobody answers.
    Frozen,
}

impl Going {
    async fn go(self, node: &mut Node) {
        match self {
            Self::Stopped => node.terminate().await,
            Self::Frozen => node.freeze(true),
        }
    }
}

/// Which requests a node may serve when it is back.
#[derive(Debug, Clone, Copy)]
enum Held {
    Nothing,
    /// Those that were sent, and of which nothing was heard.
    Unanswered,
}

impl Held {
    fn of(self, refused: &[(String, Heard)]) -> BTreeSet<&str> {
        let is_held = |heard: &Heard| match self {
            Self::Nothing => false,
            Self::Unanswered => heard.is_unanswered(),
        };
        let held = refused.iter().filter(|(_, heard)| is_held(heard));
        held.map(|(call, _)| call.as_str()).collect()
    }
}

fn broker(lab: &mut Lab) -> &mut Node {
    &mut lab.broker
}

fn database(lab: &mut Lab) -> &mut Node {
    &mut lab.database
}

fn did_manager() -> Program {
    Program::beside(env!("CARGO_BIN_EXE_tandem"), bin_did_manager::NAME)
}

#[rstest]
#[case::broker_stopped(broker, Going::Stopped, Held::Nothing)]
#[case::broker_frozen(broker, Going::Frozen, Held::Unanswered)]
#[case::database_stopped(database, Going::Stopped, Held::Nothing)]
#[case::database_frozen(database, Going::Frozen, Held::Nothing)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_refused_in_time_and_given_numbers_again(
    #[case] which: Which,
    #[case] going: Going,
    #[case] held: Held,
) {
    let mut scene = Scene::new(did_manager()).await;
    let desk = Desk::open(&scene).await;
    // The first may wait longer than a dialer does, as everything is just beginning; asked again, it is the same call.
    until_within(BACK_MAX, "a number is given", async || {
        (desk.next("before").await.status() == 200).then_some(())
    })
    .await;

    going.go(which(&mut scene.lab)).await;
    let refused = ask_for(AWAY, &desk).await;
    for (call, heard) in &refused {
        assert!(heard.status() >= 400, "{call}: {heard:?}");
        assert!(heard.took < PATIENCE, "{call}: {heard:?}");
    }

    scene.lab.run().await;
    until_within(BACK_MAX, "a number is given again", async || {
        (desk.next("after").await.status() == 200).then_some(())
    })
    .await;
    check_what_was_counted(&desk, &held.of(&refused)).await;
}

/// Dialers that ask, each time for another call; what each call heard.
async fn ask_for(span: Duration, desk: &Desk) -> Vec<(String, Heard)> {
    let started = Instant::now();
    let dialer = async |dialer: usize| {
        let (mut heard, mut pace) = (Vec::new(), interval(PACE));
        while started.elapsed() < span {
            pace.tick().await;
            let call = format!("{dialer}.{}", heard.len());
            heard.push((call.clone(), desk.next(&call).await));
        }
        heard
    };
    let heard = join_all((0..DIALERS).map(dialer)).await;
    heard.into_iter().flatten().collect()
}

/// Each call counts once or not at all, none counts for a number without being known as given, and of those that
/// were refused none counts; but for what a frozen broker had in its hands, which it delivers when it wakes.
async fn check_what_was_counted(desk: &Desk, held: &BTreeSet<&str>) {
    let calls = desk.calls().await;
    let distinct: BTreeSet<&str> = calls.iter().map(String::as_str).collect();
    assert_eq!(distinct.len(), calls.len(), "{calls:?}");
    assert_eq!(desk.counted().await, i64::try_from(calls.len()).unwrap());
    let known = &distinct - held;
    assert_eq!(known, BTreeSet::from(["before", "after"]), "{held:?}");
}

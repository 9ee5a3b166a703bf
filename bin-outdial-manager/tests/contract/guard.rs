//! The guard: two unchanged callers who were given the same target dial it once.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method::{self, Get, Post, Put},
    testing::{Client, Kind},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::{
    peer::Peer,
    world::{World, get_target, list, target_uri, text},
};

/// Someone who dials.
enum Caller {
    /// Through our own client: one direct reply-to channel for all its calls.
    Client(Client),
    /// As voipbin's services: a reply queue per call.
    Peer(Box<Peer>, &'static str),
}

impl Caller {
    async fn call(&self, method: Method, uri: &str, body: Json) -> (u16, Json) {
        match self {
            Self::Client(client) => client.call(method, uri, Some(body)).await,
            Self::Peer(peer, name) => peer.call(name, method, uri, Some(body)).await,
        }
    }

    async fn progress(&self, target: &Json) -> (u16, Json) {
        let uri = format!("{}/progressing", target_uri(target));
        self.call(Post, &uri, json!({"destination_index": 0})).await
    }

    async fn put(&self, target: &Json, status: &str) -> Json {
        let uri = format!("{}/status", target_uri(target));
        let (code, reply) = self.call(Put, &uri, json!({"status": status})).await;
        assert_eq!(code, 200, "{reply}");
        reply
    }
}

/// On what the callers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Callers {
    /// Inside the process, where nobody can tell them apart.
    Embedded,
    /// Two clients, each with its own direct reply-to channel.
    Channels,
    /// Two connections with a reply queue per call, as voipbin's: nobody can tell them apart.
    ReplyQueues,
}

impl Callers {
    fn kind(self) -> Kind {
        if self == Self::Embedded {
            Kind::Embedded
        } else {
            Kind::Full
        }
    }

    async fn one(self, world: &World) -> Caller {
        match self {
            Self::Embedded | Self::Channels => Caller::Client(world.installation.client()),
            Self::ReplyQueues => Caller::Peer(
                Box::new(Peer::connect().await),
                world.installation.manager.name,
            ),
        }
    }

    async fn two(self, world: &World) -> (Caller, Caller) {
        (self.one(world).await, self.one(world).await)
    }
}

async fn open_calls(world: &World, target: &Json) -> usize {
    let uri = format!("{}/calls", target_uri(target));
    let filter = Some(json!({"status": "progressing"}));
    list(world.client.ok(Get, &uri, filter).await).len()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_refused_callers_idle_changes_nothing_and_the_winners_frees(
    #[values(Callers::Embedded, Callers::Channels, Callers::ReplyQueues)] callers: Callers,
) {
    let world = World::new(callers.kind()).await;
    let events = world.client.events().await;
    let target = world.outdial().await.target().await;
    let (winner, refused) = callers.two(&world).await;

    let (status, won) = winner.progress(&target).await;
    assert_eq!((status, text(&won, "status")), (200, "progressing"));
    let (status, error) = refused.progress(&target).await;
    assert_eq!(
        (status, text(&error, "status"), text(&error, "reason")),
        (409, "FAILED_PRECONDITION", "OUTDIALTARGET_NOT_CALLABLE")
    );
    assert_eq!(
        refused.put(&target, "idle").await,
        won,
        "answered, not done"
    );
    assert_eq!(get_target(&world.client, &target).await, won);
    assert_eq!(open_calls(&world, &target).await, 1);

    let freed = winner.put(&target, "idle").await;
    assert_eq!(text(&freed, "status"), "idle");
    assert_eq!(freed["try_count_0"], 1, "the refused try was none");
    assert_eq!(open_calls(&world, &target).await, 0);
    let (status, again) = refused.progress(&target).await;
    assert_eq!((status, &again["try_count_0"]), (200, &json!(2)));
    refused.put(&target, "done").await;

    let heard: Vec<_> = events
        .wait_for(6)
        .await
        .into_iter()
        .skip(2)
        .map(|event| {
            let row: Json = serde_json::from_str(event.event.data.unwrap().get()).unwrap();
            text(&row, "status").to_owned()
        })
        .collect();
    assert_eq!(heard, ["progressing", "idle", "progressing", "done"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_who_is_known_frees_at_once_and_a_late_idle_still_changes_nothing() {
    let world = World::new(Kind::Full).await;
    let target = world.outdial().await.target().await;
    let (winner, refused) = Callers::Channels.two(&world).await;
    assert_eq!(winner.progress(&target).await.0, 200);
    assert_eq!(refused.progress(&target).await.0, 409);
    let freed = winner.put(&target, "idle").await;
    assert_eq!(text(&freed, "status"), "idle");
    assert_eq!(
        refused.put(&target, "idle").await,
        freed,
        "its idle is spent"
    );

    // The same with a third caller on the line when the late idle comes.
    assert_eq!(winner.progress(&target).await.0, 200);
    assert_eq!(refused.progress(&target).await.0, 409);
    winner.put(&target, "idle").await;
    let third = Callers::Channels.one(&world).await;
    let (_, won) = third.progress(&target).await;
    assert_eq!(
        refused.put(&target, "idle").await,
        won,
        "the third still calls"
    );
    assert_eq!(text(&third.put(&target, "idle").await, "status"), "idle");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_callers_alike_the_first_idle_is_taken_for_the_refused_ones(
    #[values(Callers::Embedded, Callers::ReplyQueues)] callers: Callers,
) {
    let world = World::new(callers.kind()).await;
    let target = world.outdial().await.target().await;
    let (winner, refused) = callers.two(&world).await;
    let (_, won) = winner.progress(&target).await;
    assert_eq!(refused.progress(&target).await.0, 409);
    assert_eq!(winner.put(&target, "idle").await, won);
    assert_eq!(text(&refused.put(&target, "idle").await, "status"), "idle");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_spends_one_idle(
    #[values(Callers::Embedded, Callers::Channels, Callers::ReplyQueues)] callers: Callers,
) {
    let world = World::new(callers.kind()).await;
    let target = world.outdial().await.target().await;
    let (winner, refused) = callers.two(&world).await;
    let (_, won) = winner.progress(&target).await;
    for _ in 0..3 {
        assert_eq!(refused.progress(&target).await.0, 409);
    }
    for _ in 0..3 {
        assert_eq!(refused.put(&target, "idle").await, won);
    }
    assert_eq!(text(&winner.put(&target, "idle").await, "status"), "idle");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_worker_on_the_winners_channel_frees_nothing() {
    let world = World::new(Kind::Full).await;
    let target = world.outdial().await.target().await;
    let (winner, other) = Callers::Channels.two(&world).await;
    let (_, won) = winner.progress(&target).await;
    // A second worker of the winner's process shares its channel, and somebody else is refused after it.
    assert_eq!(winner.progress(&target).await.0, 409);
    assert_eq!(other.progress(&target).await.0, 409);
    assert_eq!(
        winner.put(&target, "idle").await,
        won,
        "one of the two idles"
    );
    assert_eq!(other.put(&target, "idle").await, won);
    assert_eq!(text(&winner.put(&target, "idle").await, "status"), "idle");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn done_is_obeyed_at_once_and_no_late_idle_undoes_it(
    #[values(Callers::Embedded, Callers::Channels, Callers::ReplyQueues)] callers: Callers,
) {
    let world = World::new(callers.kind()).await;
    let target = world.outdial().await.target().await;
    let (winner, refused) = callers.two(&world).await;
    assert_eq!(winner.progress(&target).await.0, 200);
    assert_eq!(refused.progress(&target).await.0, 409);
    let done = winner.put(&target, "done").await;
    assert_eq!(text(&done, "status"), "done");
    assert_eq!(
        refused.put(&target, "idle").await,
        done,
        "nobody dials again"
    );
    assert_eq!(get_target(&world.client, &target).await, done);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_the_result_does_not_undo_it(
    #[values(Callers::Embedded, Callers::Channels, Callers::ReplyQueues)] callers: Callers,
) {
    let world = World::new(callers.kind()).await;
    let target = world.outdial().await.target().await;
    let (winner, late) = callers.two(&world).await;
    assert_eq!(winner.progress(&target).await.0, 200);
    let done = winner.put(&target, "done").await;
    assert_eq!(late.progress(&target).await.0, 409);
    assert_eq!(late.put(&target, "idle").await, done, "nobody dials again");
    // Whoever means it says so again.
    assert_eq!(text(&late.put(&target, "idle").await, "status"), "idle");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn after_the_window_an_idle_counts(
    #[values(Callers::Embedded, Callers::Channels, Callers::ReplyQueues)] callers: Callers,
) {
    let world = World::with(callers.kind(), &[("OUTDIAL_GUARD", "1s")]).await;
    let target = world.outdial().await.target().await;
    let (winner, refused) = callers.two(&world).await;
    assert_eq!(winner.progress(&target).await.0, 200);
    assert_eq!(refused.progress(&target).await.0, 409);
    // The window itself: it began before the refusal was answered.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(text(&refused.put(&target, "idle").await, "status"), "idle");

    assert_eq!(winner.progress(&target).await.0, 200);
    assert_eq!(text(&winner.put(&target, "idle").await, "status"), "idle");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_the_guard_nobody_is_refused(
    #[values(Callers::Embedded, Callers::Channels, Callers::ReplyQueues)] callers: Callers,
) {
    let world = World::with(callers.kind(), &[("OUTDIAL_GUARD", "0")]).await;
    let target = world.outdial().await.target().await;
    let (one, two) = callers.two(&world).await;
    assert_eq!(one.progress(&target).await.1["try_count_0"], 1);
    assert_eq!(two.progress(&target).await.1["try_count_0"], 2);
    assert_eq!(
        open_calls(&world, &target).await,
        1,
        "one attempt at a time"
    );
    assert_eq!(text(&two.put(&target, "idle").await, "status"), "idle");
    world.end().await;
}

//! A relay that sleeps while another takes over, and wakes.

use bin_common_handler::testing::lab::until;

use crate::{
    ledger,
    load::{Load, Manners},
    scene::scene,
};

const ROUNDS: usize = 6;

/// The broker closes the sleeper's connections, as it does by itself after two lost heartbeats.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_wakes_late_does_no_harm() {
    let scene = scene().await;
    let replicas = [scene.daemon().await, scene.daemon().await];
    let load = Load::start(&scene, Manners::default());
    for round in 0..ROUNDS {
        let (sleeper, other) = (&replicas[round % 2], &replicas[(round + 1) % 2]);
        load.goes_on(50).await;
        sleeper.signal("STOP");
        scene.lab.cut_connections();
        let published = || other.figure("tandem_events_total", "published");
        let before = published().await;
        until("the other replica publishes", async || {
            (published().await > before + 20.0).then_some(())
        })
        .await;
        sleeper.signal("CONT");
    }
    load.goes_on(50).await;
    let book = load.finish().await;
    let heard = ledger::agree(&scene, &book).await;
    let worst = ledger::steps_back(&heard).into_values().max().unwrap_or(0);
    assert!(
        worst <= ROUNDS,
        "only a takeover repeats, and each once: {worst}"
    );
}

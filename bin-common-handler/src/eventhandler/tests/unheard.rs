//! Who is in no audience keeps no events.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{World, event, nothing};
use crate::{databasehandler::Db, models::error::Result, sockhandler::Incoming};

/// Only this customer listens.
const LISTENER: Uuid = Uuid::from_u128(7);
const STRANGER: Uuid = Uuid::from_u128(8);

fn of(customer_id: Option<Uuid>, topic: &str) -> Incoming {
    Incoming {
        customer_id,
        routing_key: topic.to_owned(),
        ..event(topic, 1)
    }
}

fn listeners(_: &Db, customers: Vec<Uuid>) -> BoxFuture<'_, Result<BTreeSet<Uuid>>> {
    let listens = |id: &Uuid| *id == LISTENER;
    Box::pin(async move { Ok(customers.into_iter().filter(listens).collect()) })
}

/// Another audience, in which only the other customer is.
fn strangers(_: &Db, customers: Vec<Uuid>) -> BoxFuture<'_, Result<BTreeSet<Uuid>>> {
    let listens = |id: &Uuid| *id == STRANGER;
    Box::pin(async move { Ok(customers.into_iter().filter(listens).collect()) })
}

#[tokio::test]
async fn what_nobody_listens_for_is_not_kept() {
    let world = World::new().await;
    world.events.on_for(["p.*.*.heard"], listeners, nothing);
    let stranger = Some(STRANGER);
    world
        .take(&[
            of(Some(LISTENER), "p.other.1.heard"),
            of(stranger, "p.other.2.heard"),
            of(None, "p.other.3.heard"),
            // Another handler wants it whoever it is about.
            of(stranger, "p.thing.4.heard"),
        ])
        .await;
    assert_eq!(world.rows("t_incoming").await, 2);
    assert_eq!((world.counted("taken"), world.counted("unheard")), (2, 2));
    world.work().await;
    assert_eq!((world.values(), world.counted("done")), (vec![1], 2));
}

#[tokio::test]
async fn a_customer_of_one_audience_keeps_no_events_of_another() {
    let world = World::new().await;
    let (mine, others) = (["p.*.*.heard", "p.*.*.told"], ["p.*.*.seen", "p.*.5.#"]);
    world.events.on_for(mine, listeners, nothing);
    world.events.on_for(others, strangers, nothing);
    world
        .take(&[
            of(Some(LISTENER), "p.other.1.heard"),
            of(Some(LISTENER), "p.other.1.told"),
            of(Some(LISTENER), "p.other.2.seen"),
            of(Some(STRANGER), "p.other.3.heard"),
            of(Some(STRANGER), "p.other.4.seen"),
            // Both audiences are asked for these.
            of(Some(LISTENER), "p.other.5.heard"),
            of(Some(STRANGER), "p.other.5.told"),
        ])
        .await;
    assert_eq!((world.counted("taken"), world.counted("unheard")), (5, 2));
    world.work().await;
    assert_eq!(world.counted("done"), 5);
}

//! What the broker keeps for a manager: while it is away, twice, and from older services.

use bin_common_handler::{
    sockhandler::{Outgoing, event_fanout},
    testing::{Kind, rabbitmq_address, until_within},
};
use serde_json::json;
use uuid::Uuid;

use super::{FAILURES, SOON, assert_in_order, count, heard, installation};

fn told(name: &str, entity: u128, version: i64) -> Outgoing {
    let body = json!({
        "type": "word_made",
        "publisher": name,
        "data": { "version": version },
    });
    Outgoing {
        trace: None,
        routing_key: format!("{name}.word.{}.made", Uuid::from_u128(entity)),
        message_id: Uuid::from_u128((entity << 64) | version as u128).to_string(),
        version,
        customer_id: Some(Uuid::from_u128(7)),
        body: body.to_string().into_bytes(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_and_told_again_while_nobody_listens_is_heard_once_by_two_replicas() {
    let (mut installation, db) = installation(Kind::Full).await;
    installation.start().await.stop().await.unwrap();
    let name = installation.manager.name;
    let events: Vec<_> = (1..=40)
        .flat_map(|version| (1..=10).map(move |entity| told(name, entity, version)))
        .collect();
    let mut lease = installation
        .client()
        .transport
        .lease(name, "test")
        .await
        .unwrap();
    for window in [&events[..], &events[300..], &events[..50]] {
        assert!(
            lease
                .publish(window)
                .await
                .iter()
                .all(|confirmed| *confirmed)
        );
    }
    // Some fail at first: their entities wait, and stay in order.
    FAILURES.lock().unwrap().insert(name, 3);
    let replicas = [installation.start().await, installation.start().await];
    until_within(SOON, "all events", async || {
        (count(&db, "word_heard", "version").await.0 >= 400).then_some(())
    })
    .await;
    until_within(SOON, "the repeated ones", async || {
        (count(&db, "word_incoming", "seq").await.0 == 0).then_some(())
    })
    .await;
    let ids = |event: &Outgoing| {
        let id = event.routing_key.split('.').nth(2).unwrap();
        (id.parse().unwrap(), event.version)
    };
    assert_in_order(&heard(&db).await, &events.iter().map(ids).collect());
    for replica in replicas {
        replica.stop().await.unwrap();
    }
    installation.remove().await;
}

/// Tells something to a manager's fanout, as older services do.
async fn tell_fanout(name: &str, bodies: &[String]) {
    let properties = lapin::ConnectionProperties::default();
    let address = rabbitmq_address();
    let connection = lapin::Connection::connect(&address, properties)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(Default::default()).await.unwrap();
    let exchange = event_fanout(name);
    for body in bodies {
        let (exchange, properties) = (exchange.as_str().into(), Default::default());
        let told = channel
            .basic_publish(
                exchange,
                "".into(),
                Default::default(),
                body.as_bytes(),
                properties,
            )
            .await
            .unwrap();
        assert!(told.await.unwrap().is_ack());
    }
    connection.close(200, "bye".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_services_events_are_heard_and_what_is_none_is_a_dead_letter() {
    let (mut installation, db) = installation(Kind::Full).await;
    let replica = installation.start().await;
    let name = installation.manager.name;
    let older = |id: u128, number: i64| {
        let data = json!({ "id": Uuid::from_u128(id), "number": number });
        json!({ "type": "call_hangup", "publisher": name, "data": data }).to_string()
    };
    let bodies = [
        older(1, 2),
        older(1, 2),
        "no event".to_owned(),
        older(1, 1),
        older(2, 1),
    ];
    // Its queue is bound a moment after it serves.
    until_within(SOON, "the first is heard", async || {
        tell_fanout(name, &bodies[..1]).await;
        (count(&db, "word_heard", "version").await.0 > 0).then_some(())
    })
    .await;
    tell_fanout(name, &bodies).await;
    until_within(SOON, "all are heard", async || {
        (count(&db, "word_heard", "version").await.0 == 3).then_some(())
    })
    .await;
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let (ones, others): (Vec<_>, Vec<_>) =
        heard(&db).await.into_iter().partition(|(id, _)| *id == one);
    assert_eq!(ones, [(one, 2), (one, 1)], "in the order of being told");
    assert_eq!(others, [(two, 1)]);
    let dead = replica.parts.dead_letters.list().await.unwrap();
    let [dead] = &*dead[name] else {
        panic!("{dead:?}")
    };
    assert_eq!(dead.reason, "UNREADABLE: It is no event.");
    replica.stop().await.unwrap();
    installation.remove().await;
}

//! Beside voipbin's own call-manager: another name, and no queue that is somebody else's.

use std::future::pending;

use bin_call_manager::MANAGER;
use bin_common_handler::{
    clock::Clock,
    daemon::{ProcessContext, run_with},
    models::sock::Method::Post,
    sockhandler::request_queue,
    testing::{Client, Installation, Kind, rabbitmq_address},
};
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicConsumeOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_renames_queue_and_events() {
    let name = format!("market-{}", bin_common_handler::ids::next().simple());
    let settings = [("CALL_MANAGER_NAME", name.as_str())];
    let mut installation = Installation::new(Kind::Full, MANAGER, &settings).await;
    let parts = ProcessContext::open(installation.config(), Clock::default()).unwrap();
    installation.manager = installation.manager.named(&parts.config).unwrap();
    drop(parts);
    assert_eq!(installation.manager.name, name);
    let replica = installation.start().await;
    let client = Client {
        customer_id: Some(Uuid::from_u128(7)),
        ..installation.client()
    };
    let events = client.events().await;
    client
        .ok(Post, "/v1/accounts", Some(json!({"type": "buyer"})))
        .await;
    let heard = events.wait_for(1).await;
    assert_eq!(heard[0].event.publisher, name);
    replica.stop().await.unwrap();
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_a_foreign_service_consumes_is_left_alone() {
    let mut installation = Installation::new(Kind::Full, MANAGER, &[]).await;
    let queue = request_queue(installation.manager.name);
    let address = rabbitmq_address();
    let foreign = Connection::connect(&address, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = foreign.create_channel().await.unwrap();
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), durable, FieldTable::default())
        .await
        .unwrap();
    let _consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "foreign".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let parts = ProcessContext::open(installation.config(), Clock::default()).unwrap();
    let ended = run_with(parts, vec![installation.manager], None, pending()).await;
    assert!(ended.is_err(), "it refuses to start");

    channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    foreign.close(200, "bye".into()).await.unwrap();
    // Two of our own share it.
    let first = installation.start().await;
    let second = installation.start().await;
    for replica in [first, second] {
        replica.stop().await.unwrap();
    }
    installation.remove().await;
}

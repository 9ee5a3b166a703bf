//! What one customer takes at once leaves the rest to the others.

use bin_common_handler::{
    httpserver::{Options, raise_descriptors},
    metrics::Metrics,
    testing::until,
};
use serde_json::json;
use tandem::bridge::Shares;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use uuid::Uuid;

use super::{
    client::{Answer, read, send},
    dids::key,
    world::{World, start_with},
};

/// Keys 1 and 2 are one customer's, key 3 another's.
async fn start() -> World {
    let shares = Shares::new(4, 1, Metrics::new().unwrap());
    let world = start_with(Options::bridge(raise_descriptors()), shares).await;
    for (number, customer) in [(1, 1), (2, 1), (3, 2)] {
        let id = json!({ "customer_id": Uuid::from_u128(customer), "id": Uuid::from_u128(number.into()) });
        world.dids.allow(&key(number), &["did:write"], id);
    }
    world
}

impl World {
    /// Begins to send a body, and says no more.
    async fn begin(&self, line: &str, number: u64, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: b\r\nx-api-key: {}\r\nconnection: close\r\n\
             content-length: 1000000\r\n\r\n{body}",
            key(number)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn import(&self, number: u64) -> Answer {
        let header = format!("x-api-key: {}", key(number));
        send(
            self.at,
            "POST /v1/dids/bulk",
            &[&header],
            "cid\n4155550123\n",
        )
        .await
    }
}

#[tokio::test]
async fn sixteen_slow_uploads_of_one_key_refuse_nobody_else() {
    let world = start().await;
    let mut slow = Vec::new();
    for number in 0..16 {
        slow.push(
            world
                .begin("POST /v1/dids/bulk", 1 + number % 2, "cid\n")
                .await,
        );
    }
    until("its share is taken", async || {
        (world.import(1).await.status == 429).then_some(())
    })
    .await;
    let refused = world.import(2).await;
    assert_eq!(
        (refused.status, refused.reason()),
        (429, "TOO_MANY_REQUESTS".to_owned())
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(
        refused.text.contains("BULK_REQUESTS_PER_CUSTOMER"),
        "{}",
        refused.text
    );
    assert_eq!(world.import(3).await.status, 200);
    drop(slow);
    until("its share is free", async || {
        (world.import(1).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn bytes_of_bodies_under_way_are_shared_too() {
    let world = start().await;
    let body = " ".repeat(600_000);
    let first = world.begin("POST /v1/dids", 1, &body).await;
    let second = read(world.begin("POST /v1/dids", 2, &body).await);
    let refused = second.await;
    assert_eq!(
        (refused.status, refused.reason()),
        (429, "TOO_MANY_BYTES".to_owned())
    );
    assert!(
        refused.text.contains("BODY_MIB_PER_CUSTOMER"),
        "{}",
        refused.text
    );
    let header = format!("x-api-key: {}", key(3));
    let other = send(
        world.at,
        "POST /v1/dids",
        &[&header],
        &format!("{body}{{}}"),
    )
    .await;
    assert_eq!(other.status, 200);
    drop(first);
}

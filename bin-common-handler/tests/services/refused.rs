//! Addresses that the servers refuse: the reason names what is wrong, never the password.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    cachehandler::RedisCache,
    clock::Clock,
    databasehandler::Db,
    health::Health,
    metrics::Metrics,
    models::error::Error,
    redact::Secret,
    sockhandler::{Transport, rabbitmq::RabbitMq},
    testing::{rabbitmq_address, redis_address, until},
};
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use super::Counter;

const SECRET: &str = "hunter2";

/// The place of the tests' broker: `127.0.0.1:5672`.
fn broker_place() -> String {
    let address = rabbitmq_address();
    let place = address.rsplit(['@', '/']).find(|part| part.contains(':'));
    place.unwrap().to_owned()
}

#[rstest]
#[case("guest:guest@", "/no-such-calls", "no virtual host \"no-such-calls\"")]
#[case("nobody:hunter2@", "", "does not know the user \"nobody\"")]
#[case("guest:hunter2@", "/", "does not know the user \"guest\"")]
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_is_quoted(
    #[case] account: &str,
    #[case] path: &str,
    #[case] told: &str,
) {
    let address = format!("amqp://{account}{}{path}", broker_place());
    let (health, stop) = (Health::default(), CancellationToken::new());
    let metrics = Metrics::new().unwrap();
    let broker = RabbitMq::new(
        Secret::new(address),
        Clock::default(),
        metrics,
        health.clone(),
    );
    let (serving, stopping) = (health.clone(), stop.clone());
    tokio::spawn(async move {
        let handler = Arc::new(Counter::default());
        broker.serve("refused", handler, serving, stopping).await;
    });
    let why = until("the reason", async || {
        let report = format!("{:?}", health.report());
        report.contains("broker: ").then_some(report)
    })
    .await;
    stop.cancel();
    // Quoted once more, as it stands in a report.
    assert!(why.replace('\\', "").contains(told), "{why}");
    assert!(!why.contains(SECRET), "{why}");
}

#[rstest]
#[case("", "guest:guest@", "/")]
#[case("", "guest:guest@", "//")]
#[case("", "", "")]
#[case("amqp://", "guest:guest@", "/%2f")]
#[case("amqp://", "", "/?heartbeat=20&connection_attempts=3")]
#[tokio::test(flavor = "multi_thread")]
async fn any_form_of_an_address_is_served(
    #[case] scheme: &str,
    #[case] account: &str,
    #[case] path: &str,
) {
    let address = format!("{scheme}{account}{}{path}", broker_place());
    let metrics = Metrics::new().unwrap();
    let health = Health::default();
    let broker = RabbitMq::new(Secret::new(address), Clock::default(), metrics, health);
    let (name, stop) = super::serve(&Arc::new(broker), Arc::new(Counter::default())).await;
    stop.cancel();
    super::posts::remove(&[&bin_common_handler::sockhandler::request_queue(&name)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_refuses_is_quoted() {
    let refused = async |url: String| {
        let redis = RedisCache::new(&url).unwrap();
        redis.is_up().await.unwrap_err()
    };
    let place = redis_address();
    let why = refused(format!("redis://{place}/65000")).await;
    assert!(why.contains("REDIS_DATABASE"), "{why}");
    let why = refused(format!("redis://:{SECRET}@{place}/0")).await;
    assert!(why.contains("REDIS_PASSWORD"), "{why}");
    assert!(!why.contains(SECRET), "{why}");
    assert_eq!(
        refused("redis://127.0.0.1:1/0".to_owned()).await,
        "no answer"
    );
}

#[rstest]
#[case("tandem:tandem@", "no_such_calls", "no_such_calls")]
#[case("nobody:hunter2@", "tandem", "'nobody'")]
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_is_quoted(
    #[case] account: &str,
    #[case] name: &str,
    #[case] told: &str,
) {
    let dsn = format!("mysql://{account}127.0.0.1:3306/{name}")
        .parse()
        .unwrap();
    let db = Db::new(&dsn, 1).unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(20), db.execute("SELECT 1", vec![]));
    let why = Error::from(asked.await.unwrap().unwrap_err()).to_string();
    assert!(
        why.contains(told) && why.contains("DATABASE_DSN") || why.contains("GRANT"),
        "{why}"
    );
    assert!(!why.contains(SECRET), "{why}");
}

//! A broker that is away: whoever has little patience is told in time.

use std::time::{Duration, Instant};

use bin_common_handler::{clock::Clock, metrics::Metrics};
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use super::{
    client::{call, send},
    dids::key,
    world::{rabbitmq, serve_bridge, silent_broker},
};

const SECOND: Duration = Duration::from_secs(1);
/// Rounds that a busy machine is given, which may hold up any answer.
const ROUNDS: usize = 4;

#[rstest]
#[case::nobody_listens(false)]
#[case::silent(true)]
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_comes_within_a_second(#[case] accepts: bool) {
    for round in 1..=ROUNDS {
        let slowest = slowest(accepts).await;
        if slowest < SECOND {
            return;
        }
        assert!(round < ROUNDS, "{slowest:?}");
    }
}

/// The longest wait for an answer of a bridge that has just begun.
async fn slowest(accepts: bool) -> Duration {
    let (broker, held) = if accepts {
        silent_broker().await
    } else {
        (
            rabbitmq("amqp://guest:guest@127.0.0.1:1"),
            tokio::spawn(async {}),
        )
    };
    let (metrics, stop) = (Metrics::new().unwrap(), CancellationToken::new());
    let (at, _) = serve_bridge(broker, &Clock::default(), &metrics, stop.clone()).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        for line in ["GET /v1/dids/next", "POST /v1/dids/report"] {
            let asked = Instant::now();
            let answer = call(at, line, &[], "{}").await;
            assert_eq!(answer.status, 503, "{line} {}", answer.text);
            slowest = slowest.max(asked.elapsed());
            let asked = Instant::now();
            let answer = send(at, line, &[&format!("x-api-key: {}", key(1))], "{}").await;
            assert_eq!(answer.status, 503, "{line} {}", answer.text);
            slowest = slowest.max(asked.elapsed());
        }
    }
    stop.cancel();
    held.abort();
    slowest
}

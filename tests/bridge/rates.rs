//! How often a tenant may ask.

use std::time::{Duration, Instant};

use bin_common_handler::testing::until;
use serde_json::json;

use super::{
    client::{Answer, call, send},
    dids::key,
    world::{World, start},
};

impl World {
    async fn ask(&self, key: &str) -> Answer {
        send(self.at, "GET /v1/dids", &[&format!("x-api-key: {key}")], "").await
    }

    /// The first refusal, for a key whose burst was used up since `began`: until then no more are served than have come
    /// in meanwhile, which are none unless the machine is slow.
    async fn refusal(&self, key: &str, per_second: f64, began: Instant) -> Answer {
        let mut served = 0.0;
        loop {
            let answer = self.ask(key).await;
            if answer.status != 200 {
                return answer;
            }
            served += 1.0;
            let refilled = began.elapsed().as_secs_f64() * per_second;
            assert!(served <= refilled, "{served} with {refilled} refilled");
        }
    }
}

#[tokio::test]
async fn too_many_are_429_with_the_time_to_wait_and_waiting_helps() {
    let world = start().await;
    let rate = json!({ "rate_per_second": 2, "rate_burst": 3 });
    world.dids.allow(&key(1), &["did:read"], rate);
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(world.ask(&key(1)).await.status, 200);
    }
    let refused = world.refusal(&key(1), 2.0, began).await;
    assert_eq!(
        (refused.status, refused.reason()),
        (429, "RATE_LIMITED".to_owned())
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["details"], json!([{ "retry_after_s": 1 }]));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        world.ask(&key(1)).await.status,
        200,
        "after the time it was told"
    );
    let text = String::from_utf8(world.metrics.encode().unwrap()).unwrap();
    assert!(text.contains(r#"tandem_bridge_rate_limited_total{by="key"} 1"#));
}

#[tokio::test]
async fn the_keys_of_a_customer_share_its_rate_and_the_operator_has_none() {
    let world = start().await;
    let rate = |id: u32| {
        json!({
            "id": uuid::Uuid::from_u128(id.into()),
            "customer_rate_per_second": 1,
            "customer_rate_burst": 2,
        })
    };
    for number in 1..=3 {
        let id = u32::try_from(number).unwrap();
        world.dids.allow(&key(number), &["did:read"], rate(id));
    }
    let began = Instant::now();
    assert_eq!(world.ask(&key(1)).await.status, 200);
    assert_eq!(world.ask(&key(2)).await.status, 200);
    assert_eq!(world.refusal(&key(3), 1.0, began).await.status, 429);
    for _ in 0..20 {
        assert_eq!(call(world.at, "GET /v1/dids", &[], "").await.status, 200);
    }
    until("a token", async || {
        (world.ask(&key(3)).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_without_a_rate_of_its_own_has_the_usual_one_and_zero_is_none() {
    let world = start().await;
    world.dids.allow(&key(1), &["did:read"], json!({}));
    let free = json!({ "rate_per_second": 0, "customer_rate_per_second": 0 });
    world.dids.allow(&key(2), &["did:read"], free);
    let mut allowed = 0;
    for _ in 0..1_000 {
        if world.ask(&key(1)).await.status != 200 {
            break;
        }
        allowed += 1;
        assert_eq!(world.ask(&key(2)).await.status, 200);
    }
    assert!(allowed >= 500, "{allowed}");
}

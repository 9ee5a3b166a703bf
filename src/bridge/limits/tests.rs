//! Buckets of this process, and who shares which.

use super::*;

const USUAL: Rate = Rate {
    per_second: 10,
    burst: 2,
};

fn limits(usual: Rate) -> Limits {
    Limits::new(usual, None, Metrics::new().unwrap())
}

fn key(id: u128) -> Key {
    Key {
        id: Uuid::from_u128(id),
        customer_id: Uuid::from_u128(1),
        ..Key::default()
    }
}

fn take(limits: &Limits, key: &Key, now_us: u64) -> Result<(), &'static str> {
    let taken = limits.local.take_at(&limits.buckets(key), now_us, 100);
    taken.map_err(|empty| empty.by)
}

#[test]
fn a_customers_keys_share_the_customers_bucket_and_have_their_own() {
    let limits = limits(USUAL);
    let narrow = Key {
        rate_burst: Some(1),
        ..key(1)
    };
    assert_eq!(take(&limits, &narrow, 0), Ok(()));
    assert_eq!(take(&limits, &narrow, 0), Err("key"));
    assert_eq!(
        take(&limits, &key(2), 0),
        Ok(()),
        "a refused one took nothing"
    );
    assert_eq!(take(&limits, &key(3), 0), Err("customer"));
    assert_eq!(take(&limits, &key(3), 100_000), Ok(()));
}

#[test]
fn zero_is_no_limit_whoever_says_it() {
    let none = Rate {
        per_second: 0,
        burst: 0,
    };
    assert!(limits(none).buckets(&key(1)).is_empty());
    let free = Key {
        rate_per_second: Some(0),
        customer_rate_per_second: Some(0),
        ..key(1)
    };
    assert!(limits(USUAL).buckets(&free).is_empty());
    let own = Key {
        rate_per_second: Some(5),
        ..key(1)
    };
    assert_eq!(limits(none).buckets(&own).len(), 1);
}

#[test]
fn the_buckets_of_this_process_stay_bounded() {
    let limits = limits(USUAL);
    for id in 0..50_u64 {
        let buckets = limits.buckets(&Key {
            customer_rate_per_second: Some(0),
            ..key(id.into())
        });
        let now_us = id * 10_000;
        assert!(limits.local.take_at(&buckets, now_us, 20).is_ok());
        assert!(limits.local.points_us.lock().unwrap().len() <= 20);
    }
}

#[tokio::test]
async fn a_webhook_has_a_rate_of_its_own_until_many_signatures_were_wrong() {
    let one = |per_second| Rate {
        per_second,
        burst: per_second,
    };
    let limits = limits(one(1)).with_webhooks(one(50));
    let carrier = IpAddr::from([192, 0, 2, 1]);
    for _ in 0..20 {
        limits.take_webhook(carrier).await.unwrap();
    }
    let forger = IpAddr::from([192, 0, 2, 2]);
    // One that is wrong takes nothing away, as a proxy may be before many.
    limits.forged(forger).await;
    limits.take_webhook(forger).await.unwrap();
    limits.forged(forger).await;
    let refused = limits.take_webhook(forger).await.unwrap_err();
    assert_eq!(refused.reason(), "RATE_LIMITED");
    limits.take_webhook(carrier).await.unwrap();
}

#[tokio::test]
async fn a_visitor_and_an_address_at_a_route_have_rates_of_their_own() {
    let limits = limits(Rate {
        per_second: 100,
        burst: 500,
    });
    for _ in 0..VISITOR.burst {
        limits.take_visitor(Uuid::from_u128(1)).await.unwrap();
    }
    let refused = limits.take_visitor(Uuid::from_u128(1)).await.unwrap_err();
    assert_eq!(refused.reason(), "RATE_LIMITED");
    limits.take_visitor(Uuid::from_u128(2)).await.unwrap();

    let rate = AddressRate {
        per_second: 1,
        burst: 2,
    };
    let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
    for _ in 0..2 {
        limits.take_route(one, "/v1/sessions", rate).await.unwrap();
    }
    assert!(limits.take_route(one, "/v1/sessions", rate).await.is_err());
    limits
        .take_route(other, "/v1/sessions", rate)
        .await
        .unwrap();
    limits.take_route(one, "/v1/others", rate).await.unwrap();
}

#[tokio::test]
async fn a_refusal_says_when_to_come_again_and_is_counted() {
    let limits = limits(Rate {
        per_second: 1,
        burst: 1,
    });
    limits.take(&key(1)).await.unwrap();
    let refused = limits.take(&key(1)).await.unwrap_err();
    assert_eq!(refused.reason(), "RATE_LIMITED");
    let wire = refused.to_response("x");
    assert!(
        wire.body().contains(r#""retry_after_s":1"#),
        "{}",
        wire.body()
    );
    let text = String::from_utf8(limits.metrics.encode().unwrap()).unwrap();
    assert!(
        text.contains(r#"tandem_bridge_rate_limited_total{by="key"} 1"#),
        "{text}"
    );
}

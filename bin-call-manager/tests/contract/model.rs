//! The learned score over HTTP: a model that answers, one that is slow, broken ones and hostile ones.

use std::{io::Write, time::Duration};

use bin_common_handler::{models::sock::Method::Post, testing::Kind};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::{
    bidder::Bidder,
    world::{World, reason},
};

/// What a model does when it is asked about a call.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Says(&'static str),
    Slow,
    Endless,
    Trickle,
    Redirect,
    Refuses,
    HangsUp,
}

impl Manner {
    fn model(self) -> Bidder {
        match self {
            Self::Says(body) => Bidder::new(move |_| (200, body.to_owned())),
            Self::Slow => Bidder::new(|_| {
                std::thread::sleep(Duration::from_secs(30));
                (200, r#"{"score": 0.0}"#.to_owned())
            }),
            Self::Endless => Bidder::raw(|mut stream, _| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
                while stream.write_all(&[b' '; 65_536]).is_ok() {}
            }),
            Self::Trickle => Bidder::raw(|mut stream, _| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
                while stream.write_all(b" ").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }),
            Self::Redirect => Bidder::raw(|mut stream, _| {
                let _ = stream.write_all(
                    b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
                );
            }),
            Self::Refuses => Bidder::new(|_| (500, r#"{"score": 0.0}"#.to_owned())),
            Self::HangsUp => Bidder::raw(|_, _| {}),
        }
    }
}

async fn world(model: &Bidder, timeout: &str, fail: &str) -> (World, String) {
    let settings = [
        ("ALLOW_PRIVATE_ENDPOINTS", "true"),
        ("FRAUD_MODEL_URL", model.url.as_str()),
        ("FRAUD_MODEL_TIMEOUT", timeout),
    ];
    let world = World::with_settings(Kind::Embedded, &settings).await;
    let campaign = world.campaign(json!({"fraud": {"fail": fail}})).await;
    (world, campaign)
}

async fn call(world: &World, campaign: &str) -> (u16, Json) {
    let body = json!({
        "call_campaign_id": campaign, "from_number": "+14155550123", "to_number": "+14155550100",
    });
    world.client.call(Post, "/v1/calls", Some(body)).await
}

#[rstest]
#[case::harmless(r#"{"score": 0.1}"#, 200)]
#[case::fraud(r#"{"score": 0.99}"#, 403)]
#[tokio::test(flavor = "multi_thread")]
async fn a_model_has_its_say(#[case] body: &'static str, #[case] status: u16) {
    let model = Manner::Says(body).model();
    // It says something at once, but may be long in being heard on a busy machine.
    let (world, campaign) = world(&model, "5s", "open").await;
    assert_eq!(call(&world, &campaign).await.0, status);
    let asked = model.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].body["from_number"], "+14155550123");
    world.end().await;
}

/// Whatever it does, a call is decided in time, as the campaign says.
#[rstest]
#[case::slow(Manner::Slow)]
#[case::endless(Manner::Endless)]
#[case::trickle(Manner::Trickle)]
#[case::redirect(Manner::Redirect)]
#[case::refuses(Manner::Refuses)]
#[case::hangs_up(Manner::HangsUp)]
#[case::no_json(Manner::Says("["))]
#[case::no_score(Manner::Says(r#"{"score": null}"#))]
#[case::above(Manner::Says(r#"{"score": 7}"#))]
#[case::below(Manner::Says(r#"{"score": -1}"#))]
#[case::huge(Manner::Says(r#"{"score": 1e999}"#))]
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_away_is_what_the_campaign_says(#[case] manner: Manner) {
    for (fail, expected) in [("open", 200), ("closed", 403)] {
        let model = manner.model();
        let (world, campaign) = world(&model, "300ms", fail).await;
        let started = std::time::Instant::now();
        let answer = call(&world, &campaign).await;
        assert_eq!(answer.0, expected, "{fail}: {}", answer.1);
        assert!(started.elapsed() < Duration::from_secs(10), "{fail}");
        if expected == 403 {
            assert_eq!(reason(&answer), (403, "FRAUD_DETECTED"));
        }
        world.end().await;
    }
}

//! Campaigns filed at the carrier's registry, and what becomes of them.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::{Kind, until},
};
use provider_stand_in::{Fault, Hooks, Route};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    town::{OWN, Town},
    world::{id_of, refused, text},
};

fn campaign() -> Json {
    json!({
        "brand_id": "BN1", "description": "Answers to people who called the business in vain.",
        "message_flow": "They call our number, and nobody answers; we write once.",
        "samples": ["Sorry we missed your call. How can we help?", "You are booked for Friday."],
    })
}

/// From here on time passes as the test wants it.
async fn restarted(town: &mut Town) -> bin_common_handler::clock::Clock {
    let replica = town.world.replicas.pop().unwrap();
    replica.stop().await.unwrap();
    let clock = bin_common_handler::clock::Clock::default();
    let replica = town
        .world
        .installation
        .start_with_clock(clock.clone())
        .await;
    town.world.replicas.push(replica);
    let client = town.world.installation.client();
    town.world.client = client.within(town.world.customer_id);
    clock
}

#[rstest]
#[tokio::test]
async fn a_campaign_is_filed_at_the_carrier_and_its_number_follows_the_registry(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let mut town = Town::new(kind).await;
    let provider = town.provider().await;
    let number = town.number("+14155550108", &provider, true).await;
    town.wait_for(&number, "active").await;
    let clock = restarted(&mut town).await;
    let one = format!("/v1/phone_numbers/{}", id_of(&number));
    let register = format!("{one}/register");
    let until_is = async |town: &Town, status: &str| {
        until(status, async || {
            let row = town.client().ok(Get, &one, None).await;
            (text(&row, "campaign_status") == status).then_some(row)
        })
        .await
    };
    let mut wrong = campaign();
    wrong["description"] = json!("texts");
    let refusal = refused(town.client(), Post, &register, Some(wrong)).await;
    assert_eq!(refusal, (400, "INVALID_FIELD".to_owned()));

    // The carrier is slow, and away at first.
    town.carrier.slow_down(std::time::Duration::from_millis(20));
    town.carrier.fail(Route::Service, Fault::Status(503), 1);
    let filed = town.client().ok(Post, &register, Some(campaign())).await;
    assert_eq!(text(&filed, "campaign_status"), "pending");
    until("the first try", async || {
        (town.carrier.requests(Route::Service) == 1).then_some(())
    })
    .await;
    clock.shift(61_000_000);
    let service = until("it is filed", async || {
        let services = town.carrier.services();
        let mut services = services.into_iter();
        services.find(|it| it.campaign_status.is_some())
    })
    .await;
    assert_eq!(service.numbers.len(), 1);
    // Once more changes nothing.
    town.client().ok(Post, &register, Some(campaign())).await;
    town.carrier.decide_campaign(&service.sid, "FAILED");
    clock.shift(7 * 3_600_000_000);
    let rejected = until_is(&town, "rejected").await;
    assert!(
        text(&rejected, "campaign_failure").contains("30896"),
        "{rejected}"
    );
    assert_eq!(text(&rejected, "campaign_id"), service.campaign_sid);
    assert_eq!(text(&rejected, "messaging_service_id"), service.sid);

    // What was turned down is filed anew.
    town.client().ok(Post, &register, Some(campaign())).await;
    let again = until("it is filed again", async || {
        let services = town.carrier.services();
        let mut services = services.into_iter();
        services.find(|it| it.campaign_sid != service.campaign_sid)
    })
    .await;
    town.carrier.decide_campaign(&again.sid, "VERIFIED");
    clock.shift(14 * 3_600_000_000);
    let approved = until_is(&town, "approved").await;
    assert_eq!(text(&approved, "campaign_id"), again.campaign_sid);
    assert_eq!(text(&approved, "campaign_failure"), "");
    let services = town.carrier.services();
    assert_eq!(services.len(), 1, "one service, whatever went wrong");
    town.end().await;
}

#[tokio::test]
async fn a_campaign_is_of_a_number_that_the_carrier_has() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    let foreign = town.number("+442079460123", &provider, false).await;
    let uri = format!("/v1/phone_numbers/{}/register", id_of(&foreign));
    let refusal = refused(town.client(), Post, &uri, Some(campaign())).await;
    assert_eq!(refusal, (409, "NO_REGISTRY".to_owned()));
    let failed = town.number("+13055550100", &provider, true).await;
    town.wait_for(&failed, "failed").await;
    let uri = format!("/v1/phone_numbers/{}/register", id_of(&failed));
    let refusal = refused(town.client(), Post, &uri, Some(campaign())).await;
    assert_eq!(refusal, (409, "NUMBER_NOT_ACTIVE".to_owned()));
    // A brand that the carrier does not know.
    let own = town.number(OWN, &provider, false).await;
    town.carrier.own(OWN, &Hooks::default());
    let mut wrong = campaign();
    wrong["brand_id"] = json!("XX1");
    let uri = format!("/v1/phone_numbers/{}", id_of(&own));
    let register = format!("{uri}/register");
    town.client().ok(Post, &register, Some(wrong)).await;
    let rejected = until("it is refused", async || {
        let row = town.client().ok(Get, &uri, None).await;
        (text(&row, "campaign_status") == "rejected").then_some(row)
    })
    .await;
    assert!(
        text(&rejected, "campaign_failure").contains("20001"),
        "{rejected}"
    );
    town.end().await;
}

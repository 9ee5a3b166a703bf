//! Numbers found, bought, set up and given back at a carrier that stands in.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post},
    testing::{Kind, until},
};
use provider_stand_in::{Fault, Hooks, Route};
use rstest::rstest;
use serde_json::json;

use super::{
    town::{OWN, PUBLIC, Town},
    world::{World, id_of, refused, text},
};

#[rstest]
#[tokio::test]
async fn a_number_is_found_bought_and_given_back(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let town = Town::new(kind).await;
    let provider = town.provider().await;
    let uri = "/v1/phone_numbers/search?area_code=212&contains=*5";
    let offers = town.client().ok(Get, uri, None).await;
    let wanted = text(&offers[0], "number").to_owned();
    let number = town.number(&wanted, &provider, true).await;
    assert_eq!(text(&number, "status"), "purchasing");
    let bought = town.wait_for(&number, "active").await;
    let owned = town.carrier.numbers();
    assert_eq!(owned[0].sid, text(&bought, "provider_number_id"));
    let expected = Hooks {
        voice_url: format!("{PUBLIC}/v1/webhooks/twilio/voice"),
        status_callback: format!("{PUBLIC}/v1/webhooks/twilio/status"),
        sms_url: format!("{PUBLIC}/v1/webhooks/twilio/sms"),
    };
    assert_eq!(owned[0].hooks, expected);
    let uri = format!("/v1/phone_numbers/{}", id_of(&number));
    town.client().ok(Delete, &uri, None).await;
    town.wait_for(&number, "released").await;
    assert_eq!(town.carrier.numbers(), []);
    town.end().await;
}

#[rstest]
#[case::of_another_account("AC00000000000000000000000000000999", 0)]
#[case::of_the_same_account("", 1)]
#[tokio::test]
async fn a_number_that_somebody_else_names_is_given_back_unless_the_account_has_it_for_them(
    #[case] account: &str,
    #[case] left: usize,
) {
    let mut town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    let number = town.number("+14155550109", &provider, true).await;
    town.wait_for(&number, "active").await;
    // Its carrier is away when it is to be given back, and meanwhile somebody else names the number.
    town.carrier.fail(Route::Owned, Fault::Status(503), 20);
    let asked = town.carrier.requests(Route::Owned);
    let uri = format!("/v1/phone_numbers/{}", id_of(&number));
    town.client().ok(Delete, &uri, None).await;
    until("the first try", async || {
        (town.carrier.requests(Route::Owned) > asked).then_some(())
    })
    .await;
    let operator = &town.world.operator;
    let other = json!({"name": "b"});
    let other = operator.ok(Post, "/v1/customers", Some(other)).await;
    let other = operator.within(id_of(&other));
    let mut theirs = town.account();
    if !account.is_empty() {
        theirs["account_id"] = json!(account);
    }
    let theirs = other.ok(Post, "/v1/providers", Some(theirs)).await;
    let body = json!({"number": "+14155550109", "provider_id": theirs["id"]});
    other.ok(Post, "/v1/phone_numbers", Some(body)).await;
    let replica = town.world.replicas.pop().unwrap();
    replica.stop().await.unwrap();
    town.carrier.heal();
    let clock = bin_common_handler::clock::Clock::default();
    clock.shift(61_000_000);
    let replica = town.world.installation.start_with_clock(clock).await;
    town.world.replicas.push(replica);
    let client = town.world.installation.client();
    town.world.client = client.within(town.world.customer_id);
    town.wait_for(&number, "released").await;
    assert_eq!(town.carrier.numbers().len(), left);
    town.end().await;
}

#[tokio::test]
async fn a_number_that_nobody_sells_says_why_and_may_be_tried_again() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    let number = town.number("+13055550100", &provider, true).await;
    let failed = town.wait_for(&number, "failed").await;
    assert!(
        text(&failed, "failure").contains("not available"),
        "{failed}"
    );
    town.carrier.own("+13055550100", &Hooks::default());
    let uri = format!("/v1/phone_numbers/{}/purchase", id_of(&number));
    town.client().ok(Post, &uri, None).await;
    let bought = town.wait_for(&number, "active").await;
    assert_eq!(text(&bought, "failure"), "");
    // It was there already: it was set up, and not bought twice.
    assert_eq!(town.carrier.requests(Route::Buy), 1);
    town.end().await;
}

#[tokio::test]
async fn a_purchase_whose_answer_was_lost_is_not_made_twice() {
    let mut town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    town.carrier.fail(Route::Buy, Fault::AcceptThenDrop, 1);
    let number = town.number("+13035550103", &provider, true).await;
    until("the first try", async || {
        (town.carrier.requests(Route::Buy) == 1).then_some(())
    })
    .await;
    // A new process finds the timer, which is not due for a minute.
    let replica = town.world.replicas.pop().unwrap();
    replica.stop().await.unwrap();
    let clock = bin_common_handler::clock::Clock::default();
    clock.shift(61_000_000);
    let replica = town.world.installation.start_with_clock(clock).await;
    town.world.replicas.push(replica);
    town.world.client = town
        .world
        .installation
        .client()
        .within(town.world.customer_id);
    town.wait_for(&number, "active").await;
    assert_eq!(town.carrier.requests(Route::Buy), 1);
    assert_eq!(town.carrier.requests(Route::Update), 1);
    town.end().await;
}

#[tokio::test]
async fn nothing_is_bought_where_no_webhook_could_come() {
    let world = World::set(Kind::Embedded, &[]).await;
    let body = json!({"account_id": "AC1", "secret": "long-enough"});
    let provider = world.client.ok(Post, "/v1/providers", Some(body)).await;
    let body = json!({"number": OWN, "provider_id": provider["id"], "purchase": true});
    let refusal = refused(&world.client, Post, "/v1/phone_numbers", Some(body)).await;
    assert_eq!(refusal, (409, "PUBLIC_URL_MISSING".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn a_number_that_the_carrier_does_not_take_back_is_told_and_tried_again() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    let number = town.number("+14155550106", &provider, true).await;
    town.wait_for(&number, "active").await;
    town.carrier.fail(Route::Owned, Fault::Code(20003), 1);
    let uri = format!("/v1/phone_numbers/{}", id_of(&number));
    town.client().ok(Delete, &uri, None).await;
    let kept = town.wait_for(&number, "release_failed").await;
    assert!(!text(&kept, "failure").is_empty(), "{kept}");
    // The account is still needed.
    let account = format!("/v1/providers/{}", id_of(&provider));
    assert_eq!(refused(town.client(), Delete, &account, None).await.0, 409);
    let again = town.client().ok(Delete, &uri, None).await;
    assert_eq!(
        (text(&again, "status"), text(&again, "failure")),
        ("releasing", "")
    );
    town.wait_for(&number, "released").await;
    assert_eq!(town.carrier.numbers(), []);
    town.end().await;
}

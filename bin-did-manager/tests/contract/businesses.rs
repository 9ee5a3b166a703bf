//! Businesses, their providers and numbers, at a carrier that stands in.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Client, Kind, until},
};
use provider_stand_in::{Fault, Hooks, Provider, Route};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::world::{World, id_of, refused, text};

const PUBLIC: &str = "https://voice.example.com";
const SEAL_KEY: &str = "0123456789abcdef0123456789abcdef";
const OWN: &str = "+14155550100";

struct Town {
    world: World,
    carrier: Provider,
}

impl Town {
    async fn new(kind: Kind) -> Self {
        let carrier = Provider::start().await.unwrap();
        let settings = [
            ("TWILIO_BASE_URL", &*carrier.url()),
            ("ALLOW_PRIVATE_ENDPOINTS", "true"),
            ("PUBLIC_URL", PUBLIC),
            ("SECRETS_KEY", SEAL_KEY),
        ];
        let world = World::set(kind, &settings).await;
        Self { world, carrier }
    }

    fn client(&self) -> &Client {
        &self.world.client
    }

    fn account(&self) -> Json {
        let account = self.carrier.account();
        json!({"type": "twilio", "account_id": account.sid, "secret": account.token})
    }

    async fn provider(&self) -> Json {
        let body = Some(self.account());
        self.client().ok(Post, "/v1/providers", body).await
    }

    async fn number(&self, number: &str, provider: &Json, purchase: bool) -> Json {
        let body = json!({
            "number": number, "forward_target": "+14155550123",
            "provider_id": provider["id"], "purchase": purchase,
        });
        self.client()
            .ok(Post, "/v1/phone_numbers", Some(body))
            .await
    }

    async fn wait_for(&self, number: &Json, status: &str) -> Json {
        let uri = format!("/v1/phone_numbers/{}", id_of(number));
        until(status, async || {
            let row = self.client().ok(Get, &uri, None).await;
            (text(&row, "status") == status).then_some(row)
        })
        .await
    }

    /// The secret of the first provider, as its column has it.
    async fn sealed(&self) -> String {
        #[derive(sqlx::FromRow)]
        struct Stored {
            secret: String,
        }
        let sql = "SELECT secret FROM did_providers ORDER BY id LIMIT 1";
        let db = self.world.installation.db();
        let stored: Option<Stored> = db.fetch_optional(sql, vec![]).await.unwrap();
        stored.unwrap().secret
    }

    async fn end(self) {
        self.world.end().await;
        self.carrier.stop().await;
    }
}

#[rstest]
#[tokio::test]
async fn a_secret_is_sealed_and_never_shown(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let town = Town::new(kind).await;
    let provider = town.provider().await;
    let uri = format!("/v1/providers/{}", id_of(&provider));
    let secret = town.carrier.account().token;
    let changed = json!({"opt_out_replies": "tandem"});
    let changed = town.client().ok(Put, &uri, Some(changed)).await;
    let listed = town.client().ok(Get, "/v1/providers", None).await;
    let audit = town.client().ok(Get, "/v1/audit_logs", None).await;
    for told in [&provider, &changed, &listed, &audit] {
        let told = told.to_string();
        assert!(
            !told.contains(&secret) && !told.contains("\"secret\""),
            "{told}"
        );
    }
    let stored = town.sealed().await;
    assert!(stored.starts_with("v1.") && !stored.contains(&secret));
    // The secret stayed what it was: it still opens.
    town.number(OWN, &provider, false).await;
    let body = Some(json!({"number": OWN}));
    let line = town
        .world
        .operator
        .ok(Post, "/v1/phone_numbers/resolve", body)
        .await;
    assert_eq!(
        (text(&line, "secret"), text(&line, "opt_out_replies")),
        (&*secret, "tandem")
    );
    assert_eq!(line["dial_timeout_seconds"], 20);
    town.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    for (uri, body) in [
        (
            "/v1/providers",
            json!({"account_id": "AC1", "secret": "short"}),
        ),
        (
            "/v1/providers",
            json!({"account_id": "", "secret": "long-enough"}),
        ),
        (
            "/v1/providers",
            json!({"account_id": "AC1", "secret": "long-enough", "type": "x"}),
        ),
        (
            "/v1/phone_numbers",
            json!({"number": "12", "provider_id": provider["id"]}),
        ),
        ("/v1/phone_numbers", json!({"number": OWN})),
    ] {
        let (status, reason) = refused(town.client(), Post, uri, Some(body)).await;
        assert_eq!((status, &*reason), (400, "INVALID_FIELD"), "{uri}");
    }
    let strange = json!({"number": OWN, "provider_id": "5b1a0000-0000-7000-8000-00000000000a"});
    let (status, _) = refused(town.client(), Post, "/v1/phone_numbers", Some(strange)).await;
    assert_eq!(status, 404);
    for query in ["area_code=41", "contains=..", "area_code=abc"] {
        let uri = format!("/v1/phone_numbers/search?{query}");
        assert_eq!(refused(town.client(), Get, &uri, None).await.0, 400);
    }
    town.end().await;
}

#[rstest]
#[tokio::test]
async fn a_number_belongs_to_one_business(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let town = Town::new(kind).await;
    let provider = town.provider().await;
    let number = town.number(OWN, &provider, false).await;
    let operator = &town.world.operator;
    let other = operator
        .ok(Post, "/v1/customers", Some(json!({"name": "b"})))
        .await;
    let other = operator.within(id_of(&other));
    let theirs = other.ok(Post, "/v1/providers", Some(town.account())).await;
    let body = json!({"number": OWN, "provider_id": theirs["id"]});
    let (status, reason) = refused(&other, Post, "/v1/phone_numbers", Some(body.clone())).await;
    assert_eq!((status, &*reason), (409, "PHONE_NUMBER_EXISTS"));
    let lookup = "/v1/phone_numbers/lookup?number=%2B14155550100";
    assert_eq!(
        town.client().ok(Get, lookup, None).await["id"],
        number["id"]
    );
    assert_eq!(refused(&other, Get, lookup, None).await.0, 404);
    let uri = format!("/v1/providers/{}", id_of(&provider));
    let (status, reason) = refused(town.client(), Delete, &uri, None).await;
    assert_eq!((status, &*reason), (409, "PROVIDER_IN_USE"));
    let one = format!("/v1/phone_numbers/{}", id_of(&number));
    town.client().ok(Delete, &one, None).await;
    assert_eq!(refused(town.client(), Get, lookup, None).await.0, 404);
    let resolve = Some(json!({"number": OWN}));
    let gone = refused(operator, Post, "/v1/phone_numbers/resolve", resolve).await;
    assert_eq!(gone, (404, "PHONE_NUMBER_NOT_FOUND".to_owned()));
    other.ok(Post, "/v1/phone_numbers", Some(body)).await;
    town.client().ok(Delete, &uri, None).await;
    town.end().await;
}

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

fn missing(progress: &Json) -> Vec<String> {
    let steps = progress["steps"].as_array().unwrap().iter();
    let of = |step: &Json| step["missing"].as_array().unwrap().clone();
    let names = steps.flat_map(of);
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[rstest]
#[tokio::test]
async fn onboarding_tells_what_is_missing_until_nothing_is(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind).await;
    let onboard = async |body: Json| town.client().ok(Post, "/v1/onboardings", Some(body)).await;
    let begun = onboard(json!({"business": {"name": "Acme", "trade": "plumbing"}})).await;
    let expected = [
        "business.address",
        "business.location",
        "business.timezone",
        "business.hours",
        "provider",
        "number.number",
        "number.forward_target",
        "messaging.campaign_status",
        "test",
    ];
    assert_eq!(missing(&begun), expected);
    let body = json!({
        "business": {
            "address": "1 Main St", "location": {"lat": 37.8, "lon": -122.4},
            "timezone": "America/Los_Angeles", "hours": "09:00-17:00",
        },
        "provider": town.account(),
        "number": {"number": "+14155550107", "forward_target": "+14155550123", "purchase": true},
        "messaging": {"campaign_status": "pending"},
        "assistant": {"ai_takeover_delay_seconds": 0},
    });
    let next = onboard(body.clone()).await;
    // Texts leave by the number itself; a messaging service is for those who want one.
    assert_eq!(missing(&next), ["test"]);
    // Once more: nothing is there twice.
    onboard(body).await;
    let numbers = town.client().ok(Get, "/v1/phone_numbers", None).await;
    town.wait_for(&numbers[0], "active").await;
    let last = json!({
        "messaging": {"messaging_service_id": "MG1", "campaign_status": "approved"}, "test": true,
    });
    let done = onboard(last).await;
    assert_eq!(
        (missing(&done), &done["is_complete"]),
        (vec![], &json!(true))
    );
    for what in ["providers", "phone_numbers"] {
        let rows = town.client().ok(Get, &format!("/v1/{what}"), None).await;
        assert_eq!(rows.as_array().unwrap().len(), 1, "{what}");
    }
    let wrong = json!({"business": {"rate_per_second": 1}});
    assert_eq!(
        refused(town.client(), Post, "/v1/onboardings", Some(wrong))
            .await
            .0,
        400
    );
    town.end().await;
}

#[rstest]
#[case::number(json!({"number": {"number": "not a number"}}), (400, "INVALID_FIELD"))]
#[case::number_fields(json!({"number": {"number": OWN, "colour": "red"}}), (400, "INVALID_FIELD"))]
#[case::provider(json!({"provider": {"account_id": "AC1", "secret": "short"}}), (400, "INVALID_FIELD"))]
#[case::messaging(json!({"messaging": {"campaign_status": 7}}), (400, "INVALID_FIELD"))]
#[case::no_number(json!({"number": null, "messaging": {"campaign_status": "pending"}}), (400, "INVALID_FIELD"))]
#[case::assistant(json!({"assistant": {"ai_takeover_delay_seconds": -1}}), (400, "INVALID_FIELD"))]
#[case::taken(json!({"number": {"number": "+14155550111"}}), (409, "PHONE_NUMBER_EXISTS"))]
#[case::strange(
    json!({"number": {"provider_id": "5b1a0000-0000-7000-8000-00000000000a"}}),
    (404, "PROVIDER_NOT_FOUND")
)]
#[tokio::test]
async fn an_onboarding_that_is_refused_changes_nothing(
    #[case] wrong: Json,
    #[case] expected: (u16, &str),
) {
    let town = Town::new(Kind::Embedded).await;
    let operator = &town.world.operator;
    let other = json!({"name": "b"});
    let other = operator.ok(Post, "/v1/customers", Some(other)).await;
    let other = operator.within(id_of(&other));
    let theirs = other.ok(Post, "/v1/providers", Some(town.account())).await;
    let body = json!({"number": "+14155550111", "provider_id": theirs["id"]});
    other.ok(Post, "/v1/phone_numbers", Some(body)).await;

    let mut body = json!({
        "business": {"trade": "roofing"},
        "provider": town.account(),
        "number": {"number": OWN, "forward_target": "+14155550123"},
        "messaging": {"campaign_status": "pending"},
        "assistant": {"ai_takeover_delay_seconds": 5},
    });
    for (part, fields) in wrong.as_object().unwrap() {
        match fields.as_object() {
            Some(fields) => body[part].as_object_mut().unwrap().extend(fields.clone()),
            None => body[part] = Json::Null,
        }
    }
    let refusal = refused(town.client(), Post, "/v1/onboardings", Some(body)).await;
    assert_eq!(refusal, (expected.0, expected.1.to_owned()));
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    let customer = town.client().ok(Get, &uri, None).await;
    assert_eq!(text(&customer, "trade"), "");
    for what in ["providers", "phone_numbers"] {
        let rows = town.client().ok(Get, &format!("/v1/{what}"), None).await;
        assert_eq!(rows, json!([]), "{what}");
    }
    town.end().await;
}

#[rstest]
#[tokio::test]
async fn the_numbers_of_a_deleted_business_are_given_back_and_free(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind).await;
    let provider = town.provider().await;
    let bought = town.number("+14155550104", &provider, true).await;
    town.wait_for(&bought, "active").await;
    town.number(OWN, &provider, false).await;
    let operator = &town.world.operator;
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    operator.ok(Delete, &uri, None).await;
    until("the bought one is given back", async || {
        town.carrier.numbers().is_empty().then_some(())
    })
    .await;
    until("the account's secret is gone", async || {
        town.sealed().await.is_empty().then_some(())
    })
    .await;
    let other = json!({"name": "b"});
    let other = operator.ok(Post, "/v1/customers", Some(other)).await;
    let other = operator.within(id_of(&other));
    let theirs = other.ok(Post, "/v1/providers", Some(town.account())).await;
    for number in [OWN, "+14155550104"] {
        let body = json!({"number": number, "provider_id": theirs["id"]});
        other.ok(Post, "/v1/phone_numbers", Some(body)).await;
    }
    town.end().await;
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

#[tokio::test]
async fn a_deleted_provider_keeps_no_secret() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    assert!(!town.sealed().await.is_empty());
    let uri = format!("/v1/providers/{}", id_of(&provider));
    town.client().ok(Delete, &uri, None).await;
    assert_eq!(town.sealed().await, "");
    town.end().await;
}

#[tokio::test]
async fn the_secret_of_a_deleted_business_stays_while_a_number_is_to_be_given_back() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    let number = town.number("+14155550107", &provider, true).await;
    town.wait_for(&number, "active").await;
    town.carrier.fail(Route::Owned, Fault::Code(20003), 1);
    let operator = &town.world.operator;
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    operator.ok(Delete, &uri, None).await;
    let uri = format!("/v1/phone_numbers/{}", id_of(&number));
    until("it could not be given back", async || {
        let row = operator.ok(Get, &uri, None).await;
        (text(&row, "status") == "release_failed").then_some(())
    })
    .await;
    assert!(!town.sealed().await.is_empty());
    operator.ok(Delete, &uri, None).await;
    until("the account's secret is gone", async || {
        town.sealed().await.is_empty().then_some(())
    })
    .await;
    town.end().await;
}

#[tokio::test]
async fn a_suspended_business_is_told_as_such() {
    let town = Town::new(Kind::Embedded).await;
    let provider = town.provider().await;
    town.number(OWN, &provider, false).await;
    let operator = &town.world.operator;
    let uri = format!("/v1/customers/{}", town.world.customer_id);
    for (status, is_suspended) in [("suspended", true), ("active", false)] {
        let body = json!({ "status": status });
        operator.ok(Put, &uri, Some(body)).await;
        let body = json!({ "number": OWN });
        let line = operator
            .ok(Post, "/v1/phone_numbers/resolve", Some(body))
            .await;
        assert_eq!(line["suspended"], json!(is_suspended), "{line}");
    }
    town.end().await;
}

//! What callers hear who are not put through.

use bin_common_handler::{
    models::sock::Method::{Delete, Post, Put},
    testing::{Client, Kind, until},
};
use rstest::rstest;
use serde_json::json;

use crate::town::{CALLER, NUMBER, Town};

#[rstest]
#[case::own(false, "<Say>Acme &amp; Sons will text you.</Say>")]
#[case::deleted(true, "We are sending you a text message.")]
#[tokio::test]
async fn who_is_not_put_through_hears_the_businesss_own_words(
    #[case] is_deleted: bool,
    #[case] expected: &str,
) {
    let town = Town::new(Kind::Embedded, &[]).await;
    town.register().await;
    let chat = town.chat();
    let words = json!({"name": "voice_missed", "body": "{business_name} will text you."});
    let own = chat.ok(Post, "/v1/templates", Some(words)).await;
    if is_deleted {
        let uri = format!("/v1/templates/{}", own["id"].as_str().unwrap());
        chat.ok(Delete, &uri, None).await;
    }
    // Words are waited for so briefly that a slow machine may miss it: then somebody else calls.
    let mut calls = 0;
    until(expected, async || {
        calls += 1;
        let caller = format!("+1415555{:04}", 2_000 + calls);
        let call = town.carrier.call(&caller, NUMBER).await.unwrap();
        let told = town.carrier.end(&call, "no-answer").await.unwrap();
        told.body.contains(expected).then_some(())
    })
    .await;
    town.end().await;
}

#[rstest]
#[case::not_registered(false, false, false)]
#[case::suspended(true, true, false)]
#[case::the_caller_wants_none(true, false, true)]
#[tokio::test]
async fn nobody_is_promised_a_text_that_is_not_sent(
    #[case] is_registered: bool,
    #[case] is_suspended: bool,
    #[case] is_opted_out: bool,
) {
    let town = Town::new(Kind::Embedded, &[]).await;
    let chat = town.chat();
    let words = json!({"name": "voice_missed", "body": "We will text you."});
    chat.ok(Post, "/v1/templates", Some(words)).await;
    if is_registered {
        town.register().await;
    }
    if is_suspended {
        let operator = Client {
            customer_id: None,
            ..town.dids.clone()
        };
        let uri = format!("/v1/customers/{}", town.dids.customer_id.unwrap());
        let body = Some(json!({"status": "suspended"}));
        operator.ok(Put, &uri, body).await;
    }
    if is_opted_out {
        let body = Some(json!({"number": CALLER}));
        chat.ok(Post, "/v1/optouts", body).await;
    }
    let call = town.call().await;
    let told = town.carrier.end(&call, "no-answer").await.unwrap();
    let is_plain = told.body.contains("Please call again later.");
    assert!(is_plain && !told.body.contains("text"), "{}", told.body);
    town.end().await;
}

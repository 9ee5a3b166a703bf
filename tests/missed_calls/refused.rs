//! What is no call at a business's number, or not the carrier's word, is refused and leaves nothing.

use bin_common_handler::{
    databasehandler::Id,
    models::sock::Method::Put,
    testing::{BRIDGE_KEY, Kind, Whole, http, until},
};
use provider_stand_in::{Account, Provider};
use rstest::rstest;
use serde_json::json;
use tandem::managers;

use crate::town::{CALLER, NUMBER, PUBLIC, Town, hooks};

const REJECT: &str = "<Response><Reject/></Response>";

#[rstest]
#[tokio::test]
async fn a_number_of_nobody_is_turned_away_and_leaves_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind, &[]).await;
    town.carrier.own("+14155550111", &hooks());
    let call = town.carrier.call(CALLER, "+14155550111").await.unwrap();
    assert_eq!(call.answer.status, 200);
    assert!(call.answer.body.ends_with(REJECT), "{}", call.answer.body);
    let ended = town.carrier.ended_hook(&call).unwrap();
    let told = town.carrier.send(&ended).await.unwrap();
    assert!(told.body.ends_with("<Response/>"), "{}", told.body);
    assert_eq!(rows_of(&town.whole, "exchange_inbound_calls").await, 0);
    assert_eq!(rows_of(&town.whole, "exchange_inbox").await, 0);
    town.end().await;
}

async fn rows_of(whole: &Whole, table: &str) -> usize {
    let key = if table.ends_with("_inbox") {
        "op_key"
    } else {
        "id"
    };
    let sql = format!("SELECT {key} AS id FROM {table}");
    if table.ends_with("_inbox") {
        #[derive(bin_common_handler::FromRow)]
        struct Key {
            #[expect(dead_code, reason = "only counted")]
            id: Vec<u8>,
        }
        let rows: Vec<Key> = whole.db().fetch_all(&sql, vec![]).await.unwrap();
        return rows.len();
    }
    let rows: Vec<Id> = whole.db().fetch_all(&sql, vec![]).await.unwrap();
    rows.len()
}

#[rstest]
#[tokio::test]
async fn a_wrong_signature_is_refused_and_leaves_nothing(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let town = Town::new(kind, &[]).await;
    let hook = town.carrier.voice_hook(CALLER, NUMBER).unwrap();
    let before = rows_of(&town.whole, "exchange_inbox").await;
    let forged = town
        .carrier
        .forge(&hook, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
        .await
        .unwrap();
    assert_eq!(forged.status, 403, "{}", forged.body);
    assert!(!forged.body.contains(CALLER) && !forged.body.contains(NUMBER));
    // Signed, but in the name of another account.
    let other = Account {
        sid: "AC2".to_owned(),
        token: town.carrier.account().token,
    };
    town.carrier.add_account(other);
    let other = hook.clone().with("AccountSid", "AC2");
    assert_eq!(town.carrier.send(&other).await.unwrap().status, 403);
    assert_eq!(rows_of(&town.whole, "exchange_inbound_calls").await, 0);
    assert_eq!(rows_of(&town.whole, "exchange_inbox").await, before);
    assert_eq!(town.carrier.send(&hook).await.unwrap().status, 200);
    town.end().await;
}

#[tokio::test]
async fn a_new_secret_counts_and_the_old_one_does_not() {
    let town = Town::new(Kind::Embedded, &[]).await;
    town.call().await;
    let uri = format!("/v1/providers/{}", town.provider);
    let body = Some(json!({"secret": "another-secret-of-the-carrier"}));
    town.dids.ok(Put, &uri, body).await;
    let account = Account {
        token: "another-secret-of-the-carrier".to_owned(),
        ..town.carrier.account()
    };
    let old = town.carrier.voice_hook(CALLER, NUMBER).unwrap();
    until("the old secret is refused", async || {
        let answer = town
            .carrier
            .send(&old.clone().with("CallSid", "CA9"))
            .await
            .unwrap();
        (answer.status == 403).then_some(())
    })
    .await;
    town.carrier.add_account(account);
    let answer = town.carrier.send(&old).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    town.end().await;
}

#[tokio::test]
async fn the_bridge_does_not_serve_secrets() {
    let town = Town::new(Kind::Embedded, &[]).await;
    let key = format!("x-api-key: {BRIDGE_KEY}");
    let headers = [&*key, "content-type: application/json"];
    let body = json!({"number": NUMBER}).to_string();
    let line = "POST /api/v1/phone_numbers/resolve";
    let answer = http(town.whole.bridge, line, &headers, &body).await;
    assert_eq!(answer.unwrap().status, 404);
    town.end().await;
}

#[tokio::test]
async fn where_nobody_can_say_whose_it_is_the_carrier_tries_its_fallback() {
    let exchange: Vec<_> = managers::ALL
        .iter()
        .copied()
        .filter(|manager| manager.name == "call-manager")
        .collect();
    let whole = Whole::start(Kind::Embedded, &exchange, tandem::bridge::sidecar, &[]).await;
    let carrier = Provider::start().await.unwrap();
    carrier.reach(PUBLIC, whole.bridge);
    carrier.own(NUMBER, &hooks());
    let call = carrier.call(CALLER, NUMBER).await.unwrap();
    assert_eq!(call.answer.status, 503, "{}", call.answer.body);
    whole.end().await;
    carrier.stop().await;
}

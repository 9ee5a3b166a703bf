//! Numbers, pools, campaigns and rules: made, changed, imported, exported.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    phone::PhoneFault::Empty,
    testing::{
        Kind,
        phones::{REFUSED, TAKEN},
        until,
    },
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id_of, list, number, refused, text};

#[rstest]
#[tokio::test]
async fn a_number_is_made_changed_and_deleted(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let events = world.operator.events().await;
    let did = world
        .did(json!({"number": "(415) 555-0123", "daily_cap": 5}))
        .await;
    assert_eq!(did["number"], "+14155550123");
    assert_eq!(
        (&did["status"], &did["daily_cap"]),
        (&json!("active"), &json!(5))
    );
    assert_eq!(did["hourly_cap"], Json::Null);

    let uri = format!("/v1/dids/{}", text(&did, "id"));
    assert_eq!(world.client.ok(Get, &uri, None).await["calls_today"], 0);
    let changed = world
        .client
        .ok(
            Put,
            &uri,
            Some(json!({"daily_cap": null, "carrier": "acme"})),
        )
        .await;
    assert_eq!(
        (&changed["daily_cap"], &changed["carrier"]),
        (&Json::Null, &json!("acme"))
    );
    assert_eq!(changed["number"], "+14155550123");

    let again = refused(
        &world.client,
        Post,
        "/v1/dids",
        Some(json!({"number": "4155550123"})),
    )
    .await;
    assert_eq!(again, (409, "DID_EXISTS".to_owned()));

    world.client.ok(Delete, &uri, None).await;
    world.client.ok(Delete, &uri, None).await;
    assert_eq!(
        refused(&world.client, Put, &uri, Some(json!({}))).await.0,
        404
    );
    world.did(json!({"number": "4155550123"})).await;

    let expected = ["did_created", "did_updated", "did_deleted", "did_created"];
    until("the events of the number", async || {
        let heard = events.heard();
        let kinds = heard.iter().map(|event| event.event.kind.as_str());
        kinds
            .filter(|kind| kind.starts_with("did_"))
            .eq(expected)
            .then_some(())
    })
    .await;
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn an_import_reports_every_row(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let rows = json!([
        {"cid": "4155550001"}, {"cid": "4155550002", "capacity": "7", "status": "inactive"},
        {"cid": "+1 415 555 0001"}, {"cid": ""}, {"cid": "12"}, {"cid": "4155550003", "capacity": "many"},
    ]);
    let report = world
        .client
        .ok(Post, "/v1/dids/bulk", Some(rows.clone()))
        .await;
    assert_eq!(
        (
            &report["created"],
            &report["skipped"],
            &report["duplicates"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
    let wrong: Vec<_> = list(report["errors"].clone())
        .iter()
        .map(|error| error["index"].clone())
        .collect();
    assert_eq!(wrong, [4, 5]);
    let dids = list(
        world
            .client
            .ok(Get, "/v1/dids?number=%2B14155550002", None)
            .await,
    );
    assert_eq!(
        (&dids[0]["status"], &dids[0]["daily_cap"]),
        (&json!("inactive"), &json!(7))
    );

    let again = world.client.ok(Post, "/v1/dids/bulk", Some(rows)).await;
    assert_eq!(
        (&again["created"], &again["duplicates"]),
        (&json!(0), &json!(3))
    );
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn every_text_is_the_number_that_it_is_in_files_and_bodies(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    for (text, number) in TAKEN.iter().step_by(7) {
        let did = world.did(json!({"number": text})).await;
        assert_eq!(did["number"], *number, "{text:?}");
    }
    let told = REFUSED.iter().filter(|(_, fault)| *fault != Empty);
    let told: Vec<_> = told
        .map(|(_, fault)| format!("Caller ID {fault}."))
        .collect();
    let texts = TAKEN.iter().map(|(text, _)| text);
    let texts = texts.chain(REFUSED.iter().map(|(text, _)| text));
    let rows: Json = texts
        .map(|text| json!({"Caller ID": text, "Status": "Inactive", "Agent Cell": "2125550507"}))
        .collect();
    let report = world.client.ok(Post, "/v1/dids/bulk", Some(rows)).await;
    let expected = [
        TAKEN.len() - TAKEN.len().div_ceil(7),
        TAKEN.len().div_ceil(7),
    ];
    let expected = expected.map(|count| json!(count));
    assert_eq!(
        [&report["created"], &report["duplicates"]],
        [&expected[0], &expected[1]]
    );
    assert_eq!(report["ignored"], json!(["Agent Cell"]));
    let wrong: Vec<_> = list(report["errors"].clone())
        .iter()
        .map(|error| text(error, "message").to_owned())
        .filter(|message| message != "the row holds no phone number.")
        .collect();
    assert_eq!(wrong, told);
    world.end().await;
}

#[rstest]
#[case(json!([{"cid": "4155550123", "DID": "4155550124"}]))]
#[case(json!([{"capacity": 1, "daily_cap": 2, "cid": "4155550123"}]))]
#[case(json!([{"a": "4155550123", "b": "2125550124"}]))]
#[tokio::test]
async fn columns_that_leave_doubt_change_nothing(#[case] rows: Json) {
    let world = World::new(Kind::Embedded).await;
    let no = refused(&world.client, Post, "/v1/dids/bulk", Some(rows)).await;
    assert_eq!(no, (400, "INVALID_COLUMNS".to_owned()));
    let dids = list(world.client.ok(Get, "/v1/dids", None).await);
    assert_eq!(dids, [] as [Json; 0]);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_pool_holds_numbers_of_its_own_tenant_only(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({"name": "other"})))
        .await;
    let stranger = world.operator.within(id_of(&other));
    let foreign = stranger
        .ok(Post, "/v1/dids", Some(json!({"number": number(212, 1)})))
        .await;
    let did = world.did(json!({"number": number(212, 1)})).await;

    let body = json!({"name": "east", "did_ids": [did["id"]]});
    let pool = world.client.ok(Post, "/v1/didpools", Some(body)).await;
    assert_eq!(
        (&pool["did_count"], &pool["did_ids"]),
        (&json!(1), &json!([did["id"]]))
    );
    let uri = format!("/v1/didpools/{}/dids", text(&pool, "id"));
    let body = json!({"did_ids": [foreign["id"]]});
    let no = refused(&world.client, Post, &uri, Some(body)).await;
    assert_eq!(no, (404, "DID_NOT_FOUND".to_owned()));

    let campaign =
        json!({"vicidial_campaign_id": "S1", "didpool_id": pool["id"], "hours": "09:00-21:00"});
    let made = world
        .client
        .ok(Post, "/v1/campaigns", Some(campaign.clone()))
        .await;
    assert_eq!(
        made["hours"],
        json!([{"days": [], "from": "09:00", "to": "21:00"}])
    );
    let no = refused(&stranger, Post, "/v1/campaigns", Some(campaign)).await;
    assert_eq!(no, (404, "DIDPOOL_NOT_FOUND".to_owned()));
    let uri = format!("/v1/dids/{}", text(&did, "id"));
    assert_eq!(refused(&stranger, Get, &uri, None).await.0, 404);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_key_in_another_case_is_the_field_and_a_key_twice_is_refused(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let client = &world.client;
    for body in [
        json!({"name": "west", "detail": "d"}),
        json!({"NAME": "west", "Detail": "d"}),
        json!({"Name": "west", "detail": "d", "CUSTOMER_ID": ""}),
    ] {
        let pool = client.ok(Post, "/v1/didpools", Some(body)).await;
        assert_eq!(
            (&pool["name"], &pool["detail"]),
            (&json!("west"), &json!("d"))
        );
        let uri = format!("/v1/didpools/{}", text(&pool, "id"));
        let pool = client.ok(Put, &uri, Some(json!({"NAME": "east"}))).await;
        assert_eq!(pool["name"], "east");
    }
    let twice = json!({"name": "a", "NAME": "b"});
    let no = refused(client, Post, "/v1/didpools", Some(twice)).await;
    assert_eq!(no, (400, "INVALID_BODY".to_owned()));
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn a_file_may_fill_a_pool_that_is_in_use(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let pool = world
        .client
        .ok(Post, "/v1/didpools", Some(json!({"name": "west"})))
        .await;
    let campaign = json!({"vicidial_campaign_id": "W", "didpool_id": pool["id"]});
    world.client.ok(Post, "/v1/campaigns", Some(campaign)).await;
    let next = "/v1/dids/next?campaign_id=W&customer_phone=4155559999";
    assert_eq!(refused(&world.client, Get, next, None).await.0, 503);
    let uri = format!("/v1/dids/bulk?didpool_id={}", text(&pool, "id"));
    let rows = json!([{"cid": number(415, 1)}, {"cid": number(415, 2)}]);
    world.client.ok(Post, &uri, Some(rows)).await;
    let pool = world
        .client
        .ok(Get, &format!("/v1/didpools/{}", text(&pool, "id")), None)
        .await;
    assert_eq!(pool["did_count"], 2);
    world.client.ok(Get, next, None).await;
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn what_refers_to_a_deleted_pool_can_still_be_changed_and_deleted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let pool = json!({"name": "west"});
    let pool = world.client.ok(Post, "/v1/didpools", Some(pool)).await;
    let refers = json!({"vicidial_campaign_id": "W", "didpool_id": pool["id"]});
    let campaign = world.client.ok(Post, "/v1/campaigns", Some(refers)).await;
    let campaign = format!("/v1/campaigns/{}", text(&campaign, "id"));
    let customer = format!("/v1/customers/{}", world.customer_id);
    let refers = Some(json!({"didpool_id": pool["id"]}));
    world.operator.ok(Put, &customer, refers.clone()).await;
    let pool = format!("/v1/didpools/{}", text(&pool, "id"));
    world.client.ok(Delete, &pool, None).await;
    for uri in [&campaign, &customer] {
        let renamed = Some(json!({"name": "renamed"}));
        world.operator.ok(Put, uri, renamed).await;
        let other = Some(json!({"didpool_id": null}));
        world.operator.ok(Put, uri, other).await;
        let no = refused(&world.operator, Put, uri, refers.clone()).await;
        assert_eq!(no, (404, "DIDPOOL_NOT_FOUND".to_owned()), "{uri}");
        world.operator.ok(Delete, uri, None).await;
    }
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn an_export_comes_back_as_it_was(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    world
        .did(json!({
            "number": number(415, 1), "status": "warming", "daily_cap": 0, "weight": 7, "carrier": "a,b",
            "description": "=1+1 \"x\"", "tags": ["a;b", "c"], "latitude": 37.5, "longitude": -122.25,
            "attestation": "A", "reputation": 80, "reputation_source": "lab",
        }))
        .await;
    world
        .did(json!({"number": "+442079460123", "hourly_cap": 3}))
        .await;
    let exported = world.client.ok(Get, "/v1/dids/export", None).await;
    assert_eq!(exported["next_page_token"], "");
    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({})))
        .await;
    let other = world.operator.within(id_of(&other));
    other
        .ok(
            Post,
            "/v1/dids/bulk",
            Some(rows_of(text(&exported, "text"))),
        )
        .await;
    let again = other.ok(Get, "/v1/dids/export", None).await;
    // Lists begin with the newest, so the rows stand the other way round.
    let sorted = |file: &Json| {
        let mut lines: Vec<_> = text(file, "text").lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&exported), sorted(&again));
    world.end().await;
}

/// Rows of a CSV file as the bridge makes them.
fn rows_of(csv: &str) -> Json {
    let mut lines = csv.lines().map(cells);
    let header = lines.next().unwrap();
    lines
        .map(|cells| {
            header
                .iter()
                .cloned()
                .zip(cells.into_iter().map(Json::from))
                .collect::<serde_json::Map<_, _>>()
        })
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                // A doubled quote is one quote.
                if quoted && cells.last().is_some_and(|cell| !cell.is_empty()) {
                    cells.last_mut().unwrap().push('"');
                }
            }
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

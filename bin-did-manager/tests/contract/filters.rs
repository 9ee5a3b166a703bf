//! Lists: filters in the query are read as those in the body are, and nothing is passed over in silence.

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, list, refused, text};

/// Every list of this manager.
const LISTS: [&str; 10] = [
    "/v1/customers",
    "/v1/users",
    "/v1/accesskeys",
    "/v1/audit_logs",
    "/v1/dids",
    "/v1/didpools",
    "/v1/campaigns",
    "/v1/rotation_rules",
    "/v1/usages",
    "/v1/callresults",
];

#[rstest]
#[tokio::test]
async fn a_number_is_found_however_it_is_written(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    world
        .did(json!({"number": "+12125550100", "state": "NY"}))
        .await;
    world
        .did(
            json!({"number": "+14155550100", "status": "resting", "until": "2099-01-01T00:00:00Z"}),
        )
        .await;
    let found = [
        "number=2125550100",
        "number=%2B12125550100",
        "number=+12125550100",
        "number=12125550100",
        "number=(212)%20555-0100",
        "number=212.555.0100",
        "state=ny",
        "state=NY&status=Active",
        "status=ACTIVE",
        "deleted=0&status=active",
        "deleted=No&number=2125550100&customer_id=",
    ];
    for query in found {
        let rows = list(
            world
                .client
                .ok(Get, &format!("/v1/dids?{query}"), None)
                .await,
        );
        assert_eq!(rows.len(), 1, "{query}");
        assert_eq!(text(&rows[0], "number"), "+12125550100", "{query}");
    }
    for filters in [
        json!({"number": "212-555-0100"}),
        json!({"number": 2_125_550_100_u64}),
        json!({"status": "Active", "state": null}),
    ] {
        let rows = list(
            world
                .client
                .ok(Get, "/v1/dids", Some(filters.clone()))
                .await,
        );
        assert_eq!(rows.len(), 1, "{filters}");
    }
    world.end().await;
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_on_every_list() {
    let world = World::new(Kind::Embedded).await;
    for uri in LISTS {
        for name in ["tag", "limit", "pagesize", "Number", "phone", "sort"] {
            let no = refused(&world.client, Get, &format!("{uri}?{name}=x"), None).await;
            assert_eq!(no, (400, "UNKNOWN_PARAMETER".to_owned()), "{uri} {name}");
        }
        for known in [
            "page_size=1",
            "page_token=2099-01-01T00:00:00Z",
            "customer_id=",
            "page_size=&page_token=",
        ] {
            world.client.ok(Get, &format!("{uri}?{known}"), None).await;
        }
    }
    let others = [
        "/v1/dids/export",
        "/v1/analytics/metrics",
        "/v1/analytics/reports",
    ];
    for uri in others {
        let no = refused(&world.client, Get, &format!("{uri}?tag=x"), None).await;
        assert_eq!(no, (400, "UNKNOWN_PARAMETER".to_owned()), "{uri}");
    }
    let pool = world
        .client
        .ok(Post, "/v1/didpools", Some(json!({"name": "p"})))
        .await;
    let uri = format!("/v1/didpools/{}/dids?status=active", text(&pool, "id"));
    assert_eq!(
        refused(&world.client, Get, &uri, None).await,
        (400, "UNKNOWN_PARAMETER".to_owned())
    );
    world.end().await;
}

#[rstest]
#[case("/v1/dids?number=5550100")]
#[case("/v1/dids?number=")]
#[case("/v1/dids?status=actif")]
#[case("/v1/dids?state=Nowhere")]
#[case("/v1/dids?deleted=maybe")]
#[case("/v1/dids?id=7")]
#[case("/v1/usages?phone_last4=12345")]
#[case("/v1/usages?phone_last4=abcd")]
#[case("/v1/usages?outcome=yes")]
#[case("/v1/usages?number=x")]
#[case("/v1/callresults?source=fax")]
#[case("/v1/users?role=king")]
#[case("/v1/rotation_rules?algorithm=best")]
#[case("/v1/customers?status=gone")]
#[tokio::test]
async fn a_filter_with_a_wrong_value_is_refused(#[case] uri: &str) {
    let world = World::new(Kind::Embedded).await;
    let no = refused(&world.client, Get, uri, None).await;
    assert_eq!(no, (400, "INVALID_FILTER".to_owned()), "{uri}");
    world.end().await;
}

#[tokio::test]
async fn a_flag_is_yes_or_no_and_anything_else_is_refused_by_name() {
    let world = World::new(Kind::Embedded).await;
    world.did(json!({"number": "+12125550100"})).await;
    for dry in ["true", "TRUE", "1", "yes", "Yes"] {
        let uri = format!("/v1/dids/next?customer_phone=2125559876&dry_run={dry}");
        let answer = world.client.ok(Get, &uri, None).await;
        assert_eq!(answer["dry_run"], json!(true), "{dry}");
    }
    for name in ["DRY_RUN", "dryrun", "dry-run", "dryRun", "Dry_Run"] {
        let uri = format!("/v1/dids/next?customer_phone=2125559876&{name}=true");
        let no = refused(&world.client, Get, &uri, None).await;
        assert_eq!(no.0, 400, "{name} would count a call");
    }
    for bad in ["maybe", "", "2", "on", "truefalse"] {
        for uri in ["/v1/dids/next", "/v1/vicidial/next-did"] {
            let uri = format!("{uri}?customer_phone=2125559876&dry_run={bad}");
            let no = refused(&world.client, Get, &uri, None).await;
            assert_eq!(no, (400, "INVALID_PARAMETER".to_owned()), "{bad}");
        }
        let rows = Some(json!([{"number": "2125550101"}]));
        let no = refused(
            &world.client,
            Post,
            &format!("/v1/dids/bulk?update={bad}"),
            rows,
        )
        .await;
        assert_eq!(no, (400, "INVALID_PARAMETER".to_owned()), "{bad}");
    }
    let no = refused(
        &world.client,
        Get,
        "/v1/dids/next?customer_phone=2125559876&format=xml",
        None,
    )
    .await;
    assert_eq!(no.0, 400);
    assert!(list(world.client.ok(Get, "/v1/usages", None).await).is_empty());
    for dry in ["false", "0", "NO"] {
        let uri = format!(
            "/v1/dids/next?customer_phone=2125559876&dry_run={dry}&anything=else&uniqueid={dry}"
        );
        let (_, answer) = world.client.call(Get, &uri, None).await;
        let answer = answer.to_string();
        assert!(
            answer.contains("\"did\"") || answer.contains("cooling"),
            "{answer}"
        );
    }
    assert_eq!(
        list(
            world
                .client
                .ok(Get, "/v1/usages?phone_last4=9876&number=2125550100", None)
                .await
        )
        .len(),
        1
    );
    world.end().await;
}

fn warnings(reply: &Json) -> usize {
    reply["warnings"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn limits_that_cannot_be_reached_are_told() {
    let world = World::new(Kind::Embedded).await;
    let make = async |fields: Json| world.operator.ok(Post, "/v1/customers", Some(fields)).await;
    assert_eq!(warnings(&make(json!({"name": "a"})).await), 0);
    assert_eq!(
        warnings(&make(json!({"name": "b", "did_cooldown_seconds": 300})).await),
        1
    );
    assert_eq!(
        warnings(
            &make(json!({"name": "c", "did_hourly_cap": 12, "did_cooldown_seconds": 300})).await
        ),
        0
    );
    let customer = make(json!({"name": "d", "did_daily_cap": 1000})).await;
    assert_eq!(warnings(&customer), 1);
    let uri = format!("/v1/customers/{}", text(&customer, "id"));
    let changed = world
        .operator
        .ok(Put, &uri, Some(json!({"did_daily_cap": 0})))
        .await;
    assert_eq!(warnings(&changed), 0);
    let did = world
        .did(json!({"number": "+12125550100", "hourly_cap": 30}))
        .await;
    assert_eq!(warnings(&did), 1);
    let uri = format!("/v1/dids/{}", text(&did, "id"));
    let changed = world
        .client
        .ok(Put, &uri, Some(json!({"cooldown_seconds": 60})))
        .await;
    assert_eq!(warnings(&changed), 0);
    world.end().await;
}

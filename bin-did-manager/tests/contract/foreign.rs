//! Rows that hold what we do not understand: an odd value takes nothing but itself away.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::Kind,
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{World, id_of, text};

/// Table, its route, a body that makes a row, a field that is changed, and odd texts in its columns.
type Case = (
    &'static str,
    &'static str,
    Json,
    Json,
    Vec<(&'static str, &'static str)>,
);

fn cases() -> Vec<Case> {
    vec![
        (
            "did_dids",
            "/v1/dids",
            json!({"number": "+14155550177"}),
            json!({"description": "new"}),
            vec![
                ("status", "paused"),
                ("status", ""),
                ("status", "ACTIVE"),
                ("attestation", "Z"),
                ("tags", r#"{"a":1}"#),
                ("tags", "7"),
                ("state", "??"),
                ("number", "a number"),
            ],
        ),
        (
            "did_campaigns",
            "/v1/campaigns",
            json!({"vicidial_campaign_id": "SALES"}),
            json!({"name": "new"}),
            vec![
                ("fallback", "anything"),
                ("hours", "[7]"),
                ("timezone", "Mars/Olympus"),
            ],
        ),
        (
            "did_rotation_rules",
            "/v1/rotation_rules",
            json!({"name": "r"}),
            json!({"name": "new"}),
            vec![
                ("algorithm", "best"),
                ("tiers", r#"["npa","far"]"#),
                ("tiers", "7"),
                ("parameters", r#"{"more":1}"#),
            ],
        ),
        (
            "did_users",
            "/v1/users",
            json!({"email": "ana@example.com"}),
            json!({"name": "new"}),
            vec![("role", "king"), ("role", "")],
        ),
    ]
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_text_is_passed_on_and_its_row_served(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    world.did(json!({"number": "+14155550188"})).await;
    for (table, uri, body, change, odds) in cases() {
        for (column, odd) in odds {
            let asked = format!("{table}.{column} {odd}");
            let made = world.client.ok(Post, uri, Some(body.clone())).await;
            let (id, one) = (id_of(&made), format!("{uri}/{}", text(&made, "id")));
            let sql = format!("UPDATE {table} SET {column} = ? WHERE id = ?");
            assert_eq!(world.sql(&sql, vec![odd.into(), id.into()]).await, 1);
            let read = world.client.ok(Get, &one, None).await;
            if !odd.starts_with(['{', '[', '7']) {
                assert_eq!(read[column], odd, "{asked}: passed on as it is");
            }
            let all = world.client.ok(Get, uri, None).await;
            assert!(
                all.as_array()
                    .unwrap()
                    .iter()
                    .any(|row| row["id"] == made["id"]),
                "{asked}"
            );
            // What cannot be checked must be put right with the change.
            if !["number", "state", "timezone", "tiers"].contains(&column) {
                let changed = world.client.ok(Put, &one, Some(change.clone())).await;
                assert_eq!(changed[column], read[column], "{asked}");
            }
            world.client.ok(Get, "/v1/analytics/metrics", None).await;
            world.client.ok(Delete, &one, None).await;
        }
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_an_unknown_status_is_not_given(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let odd = world.did(json!({"number": "+14155550177"})).await;
    let sql = "UPDATE did_dids SET status = 'paused' WHERE id = ?";
    world.sql(sql, vec![id_of(&odd).into()]).await;
    world.did(json!({"number": "+14155550188"})).await;
    for n in 0..8 {
        let uri = format!("/v1/dids/next?dry_run=true&customer_phone=415555{n:04}");
        let given = world.client.ok(Get, &uri, None).await;
        assert!(given.to_string().contains("4155550188"), "{given}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_an_unknown_status_is_read_and_repaired(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let uri = format!("/v1/customers/{}", world.customer_id);
    for (column, odd) in [
        ("status", "frozen"),
        ("number_format", "12"),
        ("fallback", "any"),
        ("dispositions", "[]"),
        ("warmup_daily_caps", "{}"),
    ] {
        let sql = format!("UPDATE did_customers SET {column} = ? WHERE id = ?");
        world
            .sql(&sql, vec![odd.into(), world.customer_id.into()])
            .await;
        let read = world.operator.ok(Get, &uri, None).await;
        assert_eq!(read["id"], json!(world.customer_id));
        world.operator.ok(Get, "/v1/customers", None).await;
    }
    let repaired = json!({"status": null, "number_format": null, "fallback": null,
        "dispositions": null, "warmup_daily_caps": null, "name": "whole"});
    let whole = world.operator.ok(Put, &uri, Some(repaired)).await;
    assert_eq!(
        (&whole["status"], &whole["name"]),
        (&json!("active"), &json!("whole"))
    );
    world.end().await;
}

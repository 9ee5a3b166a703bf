//! What a check says, and what counts in it at once.

use super::*;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_names_rule_citation_and_next_instant(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    assert_eq!(rule(&world, GEORGIA).await, "DNC_LIST_STALE");
    import_federal(&world).await;
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    assert_eq!(rule(&world, "+12125550199").await, "ON_DNC_LIST");
    assert_eq!(rule(&world, "+18005550123").await, "TIMEZONE_UNKNOWN");
    let at = json!({"at": "2026-12-03T02:00:00Z", "address": {"zip": "33101"}});
    let verdict = check(&world, GEORGIA, at).await;
    assert_eq!(verdict["rule"], "CALLING_HOURS");
    assert_eq!(verdict["citation"], "47 CFR 64.1200(c)(1)");
    assert_eq!(verdict["next_allowed"], "2026-12-03T13:00:00Z");
    assert_eq!(verdict["zones"], json!(["America/New_York"]));
    assert_eq!(verdict["facts"]["states"], json!(["GA", "FL"]));
    assert_eq!(verdict["facts"]["max_per_24h"], 3);
    let many = json!({"checks": [{"phone": GEORGIA}, {"phone": "+12125550199"}, {"phone": "x"}]});
    let refused = world
        .client
        .call(Post, "/v1/compliance/checks/bulk", Some(many))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    let said = text(&refused.1, "message");
    assert!(said.starts_with("checks[2].phone must"), "{said}");
    assert_eq!(refused.1["details"], json!([{"index": 2}]));
    let nowhere = json!({"phone": GEORGIA, "call_campaign_id": uuid::Uuid::from_u128(9)});
    let many = json!({"checks": [{"phone": GEORGIA}, nowhere]});
    let refused = world
        .client
        .call(Post, "/v1/compliance/checks/bulk", Some(many))
        .await;
    assert_eq!(reason(&refused), (404, "CALLCAMPAIGN_NOT_FOUND"));
    assert_eq!(refused.1["details"], json!([{"index": 1}]));
    let many = json!({"checks": [{"phone": GEORGIA}, {"phone": "+12125550199"}]});
    let both = world
        .client
        .ok(Post, "/v1/compliance/checks/bulk", Some(many))
        .await;
    assert_eq!(
        (&both[0]["allowed"], &both[1]["rule"]),
        (&json!(true), &json!("ON_DNC_LIST"))
    );
    // The list grows old.
    go_to(&world, "2027-01-03T18:00:00Z");
    assert_eq!(rule(&world, GEORGIA).await, "DNC_LIST_STALE");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_followed_and_never_changed(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = world(kind).await;
    let events = world.client.events().await;
    let made = json!({"phone": GEORGIA, "purpose": "marketing", "channels": ["voice"]});
    let first = id(&world.client.ok(Post, "/v1/consents", Some(made)).await);
    let grant = format!("/v1/consents/{first}/grant");
    let unproved = world.client.call(Post, &grant, None).await;
    assert_eq!(reason(&unproved), (409, "CONSENT_NOT_PROVED"));
    assert_eq!(unproved.1["details"][0]["status"], "pending");
    let proof = || json!({"proofs": [{"kind": "web_form", "uri": "https://example.com/form/1"}]});
    let second = world.client.ok(Post, &grant, Some(proof())).await;
    assert_eq!(
        (text(&second, "status"), &second["version"]),
        ("active", &json!(2))
    );
    // Express written consent stands in for the list that is not there.
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    let revoke = format!("/v1/consents/{}/revoke", id(&second));
    let third = world.client.ok(Post, &revoke, None).await;
    assert_eq!(rule(&world, GEORGIA).await, "DNC_LIST_STALE");
    assert_eq!(world.client.ok(Post, &revoke, None).await, third);
    let again = world.client.call(Post, &grant, None).await;
    assert_eq!(reason(&again), (409, "CONSENT_NOT_PROVED"));
    world.client.ok(Post, &grant, Some(proof())).await;
    let uri = format!("/v1/consents?consent_id={first}");
    let versions = world.client.ok(Get, &uri, None).await;
    let states: Vec<&str> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|row| text(row, "status"))
        .collect();
    assert_eq!(states, ["active", "revoked", "active", "pending"]);
    let kinds = events.kinds(3).await;
    assert_eq!(
        kinds,
        ["consent_granted", "consent_revoked", "consent_granted"]
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn entries_rules_and_relationships_count_at_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    import_federal(&world).await;
    let entry = |list: &str| json!({"phone": GEORGIA, "list": list, "reason": "asked"});
    let federal = world
        .client
        .ok(Post, "/v1/dnc_entries", Some(entry("federal")))
        .await;
    let twice = world
        .client
        .ok(Post, "/v1/dnc_entries", Some(entry("federal")))
        .await;
    assert_eq!(id(&federal), id(&twice));
    assert_eq!(rule(&world, GEORGIA).await, "ON_DNC_LIST");
    let bought = json!({"phone": GEORGIA, "kind": "purchase", "tm": "2026-11-01T00:00:00Z"});
    let bought = world
        .client
        .ok(Post, "/v1/business_relationships", Some(bought))
        .await;
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    let gone = format!("/v1/business_relationships/{}", id(&bought));
    world.client.ok(Delete, &gone, None).await;
    assert_eq!(rule(&world, GEORGIA).await, "ON_DNC_LIST");
    let gone = format!("/v1/dnc_entries/{}", id(&federal));
    world.client.ok(Delete, &gone, None).await;
    assert_eq!(rule(&world, GEORGIA).await, "ok");
    let own = json!({"state": "GA", "open": "15:00", "close": "18:00", "citation": "house rule"});
    world
        .client
        .ok(Post, "/v1/compliance/rules", Some(own))
        .await;
    let verdict = check(&world, GEORGIA, json!({})).await;
    assert_eq!(
        (text(&verdict, "rule"), text(&verdict, "citation")),
        ("CALLING_HOURS", "house rule")
    );
    assert_eq!(verdict["next_allowed"], "2026-12-02T20:00:00Z");
    let wrong = json!({"phone": GEORGIA, "list": "state"});
    let refused = world
        .client
        .call(Post, "/v1/dnc_entries", Some(wrong))
        .await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    // Another tenant knows nothing of all this.
    let stranger = world.installation.client().within(uuid::Uuid::from_u128(8));
    let uri = "/v1/compliance/rules";
    assert_eq!(stranger.ok(Get, uri, None).await, json!([]));
    let body = json!({"phone": GEORGIA});
    let verdict = stranger.ok(Post, "/v1/compliance/checks", Some(body)).await;
    assert_eq!(verdict["rule"], "DNC_LIST_STALE");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_takes_the_place_of_a_list_at_once(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    go_to(&world, NOON);
    // Twenty area codes, each with ten thousand numbers.
    let number = |n: u32| {
        let npas = [
            201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219,
            220, 223, 224,
        ];
        format!("+1{}234{:04}", npas[(n / 10_000) as usize], n % 10_000)
    };
    let events = world.client.events().await;
    import_federal(&world).await;
    let import = uuid::Uuid::from_u128(77);
    let uri = format!("/v1/dnc_entries/bulk?list=federal&import={import}");
    for part in 0..20 {
        let rows: Vec<Json> = (0..10_000)
            .map(|n| json!({"phone": number(part * 10_000 + n)}))
            .collect();
        let report = world.client.ok(Post, &uri, Some(json!(rows))).await;
        assert_eq!(
            (&report["created"], &report["errors"]),
            (&json!(10_000), &json!([]))
        );
    }
    assert_eq!(rule(&world, &number(0)).await, "ok");
    assert_eq!(rule(&world, "+12125550199").await, "ON_DNC_LIST");
    let finish = json!({"list": "federal", "import": import});
    let list = world
        .client
        .ok(Post, "/v1/dnc_lists", Some(finish.clone()))
        .await;
    assert_eq!(
        (&list["rows"], text(&list, "list")),
        (&json!(200_000), "federal")
    );
    assert_eq!(
        world.client.ok(Post, "/v1/dnc_lists", Some(finish)).await,
        list
    );
    for n in [0, 99_999, 199_999] {
        assert_eq!(rule(&world, &number(n)).await, "ON_DNC_LIST", "{n}");
    }
    // One event for all of it, behind that of the list before; and who was on the list before is not on the new one.
    assert_eq!(events.kinds(2).await, ["dnc_added", "dnc_added"]);
    assert_eq!(rule(&world, "+12125550199").await, "ok");
    let late = world
        .client
        .call(Post, &uri, Some(json!([{"phone": GEORGIA}])))
        .await;
    assert_eq!(reason(&late), (409, "IMPORT_FINISHED"));
    // One more is added to what is in force.
    let uri = "/v1/dnc_entries/bulk?list=federal";
    let report = world.client.ok(Post, uri, Some(json!([
        {"phone": "+12125550198"}, {"phone": "(212) 555-0198"}, {"phone": ""}, {"phone": "12"},
    ]))).await;
    assert_eq!(
        (
            &report["created"],
            &report["duplicates"],
            &report["skipped"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(report["errors"][0]["index"], 3);
    assert_eq!(rule(&world, "+12125550198").await, "ON_DNC_LIST");
    assert_eq!(rule(&world, &number(5)).await, "ON_DNC_LIST");
    world.end().await;
}

#[rstest]
#[case::nothing(json!([]))]
#[case::no_number(json!([{"phone": "nonsense"}]))]
#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_number_make_no_list_fresh(
    #[case] rows: Json,
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = world(kind).await;
    let uri = "/v1/dnc_entries/bulk?list=federal";
    let report = world.client.ok(Post, uri, Some(rows)).await;
    assert_eq!(report["created"], 0, "{report}");
    assert_eq!(rule(&world, FLORIDA).await, "DNC_LIST_STALE");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_ends_goes_on_to_end() {
    let world = world(Kind::Embedded).await;
    let proof = json!([{"kind": "web_form", "uri": "https://example.com/form/1"}]);
    let made = |more: Json| {
        let mut body = json!({"phone": GEORGIA, "proofs": proof});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for wrong in [
        json!({"expires": "2026-12-01T00:00:00Z"}),
        json!({"channels": ["carrier pigeon"]}),
    ] {
        let refused = world
            .client
            .call(Post, "/v1/consents", Some(made(wrong.clone())))
            .await;
        assert_eq!(reason(&refused), (400, "INVALID_FIELD"), "{wrong}");
    }
    let ends = json!({"expires": "2026-12-04T00:00:00Z"});
    let first = world
        .client
        .ok(Post, "/v1/consents", Some(made(ends.clone())))
        .await;
    let grant = format!("/v1/consents/{}/grant", id(&first));
    for (said, expected) in [
        (None, ends["expires"].clone()),
        (Some(json!({"expires": null})), Json::Null),
    ] {
        let granted = world.client.ok(Post, &grant, said).await;
        let told = granted["expires"].as_str().map(|time| &time[..10]);
        assert_eq!(told, expected.as_str().map(|time| &time[..10]), "{granted}");
    }
    world.end().await;
}

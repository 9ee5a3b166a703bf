//! Targets: made with valid addresses only, called, finished, deleted.

use bin_common_handler::{
    models::{
        sock::{
            Method::{Delete, Get, Post, Put},
            Request,
        },
        time::Timestamp,
    },
    phone::PhoneFault::Empty,
    testing::{
        Kind,
        phones::{REFUSED, TAKEN},
    },
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::world::{
    World, get_target, is_wire_time, list, progress, put_status, target_uri, tel, text,
};

const ID: &str = "5b1a0000-0000-4000-8000-00000000000a";

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_target_has_every_field_and_was_never_tried(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let outdial = world.outdial().await;
    let destination = json!({"type": "tel", "target": "+14155550123", "target_name": "Ann", "name": "", "detail": "home"});
    let made = outdial
        .target_with(json!({
            "name": "n", "detail": "d", "data": "x", "destination_1": destination, "destination_3": null,
            "status": "done", "try_count_0": 7, "id": ID, "outdial_id": ID, "unknown": {},
        }))
        .await;
    let (id, created) = (text(&made, "id"), text(&made, "tm_create"));
    let expected = json!({
        "id": id, "outdial_id": outdial.id(), "name": "n", "detail": "d", "data": "x", "status": "idle",
        "destination_0": null,
        "destination_1": {"type": "tel", "target": "+14155550123", "target_name": "Ann", "detail": "home"},
        "destination_2": null, "destination_3": null, "destination_4": null,
        "try_count_0": 0, "try_count_1": 0, "try_count_2": 0, "try_count_3": 0, "try_count_4": 0,
        "tm_create": created, "tm_update": created, "tm_delete": null,
    });
    assert_eq!(made, expected);
    assert_ne!(id, ID);
    assert!(is_wire_time(&made["tm_create"]));
    assert_eq!(get_target(&world.client, &made).await, made);
    assert_eq!(
        list(
            world
                .client
                .ok(Get, &format!("{}/targets", outdial.uri), None)
                .await
        ),
        std::slice::from_ref(&made)
    );
    let heard = events.wait_for(2).await;
    assert_eq!(heard[1].event.kind, "outdialtarget_created");
    let announced: Json =
        serde_json::from_str(heard[1].event.data.as_ref().unwrap().get()).unwrap();
    assert_eq!(announced, made);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_target_body_that_does_not_fit_is_400(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let uri = format!("{}/targets", outdial.uri);
    for body in [
        json!({"name": {}}),
        json!({"data": {"a": 1}}),
        json!({"detail": 1}),
        json!({"destination_0": "tel:+14155550123"}),
        json!({"destination_0": {"type": 7}}),
        json!({"destination_0": {"type": "fax", "target": "1"}}),
        json!({"destination_0": {"type": "tel", "target": {}}}),
        json!({"name": "x".repeat(256)}),
        json!({"data": "x".repeat(65_536)}),
        json!("x"),
    ] {
        let (status, _) = world.refused(Post, &uri, Some(body.clone())).await;
        assert_eq!(status, 400, "{body}");
    }
    assert_eq!(world.client.ok(Get, &uri, None).await, json!([]));
    world.end().await;
}

/// Type, target, and the target as it is kept; nothing where it is refused.
const ADDRESSES: &[(&str, &str, Option<&str>)] = &[
    ("tel", "+14155550123", Some("+14155550123")),
    ("tel", "(415) 555-0123", Some("+14155550123")),
    ("tel", "0049 151 12345678", Some("+4915112345678")),
    ("tel", "ann", None),
    ("tel", "", None),
    ("whatsapp", "+4915112345678", Some("+4915112345678")),
    ("whatsapp", "1", None),
    ("sip", "ann@example.com", Some("ann@example.com")),
    (
        "sip",
        "sip:ann@example.com:5060",
        Some("ann@example.com:5060"),
    ),
    (
        "sip",
        "sip:ann@example.com;transport=ws",
        Some("ann@example.com;transport=ws"),
    ),
    (
        "sip",
        "sips:ann@example.com:5061",
        Some("sips:ann@example.com:5061"),
    ),
    (
        "sip",
        "ann;phone-context=x@[2001:db8::1]:5060",
        Some("ann;phone-context=x@[2001:db8::1]:5060"),
    ),
    ("sip", "sip:example.com", Some("sip:example.com")),
    ("sip", "sip:ann@[2001:db8::1", None),
    ("sip", "sip:ann@example.com:99999", None),
    ("sip", "ann", None),
    ("sip", "ann@exa mple.com", None),
    ("email", "ann@example.com", Some("ann@example.com")),
    ("email", "example.com", None),
    ("line", "U123", Some("U123")),
    ("line", "", None),
    ("agent", "5B1A0000-0000-4000-8000-00000000000A", Some(ID)),
    ("agent", "ann", Some("ann")),
    ("agent", "6666", Some("6666")),
    ("agent", "a nn", None),
    ("ai", ID, Some(ID)),
    ("ai", "1", None),
    ("ai_team", ID, Some(ID)),
    ("ai_team", "", None),
    ("conference", ID, Some(ID)),
    ("conference", "room", None),
    ("extension", ID, Some(ID)),
    ("extension", "2001", Some("2001")),
    ("extension", "*72#", Some("*72#")),
    ("extension", "2001@house", None),
    ("extension", "", None),
    ("webchat", ID, Some(ID)),
    ("webchat", "x", None),
    ("web_session", ID, Some(ID)),
    ("web_session", "x", None),
    ("", "+14155550123", None),
];

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_fits_its_type_or_is_refused(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let uri = format!("{}/targets", outdial.uri);
    for (position, (kind, target, kept)) in ADDRESSES.iter().enumerate() {
        let field = format!("destination_{}", position % 5);
        let body = json!({&field: {"type": kind, "target": target}});
        let (status, reply) = world.client.call(Post, &uri, Some(body.clone())).await;
        match kept {
            Some(kept) => {
                assert_eq!(
                    reply[&field],
                    json!({"type": kind, "target": kept}),
                    "{body}"
                );
            }
            None => {
                assert_eq!(status, 400, "{body}: {reply}");
                assert_eq!(reply["reason"], "INVALID_ADDRESS");
                assert!(
                    text(&reply, "message").contains(&field),
                    "it names the field"
                );
            }
        }
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_validation_a_destination_is_kept_as_it_is(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, &[("VALIDATE_ADDRESSES", "false")]).await;
    let outdial = world.outdial().await;
    for (kind, target, _) in ADDRESSES {
        let made = outdial
            .target_with(json!({"destination_2": {"type": kind, "target": target}}))
            .await;
        let kept = &made["destination_2"];
        assert_eq!(text(kept, "type"), *kind);
        assert_eq!(text(kept, "target"), *target);
    }
    let (status, _) = world
        .refused(
            Post,
            &format!("{}/targets", outdial.uri),
            Some(json!({"destination_0": {"type": "fax"}})),
        )
        .await;
    assert_eq!(status, 400, "a type that does not exist is never right");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn progressing_counts_the_try_of_its_destination(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let outdial = world.outdial().await;
    let mut body = json!({});
    for index in 0..5 {
        body[format!("destination_{index}")] = tel(index);
    }
    let target = outdial.target_with(body).await;
    for index in [0, 1, 2, 3, 4, 2] {
        let before = get_target(&world.client, &target).await;
        let (status, after) = progress(&world.client, &target, index).await;
        assert_eq!(status, 200, "{after}");
        assert_eq!(after["status"], "progressing");
        let mut expected = before.clone();
        let count = format!("try_count_{index}");
        expected["status"] = json!("progressing");
        expected[&count] = json!(before[&count].as_i64().unwrap() + 1);
        expected["tm_update"] = after["tm_update"].clone();
        assert_eq!(after, expected, "only this try is counted");
        let time = |row: &Json| text(row, "tm_update").parse::<Timestamp>().unwrap();
        assert!(time(&after) > time(&before));
        assert_eq!(put_status(&world.client, &target, "idle").await.0, 200);
    }
    let heard = events.wait_for(2 + 12).await;
    assert!(
        heard[2..]
            .iter()
            .all(|event| event.event.kind == "outdialtarget_updated")
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn progressing_is_refused_where_nobody_can_be_called(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let uri = format!("{}/progressing", target_uri(&target));
    for body in [
        json!({"destination_index": 1}),
        json!({"destination_index": 5}),
        json!({"destination_index": -1}),
        json!({"destination_index": 99_999_999_999_u64}),
        json!({"destination_index": "0"}),
        json!({"destination_index": 0.5}),
        json!({"destination_index": {}}),
        json!([]),
    ] {
        let (status, _) = world.refused(Post, &uri, Some(body.clone())).await;
        assert_eq!(status, 400, "{body}");
    }
    assert_eq!(get_target(&world.client, &target).await, target);

    assert_eq!(put_status(&world.client, &target, "done").await.0, 200);
    assert_eq!(progress(&world.client, &target, 0).await.0, 409, "done");
    let second = outdial.target().await;
    world.client.ok(Delete, &target_uri(&second), None).await;
    assert_eq!(progress(&world.client, &second, 0).await.0, 409, "deleted");
    let unknown = json!({"id": ID});
    let (status, reply) = progress(&world.client, &unknown, 0).await;
    assert_eq!(
        (status, text(&reply, "reason")),
        (404, "OUTDIAL_TARGET_NOT_FOUND")
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_one_of_three(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let target = world.outdial().await.target().await;
    for status in ["done", "idle", "progressing", "idle", "done"] {
        let (code, reply) = put_status(&world.client, &target, status).await;
        assert_eq!((code, text(&reply, "status")), (200, status));
        assert_eq!(get_target(&world.client, &target).await, reply);
    }
    let before = get_target(&world.client, &target).await;
    let uri = format!("{}/status", target_uri(&target));
    for body in [
        json!({"status": "processing"}),
        json!({"status": "Idle"}),
        json!({"status": ""}),
        json!({"status": null}),
        json!({"status": {}}),
        json!({}),
    ] {
        let (code, _) = world.refused(Put, &uri, Some(body.clone())).await;
        assert_eq!(code, 400, "{body}");
    }
    assert_eq!(get_target(&world.client, &target).await, before);
    let unknown = json!({"id": ID});
    assert_eq!(put_status(&world.client, &unknown, "idle").await.0, 404);
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_target_is_read_but_neither_changed_nor_offered(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let events = world.client.events().await;
    let outdial = world.outdial().await;
    let target = outdial.target().await;
    let uri = target_uri(&target);
    let deleted = world.client.ok(Delete, &uri, None).await;
    assert_eq!(deleted["tm_delete"], deleted["tm_update"]);
    assert!(is_wire_time(&deleted["tm_delete"]));
    assert_eq!(world.client.ok(Delete, &uri, None).await, deleted);
    assert_eq!(get_target(&world.client, &target).await, deleted);
    assert_eq!(put_status(&world.client, &target, "idle").await.0, 404);
    assert!(outdial.available("try_count_0=9").await.is_empty());
    let unknown = format!("/v1/outdialtargets/{ID}");
    for method in [Get, Delete] {
        let (status, reason) = world.refused(method, &unknown, None).await;
        assert_eq!((status, reason.as_str()), (404, "OUTDIAL_TARGET_NOT_FOUND"));
        let upper = uri.replace(text(&target, "id"), &text(&target, "id").to_uppercase());
        assert_eq!(world.refused(method, &upper, None).await.0, 404);
    }
    outdial.target().await;
    let kinds = events.kinds(4).await;
    assert_eq!(
        kinds,
        [
            "outdial_created",
            "outdialtarget_created",
            "outdialtarget_deleted",
            "outdialtarget_created"
        ]
    );
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn destinations_are_the_numbers_that_they_are_in_files_and_bodies(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    for (text, number) in TAKEN.iter().step_by(7) {
        let destination = json!({"type": "tel", "target": text});
        let made = outdial
            .target_with(json!({"destination_0": destination}))
            .await;
        assert_eq!(made["destination_0"]["target"], *number, "{text:?}");
    }
    let uri = format!("{}/targets/bulk", outdial.uri);
    let rows: Json = TAKEN
        .iter()
        .map(|(text, number)| json!({"Phone Number": text, "Name": number, "colour": "red"}))
        .collect();
    let report = world.client.ok(Post, &uri, Some(rows)).await;
    let expected = json!({"created": TAKEN.len(), "skipped": 0, "ignored": ["colour"]});
    assert_eq!(report, expected);
    let targets = format!("{}/targets?page_size=1000", outdial.uri);
    let targets = list(world.client.ok(Get, &targets, None).await);
    let named = targets.iter().filter(|target| target["name"] != "");
    for target in named {
        assert_eq!(target["destination_0"]["target"], target["name"]);
    }
    let faults: Vec<_> = REFUSED
        .iter()
        .filter(|(_, fault)| *fault != Empty)
        .collect();
    let rows: Json = faults
        .iter()
        .map(|(text, _)| json!({"Phone Number": text}))
        .collect();
    let request = Request::new(Post, &uri, "test").json(&rows).unwrap();
    let response = world.client.send(&request).await.unwrap();
    let error: Json = serde_json::from_str(response.body()).unwrap();
    assert_eq!(
        (response.status_code, &error["reason"]),
        (400, &json!("INVALID_ROWS"))
    );
    let told: Vec<_> = list(error["details"].clone())
        .iter()
        .map(|detail| text(detail, "message").to_owned())
        .collect();
    let expected: Vec<_> = faults
        .iter()
        .map(|(_, fault)| format!("Phone Number {fault}"))
        .collect();
    assert_eq!(told, expected);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_found_in_any_case_and_never_lost(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::new(kind).await;
    let outdial = world.outdial().await;
    for address in [
        json!({"TYPE": "tel", "Target": "+14155550100"}),
        json!({"Type": "tel", "TARGET": "+14155550100", "Target_Name": "x"}),
    ] {
        let made = outdial.target_with(json!({"DESTINATION_0": address})).await;
        assert_eq!(made["destination_0"]["target"], "+14155550100", "{address}");
    }
    let uri = format!("{}/targets", outdial.uri);
    for address in [
        r#"{"type":"tel","target":"+14155550100","TARGET":"+14155550101"}"#,
        r#"{"typ":"tel","number":"+14155550100"}"#,
        r#"{"phone":"+14155550100"}"#,
    ] {
        let body = format!(r#"{{"destination_0":{address}}}"#);
        let mut request = Request::new(Post, &uri, "test");
        request.data = Some(serde_json::value::RawValue::from_string(body).unwrap());
        let reply = world.client.send(&request).await.unwrap();
        assert_eq!(reply.status_code, 400, "{address}");
    }
    world.end().await;
}

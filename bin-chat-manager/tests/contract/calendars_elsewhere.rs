//! Calendars elsewhere: appointments are carried to them, and the times of their own events are taken.

use std::time::Duration;

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post, Put},
    testing::{Kind, until, until_within},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    calendar_servers::{ACCOUNT, Cloud, PASSWORD, Radicale, login_page},
    desk::Desk,
    siblings::{CUSTOMER, NUMBER},
    world::{PERSON, World, id, reason, text},
};

/// How long some runs may take.
const SLOW: Duration = Duration::from_secs(90);

/// Waits until a calendar is in step after this moment, or until its `error` says something. The first run that ends may
/// have read before this moment; the one after it has not.
async fn synced(desk: &Desk, calendar: &str, error: &str) -> Json {
    ran(desk, calendar, error).await;
    ran(desk, calendar, error).await
}

/// Waits until a run ends.
async fn ran(desk: &Desk, calendar: &str, error: &str) -> Json {
    let uri = format!("/v1/calendars/{calendar}/sync");
    let before = desk.client.ok(Post, &uri, None).await;
    let count = |view: &Json| view["failures"].as_i64().unwrap();
    until_within(SLOW, "the calendar was asked", async || {
        let view = desk.client.ok(Get, &uri, None).await;
        let is_new = view["tm_sync"] != before["tm_sync"] || count(&view) > count(&before);
        (is_new
            && text(&view, "error").contains(error)
            && text(&view, "error").is_empty() == error.is_empty())
        .then_some(view)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caldav_server_and_we_are_kept_in_step_both_ways() {
    let desk = Desk::linked(Kind::Embedded, 1, &[]).await;
    let mut server = Radicale::start().await;
    let resource = desk.resource(json!({})).await;
    // Their own meeting takes the first hour of every day from then on.
    let start = desk.at(0).to_string().replace(['-', ':'], "");
    let meeting = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//other//\r\nBEGIN:VEVENT\r\nUID:meeting\r\nDTSTAMP:{0}\r\n\
         DTSTART:{0}\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        format!("{}Z", start.split(['.', 'Z']).next().unwrap()),
    );
    assert_eq!(server.ask("PUT", "meeting.ics", &meeting).await.0, 201);
    let body = json!({
        "name": "Ann", "type": "caldav", "url": server.url(), "username": ACCOUNT, "secret": PASSWORD,
    });
    let calendar = desk.make("calendars", body).await;
    assert!(!calendar.to_string().contains(PASSWORD), "{calendar}");
    let calendar = id(&calendar);
    synced(&desk, &calendar, "").await;
    for minutes in [0, 30, 24 * 60] {
        let taken = desk.try_hold(&resource, minutes).await;
        assert_eq!(reason(&taken), (409, "SLOT_UNAVAILABLE"), "{minutes}");
    }
    let from = desk.at(0);
    let uri = format!("/v1/availabilities?from={from}&resource_id={resource}");
    let free = desk.client.ok(Get, &uri, None).await;
    let first = text(&free[0], "tm_start").to_owned();
    assert_eq!(first, desk.at(60).to_string());

    // Ours is there, moves and goes, without anybody asking.
    let made = desk.appointment(&resource, 60, json!({})).await;
    let name = format!("{}.ics", id(&made));
    let shown = async |what: &str, expected: &str| {
        until(what, async || {
            let (status, object) = server.ask("GET", &name, "").await;
            (status == 200 && object.contains(expected)).then_some(())
        })
        .await;
    };
    shown("the appointment is carried", "SUMMARY:Leak").await;
    let time = json!({"tm_start": desk.at(90), "tm_end": desk.at(150)});
    let moved = desk
        .act("appointments", &id(&made), "reschedule", time)
        .await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    shown("the move is carried", "SEQUENCE:1").await;
    // Its own copy elsewhere is no reason against another time.
    synced(&desk, &calendar, "").await;
    let time = json!({"tm_start": desk.at(120), "tm_end": desk.at(180)});
    let moved = desk
        .act("appointments", &id(&made), "reschedule", time)
        .await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    shown("the second move is carried", "SEQUENCE:2").await;
    let canceled = desk
        .act("appointments", &id(&made), "cancel", json!({}))
        .await;
    assert_eq!(canceled.0, 200);
    until_within(SLOW, "the cancellation is carried", async || {
        (server.ask("GET", &name, "").await.0 == 404).then_some(())
    })
    .await;

    // A booking stands when the calendar is away, and is carried later.
    server.end();
    let made = desk.appointment(&resource, 300, json!({})).await;
    synced(&desk, &calendar, "cannot be reached").await;
    server.resume().await;
    let name = format!("{}.ics", id(&made));
    until("it is carried afterwards", async || {
        (server.ask("GET", &name, "").await.0 == 200).then_some(())
    })
    .await;

    // A password that holds no more is said to be so.
    let uri = format!("/v1/calendars/{calendar}");
    let wrong = json!({"secret": "wrong"});
    desk.client.ok(Put, &uri, Some(wrong)).await;
    synced(&desk, &calendar, "refuses the account").await;
    desk.client.ok(Delete, &uri, None).await;
    assert_eq!(desk.try_hold(&resource, 0).await.0, 200);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_and_busy_times_stay_where_the_address_changes() {
    let desk = Desk::linked(Kind::Embedded, 1, &[]).await;
    let server = Radicale::start().await;
    let resource = desk.resource(json!({})).await;
    let start = desk.at(0).to_string().replace(['-', ':'], "");
    let start = start.split(['.', 'Z']).next().unwrap();
    let meeting = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//other//\r\nBEGIN:VEVENT\r\nUID:meeting\r\nDTSTAMP:{start}Z\r\n\
         DTSTART:{start}Z\r\nDURATION:PT1H\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    );
    assert_eq!(server.ask("PUT", "meeting.ics", &meeting).await.0, 201);
    let body = json!({
        "name": "Ann", "type": "caldav", "url": server.url(), "username": ACCOUNT, "secret": PASSWORD,
    });
    let calendar = id(&desk.make("calendars", body).await);
    synced(&desk, &calendar, "").await;
    assert_eq!(desk.try_hold(&resource, 0).await.0, 409);

    // Whoever does not know the secret gets it sent nowhere.
    let uri = format!("/v1/calendars/{calendar}");
    let elsewhere = login_page().await;
    let change = json!({"url": elsewhere});
    let refused = desk.client.call(Put, &uri, Some(change)).await;
    assert_eq!(reason(&refused), (400, "INVALID_FIELD"));
    assert!(
        text(&refused.1, "message").starts_with("secret"),
        "{}",
        refused.1
    );
    assert_eq!(
        text(&desk.client.ok(Get, &uri, None).await, "url"),
        server.url()
    );

    // A page to log in is no calendar: what was taken stays taken, and nothing counts as carried.
    let change = json!({"url": elsewhere, "secret": PASSWORD});
    desk.client.ok(Put, &uri, Some(change)).await;
    synced(&desk, &calendar, "not understood").await;
    assert_eq!(desk.try_hold(&resource, 0).await.0, 409);
    let made = desk.appointment(&resource, 300, json!({})).await;
    synced(&desk, &calendar, "not understood").await;
    let change = json!({"url": server.url(), "secret": PASSWORD});
    desk.client.ok(Put, &uri, Some(change)).await;
    let name = format!("{}.ics", id(&made));
    until("it is carried afterwards", async || {
        (server.ask("GET", &name, "").await.0 == 200).then_some(())
    })
    .await;
    desk.end().await;
}

/// A desk whose calendars in the cloud are on this machine, one of them, and its id.
async fn clouded(kind: Kind, r#type: &str) -> (Desk, Cloud, String) {
    let cloud = Cloud::start().await;
    let (google, graph, token) = (
        cloud.url("/google"),
        cloud.url("/graph"),
        cloud.url("/token"),
    );
    let settings = [
        ("GOOGLE_CALENDAR_URL", google.as_str()),
        ("GOOGLE_TOKEN_URL", token.as_str()),
        ("MICROSOFT_GRAPH_URL", graph.as_str()),
        ("MICROSOFT_TOKEN_URL", token.as_str()),
    ];
    let desk = Desk::linked(kind, 2, &settings).await;
    let body = json!({"name": "Ann", "type": r#type, "secret": "refresh-me"});
    let calendar = id(&desk.make("calendars", body).await);
    (desk, cloud, calendar)
}

/// An event of somebody else, an hour long.
fn theirs(desk: &Desk, r#type: &str, minutes: u64) -> Json {
    let time = |minutes| {
        let at = desk.at(minutes).to_string();
        if r#type == "google" {
            json!({"dateTime": at})
        } else {
            json!({"dateTime": at.trim_end_matches('Z'), "timeZone": "UTC"})
        }
    };
    json!({
        "id": "theirs", "status": "confirmed", "showAs": "busy", "isCancelled": false,
        "start": time(minutes), "end": time(minutes + 60),
    })
}

#[rstest]
#[case::google(Kind::Embedded, "google")]
#[case::google_full(Kind::Full, "google")]
#[case::graph(Kind::Embedded, "graph")]
#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_in_the_cloud_and_we_are_kept_in_step_both_ways(
    #[case] kind: Kind,
    #[case] r#type: &str,
) {
    let (desk, cloud, calendar) = clouded(kind, r#type).await;
    let resource = desk.resource(json!({})).await;
    cloud.state().write("theirs", theirs(&desk, r#type, 0));
    synced(&desk, &calendar, "").await;
    let taken = desk.try_hold(&resource, 0).await;
    assert_eq!(reason(&taken), (409, "SLOT_UNAVAILABLE"));
    // It moves there: the old time is free, the new one taken.
    cloud.state().write("theirs", theirs(&desk, r#type, 120));
    synced(&desk, &calendar, "").await;
    assert_eq!(desk.try_hold(&resource, 0).await.0, 200);
    assert_eq!(desk.try_hold(&resource, 120).await.0, 409);

    // The answers to the first writes are lost, and still there is one event.
    cloud.state().unanswered = 2;
    let made = desk.appointment(&resource, 240, json!({})).await;
    let ours = |cloud: &Cloud| {
        let state = cloud.state();
        let ids = state.events.keys().filter(|id| *id != "theirs");
        ids.cloned().collect::<Vec<_>>()
    };
    // On the full installation nobody answers for the business, so each run takes its time.
    until_within(SLOW, "two answers are lost", async || {
        (cloud.state().unanswered == 0).then_some(())
    })
    .await;
    synced(&desk, &calendar, "").await;
    assert_eq!(ours(&cloud).len(), 1);
    let time = json!({"tm_start": desk.at(300), "tm_end": desk.at(360)});
    let moved = desk
        .act("appointments", &id(&made), "reschedule", time)
        .await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    let expected = desk.at(300).to_string();
    until_within(SLOW, "the move is carried", async || {
        let state = cloud.state();
        let event = state.events.iter().find(|(id, _)| *id != "theirs")?.1;
        let start = event["start"]["dateTime"].as_str()?;
        (start.trim_end_matches('Z') == expected.trim_end_matches('Z')).then_some(())
    })
    .await;
    let canceled = desk
        .act("appointments", &id(&made), "cancel", json!({}))
        .await;
    assert_eq!(canceled.0, 200);
    until_within(SLOW, "the cancellation is carried", async || {
        ours(&cloud).is_empty().then_some(())
    })
    .await;
    cloud.state().revoked = true;
    synced(&desk, &calendar, "refuses the account").await;
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_changes_that_is_forgotten_means_that_all_is_read() {
    let (desk, cloud, calendar) = clouded(Kind::Embedded, "google").await;
    let resource = desk.resource(json!({})).await;
    cloud.state().write("theirs", theirs(&desk, "google", 0));
    synced(&desk, &calendar, "").await;
    // Nothing changed: a question for changes, and no reading.
    cloud.state().requests.clear();
    synced(&desk, &calendar, "").await;
    let asked = cloud.state().requests.clone();
    assert!(
        asked.iter().all(|line| line.contains("syncToken=")),
        "{asked:?}"
    );
    {
        let mut state = cloud.state();
        state.write("theirs", theirs(&desk, "google", 120));
        state.forgotten_before = state.version() + 1;
    }
    synced(&desk, &calendar, "").await;
    assert_eq!(desk.try_hold(&resource, 120).await.0, 409);
    assert_eq!(desk.try_hold(&resource, 0).await.0, 200);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_may_not_be_asked_is_refused_by_its_field() {
    let desk = Desk::new(Kind::Embedded).await;
    let body = json!({
        "name": "Ann", "type": "caldav", "url": "http://127.0.0.1:1/ann", "username": "ann", "secret": "x",
    });
    let refused = desk.client.call(Post, "/v1/calendars", Some(body)).await;
    assert_eq!(refused.0, 400);
    assert!(
        text(&refused.1, "message").starts_with("url"),
        "{}",
        refused.1
    );
    // A feed has nothing to be kept in step with.
    let feed = desk.make("calendars", json!({"name": "All of us"})).await;
    let uri = format!("/v1/calendars/{}/sync", id(&feed));
    let refused = desk.client.call(Post, &uri, None).await;
    assert_eq!(reason(&refused), (409, "CALENDAR_IS_FEED"));
    desk.end().await;
}

#[rstest]
#[case::google(Kind::Embedded, "google")]
#[case::google_full(Kind::Full, "google")]
#[case::graph(Kind::Embedded, "graph")]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_is_forgotten_elsewhere_too(#[case] kind: Kind, #[case] r#type: &str) {
    let cloud = Cloud::start().await;
    let (google, graph, token) = (
        cloud.url("/google"),
        cloud.url("/graph"),
        cloud.url("/token"),
    );
    let settings = [
        ("CALENDAR_PERIOD", "1s"),
        ("GOOGLE_CALENDAR_URL", google.as_str()),
        ("GOOGLE_TOKEN_URL", token.as_str()),
        ("MICROSOFT_GRAPH_URL", graph.as_str()),
        ("MICROSOFT_TOKEN_URL", token.as_str()),
    ];
    let world = World::with(kind, &settings).await;
    let client = world.of(NUMBER);
    let make = async |what: &str, body: Json| {
        let uri = format!("/v1/{what}");
        client.ok(Post, &uri, Some(body)).await
    };
    let calendar = json!({"name": "Ann", "type": r#type, "secret": "refresh-me"});
    make("calendars", calendar).await;
    let van = make("resources", json!({"name": "Van 1"})).await;
    // No conversation leads to them: a person wrote it all down.
    let lead = make("leads", json!({"person": PERSON, "name": "Jane"})).await;
    let at = |hours: u64| world.clock.now().plus(Duration::from_secs(hours * 3_600));
    let time = json!({"resource_id": id(&van), "tm_start": at(48), "tm_end": at(49)});
    let held = make("reservations", time).await;
    let body = json!({
        "reservation_id": id(&held), "lead_id": id(&lead),
        "title": "CANARY for Jane", "address": "1 CANARY Street",
    });
    let made = make("appointments", body).await;
    let shown = |cloud: &Cloud| {
        let state = cloud.state();
        let events = state.events.values().map(Json::to_string);
        events.collect::<Vec<_>>()
    };
    until_within(SLOW, "it is carried", async || {
        let shown = shown(&cloud);
        (shown.len() == 1 && shown[0].contains("CANARY")).then_some(())
    })
    .await;
    let subject = json!({"customer_id": CUSTOMER, "phone": PERSON});
    let known = client.ok(Post, "/v1/subjects/lookup", Some(subject)).await;
    assert_eq!(known["appointments"][0]["id"], made["id"], "{known}");

    // Long over, it is none of what is carried otherwise.
    world.pass(5 * 86_400);
    world.erase(PERSON, "erased:0123").await;
    until_within(SLOW, "it is taken out there", async || {
        let shown = shown(&cloud);
        (shown.len() == 1 && !shown[0].contains("CANARY")).then_some(())
    })
    .await;
    let uri = format!("/v1/appointments/{}", id(&made));
    let blank = client.ok(Get, &uri, None).await;
    assert_eq!((text(&blank, "title"), text(&blank, "address")), ("", ""));
    assert_eq!(blank["sequence"], json!(1));
    world.end().await;
}

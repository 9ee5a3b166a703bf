//! The feed: what another program reads of it.

use bin_common_handler::{
    models::sock::Method::{Get, Post},
    testing::Kind,
};
use icalendar::{Calendar, CalendarDateTime, Component, DatePerhapsTime, EventLike};
use serde_json::json;

use super::{
    desk::Desk,
    world::{id, reason, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn another_programs_parser_reads_the_feed() {
    let desk = Desk::new(Kind::Embedded).await;
    let resource = desk.resource(json!({})).await;
    let title = "Leak; kitchen, \\ \u{1f6bf} under a sink that is far too long for one line of any calendar";
    let more = json!({"title": title, "address": "1 Main St,\nSpringfield"});
    let made = desk.appointment(&resource, 0, more).await;
    let calendar = desk.make("calendars", json!({"name": "All of us"})).await;
    let (calendar_id, token) = (id(&calendar), text(&calendar, "feed_token").to_owned());
    assert_eq!(token.len(), 43);
    // Nobody in particular asks, without a tenant.
    let stranger = desk.installation.client();
    let uri = format!("/v1/calendars/{calendar_id}/feed/{token}");
    let read = async || {
        let feed = stranger.ok(Get, &uri, None).await;
        text(&feed, "ics").parse::<Calendar>().unwrap()
    };
    let feed = read().await;
    assert_eq!(feed.get_name(), Some("All of us"));
    let event = feed.events().next().unwrap();
    assert_eq!(event.get_uid(), Some(&*format!("{}@tandem", id(&made))));
    assert_eq!(event.get_sequence(), Some(0));
    assert_eq!(event.get_summary(), Some(title));
    assert_eq!(event.get_location(), Some("1 Main St,\nSpringfield"));
    let Some(DatePerhapsTime::DateTime(CalendarDateTime::WithTimezone { date_time, tzid })) =
        event.get_start()
    else {
        panic!("{event:?}");
    };
    assert_eq!(tzid, "America/New_York");
    let hours: i64 = desk.at(0).to_string()[11..13].parse().unwrap();
    let shown: i64 = date_time.format("%H").to_string().parse().unwrap();
    assert!([4, 5].contains(&(hours - shown)), "{date_time}");

    let canceled = desk
        .act("appointments", &id(&made), "cancel", json!({}))
        .await;
    assert_eq!(canceled.0, 200);
    let feed = read().await;
    let event = feed.events().next().unwrap();
    assert_eq!(event.get_uid(), Some(&*format!("{}@tandem", id(&made))));
    assert_eq!(event.get_sequence(), Some(1));
    assert_eq!(event.property_value("STATUS"), Some("CANCELLED"));
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_opens_with_its_secret_only_and_no_longer_with_an_old_one() {
    let desk = Desk::new(Kind::Embedded).await;
    let calendar = desk.make("calendars", json!({"name": "All of us"})).await;
    let (id, token) = (id(&calendar), text(&calendar, "feed_token").to_owned());
    let stranger = desk.installation.client();
    let feed = async |id: &str, token: &str| {
        let uri = format!("/v1/calendars/{id}/feed/{token}");
        stranger.call(Get, &uri, None).await
    };
    assert_eq!(feed(&id, &token).await.0, 200);
    let wrong = "A".repeat(43);
    let unknown = feed("00000000-0000-0000-0000-000000000001", &token).await;
    for refused in [feed(&id, &wrong).await, feed(&id, "x").await, unknown] {
        assert_eq!(reason(&refused), (404, "CALENDAR_NOT_FOUND"));
    }
    let uri = format!("/v1/calendars/{id}/rotate");
    let rotated = desk.client.ok(Post, &uri, None).await;
    assert_eq!(feed(&id, &token).await.0, 404);
    assert_eq!(feed(&id, text(&rotated, "feed_token")).await.0, 200);
    desk.end().await;
}

//! The day and the hour that a call counts in, on either side of their boundaries. Rows are moved in time; the
//! database's clock goes as it does.

use bin_common_handler::{
    databasehandler::Value,
    models::{sock::Method::Get, time::Timestamp},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::{
    given::now,
    next::next,
    world::{World, id_of, number, text},
};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A tenant with one number, whose day began with the present minute.
struct Tenant {
    world: World,
    did: Json,
    /// When its day began, µs since the Unix epoch.
    day: i64,
    /// When its clock hour began, at least a quarter of an hour ago and of an hour from its end.
    hour: i64,
}

/// How often and when the number was given.
#[derive(Debug, Clone, Copy)]
struct Used {
    /// Against the beginning of the present day, µs.
    day: i64,
    day_count: i32,
    /// Against the beginning of the present hour, µs.
    hour: i64,
    hour_count: i32,
    /// Against the beginning of the present day, µs.
    last: i64,
}

const NOW_AND_THEN: Used = Used {
    day: -DAY,
    day_count: 1,
    hour: 0,
    hour_count: 1,
    last: -1,
};

impl Tenant {
    /// Two calls a day, three an hour.
    async fn new(kind: Kind, cooldown_seconds: i64) -> Self {
        let day = now().micros().div_euclid(MINUTE) * MINUTE;
        let (zone, offset) = match day.rem_euclid(HOUR) / MINUTE {
            15..45 => ("UTC", 0),
            _ => ("Asia/Kolkata", 5 * HOUR + HOUR / 2),
        };
        let minutes = (day + offset).rem_euclid(DAY) / MINUTE;
        let limits = json!({
            "timezone": zone, "day_start": format!("{:02}:{:02}", minutes / 60, minutes % 60),
            "did_daily_cap": 2, "did_hourly_cap": 3, "did_cooldown_seconds": cooldown_seconds,
        });
        let world = World::with(kind, limits).await;
        let did = world.did(json!({"number": number(415, 1)})).await;
        Self {
            world,
            did,
            day,
            hour: (day + offset).div_euclid(HOUR) * HOUR - offset,
        }
    }

    /// Moves what was counted; the chooser knows the number as unused.
    async fn used(&self, used: Used) {
        let (status, answer) = self.ask("dry_run=true").await;
        assert_eq!(status, 200, "{answer}");
        let sql = "UPDATE did_states \
                   SET day_start = ?, day_count = ?, hour_start = ?, hour_count = ?, last_used = ?, total = 9 \
                   WHERE did_id = ?";
        let values: Vec<Value> = vec![
            (self.day + used.day).into(),
            used.day_count.into(),
            (self.hour + used.hour).into(),
            used.hour_count.into(),
            (self.day + used.last).into(),
            id_of(&self.did).into(),
        ];
        assert_eq!(self.world.sql(sql, values).await, 1);
    }

    async fn ask(&self, query: &str) -> (u16, Json) {
        next(&self.world.client, query).await
    }

    /// Calls of the day, of the hour, and ever, as everybody is told.
    async fn counts(&self) -> (Json, Json, Json) {
        let uri = format!("/v1/dids/{}", text(&self.did, "id"));
        let mut did = self.world.client.ok(Get, &uri, None).await;
        let mut count = |name: &str| did[name].take();
        (
            count("calls_today"),
            count("calls_this_hour"),
            count("calls_total"),
        )
    }
}

#[rstest]
#[case::yesterday(Used { day_count: 2, ..NOW_AND_THEN }, (1, 2, 10))]
#[case::this_hour_before_midnight(Used { day_count: 2, hour_count: 2, ..NOW_AND_THEN }, (1, 3, 10))]
#[case::the_hour_before(Used { day: 0, hour: -HOUR, hour_count: 3, ..NOW_AND_THEN }, (2, 1, 10))]
#[tokio::test]
async fn windows_that_ended_are_not_counted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    #[case] used: Used,
    #[case] (today, this_hour, ever): (i32, i32, i32),
) {
    let tenant = Tenant::new(kind, 0).await;
    tenant.used(used).await;
    let (status, answer) = tenant.ask("uniqueid=1.1").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        tenant.counts().await,
        (json!(today), json!(this_hour), json!(ever))
    );
    tenant.world.end().await;
}

#[rstest]
#[case::today(Used { day: 0, day_count: 2, ..NOW_AND_THEN }, 0, "daily_cap", DAY)]
#[case::a_day_that_is_ahead(Used { day: DAY, day_count: 2, ..NOW_AND_THEN }, 0, "daily_cap", DAY)]
#[case::it_rests_across_midnight(NOW_AND_THEN, 1_800, "cooling", HOUR / 2 - 1)]
#[tokio::test]
async fn windows_that_go_on_are_counted(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    #[case] used: Used,
    #[case] cooldown_seconds: i64,
    #[case] reason: &str,
    #[case] retry_after: i64,
) {
    let tenant = Tenant::new(kind, cooldown_seconds).await;
    tenant.used(used).await;
    let (status, answer) = tenant.ask("uniqueid=1.1").await;
    assert_eq!(status, 503, "{answer}");
    assert_eq!(text(&answer["details"][0], "reason"), reason, "{answer}");
    let retry_at: Timestamp = text(&answer["details"][0], "retry_at").parse().unwrap();
    assert_eq!(retry_at.micros() - tenant.day, retry_after);
    tenant.world.end().await;
}

/// The chooser waits for nothing that it once knew: it learns of a day that is over from the rows.
#[rstest]
#[tokio::test]
async fn a_number_that_was_used_up_comes_back_with_its_day(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let tenant = Tenant::new(kind, 0).await;
    for call in 1..=2 {
        let (status, answer) = tenant.ask(&format!("uniqueid=1.{call}")).await;
        assert_eq!(status, 200, "{answer}");
    }
    let (status, answer) = tenant.ask("uniqueid=1.3").await;
    assert_eq!(status, 503, "{answer}");
    let sql = "UPDATE did_states SET day_start = day_start - ?, hour_start = hour_start - ?, \
               last_used = last_used - ?";
    tenant.world.sql(sql, vec![DAY.into(); 3]).await;
    until("it may be given again", async || {
        (tenant.ask("uniqueid=1.3").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(tenant.counts().await, (json!(1), json!(1), json!(3)));
    tenant.world.end().await;
}

//! Figures: rollups and what they do not count yet are together what a plain count says.

use std::{collections::BTreeMap, time::Duration};

use bin_common_handler::{
    databasehandler::Value,
    models::{
        sock::Method::{Get, Post},
        time::Timestamp,
    },
    testing::{Client, Kind, until},
};
use chrono::{DateTime, Timelike};
use chrono_tz::Tz;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    given::{Given, now},
    world::{World, id_of, list, number, refused, text},
};

const DAY: Duration = Duration::from_secs(86_400);
const DISPOSITIONS: [&str; 7] = ["SALE", "NI", "AA", "NA", "B", "DROP", "ADC"];
const GROUPS: [&str; 6] = ["day", "hour", "did", "pool", "campaign", "area_code"];

/// Calls, answered, human, seconds.
type Counts = (i64, i64, i64, i64);

/// A usage as its table has it.
#[derive(Debug, bin_common_handler::FromRow)]
struct Row {
    did_id: Uuid,
    didpool_id: Uuid,
    campaign_id: Uuid,
    phone_npa: Option<i32>,
    outcome: String,
    duration_seconds: i32,
    tm_create: Timestamp,
}

impl Row {
    fn local(&self, zone: Tz) -> DateTime<Tz> {
        DateTime::from_timestamp_micros(self.tm_create.micros())
            .unwrap()
            .with_timezone(&zone)
    }

    fn item(&self, group_by: &str, zone: Tz) -> String {
        let id = |id: Uuid| {
            if id.is_nil() {
                String::new()
            } else {
                id.to_string()
            }
        };
        match group_by {
            "day" => self.local(zone).date_naive().to_string(),
            "hour" => format!("{:02}", self.local(zone).hour()),
            "did" => id(self.did_id),
            "pool" => id(self.didpool_id),
            "campaign" => id(self.campaign_id),
            _ => self.phone_npa.map_or(String::new(), |npa| npa.to_string()),
        }
    }

    fn counts(&self) -> Counts {
        let answered = ["human", "machine"].contains(&self.outcome.as_str());
        let seconds = if answered { self.duration_seconds } else { 0 };
        (
            1,
            answered.into(),
            (self.outcome == "human").into(),
            seconds.into(),
        )
    }
}

/// What a plain look at every usage counts.
async fn naive(
    world: &World,
    customer_id: Uuid,
    zone: Tz,
    (from, to): (&str, &str),
    group_by: &str,
) -> BTreeMap<String, Counts> {
    let sql = "SELECT did_id, didpool_id, campaign_id, phone_npa, outcome, duration_seconds, tm_create \
               FROM did_usages WHERE customer_id = ?";
    let db = world.installation.db();
    let rows: Vec<Row> = db.fetch_all(sql, vec![customer_id.into()]).await.unwrap();
    let mut counted: BTreeMap<String, Counts> = BTreeMap::new();
    for row in rows {
        let date = row.local(zone).date_naive().to_string();
        if *date < *from || *date > *to {
            continue;
        }
        let (sum, one) = (
            counted.entry(row.item(group_by, zone)).or_default(),
            row.counts(),
        );
        *sum = (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2, sum.3 + one.3);
    }
    counted
}

fn counts_of(row: &Json) -> Counts {
    let number = |name: &str| row[name].as_i64().unwrap();
    (
        number("calls"),
        number("answered"),
        number("human"),
        number("duration_seconds"),
    )
}

/// What the manager counts.
async fn reported(
    client: &Client,
    (from, to): (&str, &str),
    group_by: &str,
) -> BTreeMap<String, Counts> {
    let uri = format!("/v1/analytics/reports?from={from}&to={to}&group_by={group_by}");
    let report = client.ok(Get, &uri, None).await;
    let rows = list(report["rows"].clone());
    rows.iter()
        .map(|row| (text(row, "item").to_owned(), counts_of(row)))
        .collect()
}

/// Waits until the job has counted every call that is old enough.
async fn counted(world: &World, last: Uuid) {
    #[derive(bin_common_handler::FromRow)]
    struct Mark {
        id: Uuid,
    }
    let db = world.installation.db();
    until("the job has counted the calls", async || {
        let sql = "SELECT id FROM did_watermarks WHERE name = 'usages'";
        let mark: Option<Mark> = db.fetch_optional(sql, vec![]).await.unwrap();
        mark.filter(|mark| mark.id == last).map(drop)
    })
    .await;
}

struct Tenant {
    client: Client,
    id: Uuid,
    zone: Tz,
    dids: Vec<Uuid>,
    pools: Vec<Uuid>,
    campaigns: Vec<Uuid>,
}

impl Tenant {
    async fn new(world: &World, zone: Tz) -> Self {
        let body = json!({"name": zone.name(), "timezone": zone.name()});
        let customer = world.operator.ok(Post, "/v1/customers", Some(body)).await;
        let client = world.operator.within(id_of(&customer));
        let (mut dids, mut pools, mut campaigns) = (vec![], vec![Uuid::nil()], vec![Uuid::nil()]);
        for n in 0..3 {
            let made = client.ok(Post, "/v1/dids", Some(json!({"number": number(212, n)})));
            dids.push(id_of(&made.await));
            let name = json!({"name": format!("pool {n}")});
            pools.push(id_of(&client.ok(Post, "/v1/didpools", Some(name)).await));
            let campaign = json!({"vicidial_campaign_id": format!("C{n}")});
            campaigns.push(id_of(
                &client.ok(Post, "/v1/campaigns", Some(campaign)).await,
            ));
        }
        Self {
            id: id_of(&customer),
            client,
            zone,
            dids,
            pools,
            campaigns,
        }
    }

    fn draw(&self, random: &mut StdRng, at: Timestamp, n: usize) -> Given {
        let of = |random: &mut StdRng, ids: &[Uuid]| ids[random.random_range(0..ids.len())];
        Given {
            didpool_id: of(random, &self.pools),
            campaign_id: of(random, &self.campaigns),
            phone: format!("+1{}5550{n:03}", [415, 212, 303][random.random_range(0..3)]),
            uniqueid: format!("17.{n}"),
            at,
            ..Given::new(self.id, of(random, &self.dids))
        }
    }

    /// Tells how some of the calls went, some of them twice.
    async fn tell(&self, random: &mut StdRng, given: &[Given]) {
        for call in given {
            for _ in 0..random.random_range(0..3) {
                let body = json!({
                    "uniqueid": call.uniqueid, "call_duration": random.random_range(0..90),
                    "disposition": DISPOSITIONS[random.random_range(0..DISPOSITIONS.len())],
                });
                let client = &self.client;
                client.ok(Post, "/v1/calls/report", Some(body)).await;
            }
        }
    }
}

fn date_of(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_what_a_plain_count_says(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut world = World::new(kind).await;
    if kind == Kind::Full {
        world.join().await;
    }
    let mut random = StdRng::seed_from_u64(20_261_120);
    let tenants = [
        Tenant::new(&world, chrono_tz::America::New_York).await,
        Tenant::new(&world, chrono_tz::Asia::Kolkata).await,
    ];
    let start = now();
    let mut times: Vec<_> = (0..120)
        .map(|_| start.minus(Duration::from_secs(random.random_range(60..80 * 86_400))))
        .collect();
    times.sort();
    let (mut given, mut last) = ([vec![], vec![]], Uuid::nil());
    // All at once: the job may look at any time, and usages never come later than newer ones by that much.
    let mut rows = Vec::new();
    for (n, at) in times.into_iter().enumerate() {
        let tenant = random.random_range(0..2);
        let call = tenants[tenant].draw(&mut random, at, n);
        rows.push(call.clone());
        given[tenant].push(call);
    }
    for id in world.give_all(&rows).await {
        last = id;
    }
    for (tenant, given) in tenants.iter().zip(&given) {
        tenant.tell(&mut random, &given[..given.len() / 2]).await;
    }
    counted(&world, last).await;
    for (tenant, given) in tenants.iter().zip(&given) {
        tenant.tell(&mut random, given).await;
        // These are too new to be counted by the job.
        let fresh: Vec<_> = (0..6)
            .map(|n| tenant.draw(&mut random, now(), 900 + n))
            .collect();
        world.give_all(&fresh).await;
        tenant.tell(&mut random, &fresh).await;
    }
    let today = date_of(now().plus(DAY));
    let ago = |days: u32| date_of(start.minus(DAY * days));
    let spans = [
        (ago(90), today.clone()),
        (ago(45), ago(10)),
        (ago(3), today),
        (ago(20), ago(20)),
    ];
    for tenant in &tenants {
        for (from, to) in &spans {
            for group_by in GROUPS {
                let span = (from.as_str(), to.as_str());
                let plain = naive(&world, tenant.id, tenant.zone, span, group_by).await;
                let told = reported(&tenant.client, span, group_by).await;
                assert_eq!(told, plain, "{} {group_by} {span:?}", tenant.zone);
            }
        }
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_before_midnight_is_of_the_day_before(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::with(kind, json!({"timezone": "America/New_York"})).await;
    let did = world.did(json!({"number": "+12125550100"})).await;
    let calls = [
        "2026-03-08T04:59:59.999999Z",
        "2026-03-08T05:00:00Z",
        "2026-03-09T04:00:00Z",
    ];
    let given = calls.map(|at| Given {
        at: at.parse().unwrap(),
        uniqueid: at.to_owned(),
        ..Given::new(world.customer_id, id_of(&did))
    });
    let ids = world.give_all(&given).await;
    counted(&world, *ids.last().unwrap()).await;
    for (at, seconds) in calls.iter().zip([1, 2, 3]) {
        let body = json!({"uniqueid": at, "disposition": "SALE", "call_duration": seconds});
        world.client.ok(Post, "/v1/calls/report", Some(body)).await;
    }
    let days = reported(&world.client, ("2026-03-07", "2026-03-09"), "day").await;
    let expected = [("2026-03-07", 1), ("2026-03-08", 2), ("2026-03-09", 3)];
    let expected: BTreeMap<_, _> = expected
        .map(|(day, seconds)| (day.to_owned(), (1, 1, 1, seconds)))
        .into();
    assert_eq!(days, expected);
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn today_at_a_glance(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let did = world
        .did(json!({"number": "+12125550100", "daily_cap": 10}))
        .await;
    let full = world
        .did(json!({"number": "+12125550101", "daily_cap": 1}))
        .await;
    world
        .did(json!({"number": "+12125550102", "status": "inactive", "daily_cap": 0}))
        .await;
    let today = now().micros() / 86_400_000_000 * 86_400_000_000;
    let sql = "UPDATE did_states SET day_start = ?, day_count = ? WHERE did_id = ?";
    for (did, used) in [(&did, 4), (&full, 1)] {
        let values: Vec<Value> = vec![today.into(), used.into(), id_of(did).into()];
        world.sql(sql, values).await;
    }
    let given: Vec<_> = (0..5)
        .map(|n| Given {
            uniqueid: format!("1.{n}"),
            ..Given::new(world.customer_id, id_of(if n < 4 { &did } else { &full }))
        })
        .collect();
    world.give_all(&given).await;
    let body = json!({"uniqueid": "1.0", "disposition": "SALE", "call_duration": 30});
    world.client.ok(Post, "/v1/calls/report", Some(body)).await;

    let uri = "/v1/analytics/metrics?by=did";
    let metrics = world.client.ok(Get, uri, None).await;
    let seen = |name: &str| metrics[name].clone();
    assert_eq!(counts_of(&metrics), (5, 1, 1, 30), "{metrics}");
    assert_eq!(
        (seen("asr"), seen("average_duration_seconds")),
        (json!(0.2), json!(30.0))
    );
    assert_eq!(
        (seen("capacity_left"), seen("exhausted")),
        (json!(6), json!(1))
    );
    assert_eq!(
        (
            &metrics["numbers"]["active"],
            &metrics["numbers"]["inactive"]
        ),
        (&json!(2), &json!(1))
    );
    let items: Vec<_> = list(seen("items"))
        .iter()
        .map(|item| (text(item, "label").to_owned(), counts_of(item).0))
        .collect();
    assert_eq!(
        items,
        [
            ("+12125550100".to_owned(), 4),
            ("+12125550101".to_owned(), 1)
        ]
    );

    world
        .did(json!({"number": "+12125550103", "daily_cap": 0}))
        .await;
    let metrics = world.client.ok(Get, "/v1/analytics/metrics", None).await;
    assert_eq!(metrics["capacity_left"], Json::Null);
    assert!(metrics.get("items").is_none());
    world.end().await;
}

#[rstest]
#[tokio::test]
async fn reports_are_of_the_tenant_alone(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let world = World::new(kind).await;
    let did = world.did(json!({"number": "+12125550100"})).await;
    let other = world
        .operator
        .ok(Post, "/v1/customers", Some(json!({"name": "other"})))
        .await;
    let stranger = world.operator.within(id_of(&other));
    world
        .give(&Given::new(world.customer_id, id_of(&did)))
        .await;
    let today = date_of(now());
    let span = (today.as_str(), today.as_str());
    assert_eq!(reported(&world.client, span, "did").await.len(), 1);
    assert!(reported(&stranger, span, "did").await.is_empty());
    let metrics = stranger.ok(Get, "/v1/analytics/metrics", None).await;
    assert_eq!(metrics["calls"], json!(0));
    // A trusted caller who names nobody is asked whom it means.
    let no = refused(&world.operator, Get, "/v1/analytics/metrics", None).await;
    assert_eq!(no, (400, "CUSTOMER_REQUIRED".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let world = World::new(Kind::Embedded).await;
    for query in [
        "from=2026-02-30",
        "from=2026-02-02&to=2026-02-01",
        "from=2020-01-01&to=2026-01-01",
        "group_by=phone_hash",
        "format=xml",
    ] {
        let uri = format!("/v1/analytics/reports?{query}");
        let no = refused(&world.client, Get, &uri, None).await;
        assert_eq!(no, (400, "INVALID_FIELD".to_owned()), "{query}");
    }
    world.end().await;
}

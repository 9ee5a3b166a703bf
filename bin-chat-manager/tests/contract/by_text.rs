//! Appointments that are made by text: chosen from what was offered, booked once, moved, and reminded of by day.

use bin_common_handler::{
    models::sock::Method::{Delete, Get, Post},
    testing::{Kind, until},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    siblings::AT_ONCE,
    world::{PERSON, World, all, id, text},
};

/// A business whose assistant answers at once, with a van, and somebody who is asked when it suits them.
struct Office {
    world: World,
    seconds: i64,
    texts: usize,
    /// The number of the last text that was heard.
    heard: i64,
    van: String,
}

impl Office {
    async fn new(kind: Kind) -> Self {
        Self::of(World::new(kind).await).await
    }

    async fn of(world: World) -> Self {
        let van = json!({"name": "Van 1"});
        let van = world.of(AT_ONCE).ok(Post, "/v1/resources", Some(van)).await;
        let mut office = Self {
            world,
            seconds: 0,
            texts: 0,
            heard: 0,
            van: id(&van),
        };
        for said in ["Hello", "My sink is clogged"] {
            office.ask(PERSON, said).await;
        }
        office
    }

    /// The assistant's answer to a text.
    async fn ask(&mut self, person: &str, said: &str) -> String {
        self.world.text(person, AT_ONCE, said).await;
        self.texts += 2;
        let before = self.heard;
        let is_heard = |it: &Json| it["inbound_seq"].as_i64() > Some(before);
        let heard = self.world.conversation("heard", AT_ONCE, is_heard).await;
        self.heard = heard["inbound_seq"].as_i64().unwrap();
        self.seconds += 4;
        self.world.pass(self.seconds);
        let count = self.texts;
        let messages = self
            .world
            .until_messages("answered", AT_ONCE, |messages| messages.len() == count)
            .await;
        text(&messages[count - 1], "body").to_owned()
    }

    async fn conversation(&self) -> Json {
        self.world.conversations(AT_ONCE).await[0].clone()
    }

    async fn appointments(&self) -> Vec<Json> {
        let client = self.world.of(AT_ONCE);
        let rows = client.ok(Get, "/v1/appointments", None).await;
        rows.as_array().unwrap().clone()
    }

    /// Somebody else takes a time.
    async fn take(&self, slot: &Json) {
        let body = json!({
            "resource_id": self.van, "tm_start": slot["tm_start"], "tm_end": slot["tm_end"],
        });
        let client = self.world.of(AT_ONCE);
        client.ok(Post, "/v1/reservations", Some(body)).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_is_chosen_is_booked_and_confirmed(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let mut office = Office::new(kind).await;
    let offered = office.ask(PERSON, "12 Main Street, 94107").await;
    assert!(offered.contains("We could come"), "{offered}");
    let slots = office.conversation().await["offered_slots"].clone();
    assert_eq!(slots.as_array().unwrap().len(), 2, "{slots}");
    let booked = office.ask(PERSON, "The second one works").await;
    assert!(booked.contains("you are booked for"), "{booked}");
    let appointments = office.appointments().await;
    assert_eq!(appointments.len(), 1, "{appointments:?}");
    let appointment = &appointments[0];
    assert_eq!(appointment["tm_start"], slots[1]["tm_start"]);
    assert_eq!(text(appointment, "status"), "pending");
    assert_eq!(text(appointment, "address"), "12 Main Street, 94107");
    let conversation = office.conversation().await;
    assert_eq!(text(appointment, "conversation_id"), id(&conversation));
    assert_eq!(conversation["offered_slots"], json!([]));
    let lead = format!("/v1/leads/{}", text(appointment, "lead_id"));
    let lead = office.world.of(AT_ONCE).ok(Get, &lead, None).await;
    assert_eq!(text(&lead, "status"), "appointment_scheduled");
    // The same words again book nothing.
    office.ask(PERSON, "the second").await;
    assert_eq!(office.appointments().await.len(), 1);
    office.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_somebody_else_took_is_replaced_by_others() {
    let mut office = Office::new(Kind::Embedded).await;
    office.ask(PERSON, "12 Main Street, 94107").await;
    let before = office.conversation().await["offered_slots"].clone();
    office.take(&before[0]).await;
    let answer = office.ask(PERSON, "1").await;
    assert!(answer.starts_with("Sorry"), "{answer}");
    let after = office.conversation().await["offered_slots"].clone();
    assert_eq!(after.as_array().unwrap().len(), 2);
    assert!(
        after
            .as_array()
            .unwrap()
            .iter()
            .all(|slot| slot != &before[0]),
        "{after}"
    );
    assert_eq!(office.appointments().await, Vec::<Json>::new());
    let booked = office.ask(PERSON, "1").await;
    assert!(booked.contains("you are booked for"), "{booked}");
    assert_eq!(
        office.appointments().await[0]["tm_start"],
        after[0]["tm_start"]
    );
    office.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_another_time_moves_the_appointment() {
    let mut office = Office::new(Kind::Embedded).await;
    office.ask(PERSON, "12 Main Street, 94107").await;
    office.ask(PERSON, "1").await;
    let first = office.appointments().await[0].clone();
    let others = office.ask(PERSON, "OTHER").await;
    assert!(others.contains("We could come"), "{others}");
    let slots = office.conversation().await["offered_slots"].clone();
    let moved = office.ask(PERSON, "the first").await;
    assert!(moved.contains("you are booked for"), "{moved}");
    let appointments = office.appointments().await;
    assert_eq!(appointments.len(), 1);
    assert_eq!(id(&appointments[0]), id(&first));
    assert_eq!(appointments[0]["tm_start"], slots[0]["tm_start"]);
    assert_ne!(appointments[0]["tm_start"], first["tm_start"]);
    office.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_answers_something_else_books_nothing() {
    let mut office = Office::new(Kind::Embedded).await;
    office.ask(PERSON, "12 Main Street, 94107").await;
    let said = office.ask(PERSON, "HELP").await;
    assert!(said.contains("Mission Plumbing"), "{said}");
    let answer = office.ask(PERSON, "2").await;
    assert!(!answer.contains("booked"), "{answer}");
    assert_eq!(office.appointments().await, Vec::<Json>::new());
    office.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_that_a_rate_makes_is_told_and_booked_and_goes_with_a_move() {
    let world = World::new(Kind::Embedded).await;
    let client = world.of(AT_ONCE);
    let item = json!({
        "name": "Drain cleaning", "aliases": ["clogged sink", "My sink is clogged"],
        "duration_minutes": 60, "price_cents": 15_000, "currency": "USD", "active": true,
    });
    client.ok(Post, "/v1/catalog_items", Some(item)).await;
    let rate = json!({"name": "twice", "from": "00:00", "to": "24:00", "factor": 2.0});
    let rate = client.ok(Post, "/v1/rates", Some(rate)).await;
    let mut office = Office::of(world).await;
    let offered = office.ask(PERSON, "12 Main Street, 94107").await;
    assert_eq!(offered.matches("(300.00 USD)").count(), 2, "{offered}");
    let booked = office.ask(PERSON, "2").await;
    assert!(booked.contains("(300.00 USD)"), "{booked}");
    let price = async |office: &Office| office.appointments().await[0]["price_cents"].clone();
    assert_eq!(price(&office).await, json!(30_000));

    let rate = format!("/v1/rates/{}", id(&rate));
    office.world.of(AT_ONCE).ok(Delete, &rate, None).await;
    let others = office.ask(PERSON, "OTHER").await;
    assert_eq!(others.matches("(150.00 USD)").count(), 2, "{others}");
    office.ask(PERSON, "1").await;
    assert_eq!(price(&office).await, json!(15_000), "moved by text");

    let rate = json!({"name": "thrice", "from": "00:00", "to": "24:00", "factor": 3.0});
    let client = office.world.of(AT_ONCE);
    client.ok(Post, "/v1/rates", Some(rate)).await;
    let appointment = office.appointments().await[0].clone();
    let hours = |hours: u64| {
        let at = office.world.clock.now();
        at.plus(std::time::Duration::from_secs(hours * 3_600))
    };
    let uri = format!("/v1/appointments/{}/reschedule", id(&appointment));
    let to = json!({"tm_start": hours(200), "tm_end": hours(201)});
    let moved = client.ok(Post, &uri, Some(to)).await;
    assert_eq!(moved["price_cents"], json!(45_000), "moved by a route");
    office.world.end().await;
}

/// Seconds from now to the next time that it is `hour` in New York.
pub fn until_hour(world: &World, hour: u32) -> i64 {
    use chrono::{TimeDelta, Timelike};
    let now = chrono::DateTime::from_timestamp_micros(world.clock.now().micros()).unwrap();
    let local = now.with_timezone(&chrono_tz::America::New_York);
    let hours = (i64::from(hour) - i64::from(local.hour())).rem_euclid(24);
    let then = (local + TimeDelta::hours(hours)).date_naive();
    let then = then.and_hms_opt(hour, 0, 0).unwrap();
    let then = then
        .and_local_timezone(chrono_tz::America::New_York)
        .unwrap();
    // At the hour or a little after it, never before.
    let seconds = (then - local).num_seconds() + 1;
    if seconds > 0 {
        seconds
    } else {
        seconds + 86_400
    }
}

#[rstest]
#[case::written_to("", true)]
#[case::opted_out("STOP", false)]
#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_waits_for_the_morning_and_obeys_an_opt_out(
    #[case] last: &str,
    #[case] is_reminded: bool,
) {
    let world = World::new(Kind::Embedded).await;
    let client = world.of(AT_ONCE);
    let van = client
        .ok(Post, "/v1/resources", Some(json!({"name": "Van"})))
        .await;
    world.text(PERSON, AT_ONCE, "Hello").await;
    let conversation = world.conversation("heard", AT_ONCE, |_| true).await;
    // At 22:00 two days on, so that the reminder is due at 22:00 the day before.
    let night = until_hour(&world, 22);
    let start = world.clock.now().plus(std::time::Duration::from_secs(
        u64::try_from(night).unwrap() + 2 * 86_400,
    ));
    let end = start.plus(std::time::Duration::from_secs(3_600));
    let held = json!({"resource_id": van["id"], "tm_start": start, "tm_end": end});
    let held = client.ok(Post, "/v1/reservations", Some(held)).await;
    let body = json!({"reservation_id": held["id"], "conversation_id": conversation["id"]});
    client.ok(Post, "/v1/appointments", Some(body)).await;
    if !last.is_empty() {
        world.text(PERSON, AT_ONCE, last).await;
        world
            .conversation("blocked", AT_ONCE, |it| text(it, "status") == "blocked")
            .await;
    }
    let due = night + 86_400;
    world.pass(due + 60);
    let reminded = async || {
        let texts = world.provider.texts_to(PERSON);
        texts.iter().any(|text| text.body.contains("Reminder from"))
    };
    until("the reminder is set for the morning", async || {
        let rows = client.ok(Get, "/v1/appointments", None).await;
        rows[0]["tm_remind"].is_string().then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!reminded().await, "it is night");
    world.pass(due + 12 * 3_600);
    if is_reminded {
        until("reminded", async || reminded().await.then_some(())).await;
        // The assistant answers beside it, before or after.
        let messages = world.messages(AT_ONCE, &conversation).await;
        let reminder = messages
            .iter()
            .find(|it| text(it, "body").contains("Reminder from"));
        assert_eq!(
            reminder.map(|it| text(it, "sender")),
            Some("system"),
            "{:?}",
            all(&messages, "body")
        );
    } else {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert!(!reminded().await);
    }
    world.end().await;
}

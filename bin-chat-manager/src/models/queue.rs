//! A queue: where chats wait for an agent with certain skills.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, timezone, within},
        error::Result,
        hours::{Hours, Window, minute_of_week},
        identity::optional_uuid,
        time::Timestamp,
    },
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::agent::skills;

/// A month: longer than any promise.
const SLA_SECONDS_MAX: i64 = 30 * 86_400;
/// The usual priority, as everywhere.
pub const PRIORITY_DEFAULT: i32 = 5;

/// What is promised. Seconds of opening hours; null for no promise.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(default, deny_unknown_fields)]
pub struct Sla {
    /// From the request for a human until the first answer of one.
    pub first_response_seconds: Option<i64>,
    /// From what the person writes until the next answer.
    pub next_response_seconds: Option<i64>,
    /// From the request for a human until the end.
    pub resolution_seconds: Option<i64>,
}

/// Where chats wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource)]
#[resource(name = "queue", table = "chat_queues", check = check)]
pub struct Queue {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What people call it.
    #[resource(set, not_blank, max_chars = 255)]
    pub name: String,
    /// What an agent must be able to do: at most 50 short words, kept in small letters.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub skills: Json<Vec<String>>,
    /// 1 goes before 2; 5 when it is left out.
    #[resource(set, min = 1, max = 100)]
    pub priority: i32,
    /// How long a chat waits here: 1 to 86,400 seconds; 600 when it is left out.
    #[resource(set, min = 1, max = 86_400)]
    pub timeout_seconds: i32,
    /// How long an agent has to accept: 1 to 3,600 seconds; 30 when it is left out.
    #[resource(set, min = 1, max = 3_600)]
    pub offer_seconds: i32,
    /// What is promised.
    #[schemars(with = "Sla")]
    #[resource(set)]
    pub sla: Json<Sla>,
    /// When promises and `timeout_seconds` count; empty = always. Who comes at another hour is told.
    #[schemars(with = "Vec<Window>")]
    #[resource(set)]
    pub hours: Json<Hours>,
    /// The time zone of `hours`; empty = UTC.
    #[resource(set)]
    pub timezone: String,
    /// Where a chat goes that waited here for too long; null = nowhere, it may leave a message.
    #[serde(deserialize_with = "optional_uuid")]
    #[resource(set)]
    pub overflow_queue_id: Option<Uuid>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            customer_id: Uuid::nil(),
            name: String::new(),
            skills: Json::default(),
            priority: PRIORITY_DEFAULT,
            timeout_seconds: 600,
            offer_seconds: 30,
            sla: Json::default(),
            hours: Json::default(),
            timezone: String::new(),
            overflow_queue_id: None,
            tm_create: Timestamp::default(),
            tm_update: Timestamp::default(),
            tm_delete: None,
        }
    }
}

impl Queue {
    /// Whether it is open at this instant.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.hours.0.is_open(minute_of_week(self.zone(), now))
    }

    /// The time zone of its hours.
    pub fn zone(&self) -> Tz {
        self.timezone.parse().unwrap_or(Tz::UTC)
    }
}

fn check(queue: &mut Queue, _: Option<&Queue>, _: Timestamp) -> Result<()> {
    queue.skills.0 = skills(&queue.skills.0)?;
    if queue.timezone.is_empty() {
        "UTC".clone_into(&mut queue.timezone);
    }
    timezone("timezone", &queue.timezone)?;
    let sla = &queue.sla.0;
    let promises = [
        ("sla.first_response_seconds", &sla.first_response_seconds),
        ("sla.next_response_seconds", &sla.next_response_seconds),
        ("sla.resolution_seconds", &sla.resolution_seconds),
    ];
    for (field, seconds) in promises {
        within(field, seconds, 1, SLA_SECONDS_MAX)?;
    }
    ensure(
        queue.overflow_queue_id != Some(queue.id),
        "overflow_queue_id",
        "must be another queue",
    )
}

#[cfg(test)]
mod tests {
    use bin_common_handler::resource::Resource as _;
    use rstest::rstest;

    use super::*;

    fn queue() -> Queue {
        Queue {
            id: Uuid::from_u128(1),
            name: "sales".to_owned(),
            ..Queue::default()
        }
    }

    fn sla(seconds: i64) -> Json<Sla> {
        Json(Sla {
            next_response_seconds: Some(seconds),
            ..Sla::default()
        })
    }

    #[rstest]
    #[case::unnamed(Queue { name: " ".to_owned(), ..queue() }, "name")]
    #[case::first_of_all(Queue { priority: 0, ..queue() }, "priority")]
    #[case::at_once(Queue { timeout_seconds: 0, ..queue() }, "timeout_seconds")]
    #[case::no_time(Queue { offer_seconds: 0, ..queue() }, "offer_seconds")]
    #[case::no_zone(Queue { timezone: "Mars".to_owned(), ..queue() }, "timezone")]
    #[case::no_promise(Queue { sla: sla(0), ..queue() }, "sla.next_response_seconds")]
    #[case::too_far(Queue { sla: sla(2_592_001), ..queue() }, "sla.next_response_seconds")]
    #[case::itself(Queue { overflow_queue_id: Some(Uuid::from_u128(1)), ..queue() }, "overflow_queue_id")]
    fn what_breaks_a_rule_is_refused_by_its_field(#[case] mut queue: Queue, #[case] field: &str) {
        let refusal = queue.check(None, Timestamp::default()).unwrap_err();
        assert_eq!(refusal.status().code(), 400);
        assert!(refusal.message().starts_with(field), "{refusal}");
    }

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        let mut queue = queue();
        queue.check(None, Timestamp::default()).unwrap();
        let terms = (queue.priority, queue.timeout_seconds, queue.offer_seconds);
        assert_eq!(terms, (5, 600, 30));
        assert_eq!(queue.zone(), Tz::UTC);
    }
}

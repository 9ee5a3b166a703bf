//! From the bus into `<prefix>_incoming`: each event once, in the order in which it came.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use tracing::error;
use uuid::Uuid;

use super::Topic;
use crate::{
    context::hash,
    databasehandler::{Dialect, Store, Tx, Value, runs},
    deadletter::{Letter, bury},
    metrics::Metrics,
    models::{
        error::{Error, Result},
        sock::Event,
        time::Timestamp,
    },
    sockhandler::{Collect, Incoming},
    trace::told,
    worker::Wake,
};

/// Events that may wait: more stay where they are.
const WAITING_MAX: i64 = 100_000;
/// The largest event that is kept, in bytes; a larger one leaves a dead letter without its text.
const EVENT_MAX: usize = 8 * 1024 * 1024;
/// Bytes that one statement writes, beside its last event: servers refuse more than 16 MiB.
const STATEMENT_BYTES: usize = 1024 * 1024;
/// Bytes of a topic that are kept: its column.
const TOPIC_MAX: usize = 255;

const COLUMNS: &str = "event_key, entity, message_id, routing_key, version, customer_id, payload, \
                       traceparent, attempt, next_at";
const MARKS: &str = "(?, ?, ?, ?, ?, ?, ?, ?, 0, 0)";

/// Keeps a manager's events. Clones share the table.
#[derive(Clone)]
pub(super) struct Collector {
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    pub(super) manager: &'static str,
    pub(super) wake: Arc<Wake>,
    /// Without the handlers: what they hold must not live as long as the bus.
    pub(super) topics: Arc<[Topic]>,
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    rows_waiting: i64,
}

/// An event that can be kept.
pub(super) struct Kept {
    pub(super) topic: String,
    pub(super) event: Incoming,
    key: [u8; 32],
}

impl Kept {
    fn values(&self) -> [Value; 8] {
        [
            self.key.to_vec().into(),
            entity(&self.topic).0.to_vec().into(),
            self.event.message_id.as_str().into(),
            self.topic.as_str().into(),
            self.event.version.into(),
            self.event.customer_id.into(),
            self.event.body.clone().into(),
            self.event.trace.map(|trace| trace.to_string()).into(),
        ]
    }
}

pub(super) enum Read {
    Kept(Kept),
    /// It never will be an event, and why.
    Bad(Incoming, String),
}

/// What an envelope must have; its data is read by the handler.
fn read(event: Incoming) -> Read {
    if event.body.len() > EVENT_MAX {
        let bytes = event.body.len();
        let event = Incoming {
            body: Vec::new(),
            ..event
        };
        let reason = format!("TOO_LARGE: {bytes} bytes are more than {EVENT_MAX}.");
        return Read::Bad(event, reason);
    }
    let Ok(envelope) = serde_json::from_slice::<Event>(&event.body) else {
        return Read::Bad(event, "UNREADABLE: It is no event.".to_owned());
    };
    let key = key(&event, &envelope.publisher);
    Read::Kept(Kept {
        topic: topic(&event.routing_key, &envelope),
        key,
        event,
    })
}

/// What an event is known by: its publisher's id for it, else its content.
fn key(event: &Incoming, publisher: &str) -> [u8; 32] {
    if event.message_id.is_empty() {
        hash(&[b"content", event.routing_key.as_bytes(), &event.body])
    } else {
        hash(&[b"id", publisher.as_bytes(), event.message_id.as_bytes()])
    }
}

/// `<publisher>.<resource>.<id>.<action>`, from the event itself where it came without.
fn topic(routing_key: &str, event: &Event) -> String {
    #[derive(Deserialize)]
    struct Named {
        id: Uuid,
    }
    if routing_key.split('.').count() >= 4 {
        return routing_key.to_owned();
    }
    let data = event.data.as_ref().map_or("null", |data| data.get());
    let id = serde_json::from_str(data).map_or(Uuid::nil(), |named: Named| named.id);
    let mut topic = Event::routing_key(&event.kind, &event.publisher, id);
    topic.truncate(topic.floor_char_boundary(TOPIC_MAX));
    topic
}

/// Whose events stay in order, and whether that is one entity, so that they have versions.
pub(super) fn entity(topic: &str) -> ([u8; 32], bool) {
    let mut words = topic.split('.');
    let [publisher, resource, id] = [(); 3].map(|()| words.next().unwrap_or_default());
    let key = hash(&[publisher.as_bytes(), resource.as_bytes(), id.as_bytes()]);
    (key, !matches!(id, "" | "-"))
}

impl Collector {
    pub(super) async fn has_room(&self) -> Result<bool> {
        let sql = format!(
            "SELECT COUNT(*) AS rows_waiting FROM {}_incoming",
            self.store.prefix()
        );
        let count: Option<Count> = self.store.db.fetch_optional(&sql, vec![]).await?;
        let waiting = count.map_or(0, |count| count.rows_waiting);
        self.metrics
            .incoming_depth
            .with_label_values(&[self.manager])
            .set(waiting);
        Ok(waiting < WAITING_MAX)
    }

    async fn insert(&self, tx: &mut Tx, kept: &[Kept]) -> Result<()> {
        let ignoring = match tx.dialect() {
            Dialect::MySql => "INSERT IGNORE",
            Dialect::Sqlite => "INSERT OR IGNORE",
        };
        for run in runs(kept) {
            let sql = format!(
                "{ignoring} INTO {}_incoming ({COLUMNS}) VALUES {}",
                self.store.prefix(),
                vec![MARKS; run.len()].join(", ")
            );
            let values = run.iter().flat_map(Kept::values).collect();
            tx.execute(&sql, values).await?;
        }
        Ok(())
    }

    /// What cannot be read never will be: it is set aside at once.
    async fn set_aside(&self, tx: &mut Tx, event: Incoming, reason: String) -> Result<()> {
        error!(
            manager = self.manager,
            topic = event.routing_key,
            trace_id = told(event.trace),
            reason,
            "an event is given up; it is kept among the dead letters"
        );
        let letter = Letter {
            source: "event",
            kind: "",
            subject: &event.routing_key,
            message_id: &event.message_id,
            attempt: 0,
            reason,
            payload: event.body,
            now: self.store.clock.now(),
        };
        bury(tx, self.store.prefix(), letter).await?;
        self.count("dead", 1);
        Ok(())
    }

    pub(super) fn count(&self, result: &str, events: u64) {
        self.metrics
            .received_events
            .with_label_values(&[self.manager, result])
            .inc_by(events);
    }
}

#[async_trait]
impl Collect for Collector {
    async fn collect(&self, events: Vec<Incoming>) -> Result<()> {
        if !self.has_room().await? {
            let text = format!("{WAITING_MAX} events wait already");
            return Err(Error::unavailable("events", text));
        }
        let heard = self
            .leave_out_unheard(events.into_iter().map(read).collect())
            .await?;
        if heard.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(heard.len()).unwrap_or(u64::MAX);
        let mut tx = self.store.db.begin().await?;
        let (mut kept, mut bytes) = (Vec::new(), 0);
        for event in heard {
            match event {
                Read::Kept(event) => {
                    bytes += event.event.body.len();
                    kept.push(event);
                }
                Read::Bad(event, reason) => self.set_aside(&mut tx, event, reason).await?,
            }
            if bytes > STATEMENT_BYTES {
                self.insert(&mut tx, &kept).await?;
                kept.clear();
                bytes = 0;
            }
        }
        self.insert(&mut tx, &kept).await?;
        tx.commit().await?;
        self.count("taken", count);
        self.wake.wake(Timestamp::default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::value::RawValue;

    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000001";

    #[rstest]
    #[case(
        "did-manager.did.1.updated",
        "did_updated",
        "{}",
        "did-manager.did.1.updated"
    )]
    #[case(
        "",
        "did_updated",
        r#"{"id":"00000000-0000-0000-0000-000000000001"}"#,
        "p.did.ID.updated"
    )]
    #[case(
        "call",
        "did_updated",
        r#"{"id":"00000000-0000-0000-0000-000000000001"}"#,
        "p.did.ID.updated"
    )]
    #[case("", "did_updated", r#"{"id":7}"#, "p.did.-.updated")]
    #[case("", "did", "null", "p.did.-.-")]
    fn a_topic_comes_from_the_event_where_the_bus_gives_none(
        #[case] routing_key: &str,
        #[case] kind: &str,
        #[case] data: &str,
        #[case] expected: &str,
    ) {
        let data = RawValue::from_string(data.to_owned()).unwrap();
        let event = Event::new(kind, "p", data);
        assert_eq!(topic(routing_key, &event), expected.replace("ID", ID));
    }

    #[test]
    fn events_of_one_entity_stand_in_one_line() {
        let (one, is_entity) = entity("did-manager.did.1.updated");
        assert!(is_entity);
        assert_eq!(one, entity("did-manager.did.1.status_changed").0);
        assert_ne!(one, entity("did-manager.did.2.updated").0);
        assert_ne!(one, entity("did-manager.usage.1.updated").0);
        assert!(!entity("did-manager.pool.-.exhausted").1);
        assert!(!entity("").1);
    }
}

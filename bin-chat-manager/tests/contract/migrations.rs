//! Migrations: up, down to nothing, up again, and broken off, on both databases; their schema and the entities.

use bin_chat_manager::{
    MANAGER,
    models::{
        agent::Agent, alert::Alert, alertrule::AlertRule, appointment::Appointment,
        bookable::Bookable, calendar::Calendar, cannedresponse::CannedResponse,
        catalogitem::CatalogItem, chatsession::ChatSession, contact::Contact,
        conversation::Conversation, csat::Csat, delivery::Delivery, holiday::Holiday, lead::Lead,
        message::Message, notification::Notification,
        notificationsubscription::NotificationSubscription, offer::Offer, presence::Presence,
        pushsubscription::PushSubscription, queue::Queue, queueentry::QueueEntry, rate::Rate,
        reservation::Reservation, template::Template, turn::Turn, webhook::Webhook,
        webhookendpoint::WebhookEndpoint, widget::Widget,
    },
};
use bin_common_handler::{
    models::sock::Method::Post,
    testing::{
        Installation, Kind,
        schema::{Schema, all_are_listed, break_off},
    },
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

/// Tables of which MySQL has a column more, in the place of a partial index: table, index, column of the others.
const LIVE_KEYS: &[(&str, &str, &str)] = &[("chat_templates", "chat_templates_live", "name")];

#[rstest]
#[tokio::test]
async fn up_down_and_up_again(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut installation = Installation::new(kind, MANAGER, &[]).await;
    let (db, migrations) = (installation.db(), MANAGER.migrations);
    let count = migrations.up(&db).await.unwrap();
    assert_eq!(count, migrations.count());
    assert_eq!(migrations.up(&db).await.unwrap(), 0);
    assert_eq!(migrations.down(&db, 1).await.unwrap(), 1);
    assert_eq!(migrations.up(&db).await.unwrap(), 1);
    assert_eq!(migrations.down(&db, 1_000).await.unwrap(), count);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| !state.applied));
    let left = Schema::read(&db).await;
    assert_eq!(left, Schema::default(), "nothing of ours is left");
    assert_eq!(migrations.up(&db).await.unwrap(), count);
    let states = migrations.status(&db).await.unwrap();
    assert!(states.iter().all(|state| state.applied));
    drop(db);

    let replica = installation.start().await;
    let client = installation.client().within(Uuid::from_u128(7));
    client
        .ok(
            Post,
            "/v1/templates",
            Some(json!({"name": "help", "body": "Hi"})),
        )
        .await;
    replica.stop().await.unwrap();
    installation.remove().await;
}

#[test]
fn every_file_is_part_of_the_program() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    all_are_listed(dir, MANAGER.migrations.own());
}

#[rstest]
#[tokio::test]
async fn one_that_was_broken_off_is_gone_on_with(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let installation = Installation::new(kind, MANAGER, &[]).await;
    break_off(&installation.db(), MANAGER.migrations).await;
    installation.remove().await;
}

async fn schema(kind: Kind) -> Schema {
    let installation = Installation::new(kind, MANAGER, &[]).await;
    let db = installation.db();
    MANAGER.migrations.up(&db).await.unwrap();
    let schema = Schema::read(&db).await;
    installation.remove().await;
    schema
}

#[rstest]
#[tokio::test]
async fn an_entity_has_a_column_for_each_field(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let schema = schema(kind).await;
    // MySQL has no partial indexes; this column stands for what is not deleted.
    let live: &[&str] = match kind {
        Kind::Embedded => &[],
        Kind::Full => &["live_key"],
    };
    assert_eq!(schema.beyond::<Template>(), live);
    let nothing: [&str; 0] = [];
    assert_eq!(schema.beyond::<Agent>(), nothing);
    assert_eq!(schema.beyond::<CannedResponse>(), nothing);
    assert_eq!(schema.beyond::<ChatSession>(), nothing);
    assert_eq!(schema.beyond::<Csat>(), nothing);
    assert_eq!(schema.beyond::<Offer>(), nothing);
    assert_eq!(schema.beyond::<Presence>(), nothing);
    assert_eq!(schema.beyond::<Queue>(), nothing);
    assert_eq!(schema.beyond::<QueueEntry>(), nothing);
    assert_eq!(schema.beyond::<Widget>(), nothing);
    for beyond in [
        schema.beyond::<Contact>(),
        schema.beyond::<Conversation>(),
        schema.beyond::<Message>(),
        schema.beyond::<Turn>(),
        schema.beyond::<Webhook>(),
    ] {
        assert_eq!(beyond, [] as [&str; 0]);
    }
    let none: &[&str] = &[];
    assert_eq!(schema.beyond::<CatalogItem>(), none);
    assert_eq!(schema.beyond::<Rate>(), none);
    assert_eq!(schema.beyond::<Bookable>(), none);
    assert_eq!(schema.beyond::<Holiday>(), none);
    assert_eq!(schema.beyond::<Reservation>(), none);
    assert_eq!(schema.beyond::<Appointment>(), none);
    assert_eq!(schema.beyond::<Lead>(), none);
    assert_eq!(schema.beyond::<Calendar>(), none);
    assert_eq!(schema.beyond::<AlertRule>(), none);
    assert_eq!(schema.beyond::<Alert>(), none);
    assert_eq!(schema.beyond::<WebhookEndpoint>(), none);
    assert_eq!(schema.beyond::<Delivery>(), none);
    assert_eq!(schema.beyond::<Notification>(), none);
    assert_eq!(schema.beyond::<NotificationSubscription>(), none);
    assert_eq!(schema.beyond::<PushSubscription>(), none);
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let sqlite = schema(Kind::Embedded).await.in_any_words();
    let mut mysql = schema(Kind::Full).await.in_any_words();
    for (table, index, key) in LIVE_KEYS {
        let table = mysql.0.get_mut(*table).unwrap();
        table.columns.retain(|column| column.name != "live_key");
        let columns = &mut table.indexes.get_mut(*index).unwrap().columns;
        assert_eq!(columns.pop().as_deref(), Some("live_key"));
        columns.push((*key).to_owned());
    }
    assert_eq!(mysql.0.len(), MANAGER.migrations.count());
    for (name, table) in &mysql.0 {
        assert_eq!(Some(table), sqlite.0.get(name), "{name}");
    }
    assert_eq!(mysql, sqlite);
}

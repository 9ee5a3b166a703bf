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
        reservation::Reservation, template::Template, turn::Turn, visitoremail::VisitorEmail,
        webhook::Webhook, webhookendpoint::WebhookEndpoint, widget::Widget,
    },
};
use bin_common_handler::{
    models::sock::Method::Post,
    testing::{Kind, migrations, schema::all_are_listed},
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

/// Tables of which MySQL has a column more, in the place of a partial index: table, index, column of the others.
const LIVE_KEYS: &[(&str, &str, &str)] = &[("chat_templates", "chat_templates_live", "name")];

#[rstest]
#[tokio::test]
async fn up_down_and_up_again(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let mut installation = migrations::up_down_and_up_again(kind, MANAGER).await;
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
    migrations::broken_off_and_gone_on_with(kind, MANAGER).await;
}

#[rstest]
#[tokio::test]
async fn an_entity_has_a_column_for_each_field(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let schema = migrations::schema(kind, MANAGER).await;
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
    assert_eq!(schema.beyond::<VisitorEmail>(), nothing);
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
    migrations::same_on_both(MANAGER, LIVE_KEYS).await;
}

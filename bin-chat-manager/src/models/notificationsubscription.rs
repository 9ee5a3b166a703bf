//! A subscription: a user who wants to be told of a type of events.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, short, timezone},
        error::Result,
        hours::{Hours, Window},
        identity::uuid_or_nil,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    eventtype,
    notification::{NotificationChannel, recipient},
};

/// A user who wants to be told of a type of events.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "notificationsubscription", table = "chat_notification_subscriptions", check = check)]
pub struct NotificationSubscription {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// Whose it is.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub user_id: Uuid,
    /// The type of events, e.g. `call_missed`.
    #[resource(set, filter)]
    pub event_type: String,
    /// By which way.
    #[resource(set, filter)]
    pub channel: NotificationChannel,
    /// Whom, as in a notification; empty = the user, for `push` and `socket`.
    #[resource(set)]
    pub to: String,
    /// The template of the words; empty = the type of the event.
    #[resource(set)]
    pub template: String,
    /// When nobody is bothered; empty = never.
    #[schemars(with = "Vec<Window>")]
    #[resource(set)]
    pub quiet_hours: Json<Hours>,
    /// The time zone of `quiet_hours`; empty = UTC.
    #[resource(set)]
    pub timezone: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

fn check(
    subscription: &mut NotificationSubscription,
    before: Option<&NotificationSubscription>,
    _: Timestamp,
) -> Result<()> {
    ensure(
        !subscription.user_id.is_nil(),
        "user_id",
        "must name a user",
    )?;
    if before.is_none_or(|before| before.event_type != subscription.event_type) {
        eventtype::check("event_type", &subscription.event_type)?;
    }
    let channel = subscription.channel;
    let is_users = matches!(
        channel,
        NotificationChannel::Push | NotificationChannel::Socket
    );
    if is_users && subscription.to.is_empty() {
        subscription.to = subscription.user_id.to_string();
    }
    subscription.to = recipient(channel, &subscription.to)?;
    short("template", &subscription.template)?;
    if subscription.timezone.is_empty() {
        "UTC".clone_into(&mut subscription.timezone);
    }
    timezone("timezone", &subscription.timezone).map(drop)
}

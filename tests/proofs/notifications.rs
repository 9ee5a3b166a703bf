//! What a tenant is told, and where: its rows, and a request for each route.

use bin_common_handler::{
    listenhandler::RouteInfo,
    models::sock::Method::{Delete, Get, Post, Put},
    testing::until,
};
use serde_json::json;

use crate::{
    samples::{Picker, Sample, body, nothing},
    tenant::{Tenant, id},
};

/// The keys of the browser in RFC 8291, 5.
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
impl Tenant {
    /// An endpoint that is turned off, so that nothing moves by itself, with a delivery and a notification that are over.
    pub async fn notifications(&mut self) {
        let named = |what: &str| format!("{} {what}", self.mark);
        let user = self.value("user-id").to_owned();
        let (endpoint, browser) = (named("hook"), named("browser"));
        let endpoint = json!({
            "url": "https://hooks.invalid/x", "description": endpoint, "enabled": false,
            "events": ["call_missed"],
        });
        let endpoint = self
            .keep("webhook-endpoint-id", "/v1/webhook_endpoints", endpoint)
            .await;
        let subscription = json!({
            "user_id": user, "event_type": "callcampaign_deleted", "channel": "webhook", "to": id(&endpoint),
        });
        let many = "/v1/notification_subscriptions";
        self.keep("notification-subscription-id", many, subscription)
            .await;
        let browser = json!({
            "user_id": user, "endpoint": format!("https://push.invalid/{}", browser.replace(' ', "-")),
            "p256dh": P256DH, "auth": AUTH,
        });
        self.keep("push-subscription-id", "/v1/push_subscriptions", browser)
            .await;
        let told = json!({
            "channel": "socket", "to": user, "key": self.mark, "template": "help",
            "data": {"text": format!("{} is told", self.mark)},
        });
        self.keep("notification-id", "/v1/notifications", told)
            .await;
        let uri = format!("/v1/webhook_endpoints/{}/test", id(&endpoint));
        let delivery = self.chat.ok(Post, &uri, None).await;
        for (uri, end) in [
            (format!("/v1/deliveries/{}", id(&delivery)), "failed"),
            (
                format!("/v1/notifications/{}", self.value("notification-id")),
                "sent",
            ),
        ] {
            until(&format!("{uri} is {end}"), async || {
                let now = self.chat.ok(Get, &uri, None).await;
                (now["status"] == json!(end)).then_some(())
            })
            .await;
        }
        self.values.insert("delivery-id", id(&delivery));
    }
}

/// Notifications, who wants any, and webhooks.
pub fn notification_sample(route: &RouteInfo, picker: &Picker<'_>) -> Option<Sample> {
    let user = picker.own("user-id");
    let endpoint = || picker.pick("webhook-endpoint-id");
    Some(match (route.method, route.template) {
        // What is taken leaves at once, and how far it is when it is answered is a matter of chance.
        (Post, "/v1/notifications") => Sample {
            status: 400,
            ..body(json!({"channel": "webhook", "to": endpoint(), "key": ""}))
        },
        (Post, "/v1/notification_subscriptions") => body(json!({
            "user_id": user, "event_type": "callcampaign_deleted", "channel": "webhook", "to": endpoint(),
        })),
        (Put, "/v1/notification_subscriptions/<notification-subscription-id>") => {
            body(json!({"event_type": "didpool_deleted"}))
        }
        // There is no secret to prove it by.
        (Post, "/v1/webhooks/email") => Sample {
            status: 403,
            ..body(json!({"method": "POST", "url": "http://h/", "headers": {}, "body_base64": ""}))
        },
        (Post, "/v1/push_subscriptions") => body(json!({
            "user_id": user, "endpoint": "https://push.invalid/x", "p256dh": P256DH, "auth": AUTH,
        })),
        (Put, "/v1/push_subscriptions/<push-subscription-id>") => {
            body(json!({"endpoint": "https://push.invalid/y"}))
        }
        (Post, "/v1/webhook_endpoints") => {
            body(json!({"url": "https://hooks.invalid/y", "enabled": false}))
        }
        (Put, "/v1/webhook_endpoints/<webhook-endpoint-id>") => {
            body(json!({"description": "x", "enabled": false}))
        }
        (
            Get,
            "/v1/notifications"
            | "/v1/notifications/<notification-id>"
            | "/v1/notification_subscriptions"
            | "/v1/push_subscriptions"
            | "/v1/push_subscriptions/key"
            | "/v1/webhook_endpoints"
            | "/v1/deliveries"
            | "/v1/deliveries/<delivery-id>",
        )
        | (
            Post,
            "/v1/webhook_endpoints/<webhook-endpoint-id>/rotate"
            | "/v1/webhook_endpoints/<webhook-endpoint-id>/test"
            | "/v1/deliveries/<delivery-id>/replay",
        )
        | (
            Get | Delete,
            "/v1/notification_subscriptions/<notification-subscription-id>"
            | "/v1/push_subscriptions/<push-subscription-id>"
            | "/v1/webhook_endpoints/<webhook-endpoint-id>",
        ) => nothing(),
        _ => return None,
    })
}

//! Ping and post, with real bidders over HTTP.

mod bidders;
mod offers;
mod posts;

use std::{
    io::Write,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Kind, until},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    bidder::Bidder,
    world::{World, as_account, holds, id, reason, text},
};

const CALLER: &str = "+14155550123";
const SETTINGS: &[(&str, &str)] = &[
    ("ALLOW_PRIVATE_ENDPOINTS", "true"),
    ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
];

impl World {
    async fn open(kind: Kind) -> Self {
        Self::with_settings(kind, SETTINGS).await
    }

    /// A buyer with money whose endpoint bids.
    async fn outside(&self, campaign: &str, bidder: &Bidder, more: Json) -> String {
        let buyer = self.buyer(100_000, json!({})).await;
        self.profile(
            &buyer,
            campaign,
            0,
            json!({"amount": null, "endpoint": endpoint(bidder, more)}),
        )
        .await;
        buyer
    }

    async fn ping(&self, campaign: &str, more: Json) -> Json {
        let mut body = json!({"call_campaign_id": campaign, "from_number": CALLER});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.client.ok(Post, "/v1/pings", Some(body)).await
    }

    async fn accept(&self, ping: &Json) -> (u16, Json) {
        let uri = format!("/v1/pings/{}/accept", text(ping, "id"));
        self.client.call(Post, &uri, None).await
    }

    async fn arrive(&self, ping: &Json, from_number: &str) -> (u16, Json) {
        let body = json!({
            "ping_id": ping["id"], "from_number": from_number, "to_number": "+14155550100",
            "reference": format!("call of {}", text(ping, "id")),
        });
        self.client.call(Post, "/v1/calls", Some(body)).await
    }
}

fn endpoint(bidder: &Bidder, more: Json) -> Json {
    let mut endpoint = json!({"url": bidder.url, "timeout_ms": 2_000});
    endpoint
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    endpoint
}

fn reason_of(ping: &Json, buyer: &str) -> String {
    let dropped = ping["dropped"].as_array().unwrap();
    let found = dropped.iter().find(|one| one["buyer_id"] == json!(buyer));
    found.map_or(String::new(), |one| text(one, "reason").to_owned())
}

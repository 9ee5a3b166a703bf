//! What did-manager knows of a business: its zone, hours, place and rules. Asked by RPC, and remembered.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    models::{
        error::{Result, Status},
        hours::Hours,
        identity::Scope,
        point::Point,
    },
    requesthandler::RpcClient,
};
use chrono_tz::Tz;
use moka::sync::Cache;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value as Json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::models::business::Emergency;

/// Who is asked.
const DID_MANAGER: &str = "did-manager";
/// How long an answer is believed without asking again.
const FRESH: Duration = Duration::from_secs(5);
/// How long it is believed while nobody answers.
const STALE: Duration = Duration::from_secs(600);
/// Businesses that are remembered.
const KNOWN_MAX: u64 = 10_000;
/// How long a hold lasts unless the business says otherwise, in seconds.
pub(crate) const HOLD_TTL_DEFAULT: i32 = 600;
/// How long people have to answer unless the business says otherwise, in seconds.
const TAKEOVER_DELAY_DEFAULT: u32 = 60;

/// What is wanted of a customer. A field that is absent, or has a shape that is not known, is as if it were not set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Business {
    /// Its name, for people.
    #[serde(deserialize_with = "lenient")]
    pub name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    timezone: Option<String>,
    #[serde(deserialize_with = "lenient")]
    hours: Option<Hours>,
    #[serde(deserialize_with = "lenient")]
    emergency: Option<Emergency>,
    #[serde(deserialize_with = "lenient")]
    location: Option<Location>,
    /// How far it drives, in miles; none = anywhere.
    #[serde(deserialize_with = "lenient")]
    pub service_radius_miles: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    hold_ttl_seconds: Option<i32>,
    #[serde(deserialize_with = "lenient")]
    retention_days: Option<u32>,
    trade: Option<String>,
    #[serde(deserialize_with = "lenient")]
    ai_takeover_delay_seconds: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Location {
    lat: f64,
    lon: f64,
}

fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    let value = Json::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

impl Business {
    /// Its zone; UTC where it has none.
    pub(crate) fn zone(&self) -> Tz {
        let name = self.timezone.as_deref().unwrap_or_default();
        name.parse().unwrap_or_default()
    }

    /// The name of its zone; empty where it has none.
    pub(crate) fn zone_name(&self) -> &str {
        self.timezone.as_deref().unwrap_or_default()
    }

    /// What it does, e.g. `plumbing`; empty where nothing is said.
    pub(crate) fn trade(&self) -> &str {
        self.trade.as_deref().unwrap_or_default()
    }

    /// How long people have to answer before the assistant does, in seconds.
    pub(crate) fn takeover_delay_seconds(&self) -> u32 {
        self.ai_takeover_delay_seconds
            .unwrap_or(TAKEOVER_DELAY_DEFAULT)
    }

    /// Its opening hours; always open where it has none.
    pub(crate) fn hours(&self) -> Hours {
        self.hours.clone().unwrap_or_default()
    }

    /// What it calls danger.
    pub(crate) fn emergency(&self) -> Emergency {
        self.emergency.clone().unwrap_or_default()
    }

    /// Where it is.
    pub(crate) fn point(&self) -> Option<Point> {
        self.location.and_then(|at| Point::new(at.lat, at.lon))
    }

    /// How long messages are kept, in days; 0 = as everywhere.
    pub(crate) fn retention_days(&self) -> u32 {
        self.retention_days.unwrap_or(0)
    }

    /// How long a hold lasts, in seconds.
    pub(crate) fn hold_ttl_seconds(&self, max: i32) -> i32 {
        let ttl = self.hold_ttl_seconds.unwrap_or(HOLD_TTL_DEFAULT);
        ttl.clamp(1, max)
    }
}

/// Businesses by id. Clones share what is known.
#[derive(Clone)]
pub(crate) struct Businesses {
    rpc: RpcClient,
    known: Cache<Uuid, Known>,
}

#[derive(Clone)]
struct Known {
    /// When it was last asked for, whether or not somebody answered.
    asked: Instant,
    /// When it was learned.
    learned: Instant,
    business: Arc<Business>,
}

impl Businesses {
    pub(crate) fn new(rpc: RpcClient) -> Self {
        let known = Cache::builder().max_capacity(KNOWN_MAX).time_to_live(STALE);
        Self {
            rpc,
            known: known.build(),
        }
    }

    /// A business. While did-manager is away, as it last was. Not to be asked while a transaction is open.
    ///
    /// # Errors
    /// 404 when there is none; 503 when it is not known and nobody answers.
    pub(crate) async fn get(
        &self,
        ctx: &RequestContext,
        customer_id: Uuid,
    ) -> Result<Arc<Business>> {
        let known = self.known.get(&customer_id);
        let known = known.filter(|known| known.learned.elapsed() < STALE);
        if let Some(known) = &known
            && known.asked.elapsed() < FRESH
        {
            return Ok(Arc::clone(&known.business));
        }
        let mut ctx = ctx.clone();
        ctx.scope = Scope::tenant(customer_id);
        // A read: it must not be answered from what an effect was answered before.
        (ctx.operation, ctx.origin) = (None, None);
        let uri = format!("/v1/customers/{customer_id}");
        match self.rpc.get::<Business>(DID_MANAGER, &uri, &ctx).await {
            Ok(business) => {
                let business = Arc::new(business);
                let now = Instant::now();
                let known = Known {
                    asked: now,
                    learned: now,
                    business: Arc::clone(&business),
                };
                self.known.insert(customer_id, known);
                Ok(business)
            }
            Err(error) if error.status() == Status::Unavailable => {
                let mut known = known.ok_or(error)?;
                // Not each request waits for somebody who does not answer.
                known.asked = Instant::now();
                self.known.insert(customer_id, known.clone());
                Ok(known.business)
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Self::get`], where the answer is not needed for what is done: nothing when it is not known.
    pub(crate) async fn find(
        &self,
        ctx: &RequestContext,
        customer_id: Uuid,
    ) -> Option<Arc<Business>> {
        self.get(ctx, customer_id).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use bin_common_handler::{
        models::{error::Error, sock::Response},
        requesthandler::MockRpc,
    };
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::whole(
        json!({"timezone": "America/New_York", "hours": "09:00-17:00", "location": {"lat": 40.0, "lon": -74.0},
            "service_radius_miles": 20, "hold_ttl_seconds": 300, "emergency": {"words": ["no heat"]}}),
        ("America/New_York", 1, true, 300, 1)
    )]
    #[case::absent(json!({}), ("UTC", 0, false, 600, 0))]
    #[case::strange(
        json!({"timezone": "Mars", "hours": 7, "location": [1], "service_radius_miles": "far", "hold_ttl_seconds": 0,
            "emergency": {"words": "no heat"}}),
        ("UTC", 0, false, 1, 0)
    )]
    fn what_is_not_understood_is_as_if_it_were_not_set(
        #[case] customer: Json,
        #[case] expected: (&str, usize, bool, i32, usize),
    ) {
        let business: Business = serde_json::from_value(customer).unwrap();
        let read = (
            business.zone().name(),
            business.hours().windows().len(),
            business.point().is_some(),
            business.hold_ttl_seconds(3_600),
            business.emergency().words.len(),
        );
        assert_eq!(read, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_business_is_asked_for_again_and_stays_known_while_nobody_answers() {
        let mut rpc = MockRpc::new();
        let mut asked = 0;
        rpc.expect_send().returning(move |service, request, _| {
            assert_eq!(service, "did-manager");
            assert_eq!(request.customer_id, Some(Uuid::from_u128(7)));
            asked += 1;
            match asked {
                1 => Ok(Response::ok(&json!({"name": "first"}))),
                3 => Ok(Response::ok(&json!({"name": "second"}))),
                _ => Err(Error::unavailable("service", "away")),
            }
        });
        let businesses = Businesses::new(RpcClient::new(Arc::new(rpc), "chat-manager"));
        let ctx = RequestContext::internal();
        let name = async || {
            let business = businesses.get(&ctx, Uuid::from_u128(7)).await;
            business.ok()?.name.clone()
        };
        let first = Some("first".to_owned());
        assert_eq!((name().await, name().await), (first.clone(), first.clone()));
        tokio::time::advance(FRESH).await;
        // Nobody answers once, and is left in peace for a while.
        assert_eq!((name().await, name().await), (first.clone(), first));
        tokio::time::advance(FRESH).await;
        assert_eq!(name().await.as_deref(), Some("second"));
        // It is not believed for ever, however often it is asked for.
        for _ in 0..STALE.as_secs() / FRESH.as_secs() {
            assert!(name().await.is_some());
            tokio::time::advance(FRESH).await;
        }
        assert_eq!(name().await, None);
    }
}

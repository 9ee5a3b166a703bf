//! Events for numbers and pools that have had all their calls.

use bin_common_handler::{
    context::RequestContext, databasehandler::EventPayload, models::time::Timestamp,
};
use serde_json::json;
use uuid::Uuid;

use super::shard::Shard;
use crate::{
    choice::{pick::Refused, view::View},
    dbhandler::exhaustions,
    models::{didpool, didstate::State},
};

/// What is said when a number has just had its last call of a day or an hour.
pub(super) fn exhausted(view: &View, state: &State, now: i64) -> Option<EventPayload> {
    let (_, number) = view.by_id(state.did_id)?;
    let windows = view.windows_at(now);
    let blocked = number.spent(state, &view.defaults, &windows, now)?;
    let data = json!({
        "id": number.id,
        "customer_id": state.customer_id,
        "number": number.number,
        "reason": blocked.by.as_str(),
        "calls_today": state.today(&windows),
        "calls_this_hour": state.this_hour(&windows),
        "until": Timestamp::from_micros(blocked.until),
    });
    Some(EventPayload {
        resource_id: number.id,
        customer_id: state.customer_id,
        version: Timestamp::from_micros(now),
        data: data.to_string(),
    })
}

/// Says, once an hour, that a pool's numbers have all had their calls.
pub(super) async fn announce_exhausted(
    shard: &mut Shard,
    customer_id: Uuid,
    pool: Uuid,
    refused: &Refused,
    now: i64,
) {
    if !matches!(refused.reason, "daily_cap" | "hourly_cap") {
        return;
    }
    let store = shard.store.clone();
    let Ok(tenant) = shard.tenant(customer_id) else {
        return;
    };
    let windows = tenant.snapshot.view.windows_at(now);
    let resource_id = if pool.is_nil() { customer_id } else { pool };
    if !tenant.is_news(resource_id, windows.hour) {
        return;
    }
    let ctx = RequestContext::internal();
    let emitted = async {
        let mut tx = store.begin(&ctx).await?;
        if exhaustions::note(&mut tx, resource_id, windows.hour).await? {
            let data = json!({
                "id": pool, "customer_id": customer_id, "reason": refused.reason,
                "retry_at": refused.retry_at.map(Timestamp::from_micros),
            });
            let payload = EventPayload {
                resource_id,
                customer_id,
                version: Timestamp::from_micros(now),
                data: data.to_string(),
            };
            tx.emit_payload(didpool::EXHAUSTED, payload).await?;
        }
        tx.commit(()).await
    };
    if let Err(error) = emitted.await {
        tracing::debug!(%error, "not announced that a pool is exhausted");
    }
}

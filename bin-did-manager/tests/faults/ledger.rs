//! Three ledgers that must agree: what callers were told, the rows, the events.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::{models::sock::Method::Get, testing::lab::Scene};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{book::Book, rows::Rows, tenant::Tenant};

const SECOND: i64 = 1_000_000;
/// Usages of one transaction are a microsecond apart each, and stand after its time.
const SPREAD_MAX: i64 = 1_000;

/// As [`counted`]; and every number that had its last call of the day was told of once.
pub async fn agree(scene: &Scene, tenant: &Tenant, book: &Book) -> Rows {
    let rows = counted(scene, tenant, book).await;
    told_once(scene, tenant, &rows).await;
    rows
}

/// As [`agree`]; and every number had all its calls.
pub async fn used_up(scene: &Scene, tenant: &Tenant, book: &Book) {
    let rows = agree(scene, tenant, book).await;
    assert_eq!(rows.usages.len(), tenant.capacity(), "every call was given");
    assert!(!book.refused.is_empty(), "nobody was refused");
    for refused in &book.refused {
        assert_eq!(refused.reason, "daily_cap", "{refused:?}");
    }
}

/// Every answered call has one usage with the number it was told, and nothing else has; every counter is the
/// number of its usages and within its cap.
pub async fn counted(scene: &Scene, tenant: &Tenant, book: &Book) -> Rows {
    assert!(book.faults.is_empty(), "{:#?}", book.faults);
    assert!(!book.given.is_empty(), "nothing was given");
    scene.settled("did_outbox").await;
    assert_eq!(scene.count("did_parked").await, 0);
    let rows = Rows::read(scene, tenant).await;
    usages_are_those_told(&rows, book);
    no_usage_is_an_orphan(scene).await;
    figures_are_the_usages(tenant, &rows).await;
    for did in &tenant.dids {
        counters_are_the_usages(&rows, did.id, tenant);
        rests_between_calls(&rows, did.id, tenant.pool.cooldown_seconds);
    }
    rows
}

fn usages_are_those_told(rows: &Rows, book: &Book) {
    let mut numbers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for usage in &rows.usages {
        let of_call = numbers.entry(&usage.uniqueid).or_default();
        of_call.push(&usage.number);
    }
    for call in &book.given {
        let used = numbers.remove(call.uniqueid.as_str()).unwrap_or_default();
        assert_eq!(used, [call.number.as_str()], "usages of {call:?}");
    }
    assert!(numbers.is_empty(), "usages without a call: {numbers:?}");
}

async fn no_usage_is_an_orphan(scene: &Scene) {
    let orphans = "did_usages u \
                   LEFT JOIN did_dids d ON d.id = u.did_id AND d.customer_id = u.customer_id AND d.number = u.number \
                   LEFT JOIN did_customers c ON c.id = u.customer_id \
                   WHERE d.id IS NULL OR c.id IS NULL";
    assert_eq!(scene.count(orphans).await, 0);
}

/// What rollups say and what they do not count yet, together.
async fn figures_are_the_usages(tenant: &Tenant, rows: &Rows) {
    let figures = tenant.ok(Get, "/v1/analytics/metrics", Json::Null).await;
    assert_eq!(figures["calls"], rows.usages.len(), "{figures}");
}

fn counters_are_the_usages(rows: &Rows, did_id: Uuid, tenant: &Tenant) {
    let counters = rows.counters[&did_id];
    let usages = rows.of(did_id);
    let today = usages.iter().filter(|usage| usage.at >= counters.day_start);
    let today = today.count();
    assert_eq!(counters.day_count as usize, today, "{counters:?}");
    assert_eq!(counters.total as usize, usages.len(), "{counters:?}");
    assert!(today <= tenant.pool.daily_cap, "over its cap: {counters:?}");
    let last = usages.last().map_or(0, |usage| usage.at);
    assert!(
        (0..SPREAD_MAX).contains(&(last - counters.last_used)),
        "used last at {last}: {counters:?}"
    );
}

fn rests_between_calls(rows: &Rows, did_id: Uuid, cooldown_seconds: i64) {
    for two in rows.of(did_id).windows(2) {
        let rest = two[1].at - two[0].at;
        assert!(
            rest >= cooldown_seconds * SECOND - SPREAD_MAX,
            "too soon: {two:?}"
        );
    }
}

async fn told_once(scene: &Scene, tenant: &Tenant, rows: &Rows) {
    let mut told: BTreeMap<Uuid, BTreeSet<String>> = BTreeMap::new();
    for event in scene.heard().await {
        if event.kind == "did_exhausted" {
            assert_eq!(event.data["reason"], "daily_cap", "{event:?}");
            told.entry(event.id).or_default().insert(event.message_id);
        }
    }
    for did in &tenant.dids {
        let is_used_up = rows.counters[&did.id].day_count as usize == tenant.pool.daily_cap;
        let ids = told.remove(&did.id).unwrap_or_default();
        assert_eq!(ids.len(), usize::from(is_used_up), "{did:?}: {ids:?}");
    }
    assert!(told.is_empty(), "told of strangers: {told:?}");
}

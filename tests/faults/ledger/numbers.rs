//! Numbers: every call that was given one has one usage, no number is over its cap, and whoever was used up was
//! told of once.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::{
    models::sock::Method::Get,
    testing::lab::{Heard, Site},
};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    load::Book,
    tally::Tally,
    tenant::{Did, Tenant},
};

/// A number that was given, as its row tells.
#[derive(bin_common_handler::FromRow)]
struct Usage {
    did_id: Uuid,
    number: String,
    uniqueid: String,
    /// µs since the Unix epoch, by the database's clock.
    at: i64,
}

/// Usages of one transaction are a microsecond apart each, and stand after its time.
const SPREAD_MAX_US: i64 = 1_000;

/// The counters of a number.
#[derive(Debug, bin_common_handler::FromRow)]
struct Counters {
    did_id: Uuid,
    day_count: i32,
    total: i64,
}

/// Counts what does not agree.
pub async fn agree(site: &Site, tenant: &Tenant, book: &Book, heard: &[Heard], tally: &mut Tally) {
    let usages = usages(site, tenant.id).await;
    usages_are_those_told(&usages, tenant, book, tally);
    let counters = counters(site, tenant.id).await;
    for did in &tenant.dids {
        let used = usages.iter().filter(|usage| usage.did_id == did.id).count();
        let is_within = used <= tenant.limits.daily_cap;
        tally.promise(is_within, || {
            format!("over its cap: {did:?} had {used} calls")
        });
        let (today, total) = counters.get(&did.id).copied().unwrap_or_default();
        tally.promise((today, total) == (used, used), || {
            format!("{did:?} had {used} calls, and counts {today} today and {total} in all")
        });
        if did.is_steady {
            told_once(did, used == tenant.limits.daily_cap, heard, tally);
        }
    }
    rests_between_calls(&usages, tenant, tally);
    let rests = tenant.limits.rest_seconds > 0;
    for (_, reason) in book.refused.iter().filter(|(id, _)| *id == tenant.id) {
        let is_right = reason == "daily_cap" || (rests && reason == "cooling");
        tally.promise(is_right, || format!("refused: {reason}"));
    }
    // What rollups say and what they do not count yet, together.
    let figures = tenant.ok(Get, "/v1/analytics/metrics", Json::Null).await;
    tally.promise(figures["calls"] == usages.len(), || {
        format!("{} usages, and analytics says {figures}", usages.len())
    });
}

async fn usages(site: &Site, customer_id: Uuid) -> Vec<Usage> {
    let sql = "SELECT did_id, number, uniqueid, \
               TIMESTAMPDIFF(MICROSECOND, '1970-01-01', tm_create) AS at \
               FROM did_usages WHERE customer_id = ? ORDER BY did_id, tm_create";
    sqlx::query_as(sql)
        .bind(customer_id)
        .fetch_all(&mut site.db().await)
        .await
        .unwrap()
}

/// Calls today and in all, of each number.
async fn counters(site: &Site, customer_id: Uuid) -> BTreeMap<Uuid, (usize, usize)> {
    let sql = "SELECT did_id, day_count, total FROM did_states WHERE customer_id = ?";
    let rows: Vec<Counters> = sqlx::query_as(sql)
        .bind(customer_id)
        .fetch_all(&mut site.db().await)
        .await
        .unwrap();
    rows.into_iter()
        .map(|row| (row.did_id, (row.day_count as usize, row.total as usize)))
        .collect()
}

fn usages_are_those_told(usages: &[Usage], tenant: &Tenant, book: &Book, tally: &mut Tally) {
    let mut numbers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for usage in usages {
        let of_call = numbers.entry(&usage.uniqueid).or_default();
        of_call.push(&usage.number);
    }
    let given = book
        .given
        .iter()
        .filter(|call| call.customer_id == tenant.id);
    for call in given {
        let used = numbers.remove(call.uniqueid.as_str()).unwrap_or_default();
        tally.lost(u64::from(used.is_empty()), || {
            format!("the usage of {call:?}")
        });
        let more = (used.len() as u64).saturating_sub(1);
        tally.twice(more, || format!("{used:?} were given to {call:?}"));
        let is_told = used.iter().all(|number| *number == call.number);
        tally.promise(is_told, || format!("{call:?} counts for {used:?}"));
    }
    // Nobody was told of these.
    tally.twice(numbers.len() as u64, || {
        format!("usages that nobody was told of: {numbers:?}")
    });
}

/// Whoever gave the number, and whoever died.
fn rests_between_calls(usages: &[Usage], tenant: &Tenant, tally: &mut Tally) {
    let rest_us = tenant.limits.rest_seconds * 1_000_000 - SPREAD_MAX_US;
    for two in usages.windows(2) {
        let (first, second) = (&two[0], &two[1]);
        let is_rested = first.did_id != second.did_id || second.at - first.at >= rest_us;
        tally.promise(is_rested, || {
            format!(
                "too soon: {} at {} and {}",
                first.number, first.at, second.at
            )
        });
    }
}

fn told_once(did: &Did, is_used_up: bool, heard: &[Heard], tally: &mut Tally) {
    let events = heard
        .iter()
        .filter(|event| event.kind == "did_exhausted" && event.id == did.id);
    let ids: BTreeSet<_> = events.map(|event| &event.message_id).collect();
    let (told, changes) = (ids.len() as u64, u64::from(is_used_up));
    let both = || format!("{told} events for {changes} exhaustions of {did:?}");
    tally.missing(changes.saturating_sub(told), both);
    tally.twice(told.saturating_sub(changes), both);
}

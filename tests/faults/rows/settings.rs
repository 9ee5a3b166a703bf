//! No fault, and the same promise: limits, numbers and campaigns change under load, and whoever asks after the
//! reply to a change gets what it says, on every replica.

use std::collections::BTreeSet;

use bin_common_handler::models::sock::Method::{Delete, Post, Put};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::{
    fault::{Fault, fault},
    load::{CAMPAIGN, Given, Kind},
    round::Round,
    tenant::{Did, id_of},
};

/// Calls that are waited for after a change.
const CALLS: u64 = 60;

pub const FAULTS: &[Fault] = &[
    fault(
        "cap-lowered",
        "no fault: a lower cap holds from its reply on",
        |round| Box::pin(cap_lowered(round)),
    ),
    fault(
        "number-withdrawn",
        "no fault: a number switched off or deleted is not given any more",
        |round| Box::pin(number_withdrawn(round)),
    ),
    fault(
        "pool-switched",
        "no fault: a campaign that changes its pool gets the new numbers",
        |round| Box::pin(pool_switched(round)),
    ),
];

fn uri(did: &Did) -> String {
    format!("/v1/dids/{}", did.id)
}

/// Calls of the wide tenant that began after `moment` and were given `did`.
fn given_after(round: &Round<'_>, did: &Did, moment: Instant) -> Vec<Given> {
    round.load.peek(|book| {
        let calls = book.given.iter();
        calls
            .filter(|call| call.customer_id == round.tenants.wide.id)
            .filter(|call| call.number == did.number && call.began > moment)
            .cloned()
            .collect()
    })
}

/// The first half of the wide tenant's numbers.
fn half(round: &Round<'_>) -> Vec<Did> {
    let dids = &round.tenants.wide.dids;
    dids[..dids.len() / 2].to_vec()
}

async fn cap_lowered(round: &mut Round<'_>) {
    const LOWERED: i64 = 10;
    let mut lowered = Vec::new();
    for did in half(round) {
        let body = json!({ "daily_cap": LOWERED });
        round.tenants.wide.ok(Put, &uri(&did), body).await;
        lowered.push((did, Instant::now()));
    }
    round
        .tenants
        .wide
        .unsteady(&lowered.iter().map(|(did, _)| did.id).collect());
    round.load.goes_on_with(Kind::Number, 4 * CALLS).await;
    round.heal();
    for (did, at) in lowered {
        let newer = given_after(round, &did, at).len();
        let rows = format!("did_usages WHERE did_id = UNHEX('{}')", did.id.simple());
        let all = round.world.did().site.count(&rows).await;
        round.promise(
            newer == 0 || all <= LOWERED,
            format!("{did:?} was given {newer} times of {all}"),
        );
    }
}

async fn number_withdrawn(round: &mut Round<'_>) {
    let mut gone = Vec::new();
    for (position, did) in half(round).into_iter().enumerate() {
        let tenant = &round.tenants.wide;
        if position % 2 == 0 {
            let body = json!({"status": "inactive"});
            tenant.ok(Put, &uri(&did), body).await;
        } else {
            tenant.ok(Delete, &uri(&did), Json::Null).await;
        }
        gone.push((did, Instant::now()));
    }
    round.load.goes_on_with(Kind::Number, 2 * CALLS).await;
    round.heal();
    for (did, at) in gone {
        let newer = given_after(round, &did, at);
        round.promise(newer.is_empty(), format!("{did:?} was given: {newer:?}"));
    }
}

async fn pool_switched(round: &mut Round<'_>) {
    let tenant = round.tenants.wide.clone();
    let mut pools = Vec::new();
    for dids in tenant.dids.chunks(tenant.dids.len() / 2) {
        let ids: Vec<_> = dids.iter().map(|did| did.id).collect();
        let body = json!({"name": format!("pool {}", pools.len()), "did_ids": ids});
        let pool = id_of(&tenant.ok(Post, "/v1/didpools", body).await);
        let numbers: BTreeSet<_> = dids.iter().map(|did| did.number.clone()).collect();
        pools.push((pool, numbers));
    }
    let body = json!({"vicidial_campaign_id": CAMPAIGN, "didpool_id": pools[0].0});
    let campaign = id_of(&tenant.ok(Post, "/v1/campaigns", body).await);
    for switch in 1..=6 {
        let (pool, numbers) = &pools[switch % 2];
        let uri = format!("/v1/campaigns/{campaign}");
        tenant.ok(Put, &uri, json!({ "didpool_id": pool })).await;
        let answered = Instant::now();
        round.load.goes_on_with(Kind::Number, CALLS).await;
        let strange = round.load.peek(|book| {
            let calls = book.given.iter();
            calls
                .filter(|call| call.customer_id == tenant.id && call.began > answered)
                .find(|call| !numbers.contains(&call.number))
                .cloned()
        });
        round.promise(
            strange.is_none(),
            format!("of the pool before: {strange:?}"),
        );
    }
    round.heal();
}

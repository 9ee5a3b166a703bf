//! Limits, numbers and campaigns change while numbers are given out: who asks after the reply to a change
//! gets what it says, on every replica.

use std::collections::BTreeSet;

use bin_common_handler::{
    models::sock::Method::{Delete, Post, Put},
    testing::lab::{Daemon, Scene},
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::{
    ledger,
    load::{Load, Manners},
    tenant::{Did, Pool, Tenant, id_of, scene},
};

/// Two replicas, a tenant, and callers for one campaign.
struct World {
    scene: Scene,
    _replicas: (Daemon, Daemon),
    tenant: Tenant,
}

impl World {
    async fn new() -> Self {
        let scene = scene().await;
        let replicas = (scene.daemon().await, scene.daemon().await);
        let tenant = Tenant::in_mid_day(&scene, Pool::default()).await;
        Self {
            scene,
            _replicas: replicas,
            tenant,
        }
    }

    fn load(&self) -> Load {
        let manners = Manners {
            campaign: "A",
            ..Manners::default()
        };
        Load::start(&self.tenant, manners)
    }

    async fn change(&self, did: &Did, body: Json) -> Instant {
        self.tenant.ok(Put, &uri(did), body).await;
        Instant::now()
    }
}

fn uri(did: &Did) -> String {
    format!("/v1/dids/{}", did.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_that_is_lowered_holds_from_its_reply_on() {
    const LOWERED: usize = 5;
    let world = World::new().await;
    let load = world.load();
    load.begin(600);
    load.goes_on(150).await;
    let mut lowered = Vec::new();
    for did in &world.tenant.dids[..10] {
        let body = json!({ "daily_cap": LOWERED });
        lowered.push((did, world.change(did, body).await));
    }
    load.exhaust().await;
    let book = load.finish().await;
    let rows = ledger::counted(&world.scene, &world.tenant, &book).await;
    for (did, at) in lowered {
        let newer = book
            .given_after(at)
            .filter(|call| call.number == did.number);
        let (newer, all) = (newer.count(), rows.of(did.id).len());
        assert!(newer == 0 || all <= LOWERED, "{did:?}: {newer} of {all}");
    }
    let counts = book.counts();
    for did in &world.tenant.dids[10..] {
        let given = counts.get(did.number.as_str()).copied();
        assert_eq!(given, Some(world.tenant.pool.daily_cap), "{did:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_switched_off_or_deleted_is_not_given_any_more() {
    let world = World::new().await;
    let load = world.load();
    let mut gone = Vec::new();
    for (position, did) in world.tenant.dids.iter().enumerate() {
        load.begin(10);
        load.goes_on(5).await;
        let at = if position % 2 == 0 {
            world.change(did, json!({"status": "inactive"})).await
        } else {
            world.tenant.ok(Delete, &uri(did), Json::Null).await;
            Instant::now()
        };
        gone.push((did, at));
    }
    load.begin(50);
    let book = load.finish().await;
    for (did, at) in &gone {
        let newer = book.given_after(*at).find(|call| call.number == did.number);
        assert!(newer.is_none(), "{did:?} was given: {newer:?}");
    }
    let (_, last) = gone[gone.len() - 1];
    let refused = book.refused.iter().filter(|call| call.began > last);
    let reasons: BTreeSet<_> = refused.map(|call| call.reason.as_str()).collect();
    assert_eq!(
        Vec::from_iter(reasons),
        ["inactive"],
        "deleted ones are not counted"
    );
    ledger::counted(&world.scene, &world.tenant, &book).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_changes_its_pool_gets_the_new_numbers() {
    let world = World::new().await;
    let tenant = &world.tenant;
    let mut pools = Vec::new();
    for dids in tenant.dids.chunks(tenant.dids.len() / 2) {
        let ids: Vec<_> = dids.iter().map(|did| did.id).collect();
        let body = json!({"name": format!("pool {}", pools.len()), "did_ids": ids});
        let pool = id_of(&tenant.ok(Post, "/v1/didpools", body).await);
        let numbers: BTreeSet<_> = dids.iter().map(|did| did.number.as_str()).collect();
        pools.push((pool, numbers));
    }
    let body = json!({"vicidial_campaign_id": "A", "didpool_id": pools[0].0});
    let campaign = id_of(&tenant.ok(Post, "/v1/campaigns", body).await);
    let uri = format!("/v1/campaigns/{campaign}");

    let load = world.load();
    let mut switches = vec![(Instant::now(), Instant::now(), 0)];
    for round in 1..=8 {
        load.begin(50);
        load.goes_on(25).await;
        let (pool, asked) = (round % 2, Instant::now());
        tenant
            .ok(Put, &uri, json!({"didpool_id": pools[pool].0}))
            .await;
        switches.push((asked, Instant::now(), pool));
    }
    load.begin(50);
    let book = load.finish().await;
    for (number, (_, answered, pool)) in switches.iter().enumerate() {
        let next = switches.get(number + 1).map(|(asked, ..)| *asked);
        let meanwhile = book
            .given_after(*answered)
            .filter(|call| next.is_none_or(|next| call.ended < next));
        for call in meanwhile {
            assert!(pools[*pool].1.contains(call.number.as_str()), "{call:?}");
        }
    }
    ledger::agree(&world.scene, tenant, &book).await;
}

//! One round: a load begins, a fault is made and healed, everything recovers and settles, and is held against
//! the ledgers.

use std::time::Duration;

use bin_common_handler::{ids, testing::until_within};
use rand::{SeedableRng, rngs::SmallRng};
use tokio::time::Instant;

use crate::{
    aftermath, fault::Fault, ledger, load::Load, market::Market, tally::Tally, tenant::Tenants,
    texts::Texts, world::World,
};

/// The longest backoff twice, and the longest any single wait takes.
const RECOVERY_MAX: Duration = Duration::from_secs(75);
/// Operations of each kind before a fault is made.
const STEADY: u64 = 8;

/// What a fault has to work with.
pub struct Round<'w> {
    /// Nodes and daemons.
    pub world: &'w mut World,
    /// Whose numbers are given out.
    pub tenants: Tenants,
    /// Callers at work.
    pub load: Load,
    /// Follows from the seed.
    pub chance: SmallRng,
    /// Whether there is a night for it.
    pub is_long: bool,
    /// What was broken that ledgers do not tell.
    pub broken: Vec<String>,
    healed: Option<Instant>,
}

impl Round<'_> {
    /// From now on everything may recover.
    pub fn heal(&mut self) {
        self.healed = Some(Instant::now());
    }

    /// Waits until some more operations of every kind were done.
    pub async fn goes_on(&self) {
        self.load.goes_on(STEADY).await;
    }

    /// A name that nothing else has.
    pub fn name(&self, what: &str) -> String {
        format!("{what}-{}", ids::next().simple())
    }

    /// Notes a broken promise unless `is_kept`.
    pub fn promise(&mut self, is_kept: bool, what: impl Into<String>) {
        if !is_kept {
            self.broken.push(what.into());
        }
    }

    /// Waits until requests of every kind that began after the healing were answered and every replica serves;
    /// how long that took.
    async fn recover(&mut self) -> Duration {
        let healed = self.healed.unwrap_or_else(Instant::now);
        until_within(RECOVERY_MAX, "everything is answered again", async || {
            self.load.has_answered_all_since(healed).then_some(())
        })
        .await;
        self.world.ready().await;
        healed.elapsed()
    }
}

/// Makes `fault` in `world` and counts what came of it.
pub async fn run(world: &mut World, fault: &Fault, seed: u64, is_long: bool) -> Tally {
    let tenants = Tenants::new(&world.did().site).await;
    let market = Market::new(&world.call().site).await;
    let texts = Texts::new(world, &tenants.wide).await;
    let load = Load::start(
        [&world.outdial().site, &world.chat().site],
        &tenants,
        &market,
        &texts,
        fault.manners,
    )
    .await;
    let mut round = Round {
        world,
        tenants,
        load,
        chance: SmallRng::seed_from_u64(seed),
        is_long,
        broken: Vec::new(),
        healed: None,
    };
    round.goes_on().await;
    round.load.steady();
    (fault.make)(&mut round).await;
    let recovery = round.recover().await;
    round.goes_on().await;
    let Round {
        world,
        tenants,
        load,
        broken,
        ..
    } = round;
    let book = load.finish().await;
    world.restore().await;
    ledger::let_time_pass(world, &market).await;
    world.settled().await;
    let mut tally = Tally {
        recovery,
        broken,
        ..Tally::default()
    };
    ledger::hold(world, &tenants, &market, &book, &mut tally).await;
    // Where clocks are an hour off, a call is too old to be greeted for, and what waits for its time waits an hour.
    if !fault.name.starts_with("clock-") {
        ledger::hold_texts(world, &texts, &book, &mut tally).await;
    }
    aftermath::check(world, &mut tally).await;
    tally
}

//! Which faults are made in which order, and what chance does in each: all of it follows from one seed.

use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};

use crate::fault::Fault;

/// One round.
pub struct Planned {
    /// What is made.
    pub fault: &'static Fault,
    /// What chance does meanwhile.
    pub seed: u64,
}

/// So many rounds of each fault: one each in the order given, more in random order.
pub fn plan(faults: &[&'static Fault], rounds: u32, seed: u64) -> Vec<Planned> {
    let mut planned: Vec<_> = (0..rounds)
        .flat_map(|round| {
            faults.iter().map(move |fault| Planned {
                fault,
                seed: seed_of(seed, fault.name, round),
            })
        })
        .collect();
    if rounds > 1 {
        planned.shuffle(&mut SmallRng::seed_from_u64(seed));
    }
    planned
}

/// The same whatever else is made: so a fault can be repeated by itself (FNV-1a).
fn seed_of(seed: u64, name: &str, round: u32) -> u64 {
    let bytes = seed.to_le_bytes().into_iter();
    let bytes = bytes.chain(name.bytes()).chain(round.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

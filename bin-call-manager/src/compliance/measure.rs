//! For the benchmark: what a check costs, without a database.

use std::time::{Duration, Instant};

use bin_common_handler::models::time::Timestamp;

use super::{Address, Facts, Listed, Purpose, check};

/// 2026-11-25 18:00 UTC.
const AT: Timestamp = Timestamp::from_micros(1_795_716_000_000_000);
const NUMBERS: [&str; 8] = [
    "+12125550123",
    "+14155550123",
    "+14232650123",
    "+18504320123",
    "+13055550123",
    "+12082000123",
    "+12145550123",
    "+16175550123",
];

/// The mean time of one check of a solicitation, over numbers of one to three zones; `checks` of them, at least one.
pub fn checks(checks: u32) -> Duration {
    let listed = Listed {
        federal_imported: Some(AT),
        ..Listed::default()
    };
    let once = |number| {
        std::hint::black_box(check(&Facts {
            number,
            address: Address::default(),
            at: AT,
            is_inbound: false,
            purpose: Purpose::Marketing,
            attempts: &[],
            listed: &listed,
            consent: None,
            requires_consent: false,
            relationships: &[],
            own_rules: &[],
        }));
    };
    // The first ones read the tables.
    NUMBERS.iter().copied().for_each(once);
    let started = Instant::now();
    NUMBERS
        .iter()
        .copied()
        .cycle()
        .take(checks.max(1) as usize)
        .for_each(once);
    started.elapsed() / checks.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo test -p bin-call-manager --release check_costs -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn what_a_check_costs() {
        println!("one check: {:?}", checks(1_000_000));
    }

    #[test]
    fn a_check_is_measured() {
        assert!(checks(64) > Duration::ZERO);
    }
}

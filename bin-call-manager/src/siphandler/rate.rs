//! How many new transactions one address may begin in a second.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use bin_common_handler::config::Setting;
use tokio::time::Instant;

/// The limit.
pub(crate) const RATE: Setting<u64> = Setting::number(
    "SIP_REQUESTS_PER_SECOND",
    "500",
    1..=100_000,
    "SIP requests of one address in a second that begin something new; more are dropped",
    "500",
);
/// Addresses that are remembered. When there are more, those whose second is over go first.
const ADDRESSES_MAX: usize = 4_096;
const SECOND: Duration = Duration::from_secs(1);

/// Counts by address.
pub(super) struct Rates {
    most: u64,
    seen: HashMap<IpAddr, (Instant, u64)>,
}

impl Rates {
    pub(super) fn new(most: u64) -> Self {
        Self {
            most,
            seen: HashMap::new(),
        }
    }

    /// Whether one more is within the limit.
    pub(super) fn admit(&mut self, ip: IpAddr, now: Instant) -> bool {
        if self.seen.len() >= ADDRESSES_MAX && !self.seen.contains_key(&ip) {
            self.seen
                .retain(|_, (start, _)| now.duration_since(*start) < SECOND);
            if self.seen.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let (start, count) = self.seen.entry(ip).or_insert((now, 0));
        if now.duration_since(*start) >= SECOND {
            (*start, *count) = (now, 0);
        }
        *count += 1;
        *count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_share_of_a_second() {
        let mut rates = Rates::new(2);
        let now = Instant::now();
        let (one, other) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let admitted: Vec<bool> = (0..3).map(|_| rates.admit(one, now)).collect();
        assert_eq!(admitted, [true, true, false]);
        assert!(rates.admit(other, now));
        assert!(rates.admit(one, now + SECOND));
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_room() {
        let mut rates = Rates::new(2);
        let now = Instant::now();
        for at in 0..10_000_u32 {
            rates.admit(std::net::Ipv4Addr::from(at).into(), now);
        }
        assert!(rates.seen.len() <= ADDRESSES_MAX);
        assert!(rates.admit([10, 0, 0, 1].into(), now + SECOND));
    }
}

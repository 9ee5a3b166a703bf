//! An instant, as the clocks of several zones show it.

use bin_common_handler::models::{hours, time::Timestamp};
use chrono_tz::Tz;

/// An instant, with the local time of each zone that was asked for: a thousand profiles share a few zones.
#[derive(Debug, Clone)]
pub struct Moment {
    now: Timestamp,
    zones: Vec<(Tz, u16)>,
}

impl Moment {
    /// That instant.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            now,
            zones: Vec::new(),
        }
    }

    /// The instant itself.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Minutes since Monday 00:00 in that zone: 0 to 10,079.
    pub fn minute_of_week(&mut self, zone: Tz) -> u16 {
        if let Some((_, minute)) = self.zones.iter().find(|(known, _)| *known == zone) {
            return *minute;
        }
        let minute = hours::minute_of_week(zone, self.now);
        self.zones.push((zone, minute));
        minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_zone_has_its_own_minute_asked_for_once_or_again() {
        let mut moment = Moment::new("2026-11-02T00:00:00Z".parse().unwrap());
        for (zone, minute) in [
            (chrono_tz::Asia::Kathmandu, 345),
            (chrono_tz::UTC, 0),
            (chrono_tz::Asia::Kathmandu, 345),
        ] {
            assert_eq!(moment.minute_of_week(zone), minute);
        }
    }
}

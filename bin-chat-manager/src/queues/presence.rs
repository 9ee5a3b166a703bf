//! Presence: what a person's devices say together.

use std::time::Duration;

use bin_common_handler::{
    config::{Config, Setting},
    models::time::Timestamp,
    text_enum,
};

/// How long a heartbeat counts.
pub const TTL: Setting<Duration> = Setting::duration(
    "PRESENCE_TTL",
    "120s",
    1_000..=3_600_000,
    "How long a device counts as there after its last heartbeat; devices beat every 30 seconds",
    "120s",
);
/// How long an agent who is gone keeps their chats.
pub const GRACE: Setting<Duration> = Setting::duration(
    "PRESENCE_GRACE",
    "60s",
    0..=3_600_000,
    "How long an agent who went offline keeps their chats before they are offered to others",
    "60s",
);
/// How long a device, and how long an agent's chats, outlive the last heartbeat.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Of a device.
    pub ttl: Duration,
    /// Of the chats, beyond the last device.
    pub grace: Duration,
}

impl Times {
    /// As they are set.
    pub fn new(config: &Config) -> Self {
        Self {
            ttl: config.get(&TTL),
            grace: config.get(&GRACE),
        }
    }
}

text_enum!(
    /// Whether somebody is there.
    pub enum PresenceStatus {
        /// No device of theirs is alive.
        Offline = "offline",
        /// There, and takes chats.
        Online = "online",
        /// Not at the desk.
        Away = "away",
        /// There, and takes no chats.
        Busy = "busy",
    }
);

impl PresenceStatus {
    /// Of several devices the one with the highest counts.
    const fn rank(self) -> u8 {
        match self {
            Self::Online => 3,
            Self::Busy => 2,
            Self::Away => 1,
            Self::Offline | Self::Other(_) => 0,
        }
    }
}

/// What one device said last, and until when that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// What it said.
    pub status: PresenceStatus,
    /// From then on it is dead.
    pub expires_at: Timestamp,
}

/// The status of whoever has these devices: one living device is enough.
pub fn status(devices: impl IntoIterator<Item = Device>, now: Timestamp) -> PresenceStatus {
    devices
        .into_iter()
        .filter(|device| device.expires_at > now)
        .map(|device| device.status)
        .max_by_key(|status| status.rank())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{PresenceStatus as S, *};

    #[rstest]
    #[case::nothing(&[], S::Offline)]
    #[case::one(&[(S::Online, 11)], S::Online)]
    #[case::dead_at_its_time(&[(S::Online, 10)], S::Offline)]
    #[case::one_dead_of_two(&[(S::Online, 9), (S::Online, 11)], S::Online)]
    #[case::the_living_one_counts(&[(S::Online, 9), (S::Away, 11)], S::Away)]
    #[case::online_wins(&[(S::Away, 11), (S::Online, 11), (S::Busy, 11)], S::Online)]
    #[case::busy_over_away(&[(S::Away, 11), (S::Busy, 11)], S::Busy)]
    fn devices_together(#[case] devices: &[(S, i64)], #[case] expected: S) {
        let devices = devices.iter().map(|(status, at)| Device {
            status: *status,
            expires_at: Timestamp::from_micros(*at),
        });
        assert_eq!(status(devices, Timestamp::from_micros(10)), expected);
    }
}

//! The only source of the time of day, so that tests can set it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::models::time::Timestamp;

/// Tells the time in microseconds; clones share the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// The time of day.
    pub fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the system's clock"
        )]
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since_epoch.map_or(0, |elapsed| {
            i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
        });
        let offset = self.offset_micros.load(Ordering::Relaxed);
        #[cfg(feature = "test-support")]
        let offset = offset.saturating_add(skew::micros());
        Timestamp::from_micros(micros.saturating_add(offset))
    }

    /// Moves this clock against the system's, as a faulty replica's would be.
    pub fn shift(&self, micros: i64) {
        self.offset_micros.store(micros, Ordering::Relaxed);
    }
}

/// A process whose clock is wrong for a while: `TANDEM_CLOCK=3600@5..15` is an hour ahead from the fifth to the
/// fifteenth second of its life. In builds for tests only.
#[cfg(feature = "test-support")]
mod skew {
    use std::{
        sync::LazyLock,
        time::{Duration, Instant},
    };

    #[derive(Debug, PartialEq, Eq)]
    struct Skew {
        micros: i64,
        from: Duration,
        to: Duration,
    }

    static SKEW: LazyLock<Option<(Skew, Instant)>> = LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "not a setting: tests only")]
        let wanted = std::env::var("TANDEM_CLOCK").ok()?;
        Some((parse(&wanted)?, Instant::now()))
    });

    /// How far ahead this process is now.
    pub(super) fn micros() -> i64 {
        SKEW.as_ref()
            .filter(|(skew, born)| (skew.from..skew.to).contains(&born.elapsed()))
            .map_or(0, |(skew, _)| skew.micros)
    }

    fn parse(wanted: &str) -> Option<Skew> {
        let (seconds, span) = wanted.split_once('@')?;
        let (from, to) = span.split_once("..")?;
        Some(Skew {
            micros: seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?,
            from: Duration::from_secs(from.parse().ok()?),
            to: Duration::from_secs(to.parse().ok()?),
        })
    }

    #[cfg(test)]
    mod tests {
        use rstest::rstest;

        use super::*;

        #[rstest]
        #[case("3600@5..15", Some((3_600_000_000, 5, 15)))]
        #[case("-60@0..9", Some((-60_000_000, 0, 9)))]
        #[case("3600", None)]
        #[case("an hour@5..15", None)]
        fn how_far_and_for_how_long(
            #[case] wanted: &str,
            #[case] expected: Option<(i64, u64, u64)>,
        ) {
            let skew = parse(wanted)
                .map(|Skew { micros, from, to }| (micros, from.as_secs(), to.as_secs()));
            assert_eq!(skew, expected);
        }
    }
}

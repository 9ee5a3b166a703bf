//! Places where a crash would hurt, for tests that crash there.

/// In builds with the feature `test-support`, kills the process (SIGKILL: no destructor runs) when the
/// environment variable `TANDEM_FAILPOINT` names this place, or with `place:n` when it is reached for the n-th
/// time; otherwise nothing at all.
#[inline]
pub fn reach(place: &str) {
    #[cfg(feature = "test-support")]
    if wanted::is_now(place) {
        let _ = std::process::Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status();
        std::process::abort();
    }
    #[cfg(not(feature = "test-support"))]
    let _ = place;
}

#[cfg(feature = "test-support")]
mod wanted {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    /// Where, and at which time.
    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "not a setting: tests only")]
        let wanted = std::env::var("TANDEM_FAILPOINT").ok()?;
        Some(parse(&wanted))
    });
    static REACHED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn is_now(place: &str) -> bool {
        WANTED.as_ref().is_some_and(|(wanted, nth)| {
            wanted == place && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *nth
        })
    }

    fn parse(wanted: &str) -> (String, u64) {
        let place = wanted.split_once(':');
        let numbered = place.and_then(|(place, nth)| Some((place.to_owned(), nth.parse().ok()?)));
        numbered.unwrap_or_else(|| (wanted.to_owned(), 1))
    }

    #[cfg(test)]
    mod tests {
        use rstest::rstest;

        use super::*;

        #[rstest]
        #[case("before_commit", ("before_commit", 1))]
        #[case("before_commit:30", ("before_commit", 30))]
        #[case("before_commit:often", ("before_commit:often", 1))]
        fn a_place_and_how_often(#[case] wanted: &str, #[case] (place, nth): (&str, u64)) {
            assert_eq!(parse(wanted), (place.to_owned(), nth));
        }
    }
}

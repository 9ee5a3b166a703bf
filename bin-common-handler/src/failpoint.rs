//! Places where a crash would hurt, for tests that crash there.

/// In builds with the feature `test-support`, kills the process (SIGKILL: no destructor runs) when the
/// environment variable `TANDEM_FAILPOINT` names this place, or with `place:n` when it is reached for the n-th
/// time; with `place:n:panic` the work that is there panics instead. Otherwise nothing at all.
#[inline]
pub fn reach(place: &str) {
    #[cfg(feature = "test-support")]
    if let Some(end) = wanted::end_at(place) {
        wanted::meet(end, place);
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

    /// What happens at the place.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum End {
        Kill,
        Panic,
    }

    /// Where, at which time, and what.
    #[derive(Debug, PartialEq, Eq)]
    struct Wanted {
        place: String,
        nth: u64,
        end: End,
    }

    static WANTED: LazyLock<Option<Wanted>> = LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "not a setting: tests only")]
        let wanted = std::env::var("TANDEM_FAILPOINT").ok()?;
        Some(parse(&wanted))
    });
    static REACHED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn end_at(place: &str) -> Option<End> {
        let wanted = WANTED.as_ref().filter(|wanted| wanted.place == place)?;
        (REACHED.fetch_add(1, Ordering::Relaxed) + 1 == wanted.nth).then_some(wanted.end)
    }

    #[expect(clippy::panic, reason = "what a test asked for")]
    pub(super) fn meet(end: End, place: &str) {
        if end == End::Panic {
            panic!("a panic was asked for at {place}");
        }
        let _ = std::process::Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status();
        std::process::abort();
    }

    fn parse(wanted: &str) -> Wanted {
        let mut parts = wanted.splitn(3, ':');
        let place = parts.next().unwrap_or_default().to_owned();
        let nth = parts.next().map_or(Some(1), |nth| nth.parse().ok());
        let end = match parts.next() {
            None => Some(End::Kill),
            Some("panic") => Some(End::Panic),
            Some(_) => None,
        };
        match (nth, end) {
            (Some(nth), Some(end)) => Wanted { place, nth, end },
            // A place that is nowhere: the test that asked for it fails.
            _ => Wanted {
                place: wanted.to_owned(),
                nth: 1,
                end: End::Kill,
            },
        }
    }

    #[cfg(test)]
    mod tests {
        use rstest::rstest;

        use super::*;

        #[rstest]
        #[case("before_commit", ("before_commit", 1, End::Kill))]
        #[case("before_commit:30", ("before_commit", 30, End::Kill))]
        #[case("before_commit:2:panic", ("before_commit", 2, End::Panic))]
        #[case("before_commit:often", ("before_commit:often", 1, End::Kill))]
        #[case("before_commit:2:cry", ("before_commit:2:cry", 1, End::Kill))]
        fn a_place_and_how_often(#[case] wanted: &str, #[case] expected: (&str, u64, End)) {
            let Wanted { place, nth, end } = parse(wanted);
            assert_eq!((place.as_str(), nth, end), expected);
        }
    }
}

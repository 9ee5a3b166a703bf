//! When something that did not arrive is tried again: at once, then after 60 s · 2ⁿ up to an hour, eight times in all.

use std::time::Duration;

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The next one on the way has it.
    Sent,
    /// Nobody will ever take it, for this reason.
    Refused(&'static str),
    /// Not now, for this reason.
    TryAgain(&'static str),
}

/// Tries in all, the first included.
pub const TRIES_MAX: i32 = 8;
/// The pause after the first try; it doubles.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// How long to wait after the try of this number, from 1; none where it was the last.
pub fn pause_after(tries: i32) -> Option<Duration> {
    if tries >= TRIES_MAX {
        return None;
    }
    let doublings = u32::try_from(tries.max(1) - 1).unwrap_or_default();
    Some((PAUSE * 2_u32.pow(doublings)).min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_tries_and_pauses_that_double_up_to_an_hour() {
        let pauses: Vec<_> = (1..=TRIES_MAX).map(pause_after).collect();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let expected = [60, 120, 240, 480, 960, 1_920, 3_600].map(seconds);
        assert_eq!(pauses.split_last(), Some((&None, expected.as_slice())));
    }
}

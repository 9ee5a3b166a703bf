//! The load: one question asked over and over, so many at a time or so many a second.

mod closed;
mod flood;
mod job;
mod open;
mod watch;

use std::{fmt, time::Duration};

pub(crate) use closed::{Until, closed, in_turns};
pub(crate) use flood::{Flood, flood};
pub(crate) use job::Job;
pub(crate) use open::open;
pub(crate) use watch::once;

/// Requests in flight.
pub(crate) const LEVELS: [usize; 3] = [1, 16, 64];
/// The level at which a goal stands that is about throughput.
pub(crate) const FULL: usize = 64;
/// Reference and subject take turns, so that a noisy moment meets both.
pub(crate) const TURNS: u32 = 3;
/// What is not counted before a case.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);

/// How hard a case was driven.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Drive {
    /// So many callers, each asking again as soon as it is answered.
    InFlight(usize),
    /// So many requests a second, whatever becomes of those before.
    PerSecond(f64),
}

impl fmt::Display for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InFlight(count) => write!(f, "{count}"),
            Self::PerSecond(rate) => write!(f, "{rate:.0}/s"),
        }
    }
}

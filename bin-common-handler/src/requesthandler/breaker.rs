//! The circuit breaker of one queue: closed, open for a while, then one probe.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;
/// How long it stays open before one call probes: short at first, for a service that is only started again, and
/// twice as long after each probe that fails, up to the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Nothing now.
    Refused,
    /// Make its call.
    Call,
    /// Make its call, alone: its end decides.
    Probe,
}

/// Remembers how the calls of one queue went.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// In a row, while it is closed.
    failures: u32,
    open_until: Option<Instant>,
    pause: Duration,
    is_probing: bool,
}

impl Breaker {
    /// What a call may do at `now`; after the pause one caller at a time may probe.
    pub(crate) fn admit(&mut self, now: Instant) -> Admission {
        match self.open_until {
            None => Admission::Call,
            Some(until) if now < until || self.is_probing => Admission::Refused,
            Some(_) => {
                self.is_probing = true;
                Admission::Probe
            }
        }
    }

    /// A call was made and did, or did not, reach its service. Calls that were on their way when it opened say
    /// nothing new: the probe's end decides.
    pub(crate) fn note(&mut self, reached: bool, is_probe: bool, now: Instant) {
        match (self.open_until, reached) {
            (Some(_), _) if !is_probe => {}
            (_, true) => *self = Self::default(),
            (Some(_), false) => self.open(now, self.pause.saturating_mul(2).min(PAUSE_MAX)),
            (None, false) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_MAX {
                    self.open(now, PAUSE_MIN);
                }
            }
        }
    }

    /// A probe ended without telling anything: the next caller may probe.
    pub(crate) fn abandon(&mut self) {
        self.is_probing = false;
    }

    /// As the metric has it: 0 closed, 1 half open, 2 open.
    pub(crate) fn state(&self) -> i64 {
        match (self.open_until, self.is_probing) {
            (None, _) => 0,
            (Some(_), true) => 1,
            (Some(_), false) => 2,
        }
    }

    pub(crate) fn open(&mut self, now: Instant, pause: Duration) {
        self.open_until = Some(now + pause);
        self.pause = pause;
        self.is_probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sim::{Sim, simulate};

    /// Longest call of the simulation.
    const CALL_MAX: Duration = Duration::from_secs(10);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(breaker.admit(now), Admission::Call);
            breaker.note(false, false, now);
        }
        breaker
    }

    #[test]
    fn five_failures_open_it_and_one_probe_closes_it() {
        let start = Instant::now();
        let mut breaker = opened(start);
        assert_eq!(breaker.admit(start), Admission::Refused, "open");
        let later = start + PAUSE_MIN;
        assert_eq!(breaker.admit(later), Admission::Probe);
        assert_eq!(breaker.admit(later), Admission::Refused, "and only one");
        breaker.note(true, true, later);
        assert_eq!(breaker.admit(later), Admission::Call, "closed");
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_the_longest() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let pause = Duration::from_secs(seconds);
            let soon = now + pause - Duration::from_millis(1);
            assert_eq!(breaker.admit(soon), Admission::Refused, "{seconds} s");
            now += pause;
            assert_eq!(breaker.admit(now), Admission::Probe, "{seconds} s");
            breaker.note(false, true, now);
        }
    }

    #[test]
    fn once_open_only_its_probe_is_heard() {
        let start = Instant::now();
        let mut breaker = opened(start);
        breaker.note(false, false, start);
        breaker.note(true, false, start);
        assert_eq!(breaker.admit(start), Admission::Refused, "still open");
        assert_eq!(breaker.admit(start + PAUSE_MIN), Admission::Probe);
        breaker.note(false, false, start + PAUSE_MIN);
        assert_eq!(breaker.state(), 1, "still probing");
    }

    #[test]
    fn a_success_forgets_earlier_failures() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            (1..FAILURES_MAX).for_each(|_| breaker.note(false, false, now));
            breaker.note(true, false, now);
        }
        assert_eq!(breaker.admit(now), Admission::Call);
    }

    /// How a call of the simulation ends.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum End {
        Reached,
        Failed,
        /// It was never sent, or its caller went away.
        Untold,
    }

    #[derive(Debug, Clone, Copy)]
    struct Call {
        ends: Instant,
        end: End,
        is_probe: bool,
    }

    /// Callers of a service that comes and goes.
    #[derive(Default)]
    struct World {
        breaker: Breaker,
        calls: Vec<Call>,
        failures_in_a_row: u32,
        /// When it opened last, and for how long.
        opened: Option<(Instant, Duration)>,
    }

    impl World {
        fn ask(&mut self, sim: &mut Sim, is_up: bool) {
            let now = sim.now();
            let admission = self.breaker.admit(now);
            sim.tell(|| format!("{now:?} asks: {admission:?}"));
            if admission == Admission::Refused {
                return;
            }
            assert!(
                self.failures_in_a_row < FAILURES_MAX || admission == Admission::Probe,
                "a plain call after {FAILURES_MAX} failures in a row"
            );
            if admission == Admission::Probe {
                let (opened, pause) = self.opened.expect("it was opened");
                assert!(now >= opened + pause, "a probe before the pause was over");
                assert!(!self.calls.iter().any(|call| call.is_probe), "two probes");
            }
            let end = match sim.below(4) {
                0 => End::Untold,
                _ if is_up => End::Reached,
                _ => End::Failed,
            };
            self.calls.push(Call {
                ends: now + sim.duration(Duration::ZERO..CALL_MAX),
                end,
                is_probe: admission == Admission::Probe,
            });
        }

        fn end_calls(&mut self, sim: &mut Sim) {
            let now = sim.now();
            let (ended, going) = self.calls.iter().partition(|call| call.ends <= now);
            self.calls = going;
            let mut ended: Vec<Call> = ended;
            ended.sort_by_key(|call| call.ends);
            for call in ended {
                sim.tell(|| format!("{now:?} {call:?}"));
                self.end(call, now);
            }
        }

        fn end(&mut self, call: Call, now: Instant) {
            match call.end {
                End::Untold if call.is_probe => self.breaker.abandon(),
                End::Untold => {}
                End::Reached => {
                    self.breaker.note(true, call.is_probe, now);
                    if self.opened.is_none() || call.is_probe {
                        (self.failures_in_a_row, self.opened) = (0, None);
                    }
                }
                End::Failed => {
                    self.breaker.note(false, call.is_probe, now);
                    self.failures_in_a_row += 1;
                    self.opened = match self.opened {
                        Some((_, pause)) if call.is_probe => Some((now, PAUSE_MAX.min(pause * 2))),
                        None if self.failures_in_a_row >= FAILURES_MAX => Some((now, PAUSE_MIN)),
                        opened => opened,
                    };
                }
            }
        }
    }

    #[test]
    fn simulated_callers_are_spared_and_none_is_kept_out_for_ever() {
        simulate(2_000, |sim| {
            let mut world = World::default();
            let mut is_up = true;
            for _ in 0..200 {
                is_up ^= sim.one_in(20);
                world.ask(sim, is_up);
                let pause = sim.duration(Duration::ZERO..Duration::from_secs(4));
                sim.pass(pause);
                world.end_calls(sim);
            }
            // The service is back for good: whatever happened, somebody is let through, and it closes.
            let end = sim.now() + 10 * (PAUSE_MAX + CALL_MAX);
            while sim.now() < end && world.breaker.state() != 0 {
                world.ask(sim, true);
                sim.pass(Duration::from_secs(1));
                world.end_calls(sim);
            }
            assert_eq!(world.breaker.state(), 0, "it never closed again");
        });
    }
}

//! When a figure is an alarm: above a threshold for a while, not sooner again than a cool-down allows.

use std::time::Duration;

use bin_common_handler::{models::time::Timestamp, text_enum};

text_enum!(
    /// A figure that is watched.
    pub enum Metric {
        /// From a missed call to the first text, 95 of 100, in seconds.
        FirstTextP95 = "first_text_p95",
        /// How long the oldest event waits to leave, in seconds.
        OutboxAge = "outbox_age",
        /// Webhooks with a wrong signature in a minute.
        SignatureFailures = "signature_failures",
        /// Failures of a calendar elsewhere in ten minutes.
        CalendarErrors = "calendar_errors",
        /// Failures of the provider of texts in ten minutes.
        ProviderFailures = "provider_failures",
        /// How long a conversation waits for an answer, in seconds.
        UnansweredConversation = "unanswered_conversation",
        /// A conversation needs a person.
        NeedsHuman = "needs_human",
        /// Somebody wants no texts.
        OptOut = "optout",
        /// Somebody may be in danger.
        Emergency = "emergency",
        /// A text did not arrive, or nobody knows whether it did.
        ProviderFailure = "provider_failure",
        /// A notification was given up.
        NotificationFailure = "notification_failure",
        /// An event was not delivered to an endpoint, or the endpoint was switched off.
        WebhookFailure = "webhook_failure",
    }
);

/// When a figure is an alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// What it must exceed.
    pub threshold: f64,
    /// For how long.
    pub duration: Duration,
    /// How long after an alarm began another one may.
    pub cooldown: Duration,
}

/// The rules that ship, for whoever has none of their own.
pub const SHIPPED: &[(Metric, Limits)] = &[
    (Metric::FirstTextP95, limits(5.0, 600, 1_800)),
    (Metric::OutboxAge, limits(60.0, 0, 600)),
    (Metric::SignatureFailures, limits(10.0, 0, 600)),
    (Metric::CalendarErrors, limits(3.0, 0, 1_800)),
    (Metric::ProviderFailures, limits(3.0, 0, 600)),
    (Metric::UnansweredConversation, limits(900.0, 0, 0)),
    // Each of these is told by itself.
    (Metric::NeedsHuman, limits(0.0, 0, 0)),
    (Metric::OptOut, limits(0.0, 0, 0)),
    (Metric::Emergency, limits(0.0, 0, 0)),
    (Metric::ProviderFailure, limits(0.0, 0, 0)),
    (Metric::NotificationFailure, limits(0.0, 0, 0)),
    (Metric::WebhookFailure, limits(0.0, 0, 0)),
];

const fn limits(threshold: f64, duration_seconds: u64, cooldown_seconds: u64) -> Limits {
    Limits {
        threshold,
        duration: Duration::from_secs(duration_seconds),
        cooldown: Duration::from_secs(cooldown_seconds),
    }
}

/// What is known of a figure between two looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    /// Since when it exceeds its threshold; none while it does not.
    pub since: Option<Timestamp>,
    /// When the last alarm began.
    pub last: Option<Timestamp>,
    /// Whether that alarm stands.
    pub stands: bool,
}

/// What a look at a figure leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    None,
    /// An alarm begins.
    Trigger,
    /// The alarm is over.
    Resolve,
}

/// Looks at a figure. The same look again changes nothing.
pub fn step(watch: Watch, limits: Limits, value: f64, now: Timestamp) -> (Watch, Step) {
    // What is no number exceeds nothing.
    let exceeds = value > limits.threshold;
    if !exceeds {
        let step = if watch.stands {
            Step::Resolve
        } else {
            Step::None
        };
        let calm = Watch {
            since: None,
            stands: false,
            ..watch
        };
        return (calm, step);
    }
    let since = watch.since.unwrap_or(now).min(now);
    let is_long = now >= since.plus(limits.duration);
    let is_cool = watch
        .last
        .is_none_or(|last| now >= last.plus(limits.cooldown));
    if watch.stands || !is_long || !is_cool {
        let watch = Watch {
            since: Some(since),
            ..watch
        };
        return (watch, Step::None);
    }
    let alarmed = Watch {
        since: Some(since),
        last: Some(now),
        stands: true,
    };
    (alarmed, Step::Trigger)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = limits(5.0, 600, 1_800);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn steps(looks: &[(i64, f64)]) -> Vec<Step> {
        let mut watch = Watch::default();
        looks
            .iter()
            .map(|(seconds, value)| {
                let (next, step) = step(watch, LIMITS, *value, at(*seconds));
                watch = next;
                step
            })
            .collect()
    }

    #[test]
    fn it_must_last_and_a_calm_moment_begins_it_anew() {
        use Step::{None, Resolve, Trigger};
        assert_eq!(
            steps(&[
                (0, 6.0),
                (599, 6.0),
                (600, 6.0),
                (700, 9.0),
                (800, 5.0),
                (801, 5.0)
            ]),
            [None, None, Trigger, None, Resolve, None]
        );
        assert_eq!(
            steps(&[(0, 6.0), (500, 5.0), (600, 6.0), (1_199, 6.0)]),
            [None; 4]
        );
        // Again after ten minutes, but not before half an hour has passed.
        assert_eq!(
            steps(&[
                (0, 6.0),
                (600, 6.0),
                (700, 1.0),
                (800, 6.0),
                (1_500, 6.0),
                (2_400, 6.0)
            ]),
            [None, Trigger, Resolve, None, None, Trigger]
        );
        assert_eq!(steps(&[(0, f64::NAN), (600, f64::NAN)]), [None; 2]);
    }

    proptest! {
        #[test]
        fn alarms_begin_and_end_in_turn_and_never_too_soon(
            looks in prop::collection::vec((1_i64..900, 0.0..10.0_f64), 1..60),
        ) {
            let (mut watch, mut now, mut last, mut stands) = (Watch::default(), 0, None, false);
            for (pause, value) in looks {
                now += pause;
                let (next, told) = step(watch, LIMITS, value, at(now));
                prop_assert_eq!(step(next, LIMITS, value, at(now)), (next, Step::None));
                match told {
                    Step::Trigger => {
                        prop_assert!(!stands && last.is_none_or(|last| now >= last + 1_800));
                        (stands, last) = (true, Some(now));
                    }
                    Step::Resolve => {
                        prop_assert!(stands);
                        stands = false;
                    }
                    Step::None => {}
                }
                watch = next;
            }
        }
    }
}

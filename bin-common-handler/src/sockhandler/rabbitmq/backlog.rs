//! How long requests wait in the broker before they come. The broker tells how many they are, not since when.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use lapin::{Channel, options::QueueDeclareOptions, types::ShortString};
use tokio::time::Instant;

use super::{
    connection::{Fault, limit},
    no_arguments,
    work::Work,
};
use crate::sockhandler::admission::{AdmissionQueue, Queued, TICK_PERIOD};

/// Tells the admission queue, as long as it is crowded, how long those that come have waited before.
/// `delivered` counts them.
/// Ends with the channel.
pub(super) async fn watch<J: Queued>(
    work: &Work,
    channel: &Channel,
    admission: &AdmissionQueue<J>,
    delivered: &AtomicU64,
) -> Fault {
    let told = work
        .inner
        .metrics
        .queue_wait_ms
        .with_label_values(&[&work.name]);
    let mut look = tokio::time::interval(TICK_PERIOD);
    let queue: ShortString = work.queue.as_str().into();
    let (mut count, mut at) = (0, Instant::now());
    loop {
        look.tick().await;
        let came = delivered.load(Ordering::Relaxed) - count;
        let took = at.elapsed();
        (count, at) = (count + came, Instant::now());
        if !admission.is_crowded() {
            told.set(0);
            continue;
        }
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let asked = limit(channel.queue_declare(queue.clone(), passive, no_arguments())).await;
        match asked {
            Ok(queue) => {
                let share = queue.message_count() / queue.consumer_count().max(1);
                if let Some(wait) = wait(share, came, took) {
                    told.set(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
                    admission.report_broker_wait(wait);
                }
            }
            Err(fault) => return fault,
        }
    }
}

/// How long the last of `waiting` will have waited, if they come as those that `came` in the time that it `took`;
/// unknown while none comes.
fn wait(waiting: u32, came: u64, took: Duration) -> Option<Duration> {
    if waiting == 0 {
        return Some(Duration::ZERO);
    }
    let came = u32::try_from(came).ok().filter(|came| *came > 0)?;
    Some(took.saturating_mul(waiting) / came)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TOOK: Duration = Duration::from_millis(100);

    #[rstest]
    #[case::nobody_waits(0, 50, Some(0))]
    #[case::nobody_waits_and_nobody_came(0, 0, Some(0))]
    #[case::as_many_as_came(50, 50, Some(100))]
    #[case::many_more(5_000, 50, Some(10_000))]
    #[case::fewer(10, 100, Some(10))]
    #[case::none_came(10, 0, None)]
    #[case::as_many_as_there_can_be(u32::MAX, 1, Some(429_496_729_500))]
    fn the_wait_follows_from_how_many_come(
        #[case] waiting: u32,
        #[case] came: u64,
        #[case] wait_ms: Option<u64>,
    ) {
        let expected = wait_ms.map(Duration::from_millis);
        assert_eq!(wait(waiting, came, TOOK), expected);
    }
}

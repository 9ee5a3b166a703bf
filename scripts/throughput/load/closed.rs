//! A fixed number of requests in flight.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};

use super::{Job, watch::watch};
use crate::{Result, child::Child, sample::Sample};

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many requests.
    Count(u64),
}

/// Puts `job` on `children` with `in_flight` requests at a time.
pub(crate) async fn closed(
    job: &Job,
    children: &[&Child],
    in_flight: usize,
    until: Until,
) -> Result<Sample> {
    watch(children, all(job, in_flight, until)).await
}

/// Measures several cases in turns of `until` after one of `warm_up`, so that a noisy moment meets all of
/// them; their samples in the same order.
pub(crate) async fn in_turns<const N: usize>(
    cases: [(&Job, &Child); N],
    in_flight: usize,
    (warm_up, until): (Until, Until),
    turns: u32,
) -> Result<[Sample; N]> {
    let mut samples = [(); N].map(|()| Sample::default());
    for turn in 0..=turns {
        let until = if turn == 0 { warm_up } else { until };
        for ((job, child), sample) in cases.iter().zip(&mut samples) {
            let measured = closed(job, &[child], in_flight, until).await?;
            if turn > 0 {
                sample.add(measured);
            }
        }
    }
    Ok(samples)
}

async fn all(job: &Job, in_flight: usize, until: Until) -> Result<Sample> {
    let (first, started) = (job.taken(), Instant::now());
    let mut callers = JoinSet::new();
    for _ in 0..in_flight {
        callers.spawn(call(job.clone(), first, started, until));
    }
    let mut sample = Sample::default();
    while let Some(caller) = callers.join_next().await {
        sample.add(caller?);
    }
    // A caller that found nothing more to ask has taken a number all the same.
    if let Until::Count(count) = until {
        job.rewind(first + count);
    }
    Ok(sample)
}

/// One caller: asks, waits for the reply, asks again.
async fn call(job: Job, first: u64, started: Instant, until: Until) -> Sample {
    let mut sample = Sample::default();
    loop {
        let number = job.take();
        let is_over = match until {
            Until::Elapsed(time) => started.elapsed() >= time,
            Until::Count(count) => number >= first + count,
        };
        if is_over {
            return sample;
        }
        job.ask(number, None, &mut sample).await;
    }
}

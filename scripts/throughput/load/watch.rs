//! What processes use while something runs.

use std::{future::Future, pin::pin, time::Duration};

use tokio::time::Instant;

use crate::{Result, child::Child, sample::Sample};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Runs `work` and adds to its sample the time it took, and the CPU time and memory of `children` together.
pub(super) async fn watch(
    children: &[&Child],
    work: impl Future<Output = Result<Sample>>,
) -> Result<Sample> {
    check(children)?;
    let (cpu, started) = (cpu(children)?, Instant::now());
    let mut work = pin!(work);
    let mut look = tokio::time::interval(LOOK);
    let mut rss_max = 0;
    let mut sample = loop {
        tokio::select! {
            sample = &mut work => break sample?,
            _ = look.tick() => rss_max = rss(children)?.max(rss_max),
        }
    };
    sample.time = started.elapsed();
    check(children)?;
    sample.cpu = self::cpu(children)?.saturating_sub(cpu);
    sample.rss_max = rss_max;
    Ok(sample)
}

/// Does something once; its one latency is how long it took.
pub(crate) async fn once(
    children: &[&Child],
    work: impl Future<Output = Result<()>>,
) -> Result<Sample> {
    let timed = async {
        let (started, mut sample) = (Instant::now(), Sample::default());
        work.await?;
        sample.answered(started.elapsed());
        Ok(sample)
    };
    watch(children, timed).await
}

fn check(children: &[&Child]) -> Result<()> {
    children.iter().try_for_each(|child| child.check())
}

fn cpu(children: &[&Child]) -> Result<Duration> {
    children.iter().map(|child| child.cpu()).sum()
}

fn rss(children: &[&Child]) -> Result<u64> {
    children.iter().map(|child| child.rss()).sum()
}

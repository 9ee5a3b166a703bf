//! The load: one connection to the broker, direct reply-to, a fixed number of requests in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bin_common_handler::{
    clock::Clock,
    health::Health,
    metrics::Metrics,
    models::sock::{Method, Request, Response},
    redact::Secret,
    sockhandler::{Transport, rabbitmq::RabbitMq},
};
use tokio::{task::JoinSet, time::Instant};

use crate::{Result, child::Child};

/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// A consumer that is starting is asked again after this time, so often at most.
const ANSWERED_WITHIN: Duration = Duration::from_millis(200);
const ANSWERED_AFTER_MAX: usize = 100;
/// How often memory is looked at while the load is on.
const LOOK: Duration = Duration::from_millis(100);
/// Of this many requests one may fail; a figure with more failures would mean nothing.
const FAILURES_ONE_IN: usize = 1_000;

/// What is asked, of whom.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) queue: String,
    /// The request with this number.
    pub(crate) request: Arc<dyn Fn(u64) -> Request + Send + Sync>,
    /// Whether a reply is the one that was wanted.
    pub(crate) accepts: fn(&Response) -> bool,
    next: Arc<AtomicU64>,
}

impl Job {
    pub(crate) fn new(
        queue: &str,
        request: impl Fn(u64) -> Request + Send + Sync + 'static,
    ) -> Self {
        Self {
            queue: queue.to_owned(),
            request: Arc::new(request),
            accepts: |response| response.status_code == 200,
            next: Arc::default(),
        }
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many requests.
    Count(u64),
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// One for each reply, sorted when asked for a percentile.
    latencies: Vec<Duration>,
    failures: Vec<String>,
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
    pub(crate) rss_max: u64,
}

impl Sample {
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failures.extend(other.failures);
        self.time += other.time;
        self.cpu += other.cpu;
        self.rss_max = self.rss_max.max(other.rss_max);
    }

    pub(crate) fn replies(&self) -> usize {
        self.latencies.len()
    }

    /// Replies per second.
    pub(crate) fn rate(&self) -> f64 {
        per(self.replies(), self.time.as_secs_f64())
    }

    /// CPU time per reply, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        if self.latencies.is_empty() {
            return 0.0;
        }
        self.cpu.as_secs_f64() * 1e6 / as_f64(self.replies())
    }

    pub(crate) fn percentile(&mut self, percent: usize) -> Duration {
        self.latencies.sort_unstable();
        let position = self.latencies.len() * percent / 100;
        let last = self.latencies.len().saturating_sub(1);
        let found = self.latencies.get(position.min(last));
        found.copied().unwrap_or_default()
    }

    /// Fails when so many requests failed that the figure means nothing.
    pub(crate) fn checked(self, what: &str) -> Result<Self> {
        let (failed, done) = (self.failures.len(), self.replies());
        if done == 0 || failed > done / FAILURES_ONE_IN {
            let first = self.failures.first().map_or("none at all", String::as_str);
            return Err(format!("{what}: {failed} of {} failed: {first}", failed + done).into());
        }
        Ok(self)
    }

    pub(crate) fn failed(&self) -> usize {
        self.failures.len()
    }
}

/// The one caller of a run.
#[derive(Clone)]
pub(crate) struct Client(Arc<RabbitMq>);

impl Client {
    pub(crate) fn new(address: &str) -> Result<Self> {
        Ok(Self(Arc::new(RabbitMq::new(
            Secret::new(address),
            Clock::default(),
            Metrics::new()?,
            Health::default(),
        ))))
    }

    /// One request that must succeed.
    pub(crate) async fn ask(&self, queue: &str, request: &Request) -> Result<serde_json::Value> {
        let response = self.0.request(queue, request, PATIENCE).await?;
        if response.status_code != 200 {
            return Err(format!("{} {}: {}", request.method, request.uri, response.body()).into());
        }
        Ok(serde_json::from_str(response.body())?)
    }

    /// Waits until somebody consumes `queue`.
    pub(crate) async fn wait_for(&self, queue: &str, child: &mut Child) -> Result<()> {
        let hello = Request::new(Method::Get, "/hello", "bench");
        for _ in 0..ANSWERED_AFTER_MAX {
            if self.0.request(queue, &hello, ANSWERED_WITHIN).await.is_ok() {
                return Ok(());
            }
            child.check()?;
        }
        Err(format!("nobody answers on {queue}").into())
    }

    /// Puts `job` on `child` with `in_flight` requests at a time.
    pub(crate) async fn run(
        &self,
        job: &Job,
        child: &mut Child,
        in_flight: usize,
        until: Until,
    ) -> Result<Sample> {
        child.check()?;
        let (cpu, started) = (child.cpu()?, Instant::now());
        let first = job.next.load(Ordering::Relaxed);
        let mut callers = JoinSet::new();
        for _ in 0..in_flight {
            callers.spawn(call(self.clone(), job.clone(), first, started, until));
        }
        let mut sample = Sample::default();
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                caller = callers.join_next() => match caller {
                    Some(caller) => sample.add(caller?),
                    None => break,
                },
                _ = look.tick() => sample.rss_max = sample.rss_max.max(child.rss()?),
            }
        }
        sample.time = started.elapsed();
        child.check()?;
        sample.cpu = child.cpu()?.saturating_sub(cpu);
        // A caller that found nothing more to ask has taken a number all the same.
        if let Until::Count(count) = until {
            job.next.store(first + count, Ordering::Relaxed);
        }
        Ok(sample)
    }
}

/// One caller: asks, waits for the reply, asks again.
async fn call(client: Client, job: Job, first: u64, started: Instant, until: Until) -> Sample {
    let mut sample = Sample::default();
    loop {
        let number = job.next.fetch_add(1, Ordering::Relaxed);
        let over = match until {
            Until::Elapsed(time) => started.elapsed() >= time,
            Until::Count(count) => number >= first + count,
        };
        if over {
            return sample;
        }
        let request = (job.request)(number);
        let asked = Instant::now();
        match client.0.request(&job.queue, &request, PATIENCE).await {
            Ok(response) if (job.accepts)(&response) => sample.latencies.push(asked.elapsed()),
            Ok(response) => sample.failures.push(format!(
                "{} {} {}",
                request.uri,
                response.status_code,
                response.body()
            )),
            Err(fault) => sample.failures.push(fault.to_string()),
        }
    }
}

/// A count per unit; nothing when there is no unit.
pub(crate) fn per(count: usize, units: f64) -> f64 {
    if units > 0.0 {
        as_f64(count) / units
    } else {
        0.0
    }
}

pub(crate) fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

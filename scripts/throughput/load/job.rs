//! What is asked, and over which line.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bin_common_handler::models::sock::{Request, Response};
use tokio::time::Instant;

use crate::{line::Line, sample::Sample};

/// The status of those who are told to come again.
const BUSY: u16 = 429;

/// How a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It got what it wanted.
    Good,
    /// It is to come again.
    Busy,
    /// It heard something else, or nothing in time.
    Lost,
}

/// A question in as many variants as are needed. Clones share the count of those that were asked.
#[derive(Clone)]
pub(crate) struct Job {
    line: Line,
    /// The request with this number.
    request: Arc<dyn Fn(u64) -> Request + Send + Sync>,
    /// Whether a reply is the one that was wanted.
    accepts: fn(&Response) -> bool,
    next: Arc<AtomicU64>,
}

impl Job {
    /// Takes every reply with status 200 for the one that is wanted.
    pub(crate) fn new(
        line: &Line,
        request: impl Fn(u64) -> Request + Send + Sync + 'static,
    ) -> Self {
        Self {
            line: line.clone(),
            request: Arc::new(request),
            accepts: |response| response.status_code == 200,
            next: Arc::default(),
        }
    }

    /// With another idea of what is wanted.
    pub(crate) fn accepting(self, accepts: fn(&Response) -> bool) -> Self {
        Self { accepts, ..self }
    }

    /// The next number that nobody asked with.
    pub(super) fn take(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn taken(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Gives numbers back that were taken and not asked with.
    pub(super) fn rewind(&self, taken: u64) {
        self.next.store(taken, Ordering::Relaxed);
    }

    /// Asks once, and tells only how that went.
    pub(super) async fn attempt(&self) -> Outcome {
        let request = (self.request)(self.take());
        match self.line.send(&request).await {
            Ok(response) if (self.accepts)(&response) => Outcome::Good,
            Ok(response) if response.status_code == BUSY => Outcome::Busy,
            _ => Outcome::Lost,
        }
    }

    /// Asks once; `since` is when the caller wanted to, now or earlier.
    pub(super) async fn ask(&self, number: u64, since: Option<Instant>, sample: &mut Sample) {
        let request = (self.request)(number);
        let since = since.unwrap_or_else(Instant::now);
        match self.line.send(&request).await {
            Ok(response) if (self.accepts)(&response) => sample.answered(since.elapsed()),
            Ok(response) => sample.refused(format!(
                "{} {} {}",
                path(&request),
                response.status_code,
                response.body()
            )),
            Err(fault) => sample.refused(format!("{}: {fault}", path(&request))),
        }
    }
}

/// Without the query, which may be long.
fn path(request: &Request) -> &str {
    request.uri.split('?').next().unwrap_or_default()
}

//! Waiting for what must come, never for luck.

use std::time::Duration;

use tokio::{task::JoinHandle, time::Instant};

/// How long a test waits for something that must come, on a machine that stalls. Less than a job's lease of 40 s: what comes
/// only when somebody takes over has not come.
const WAIT_MAX: Duration = Duration::from_secs(35);
/// How long a test's request may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK_PERIOD: Duration = Duration::from_millis(10);

/// Waits for a condition; panics with `what` when it does not come.
pub async fn until<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(WAIT_MAX, what, check).await
}

/// As [`until`], for at most `max`.
pub async fn until_within<T>(
    max: Duration,
    what: &str,
    mut check: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + max;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(LOOK_PERIOD).await;
    }
}

/// Starts what runs beside the test and ends with it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is no daemon; nothing drains it"
)]
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

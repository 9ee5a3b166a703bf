//! Wakes the relay after a commit.

use tokio::sync::Notify;

/// Woken after a commit; the relay of this process waits for it. Many wake-ups before it looks are one.
#[derive(Debug, Default)]
pub struct Waker {
    notify: Notify,
}

impl Waker {
    /// There is something in the outbox.
    pub fn wake(&self) {
        self.notify.notify_one();
    }

    /// Ends at the next wake-up, or at once when one came since the last time.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }
}

//! Wakes the relay after a commit.

use tokio::sync::Notify;

/// Rung after a commit; the relay of this process listens. Many rings before it looks are one.
#[derive(Debug, Default)]
pub struct Bell {
    notify: Notify,
}

impl Bell {
    /// There is something in the outbox.
    pub fn ring(&self) {
        self.notify.notify_one();
    }

    /// Ends at the next ring, or at once when it rang since the last time.
    pub async fn rung(&self) {
        self.notify.notified().await;
    }
}

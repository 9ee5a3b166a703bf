//! What is measured of the outbox: what was published, and what waits for how long.

use super::{Relay, SWEEP};
use crate::{
    metrics::{ManagerMetrics, Metrics},
    models::time::Timestamp,
    notifyhandler::outbox::Waiting,
};

/// The figures that the relay keeps.
#[derive(Clone)]
pub struct RelayMetrics {
    /// Shared by all managers.
    pub common: Metrics,
    /// Under voipbin's names.
    pub manager: ManagerMetrics,
}

impl Relay {
    /// These were published.
    pub(super) fn count(&self, done: &[Waiting]) {
        let now = self.clock.now();
        for event in done {
            let kind = [event.kind.as_str()];
            self.metrics
                .common
                .events
                .with_label_values(&[self.publisher, "published"])
                .inc();
            self.metrics
                .manager
                .notify_total
                .with_label_values(&kind)
                .inc();
            self.metrics
                .manager
                .notify_ms
                .with_label_values(&kind)
                .observe(age_ms(now, event.tm_create));
        }
    }

    /// Whoever publishes, and when nobody can: that is when the outbox grows.
    pub(super) async fn measure_always(&self) {
        loop {
            self.measure().await;
            tokio::time::sleep(SWEEP).await;
        }
    }

    async fn measure(&self) {
        let Ok((depth, oldest)) = self.outbox.depth().await else {
            return;
        };
        let age = oldest.map_or(0.0, |oldest| age_ms(self.clock.now(), oldest));
        self.metrics
            .common
            .outbox_depth
            .with_label_values(&[self.publisher])
            .set(depth);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an age in milliseconds is far below i64's end"
        )]
        self.metrics
            .common
            .outbox_oldest_ms
            .with_label_values(&[self.publisher])
            .set(age as i64);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of an age fit 52 bits"
)]
fn age_ms(now: Timestamp, then_micros: i64) -> f64 {
    (now.micros().saturating_sub(then_micros)).max(0) as f64 / 1000.0
}

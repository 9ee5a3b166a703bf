//! Whether a queue is there.

use async_trait::async_trait;
use lapin::{Channel, options::QueueDeclareOptions};

use super::{Inner, connection::limit, no_arguments};
use crate::sockhandler::Probe;

#[async_trait]
impl Probe for Inner {
    async fn is_gone(&self, reply_to: &str) -> bool {
        if reply_to.is_empty() {
            return false;
        }
        let Ok(scratch) = self.talk.scratch().await else {
            return false;
        };
        is_missing(&scratch, reply_to).await
    }
}

/// Whether there is no such queue; closes the channel.
pub(super) async fn is_missing(scratch: &Channel, queue: &str) -> bool {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = limit(scratch.queue_declare(queue.into(), options, no_arguments())).await;
    if declared.is_ok() {
        let _ = limit(scratch.close(200, "bye".into())).await;
    }
    // An exclusive queue of another connection answers "locked": it is there.
    matches!(&declared, Err(fault) if fault.to_string().contains("NOT_FOUND")
        || fault.to_string().contains("NOT-FOUND"))
}

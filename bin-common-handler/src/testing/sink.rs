//! A listener that keeps what it hears.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::wait::until;
use crate::{
    models::error::Result,
    sockhandler::{Receive, ReceivedEvent},
};

/// Keeps every event it hears.
#[derive(Clone, Default)]
pub struct Sink {
    events: Arc<Mutex<Vec<ReceivedEvent>>>,
    pub(super) stop: CancellationToken,
}

#[async_trait]
impl Receive for Sink {
    async fn receive(&self, event: ReceivedEvent) -> Result<()> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
        Ok(())
    }
}

impl Sink {
    pub(super) fn all(&self) -> Vec<ReceivedEvent> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was heard of the manager, in order.
    pub fn heard(&self) -> Vec<ReceivedEvent> {
        self.all()
            .into_iter()
            .filter(|event| event.event.kind != "probe_made")
            .collect()
    }

    /// Waits until `count` events with different ids were heard; all that were heard.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedEvent> {
        until(&format!("{count} events"), async || {
            let heard = self.heard();
            let ids: std::collections::HashSet<_> =
                heard.iter().map(|event| &event.message_id).collect();
            (ids.len() >= count).then_some(heard)
        })
        .await
    }

    /// As [`Self::wait_for`]: the types of all that were heard, in their order.
    pub async fn kinds(&self, count: usize) -> Vec<String> {
        let heard = self.wait_for(count).await;
        heard.into_iter().map(|event| event.event.kind).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if Arc::strong_count(&self.events) <= 2 {
            self.stop.cancel();
        }
    }
}

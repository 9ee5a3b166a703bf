//! What is done with: replies and acknowledgements, as many at a time as there are. Written one by one, each would
//! wake the client library and wait for it.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::{join, join_all};
use lapin::{
    BasicProperties, Channel,
    options::{BasicAckOptions, BasicNackOptions, BasicPublishOptions},
    types::{DeliveryTag, FieldTable},
};
use tokio::sync::mpsc;
use tracing::debug;

use super::{
    connection::{Fault, WRITE_MAX, limit_to},
    work::Work,
};
use crate::{backoff::Backoff, failpoint, sockhandler::admission::HELD_MAX};

/// Replies are tried this often while the reply connection comes back.
const REPLY_ATTEMPTS: u32 = 3;
/// Messages settled at a time at most.
const BATCH_MAX: usize = 64;

/// A message that is done with.
pub(super) struct Done {
    pub(super) tag: DeliveryTag,
    /// What its sender is told, if it wants to be told.
    pub(super) reply: Option<Reply>,
    /// It goes back to the queue.
    pub(super) requeue: bool,
}

/// A reply on its way.
pub(super) struct Reply {
    pub(super) to: String,
    pub(super) correlation_id: Option<String>,
    pub(super) headers: Option<FieldTable>,
    pub(super) body: Arc<[u8]>,
}

/// Settles the messages of one channel.
struct Acknowledger {
    work: Arc<Work>,
    channel: Channel,
    tracker: AckTracker,
}

/// Starts to settle what is done with: until nobody can tell any more.
pub(super) fn acknowledger(
    work: &Arc<Work>,
    channel: &Channel,
) -> (mpsc::Sender<Done>, impl Future<Output = ()> + use<>) {
    // The broker hands over no more than this before something is acknowledged.
    let (sender, done) = mpsc::channel(HELD_MAX);
    let acknowledger = Acknowledger {
        work: Arc::clone(work),
        channel: channel.clone(),
        tracker: AckTracker::default(),
    };
    (sender, acknowledger.run(done))
}

impl Acknowledger {
    /// While some are acknowledged, those that came after them are replied to.
    async fn run(mut self, mut done: mpsc::Receiver<Done>) {
        let work = Arc::clone(&self.work);
        let (mut batch, mut told) = (Vec::with_capacity(BATCH_MAX), Vec::with_capacity(BATCH_MAX));
        loop {
            if told.is_empty() && done.recv_many(&mut batch, BATCH_MAX).await == 0 {
                return;
            }
            while batch.len() < BATCH_MAX
                && let Ok(one) = done.try_recv()
            {
                batch.push(one);
            }
            join(reply_to_all(&work, &mut batch), self.acknowledge(&told)).await;
            for _ in &batch {
                failpoint::reach("before_ack");
            }
            told.clear();
            std::mem::swap(&mut batch, &mut told);
        }
    }

    async fn acknowledge(&mut self, batch: &[Done]) {
        let (again, done): (Vec<_>, Vec<_>) = batch.iter().partition(|done| done.requeue);
        let returned = again.iter().map(|done| async {
            let sent = limit_to(
                WRITE_MAX,
                self.channel.basic_nack(done.tag, requeue_options()),
            )
            .await;
            (done.tag, sent)
        });
        for (tag, sent) in join_all(returned).await {
            match sent {
                Ok(()) => self.tracker.add(tag),
                // Never counted as settled: whoever acknowledges all before would acknowledge it.
                Err(fault) => log_ack_failure(&self.work, &fault),
            }
        }
        done.iter().for_each(|done| self.tracker.add(done.tag));
        let (covered, alone): (Vec<_>, Vec<_>) = done
            .iter()
            .map(|done| done.tag)
            .partition(|tag| *tag < self.tracker.next);
        let covered = async {
            match covered.into_iter().max() {
                Some(last) => self.ack(last, true).await,
                None => Ok(()),
            }
        };
        let alone = join_all(alone.into_iter().map(|tag| self.ack(tag, false)));
        let (covered, alone) = join(covered, alone).await;
        for fault in alone.into_iter().chain([covered]).filter_map(Result::err) {
            log_ack_failure(&self.work, &fault);
        }
    }

    async fn ack(&self, tag: DeliveryTag, multiple: bool) -> Result<(), Fault> {
        let options = BasicAckOptions { multiple };
        limit_to(WRITE_MAX, self.channel.basic_ack(tag, options)).await
    }
}

fn log_ack_failure(work: &Work, fault: &Fault) {
    let queue = &work.queue;
    debug!(queue, %fault, "acknowledgement not sent, the request will come again");
}

fn requeue_options() -> BasicNackOptions {
    BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    }
}

/// Which messages of a channel are settled. The broker numbers them from 1.
struct AckTracker {
    /// All before it are.
    next: DeliveryTag,
    /// Of those after it.
    ahead: BTreeSet<DeliveryTag>,
}

impl Default for AckTracker {
    fn default() -> Self {
        Self {
            next: 1,
            ahead: BTreeSet::new(),
        }
    }
}

impl AckTracker {
    fn add(&mut self, tag: DeliveryTag) {
        self.ahead.insert(tag);
        while self.ahead.first() == Some(&self.next) {
            self.ahead.pop_first();
            self.next += 1;
        }
    }
}

/// Replies to all who want it. Whoever could not be told goes back to the queue: the inbox knows the answer when
/// it comes again.
async fn reply_to_all(work: &Work, batch: &mut [Done]) {
    let replies = batch.iter().map(|done| async {
        match &done.reply {
            Some(told) => reply(work, told).await,
            None => true,
        }
    });
    let told = join_all(replies).await;
    for (done, told) in batch.iter_mut().zip(told) {
        done.requeue |= !told;
    }
}

/// True when the reply was written, or can never be.
async fn reply(
    work: &Work,
    Reply {
        to,
        correlation_id,
        headers,
        body,
    }: &Reply,
) -> bool {
    let metrics = &work.inner.metrics;
    if *to == work.queue {
        let dropped = metrics
            .dropped
            .with_label_values(&[&work.name, "reply_loop"]);
        dropped.inc();
        return true;
    }
    let mut properties = BasicProperties::default().with_content_type("text/plain".into());
    if let Some(id) = correlation_id {
        properties = properties.with_correlation_id(id.as_str().into());
    }
    if let Some(headers) = headers {
        properties = properties.with_headers(headers.clone());
    }
    let mut backoff = Backoff::default();
    for _ in 0..REPLY_ATTEMPTS {
        let sent = async {
            let channel = work.inner.talk.channel().await?;
            let options = BasicPublishOptions::default();
            let to = to.as_str().into();
            let published = channel.basic_publish("".into(), to, options, body, properties.clone());
            limit_to(WRITE_MAX, published).await
        };
        match sent.await {
            Ok(_) => return true,
            Err(Fault::Timeout) => break,
            Err(_) => tokio::time::sleep(backoff.next_pause()).await,
        }
    }
    work.inner.talk.reset().await;
    metrics
        .replies_failed
        .with_label_values(&[&work.name])
        .inc();
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_before_the_next_are_settled_and_it_is_not(
            order in Just((1..=100_u64).collect::<Vec<_>>()).prop_shuffle(),
            count in 0..=100_usize,
        ) {
            let mut tracker = AckTracker::default();
            let mut unsettled: BTreeSet<_> = (1..=101).collect();
            for tag in order.into_iter().take(count) {
                tracker.add(tag);
                unsettled.remove(&tag);
                prop_assert_eq!(Some(&tracker.next), unsettled.first());
            }
            let ahead = (tracker.next..=100).filter(|tag| !unsettled.contains(tag)).count();
            prop_assert_eq!(tracker.ahead.len(), ahead, "what is known of the past is forgotten");
        }
    }
}

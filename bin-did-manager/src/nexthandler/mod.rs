//! Giving numbers out: SQL decides, memory suggests.
//!
//! Each tenant belongs to one of a few shards; a shard is a task that takes all requests that wait, chooses
//! their numbers from what it knows, and makes one short transaction of them: it locks the counters of those
//! numbers, checks every limit on the locked rows, writes counters and usages, commits, and only then answers.
//! So a usage is durable before its number is given, and no limit is overrun, whatever else runs or dies.

mod answer;
mod events;
mod fields;
mod group;
mod item;
mod load;
mod resolve;
mod shard;
#[cfg(test)]
mod simulation;
mod write;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use bin_common_handler::{
    context::RequestContext,
    daemon::Tasks,
    databasehandler::Store,
    metrics::Metrics,
    models::error::{Error, Result},
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub(crate) use answer::Answer;
pub(crate) use fields::{Fields, parameters};
use shard::Shard;

use crate::{phone::DialStatus, privacy::Privacy};

/// Tenants are spread over so many tasks.
const SHARDS: usize = 4;
/// Requests that wait for one shard at most; more are told to come again.
const WAITING_MAX: usize = 1_024;
/// Longest wait for an answer: dialers give up after a second.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Who asks for a number, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub customer_id: Uuid,
    pub access_key_id: Option<Uuid>,
    pub fields: Fields,
    /// Makes a repetition known, where the caller or the bus gave one.
    pub operation: Option<RequestKey>,
    /// Only explain.
    pub is_dry_run: bool,
}

/// What tells a request from others, as its caller or the bus has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestKey {
    pub key: [u8; 16],
    /// The caller chose it; else it is made of how the request travelled.
    pub is_chosen: bool,
    /// A usage under this key is the answer; else it belongs to another request that looked the same.
    pub replays: bool,
}

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A number.
    Number(Box<Answer>),
    /// It was no request for a number: a hang-up script told how a call ended.
    Ended(DialStatus),
}

pub(super) struct Ask {
    question: Question,
    reply: oneshot::Sender<Result<Outcome>>,
    /// How often it met a conflict before.
    tries: u32,
    /// It failed in a group, and is tried by itself.
    is_alone: bool,
}

/// Gives numbers out. Clones share the shards.
#[derive(Clone)]
pub(crate) struct NextHandler {
    shards: Arc<[mpsc::Sender<Ask>]>,
}

impl NextHandler {
    /// Starts the shards; they end when the last clone is gone.
    pub(crate) fn new(store: &Store, privacy: &Privacy, metrics: &Metrics, tasks: &Tasks) -> Self {
        let groups = metrics.group_requests.with_label_values(&[crate::NAME]);
        let start = |_| {
            let (sender, receiver) = mpsc::channel(WAITING_MAX);
            let shard = Shard::new(store.clone(), privacy.clone(), groups.clone());
            tasks.spawn("numbers", |stop| async move {
                shard.run(receiver).await;
                // All who could ask are gone; the daemon is stopping.
                stop.cancelled().await;
            });
            sender
        };
        Self {
            shards: (0..SHARDS).map(start).collect(),
        }
    }

    /// Chooses a number.
    ///
    /// # Errors
    /// 503 `NO_DID_AVAILABLE` when there is none; 503 when the database is away or too many ask.
    pub(crate) async fn next(&self, question: Question) -> Result<Outcome> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            reply,
            tries: 0,
            is_alone: false,
            question,
        };
        let shard = self.shard_of(ask.question.customer_id)?;
        shard
            .try_send(ask)
            .map_err(|_| Error::unavailable("chooser", "too many requests wait"))?;
        match tokio::time::timeout(ANSWER_MAX, answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(Error::unavailable("chooser", "stopped")),
            Err(_) => Err(Error::unavailable("chooser", "no answer in time")),
        }
    }

    fn shard_of(&self, customer_id: Uuid) -> Result<&mpsc::Sender<Ask>> {
        let mut hasher = DefaultHasher::new();
        customer_id.hash(&mut hasher);
        let position = usize::try_from(hasher.finish()).unwrap_or(0) % SHARDS;
        self.shards
            .get(position)
            .ok_or_else(|| Error::internal("there is no such shard"))
    }
}

impl RequestKey {
    /// The key of a call, if its transport or caller gave one that tells it from others.
    pub(crate) fn of(ctx: &RequestContext) -> Option<Self> {
        let operation = ctx.operation.as_ref()?;
        let mut key = [0; 16];
        key.iter_mut()
            .zip(operation.key)
            .for_each(|(to, from)| *to = from);
        Some(Self {
            key,
            is_chosen: operation.key_from_caller,
            replays: operation.check_inbox_first,
        })
    }
}

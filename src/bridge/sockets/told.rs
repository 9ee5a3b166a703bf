//! What a client tells managers: one frame after the other, beside everything else that the socket does.

use std::{collections::HashMap, sync::Arc};

use axum::extract::ws::Utf8Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use std::collections::VecDeque;

use super::{
    frames::{ServerFrame, ToldFrame, answered},
    manager::Managers,
};
use crate::bridge::keys::Grant;

/// Frames that wait for those before them; then nothing more is read.
const WAITING_MAX: usize = 16;
/// Rooms whose last pause is remembered.
const PAUSES_MAX: usize = 256;

/// Frames on their way to managers.
pub(super) struct Told {
    managers: Arc<Managers>,
    grant: Grant,
    socket: Uuid,
    waiting: VecDeque<ToldFrame>,
    current: Option<BoxFuture<'static, Option<Utf8Bytes>>>,
    /// When a frame that needs a pause was passed on last.
    pauses: HashMap<(String, Option<String>), Instant>,
}

impl Told {
    pub(super) fn new(managers: Arc<Managers>, grant: Grant, socket: Uuid) -> Self {
        Self {
            managers,
            grant,
            socket,
            waiting: VecDeque::new(),
            current: None,
            pauses: HashMap::new(),
        }
    }

    /// Whether there is room for another one.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Takes a frame; what is said at once, where it goes nowhere.
    pub(super) fn push(&mut self, frame: ToldFrame) -> Option<Utf8Bytes> {
        let Some(op) = self.managers.op(&frame.op) else {
            return Some(refused("INVALID_FRAME", ""));
        };
        if !op.pause.is_zero() {
            let of = frame.fields.get("conversation_id");
            let key = (
                frame.op.clone(),
                of.and_then(Value::as_str).map(str::to_owned),
            );
            let now = Instant::now();
            let last = self.pauses.get(&key);
            if last.is_some_and(|last| now.duration_since(*last) < op.pause) {
                return None;
            }
            if self.pauses.len() >= PAUSES_MAX {
                self.pauses.clear();
            }
            self.pauses.insert(key, now);
        }
        self.waiting.push_back(frame);
        None
    }

    /// What came of the next frame, once it has come of it.
    pub(super) async fn next(&mut self) -> Option<Utf8Bytes> {
        if self.current.is_none() {
            let Some(frame) = self.waiting.pop_front() else {
                return std::future::pending().await;
            };
            let (managers, grant) = (Arc::clone(&self.managers), self.grant.clone());
            self.current = Some(pass_on(managers, grant, self.socket, frame).boxed());
        }
        match &mut self.current {
            Some(current) => {
                let said = current.await;
                self.current = None;
                said
            }
            None => None,
        }
    }
}

async fn pass_on(
    managers: Arc<Managers>,
    grant: Grant,
    socket: Uuid,
    frame: ToldFrame,
) -> Option<Utf8Bytes> {
    let mark = frame.mark().to_owned();
    let word = frame.word().map(str::to_owned);
    let answer = managers.op(&frame.op).map_or("", |op| op.answer);
    match managers.tell(&grant, socket, frame).await {
        Ok(_) if answer.is_empty() => None,
        Ok(reply) => Some(answered(answer, &reply, word.as_deref())),
        Err(error) => Some(refused(error.reason(), &mark)),
    }
}

/// A frame was refused.
pub(super) fn refused(code: &str, r#ref: &str) -> Utf8Bytes {
    ServerFrame::Err { code, r#ref }.text()
}

//! What a client tells managers: one frame after the other, beside everything else that the socket does.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{
    frames::{ServerFrame, ToldFrame, answered},
    manager::Managers,
};
use crate::bridge::keys::Grant;

/// Frames that wait for those before them; then nothing more is read.
const WAITING_MAX: usize = 16;
/// Rooms whose last pause is remembered.
const PAUSES_MAX: usize = 256;

/// What a pause is about: a frame, and the conversation in it.
type Paused = (String, Option<String>);

/// When a frame was passed on last, and the newest that came too soon after it.
struct Pause {
    ends: Instant,
    later: Option<ToldFrame>,
}

/// Frames on their way to managers.
pub(super) struct Told {
    managers: Arc<Managers>,
    grant: Grant,
    socket: Uuid,
    waiting: VecDeque<ToldFrame>,
    current: Option<BoxFuture<'static, Option<Utf8Bytes>>>,
    pauses: HashMap<Paused, Pause>,
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

    /// What the caller may from now on.
    pub(super) fn hold(&mut self, grant: Grant) {
        self.grant = grant;
    }

    /// Whether there is room for another one.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Takes a frame; what is said at once, where it goes nowhere. Of those that come within a pause the newest is passed on
    /// after it.
    pub(super) fn push(&mut self, frame: ToldFrame) -> Option<Utf8Bytes> {
        let Some(op) = self.managers.op(&frame.op) else {
            return Some(refused("INVALID_FRAME", frame.mark()));
        };
        if op.pause.is_zero() {
            self.waiting.push_back(frame);
            return None;
        }
        let now = Instant::now();
        let paused = paused(&frame);
        if let Some(pause) = self
            .pauses
            .get_mut(&paused)
            .filter(|pause| now < pause.ends)
        {
            pause.later = Some(frame);
            return None;
        }
        if self.pauses.len() >= PAUSES_MAX {
            self.pauses
                .retain(|_, pause| now < pause.ends || pause.later.is_some());
        }
        if self.pauses.len() >= PAUSES_MAX {
            return Some(refused("RATE_LIMITED", frame.mark()));
        }
        let ends = now + op.pause;
        self.pauses.insert(paused, Pause { ends, later: None });
        self.waiting.push_back(frame);
        None
    }

    /// What came of the next frame, once it has come of it.
    pub(super) async fn next(&mut self) -> Option<Utf8Bytes> {
        while self.current.is_none() {
            if let Some(frame) = self.waiting.pop_front() {
                let (managers, grant) = (Arc::clone(&self.managers), self.grant.clone());
                self.current = Some(pass_on(managers, grant, self.socket, frame).boxed());
                break;
            }
            match self.first_pause() {
                Some(ends) => sleep_until(ends).await,
                None => return std::future::pending().await,
            }
            self.end_pauses(Instant::now());
        }
        match &mut self.current {
            Some(current) => {
                let said = current.await;
                self.current = None;
                self.end_pauses(Instant::now());
                said
            }
            None => None,
        }
    }

    /// Passes on what waits, that within pauses, too: the client has gone, and hears nothing of it.
    pub(super) async fn finish(&mut self) {
        for pause in self.pauses.values_mut() {
            self.waiting.extend(pause.later.take());
        }
        while self.current.is_some() || !self.waiting.is_empty() {
            self.next().await;
        }
    }

    /// When the first pause ends that something waits for.
    fn first_pause(&self) -> Option<Instant> {
        let waited = self.pauses.values().filter(|pause| pause.later.is_some());
        waited.map(|pause| pause.ends).min()
    }

    /// What came within pauses that are over is next.
    fn end_pauses(&mut self, now: Instant) {
        for pause in self.pauses.values_mut().filter(|pause| pause.ends <= now) {
            let Some(frame) = pause.later.take() else {
                continue;
            };
            let length = self
                .managers
                .op(&frame.op)
                .map_or(Duration::ZERO, |op| op.pause);
            pause.ends = now + length;
            self.waiting.push_back(frame);
        }
    }
}

fn paused(frame: &ToldFrame) -> Paused {
    let of = frame.fields.get("conversation_id").and_then(Value::as_str);
    (frame.op.clone(), of.map(str::to_owned))
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

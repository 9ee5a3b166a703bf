//! A model that writes texts, as a test wants it, and an installation beside it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bin_common_handler::testing::Kind;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use super::{modelserver::serve, world::World};

/// What the model does next.
#[derive(Clone)]
pub enum Next {
    /// It says this reply, as it should.
    Say(&'static str),
    /// It answers this content.
    Content(&'static str),
    /// It answers this status.
    Status(u16),
    /// It says this reply, once [`Model::release`] is called.
    Held(&'static str),
    /// It never answers.
    Never,
}

/// A model that does as it is told, and remembers what it was asked.
#[derive(Clone, Default)]
pub struct Model {
    script: Arc<Mutex<VecDeque<Next>>>,
    /// What it was asked, the first first.
    pub asked: Arc<Mutex<Vec<Json>>>,
    released: Arc<Notify>,
}

impl Model {
    async fn start(script: &[Next]) -> (Self, SocketAddr) {
        let model = Self::default();
        model.script.lock().unwrap().extend(script.iter().cloned());
        let serving = model.clone();
        let address = serve(move |_, body| serving.clone().answer(body)).await;
        (model, address)
    }

    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// It says one reply that it holds.
    pub fn release(&self) {
        self.released.notify_one();
    }

    async fn answer(self, body: Json) -> (u16, Json) {
        self.asked.lock().unwrap().push(body);
        let next = self.script.lock().unwrap().pop_front();
        let (status, content) = match next.unwrap_or(Next::Say("Understood.")) {
            Next::Say(reply) => (200, said(reply)),
            Next::Content(content) => (200, content.to_owned()),
            Next::Status(status) => (status, String::new()),
            Next::Held(reply) => {
                self.released.notified().await;
                (200, said(reply))
            }
            Next::Never => return std::future::pending().await,
        };
        let answer = json!({
            "choices": [{"message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 5},
        });
        (status, answer)
    }
}

fn said(reply: &str) -> String {
    json!({"reply": reply, "intent": "question", "confidence": 0.9, "needs_human": false})
        .to_string()
}

/// An installation whose texts this model writes.
pub async fn with_model(kind: Kind, script: &[Next]) -> (World, Model) {
    let (model, address) = Model::start(script).await;
    let url = format!("http://{address}");
    // Only one that never answers is given up; others may be slow on a slow machine.
    let is_silent = script.iter().any(|next| matches!(next, Next::Never));
    let timeout = if is_silent { "2s" } else { "10s" };
    let settings = [("LLM_BASE_URL", url.as_str()), ("LLM_TIMEOUT", timeout)];
    (World::with(kind, &settings).await, model)
}

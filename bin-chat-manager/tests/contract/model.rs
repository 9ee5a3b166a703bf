//! A model that writes texts, as a test wants it, and an installation beside it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bin_common_handler::testing::{Kind, spawn};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::world::World;

/// What the model does next.
#[derive(Clone)]
pub enum Next {
    /// It says this reply, as it should.
    Say(&'static str),
    /// It answers this content.
    Content(&'static str),
    /// It answers this status.
    Status(u16),
    /// It thinks so long, then says this reply.
    Slow(Duration, &'static str),
    /// It never answers.
    Never,
}

/// A model that does as it is told, and remembers what it was asked.
#[derive(Clone, Default)]
pub struct Model {
    script: Arc<Mutex<VecDeque<Next>>>,
    /// What it was asked, the first first.
    pub asked: Arc<Mutex<Vec<Json>>>,
}

impl Model {
    async fn start(script: &[Next]) -> (Self, SocketAddr) {
        let model = Self::default();
        model.script.lock().unwrap().extend(script.iter().cloned());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = model.clone();
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serving.clone().serve(stream));
            }
        });
        (model, address)
    }

    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    async fn serve(self, mut stream: tokio::net::TcpStream) {
        let mut bytes = Vec::new();
        let body: Json = loop {
            let mut chunk = [0; 8_192];
            let Ok(count) = stream.read(&mut chunk).await else {
                return;
            };
            if count == 0 {
                return;
            }
            bytes.extend_from_slice(&chunk[..count]);
            let all = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((_, body)) = all.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                break body;
            }
        };
        self.asked.lock().unwrap().push(body);
        let next = self.script.lock().unwrap().pop_front();
        let (status, content) = match next.unwrap_or(Next::Say("Understood.")) {
            Next::Say(reply) => (200, said(reply)),
            Next::Content(content) => (200, content.to_owned()),
            Next::Status(status) => (status, String::new()),
            Next::Slow(wait, reply) => {
                tokio::time::sleep(wait).await;
                (200, said(reply))
            }
            Next::Never => return std::future::pending().await,
        };
        let answer = json!({
            "choices": [{"message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 5},
        })
        .to_string();
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
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
    let settings = [("LLM_BASE_URL", url.as_str()), ("LLM_TIMEOUT", "1s")];
    (World::with(kind, &settings).await, model)
}

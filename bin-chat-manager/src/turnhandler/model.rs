//! The model: one request to an OpenAI-compatible server, with a time limit and a limit on its answer.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{
    answer::{self, Answer},
    facts::Facts,
    prompt,
};
use crate::{app::App, models::message::Message};

/// Largest answer that is read, in bytes.
const ANSWER_MAX: usize = 256 * 1024;

/// What the model said, and what it took.
#[derive(Debug, Clone, Default)]
pub(super) struct Thought {
    /// None where it said nothing that is understood, with the reason in `fault`.
    pub answer: Option<Answer>,
    pub fault: &'static str,
    pub tokens_in: i64,
    pub tokens_out: i64,
    pub took: Duration,
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
struct Choice {
    message: Content,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Usage {
    prompt_tokens: i64,
    completion_tokens: i64,
}

/// Asks the model.
pub(super) async fn ask(app: &App, history: &[Message], facts: &Facts) -> Thought {
    let started = Instant::now();
    let mut thought = exchange(app, history, facts)
        .await
        .unwrap_or_else(|fault| Thought {
            fault,
            ..Thought::default()
        });
    thought.took = started.elapsed();
    thought
}

/// What a model wrote.
pub(crate) struct Written {
    /// Its words.
    pub text: String,
    tokens_in: i64,
    tokens_out: i64,
}

/// Has the model write, within a time.
///
/// # Errors
/// Why it wrote nothing, as a word for figures.
pub(crate) async fn write(
    app: &App,
    body: &serde_json::Value,
    within: Duration,
) -> Result<Written, &'static str> {
    let server = &app.settings.llm;
    let request = server
        .post("/v1/chat/completions", body)
        .map_err(|fault| fault.as_str())?
        .within(within)
        .at_most(ANSWER_MAX);
    let sent = app
        .http
        .send(&request)
        .await
        .map_err(|fault| fault.as_str())?;
    if !sent.status.is_success() {
        return Err("refused");
    }
    let completion: Completion = sent.json().map_err(|fault| fault.as_str())?;
    let text = completion
        .choices
        .into_iter()
        .next()
        .and_then(|choice| choice.message.content)
        .ok_or("empty")?;
    Ok(Written {
        text,
        tokens_in: completion.usage.prompt_tokens,
        tokens_out: completion.usage.completion_tokens,
    })
}

async fn exchange(app: &App, history: &[Message], facts: &Facts) -> Result<Thought, &'static str> {
    let settings = &app.settings;
    let body = prompt::request(&settings.llm.model, history, facts);
    let written = write(app, &body, settings.llm_timeout).await?;
    let answer = answer::read(&written.text);
    let fault = if answer.is_none() {
        "not_understood"
    } else {
        ""
    };
    Ok(Thought {
        answer,
        fault,
        tokens_in: written.tokens_in,
        tokens_out: written.tokens_out,
        took: Duration::ZERO,
    })
}

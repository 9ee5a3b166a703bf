//! The text of a turn: the model's where its rules allow it, else what rules write, else the template. Never silence.

use super::{facts::Facts, judge::judge, model, rules::by_rules, times::Chosen};
use crate::{
    app::App,
    models::{
        conversation::Conversation,
        message::Message,
        slot::Slot,
        turn::{Turn, TurnSource},
    },
    words::intake::Heard,
};

/// What a turn says, and how it came about.
#[derive(Debug, Clone, Default)]
pub(super) struct Composed {
    pub text: String,
    pub source: TurnSource,
    pub needs_human: bool,
    /// The model thinks that the person wants no more texts.
    pub may_be_opt_out: bool,
    /// The model thinks that the person is in danger.
    pub is_emergency: bool,
    /// What is said then.
    pub safety: String,
    /// What the model read.
    pub heard: Heard,
    /// Why nothing may be said, whatever the text is.
    pub silence: Option<&'static str>,
    pub model: String,
    pub intent: &'static str,
    pub confidence: f64,
    pub refusal: String,
    pub refused_text: String,
    pub tokens_in: i64,
    pub tokens_out: i64,
    pub latency_ms: i64,
    /// The time that the person chose.
    pub taken: Option<Slot>,
    /// Times that the text offers, in its order; none = what was offered before still is.
    pub offered: Option<Vec<Slot>>,
}

impl Composed {
    /// Keeps how it came about.
    pub(super) fn note(&self, turn: &mut Turn) {
        turn.source = self.source;
        turn.model.clone_from(&self.model);
        self.intent.clone_into(&mut turn.intent);
        turn.confidence = self.confidence;
        turn.refusal.clone_from(&self.refusal);
        turn.refused_text.clone_from(&self.refused_text);
        turn.tokens_in = self.tokens_in;
        turn.tokens_out = self.tokens_out;
        turn.latency_ms = self.latency_ms;
    }

    /// Nothing is said, for this reason.
    pub(super) fn silent(reason: &'static str) -> Self {
        Self {
            silence: Some(reason),
            ..Self::default()
        }
    }
}

/// Writes the text of a turn.
pub(super) async fn compose(
    app: &App,
    conversation: &Conversation,
    history: &[Message],
    facts: &Facts,
) -> Composed {
    // Whoever names a time by its number or its hour is understood without a model.
    let is_understood = matches!(facts.times.chosen, Chosen::Free(_) | Chosen::Taken);
    if !app.settings.llm.is_set() || is_understood {
        return by_rules(&conversation.findings.0, facts);
    }
    let thought = model::ask(app, history, facts).await;
    let mut composed = judge(&thought, &conversation.findings.0, facts);
    composed.model.clone_from(&app.settings.llm.model);
    composed.tokens_in = thought.tokens_in;
    composed.tokens_out = thought.tokens_out;
    composed.latency_ms = i64::try_from(thought.took.as_millis()).unwrap_or(i64::MAX);
    composed
}

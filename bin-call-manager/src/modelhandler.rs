//! The place of a learned score: a model of the operator's own, asked over HTTP before the transaction. Away, late or
//! wrong, it is a part that is missing, and the campaign says what that means.

use std::time::Duration;

use bin_common_handler::{
    config::{Config, Setting},
    httphandler::{HttpClient, HttpFault, HttpRequest, Method},
};
use serde::Deserialize;
use serde_json::json;

use crate::models::call::Call;

/// Where the model is.
pub(crate) const URL: Setting<String> = Setting::text(
    "FRAUD_MODEL_URL",
    "",
    "Where a model of your own scores calls: it is posted JSON about each call and answers {\"score\": 0 to 1}; empty = none",
    "https://fraud.internal/score",
);
/// How long it may take.
pub(crate) const TIMEOUT: Setting<Duration> = Setting::duration(
    "FRAUD_MODEL_TIMEOUT",
    "200ms",
    10..=5_000,
    "How long the model of FRAUD_MODEL_URL may take",
    "200ms",
);
/// Largest answer, in bytes.
const ANSWER_MAX: usize = 4_096;

/// What a learned model says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Learned {
    /// There is none.
    #[default]
    Off,
    /// It did not answer.
    Away,
    /// 0 to 1.
    Score(f64),
}

/// A model, where there is one. Clones share it.
#[derive(Clone)]
pub(crate) struct Model {
    url: String,
    timeout: Duration,
    http: HttpClient,
}

#[derive(Deserialize)]
struct Answer {
    score: f64,
}

impl Model {
    pub(crate) fn new(config: &Config, http: HttpClient) -> Self {
        Self {
            url: config.get(&URL),
            timeout: config.get(&TIMEOUT),
            http,
        }
    }

    /// What it says of a call.
    pub(crate) async fn score(&self, call: &Call) -> Learned {
        if self.url.is_empty() {
            return Learned::Off;
        }
        match self.ask(call).await {
            Ok(score) if (0.0..=1.0).contains(&score) => Learned::Score(score),
            _ => Learned::Away,
        }
    }

    async fn ask(&self, call: &Call) -> Result<f64, HttpFault> {
        let body = json!({
            "call_campaign_id": call.call_campaign_id, "seller_id": call.seller_id,
            "direction": call.direction, "from_number": call.from_number, "to_number": call.to_number,
            "zip": call.zip, "state": call.state, "tags": call.tags, "source": call.source,
        });
        let request = HttpRequest::new(Method::POST, self.url.as_str())
            .within(self.timeout)
            .at_most(ANSWER_MAX)
            .json(&body)?;
        let answer = self.http.send(&request).await?;
        if !answer.status.is_success() {
            return Err(HttpFault::BadBody);
        }
        answer.json::<Answer>().map(|answer| answer.score)
    }
}
